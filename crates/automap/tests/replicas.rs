//! Two automaps on one store: one watches, the other one takes over when it is killed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use automap_core::time::Timestamp;
use automap_server::replica::Replica;
use automap_server::store::LeaseStore;
use automap_server::store::sqlite::SqliteStore;

/// Longest wait for a process.
const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// An `automap watch` whose log is read.
struct Watcher {
    process: Child,
    log: Receiver<String>,
}

impl Watcher {
    /// Its Prometheus does not answer, and it logs that as soon as it leads.
    fn start(store: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_automap"))
            .args(["watch", "--prometheus", "http://127.0.0.1:9", "--namespace", "shop", "--log", "json", "--store"])
            .arg(store)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, log) = mpsc::channel();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).take_while(|l| to.send(l.clone()).is_ok()).count());
        Self { process, log }
    }

    /// Waits for a line of its log.
    fn wait_for(&self, what: &str) {
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.log.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if line.contains(what) {
                return;
            }
        }
        panic!("it did not log {what}");
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const LEADS: &str = "\"event\":\"target\"";

#[test]
fn a_follower_takes_over_when_the_leader_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("automap.db");
    let first = Watcher::start(&store);
    first.wait_for(LEADS);
    let second = Watcher::start(&store);
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
    let first = Watcher::start(&store);
    first.wait_for(LEADS);
    drop(first);
    let killed = Replica::new(&store.with_extension("db.lock")).name;
    let now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    let leases = SqliteStore::open(&store).unwrap();
    assert!(!leases.lease("shop", "another", now, HOUR).unwrap(), "the killed process still holds the lease");
    assert!(leases.lease("shop", &killed, now, HOUR).unwrap(), "and under the name that it has again");
    Watcher::start(&store).wait_for(LEADS);
}
