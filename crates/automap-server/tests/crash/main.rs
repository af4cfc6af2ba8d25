//! The whole daemon is killed at random moments while it watches a real Prometheus, receives alerts, opens, merges and closes incidents, has causes
//! confirmed and sends messages, with a SQLite file and with PostgreSQL; in some rounds the disk is full or the store rejects writes.
//!
//! Invariants: an alert answered with 202 is kept; an answered confirmation is kept; no revision of an incident that was once shown changes or is
//! withdrawn, its timeline only grows, and no incident takes another's record; a message arrives once by its key.
//!
//! Four rounds of each store in a test run; `make crash` does 100 of each and prints the table of docs/watching.md. `AUTOMAP_SEED` selects other
//! moments.
#![cfg(all(unix, feature = "postgres"))]
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test may panic, and this one counts")]

#[path = "../common/mod.rs"]
mod common;
mod history;
#[path = "../../../automap-sources/tests/support/prometheus.rs"]
mod prometheus;
mod run;
mod sender;
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use automap_server::config::Config;
use automap_server::replica::Replica;
use automap_server::secret::ExposeSecret;
use automap_server::store::Store;
use automap_server::store::postgres::PostgresStore;
use automap_server::store::sqlite::SqliteStore;

use common::Folder;
use common::postgres::Postgres;
use run::{Backend, Run};

/// The folder of the process to be killed.
const FOLDER: &str = "AUTOMAP_CRASH_FOLDER";

/// The daemon: watches and serves according to its configuration until it is killed, or until a file `stop` exists.
#[test]
#[ignore = "this is the process that is killed; the tests below start it"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let config = Config::read(&folder.join("automap.yaml")).unwrap();
    let store = open(&config);
    common::daemon::run(&config, &store, Replica::new(&folder.join("lock")), &folder);
}

/// The store of a configuration.
fn open(config: &Config) -> Arc<dyn Store> {
    match (&config.store.file, &config.store.postgres) {
        (Some(file), _) => Arc::new(SqliteStore::open(file).unwrap()),
        (None, Some(url)) => Arc::new(PostgresStore::open(url.read().unwrap().expose_secret(), None).unwrap()),
        (None, None) => panic!("the configuration names no store"),
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn crash(name: &str, backend: Backend) {
    let folder = Folder::new(name);
    let Some(prometheus) = world::start() else { return };
    let (rounds, seed) = (number("AUTOMAP_KILLS", 4), number("AUTOMAP_SEED", 20_261_129));
    let mut run = Run::new(&folder, &prometheus, backend, seed);
    for _ in 0..rounds {
        run.round();
    }
    println!("{}", run.finish());
}

#[test]
fn nothing_is_lost_doubled_or_mixed_up_on_sqlite() {
    crash("crash-sqlite", Backend::Sqlite);
}

#[test]
fn nothing_is_lost_doubled_or_mixed_up_on_postgres() {
    let Some(server) = Postgres::start("crash-postgres") else { return };
    server.run("CREATE SCHEMA crash");
    crash("crash-on-postgres", Backend::Postgres(server));
}
