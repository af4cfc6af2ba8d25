//! Two automaps on one store: one watches, the other one takes over when it is killed.

use std::path::Path;
use std::time::Duration;

use automap_core::time::Timestamp;
use automap_server::replica::Replica;
use automap_server::store::LeaseStore;
use automap_server::store::sqlite::SqliteStore;

use crate::service::Service;

const HOUR: Duration = Duration::from_secs(3600);

/// An `automap watch` whose Prometheus does not answer, which it logs as soon as it leads.
fn watcher(store: &Path) -> Service {
    const ARGUMENTS: [&str; 8] =
        ["watch", "--prometheus", "http://127.0.0.1:9", "--namespace", "shop", "--log", "json", "--store"];
    Service::start(&ARGUMENTS, store)
}

const LEADS: &str = "\"event\":\"target\"";

#[test]
fn a_follower_takes_over_when_the_leader_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("automap.db");
    let first = watcher(&store);
    first.wait_for(LEADS);
    let second = watcher(&store);
    second.wait_for("incidents are kept in");
    let calm = second.log.recv_timeout(Duration::from_secs(2));
    assert!(calm.is_err(), "two lead: {calm:?}");
    drop(first);
    second.wait_for(LEADS);
}

/// The lease of the killed process is made to last for an hour, so that a process that had to wait for its end would fail the test.
#[test]
fn a_replica_that_was_killed_and_comes_back_goes_on_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("automap.db");
    let first = watcher(&store);
    first.wait_for(LEADS);
    drop(first);
    let killed = Replica::new(&store.with_extension("db.lock")).name;
    let now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    let leases = SqliteStore::open(&store).unwrap();
    assert!(!leases.lease("shop", "another", now, HOUR).unwrap(), "the killed process still holds the lease");
    assert!(leases.lease("shop", &killed, now, HOUR).unwrap(), "and under the name that it has again");
    watcher(&store).wait_for(LEADS);
}
