//! A PostgreSQL that accepts connections and does not answer, from the beginning or in the middle of a session: each call ends with an error that
//! says what to try, everything else continues, and nothing is lost or locked when the server answers again.
#![cfg(all(unix, feature = "postgres"))]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use automap_core::incident::Incident;
use automap_server::config::Config;
use automap_server::daemon::{Daemon, Listener};
use automap_server::replica::Replica;
use automap_server::store::postgres::{Deadlines, PostgresStore};
use automap_server::store::{
    AlertStore, ConfirmedCaseStore, IncidentFilter, IncidentStore, LeaseStore, MaintenanceStore, MuteStore,
    OutboxStore, ProfileStore, Retention, Store, StoreError,
};
use automap_server::system::System;
use automap_server::watcher::Stop;

use crate::common::postgres::Postgres;
use crate::common::{Folder, at, incident, updated};

/// No call may take this long, on the slowest machine: it would be one that waits without limit.
const FOR_EVER: Duration = Duration::from_secs(120);

fn short() -> Deadlines {
    Deadlines { call: Duration::from_millis(1500), upkeep: Duration::from_millis(1500) }
}

/// What a call returns, if it returns.
fn ends<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(call()));
    told.recv_timeout(FOR_EVER).unwrap()
}

fn is_told(error: &StoreError, place: &str) {
    let error = error.to_string();
    let parts = [place, "gave no answer within 1.5s", "proxy or firewall", "`psql`", "store.postgres"];
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");
}

#[test]
fn a_server_that_says_nothing_is_told_at_the_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<TcpStream>>());
    for tls in ["disable", "require"] {
        let url = format!("postgresql://me:hidden@127.0.0.1:{port}/incidents?sslmode={tls}");
        let error = ends(move || PostgresStore::open_within(&url, None, short())).unwrap_err();
        is_told(&error, "PostgreSQL 127.0.0.1/incidents");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
}

/// A proxy between automap and the server; while it is silent it reads everything, keeps every connection open, and forwards nothing.
#[derive(Debug, Default)]
struct Gate {
    is_silent: AtomicBool,
    /// Becomes silent after this text was forwarded to the server.
    after: Mutex<Option<&'static str>>,
    connections: AtomicUsize,
}

impl Gate {
    /// Listens before the server of `port`.
    fn before(port: u16) -> (Arc<Self>, u16) {
        let gate = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().port();
        let shared = Arc::clone(&gate);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
                {
                    let gate = Arc::clone(&shared);
                    std::thread::spawn(move || gate.copy(&mut from, &mut to));
                }
            }
        });
        (gate, address)
    }

    fn copy(&self, from: &mut TcpStream, to: &mut TcpStream) {
        let mut buffer = [0; 65_536];
        // Does not close the other side: the server does not learn that its client has gone.
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if self.is_silent.load(Ordering::SeqCst) {
                continue;
            }
            let bytes = &buffer[..read];
            let mut after = self.after.lock().unwrap();
            if after.is_some_and(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes())) {
                *after = None;
                self.is_silent.store(true, Ordering::SeqCst);
            }
            drop(after);
            if to.write_all(bytes).is_err() {
                return;
            }
        }
        std::thread::sleep(FOR_EVER);
    }

    fn speak(&self) {
        self.is_silent.store(false, Ordering::SeqCst);
    }
}

type Call = fn(&PostgresStore) -> Result<(), StoreError>;

/// One of each role.
const CALLS: [Call; 9] = [
    |s| s.get("a").map(|_| ()),
    |s| s.put(&incident("b"), &[], at(0)),
    |s| s.firing_alerts("shop", at(0)).map(|_| ()),
    |s| s.mutes(at(0)).map(|_| ()),
    |s| s.due(at(0), 10).map(|_| ()),
    |s| s.lease("shop", "a", at(0), Duration::from_secs(10)).map(|_| ()),
    |s| s.profiles("shop", at(0), 10).map(|_| ()),
    |s| s.confirmed().map(|_| ()),
    |s| s.check_writable(),
];

