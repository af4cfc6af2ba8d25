//! Many targets on three replicas with one PostgreSQL, each replica a separate process; one of them is killed and restarted. Every target must be
//! watched by one replica at a time, and every fault must become one incident, notified once, whichever replica watches it by then.
//!
//! The metrics are synthetic (`world.rs`), everything else is what `automap serve` runs. The test fails if something is lost or doubled. How long a
//! replica takes to step in, and how evenly the work is spread, also depends on the machine and is printed: the table of docs/watching.md.
//!
//! Ten minutes; `make watch-many`, with `TARGETS=n` for another number.
#![cfg(all(target_os = "linux", feature = "postgres"))]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and this one measures")]

mod accounts;
#[path = "../common/mod.rs"]
mod common;
#[path = "../../../automap-sources/tests/support/form.rs"]
mod form;
mod looks;
mod replica;
mod run;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use automap_server::config::Config;
use automap_server::replica::Replica;
use automap_server::secret::ExposeSecret;
use automap_server::store::Store;
use automap_server::store::postgres::PostgresStore;

use common::postgres::Postgres;
use run::Run;

/// The folder of one replica.
const FOLDER: &str = "AUTOMAP_REPLICA_FOLDER";

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A replica: watches and serves according to its configuration until it is killed, or until a file `stop` exists.
#[test]
#[ignore = "this is one of the replicas; the test below starts them"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let config = Config::read(&folder.join("automap.yaml")).unwrap();
    let url = config.store.postgres.as_ref().unwrap().read().unwrap();
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(url.expose_secret(), None).unwrap());
    // One lock for all: they run on one machine, and the first of them gets its plain name.
    let replica = Replica::new(&folder.parent().unwrap().join("lock"));
    common::daemon::run(&config, &store, replica, &folder);
}

#[test]
#[ignore = "ten minutes; make watch-many"]
fn nothing_is_missed_or_doubled_when_a_replica_is_killed() {
    let Some(server) = Postgres::start("watch-many") else { return };
    server.run("CREATE SCHEMA many");
    let targets = std::env::var("AUTOMAP_TARGETS").map_or(500, |text| text.parse().unwrap());
    println!("{}", Run::new(&server, targets).whole());
}
