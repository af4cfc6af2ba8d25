//! A process that opens, changes and closes incidents and notifies about them is killed at random moments. Every change that the
//! store acknowledged must be there, and every message must arrive: once by its key.
//!
//! Fifteen times in a test run; `AUTOMAP_KILLS=200 cargo test -p automap-server --test kill -- --nocapture` for more, `AUTOMAP_SEED` for other
//! moments.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and this one counts")]

mod common;

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use automap_core::graph::WeightedGraph;
use automap_core::incident::IncidentState;
use automap_core::random::Rng;
use automap_core::rank::metric_weights::{ConfirmedCase, EQUAL_WEIGHTS};
use automap_core::time::Timestamp;
use automap_server::notify::Outbox;
use automap_server::notify::outbox::Parts;
use automap_server::store::sqlite::SqliteStore;
use automap_server::store::{ConfirmedCaseStore, IncidentFilter, IncidentStore, Store};
use common::arrived::Arrived;
use common::config::one;
use common::server::Server;
use common::{Folder, closed, incident, updated};

const FOLDER: &str = "AUTOMAP_KILL_FOLDER";
const URL: &str = "AUTOMAP_KILL_URL";
/// The child's task: a seed, or `finish`.
const TASK: &str = "AUTOMAP_KILL_TASK";
/// Changes that one child makes at most.
const MAX_CHANGES: usize = 400;

fn now() -> Timestamp {
    Timestamp::from_ms(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64)
}

#[test]
#[ignore = "this is the process that is killed; the test below starts it"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let config = one(&format!("{{webhook: {{url: '{}'}}}}", std::env::var(URL).unwrap()), "");
    let config = Arc::new(config);
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.join("a.db")).unwrap());
    let shared = Arc::clone(&config);
    let outbox = Outbox::start(Parts {
        store: Arc::clone(&store),
        config: Box::new(move || Arc::clone(&shared)),
        clock: Box::new(now),
        holder: "the same after every restart".into(),
        seed: 1,
        report: Box::new(|step| assert!(step.is_ok(), "{step:?}")),
    })
    .unwrap();
    match std::env::var(TASK).unwrap().parse() {
        Ok(seed) => work(&*store, &outbox, Rng::new(seed), &folder),
        Err(_) => {
            while store.outbox().unwrap().waiting > 0 {
                outbox.wake();
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Opens, changes, closes and confirms, and writes down what the store acknowledged.
fn work(store: &dyn Store, outbox: &Outbox, mut random: Rng, folder: &Path) {
    let mut kept = OpenOptions::new().create(true).append(true).open(folder.join("kept")).unwrap();
    let routes = ["chat".to_owned()];
    for _ in 0..MAX_CHANGES {
        let states = vec![IncidentState::Open];
        let open = store.list(&IncidentFilter { states, ..IncidentFilter::default() }).unwrap();
        let chosen = open.get((random.bits() % 6) as usize);
        let next = match (chosen, random.bits() % 10) {
            (Some(one), 0..=1) => closed(one, now()),
            (Some(one), _) => updated(one, now()),
            (None, _) => {
                let mut new = incident(&format!("i{}", random.bits() % u64::MAX));
                (new.onset, new.opened) = (now(), now());
                new
            }
        };
        store.put(&next, &routes, now()).unwrap();
        note(&mut kept, &format!("put {} {}\n", next.id, next.revision));
        outbox.wake();
        if next.state == IncidentState::Closed {
            let case = ConfirmedCase {
                id: next.id.clone(),
                started: next.onset,
                cause: "payment".into(),
                anomaly: WeightedGraph::default(),
                precision: EQUAL_WEIGHTS,
            };
            store.confirm(&case).unwrap();
            note(&mut kept, &format!("confirm {} 0\n", next.id));
        }
    }
}

/// One write: a kill leaves the whole line or nothing.
fn note(kept: &mut File, line: &str) {
    kept.write_all(line.as_bytes()).unwrap();
}

fn start(folder: &Folder, server: &Server, task: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .env(URL, server.url("/"))
        .env(TASK, task)
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let (kills, seed) = (number("AUTOMAP_KILLS", 15), number("AUTOMAP_SEED", 20_261_125));
    let folder = Folder::new("kill");
    let server = Server::start(Vec::new());
    let mut random = Rng::new(seed);
    for _ in 0..kills {
        let mut child = start(&folder, &server, &(random.bits() % u64::MAX).to_string());
        std::thread::sleep(Duration::from_millis(20 + random.bits() % 400));
        let error = || std::fs::read_to_string(folder.join("stderr")).unwrap();
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the child failed by itself: {}", error());
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let finish = start(&folder, &server, "finish").wait().unwrap();
    assert!(finish.success(), "{}", std::fs::read_to_string(folder.join("stderr")).unwrap());
    check(&folder, &server, kills);
}

fn check(folder: &Folder, server: &Server, kills: u64) {
    let store = SqliteStore::open(&folder.join("a.db")).unwrap();
    let kept = std::fs::read_to_string(folder.join("kept")).unwrap();
    let confirmed: BTreeSet<String> = store.confirmed().unwrap().into_iter().map(|c| c.id).collect();
    let mut expected = BTreeSet::new();
    let mut incidents = BTreeSet::new();
    for line in kept.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (id, revision) = (words[1], words[2].parse::<u64>().unwrap());
        if words[0] == "confirm" {
            assert!(confirmed.contains(id) || confirmed.len() == 1000, "the confirmation of {id} is lost");
        } else {
            assert!(store.get(id).unwrap().is_some_and(|i| i.revision >= revision), "{line} is lost");
            expected.insert(format!("{id}/{revision}/chat"));
            incidents.insert(id.to_owned());
        }
    }
    let mut arrived = Arrived::at(server);
    for id in &incidents {
        for key in arrived.check(&store, id) {
            expected.remove(&key);
        }
    }
    let Arrived { delivered: told, folded, repeated, waiting, .. } = arrived;
    assert_eq!(waiting, 0, "messages that nobody sent");
    assert_eq!(expected, BTreeSet::new(), "messages that were never queued");
    assert!(told > 0 && kept.lines().count() as u64 > kills, "the child did something: {}", kept.lines().count());
    println!(
        "{kills} kills: {} changes kept, {} incidents, {told} messages told, {folded} folded, {repeated} came twice",
        kept.lines().count(),
        incidents.len()
    );
}