#[test]
fn a_server_that_falls_silent_in_a_session_holds_nobody() {
    let Some(server) = Postgres::start("silent") else { return };
    server.run("CREATE SCHEMA silent");
    let (gate, port) = Gate::before(server.port());
    let direct = PostgresStore::open(&server.url("silent"), None).unwrap();
    let store = PostgresStore::open_within(&Postgres::url_at(port, "silent"), None, short()).unwrap();
    let store = Arc::new(store);
    let first = incident("a");
    store.put(&first, &[], at(0)).unwrap();

    // In the middle of a transaction that has locked the row.
    *gate.after.lock().unwrap() = Some("FOR UPDATE");
    let (change, shared) = (updated(&first, at(1)), Arc::clone(&store));
    is_told(&ends(move || shared.put(&change, &[], at(1))).unwrap_err(), "PostgreSQL 127.0.0.1/postgres: ");
    // All concurrent calls end.
    let calls = CALLS.map(|call| {
        let shared = Arc::clone(&store);
        std::thread::spawn(move || ends(move || call(&shared)))
    });
    for call in calls {
        is_told(&call.join().unwrap().unwrap_err(), "PostgreSQL 127.0.0.1/postgres: ");
    }
    // A server that is known to be silent is not tried again at once.
    let before = gate.connections.load(Ordering::SeqCst);
    let (begun, mut calls) = (Instant::now(), 0);
    while begun.elapsed() < short().call / 2 {
        store.get("a").unwrap_err();
        calls += 1;
    }
    assert!(gate.connections.load(Ordering::SeqCst) - before <= calls.min(3), "{calls} calls");
    let upkeep: [Call; 2] =
        [|s| s.prune(at(0), Retention { keep_days: 30, max_bytes: 1 << 30 }).map(|_| ()), |s| s.vacuum()];
    for call in upkeep {
        let shared = Arc::clone(&store);
        is_told(&ends(move || call(&shared)).unwrap_err(), "PostgreSQL 127.0.0.1/postgres: ");
    }

    // The transaction that lost its client does not hold its lock for long, and is rolled back.
    let change = updated(&first, at(2));
    ends(move || while direct.put(&change, &[], at(2)).is_err() {});
    gate.speak();
    let shared = Arc::clone(&store);
    let kept = ends(move || {
        loop {
            if let Ok(kept) = shared.get("a") {
                break kept;
            }
        }
    });
    assert_eq!(kept, Some(updated(&first, at(2))));
    for call in CALLS {
        call(&store).unwrap();
    }
}

/// `GET`, and the status of its answer.
fn get(url: &str) -> u16 {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(FOR_EVER)).build(),
    );
    agent.get(url).call().unwrap().status().as_u16()
}

#[test]
fn the_daemon_goes_on_and_ends_when_its_server_falls_silent() {
    let Some(server) = Postgres::start("silent-daemon") else { return };
    server.run("CREATE SCHEMA silent");
    let (gate, port) = Gate::before(server.port());
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&Postgres::url_at(port, "silent"), None).unwrap());
    let yaml = "targets: [{name: shop, namespace: shop, every: 1s, prometheus: {url: 'http://127.0.0.1:9'}}]\n\
                api: {listen: '127.0.0.1:0'}";
    let config = Config::parse(yaml, std::path::Path::new("test.yaml")).unwrap();
    let folder = Folder::new("silent");
    let (stop, replica) = (Stop::default(), Replica::new(&folder.join("lock")));
    let listener: Listener = Arc::new(|_: &Incident| {});
    let mut daemon = Daemon::start(&config, &store, replica, &stop, &listener).unwrap();
    let api = format!("http://{}", daemon.serve(&config).unwrap());
    assert_eq!(get(&format!("{api}/readyz")), 200);
    let three_looks = |what: &str| {
        let looks = || daemon.system.targets()[0].ticks;
        let (before, begun) = (looks(), Instant::now());
        while looks() < before + 3 {
            assert!(begun.elapsed() < FOR_EVER, "the target is not watched {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    three_looks("at all");

    gate.is_silent.store(true, Ordering::SeqCst);
    three_looks("any more");
    assert_eq!((get(&format!("{api}/readyz")), get(&format!("{api}/healthz"))), (503, 200));
    assert_eq!(get(&format!("{api}/api/v1/incidents")), 503);
    stop.set();
    ends(move || daemon.join()).unwrap();
    gate.speak();
    let again = ends(move || {
        loop {
            if let Ok(kept) = store.list(&IncidentFilter::default()) {
                break kept;
            }
        }
    });
    assert_eq!(again, []);
}
