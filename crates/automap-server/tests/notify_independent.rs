//! Receivers that hang, in every way that a socket can: the others are notified nevertheless, and shutdown does not wait for them.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_server::notify::outbox::{MAX_SENDERS, OUTBOX_LEASE, Parts};
use automap_server::notify::{NotifyConfig, Outbox};
use automap_server::store::memory::MemoryStore;
use automap_server::store::{DeliveryState, Store};

use crate::common::config::yaml;
use crate::common::server::{Answer, Server};
use crate::common::{at, incident, updated};

const PATIENCE: Duration = Duration::from_secs(60);

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A route `r<i>` to a receiver for each address.
fn config(urls: &[String]) -> Arc<NotifyConfig> {
    let list =
        |line: &dyn Fn(usize, &String) -> String| urls.iter().enumerate().map(|(i, u)| line(i, u)).collect::<String>();
    let receivers = list(&|i, url| format!("  - {{name: r{i}, to: {{webhook: {{url: '{url}'}}}}}}\n"));
    let routes = list(&|i, _| format!("  - {{name: r{i}, receiver: r{i}}}\n"));
    Arc::new(yaml(&format!("http: {{allow_loopback: true, timeout_s: 120}}\nreceivers:\n{receivers}routes:\n{routes}")))
}

fn start(store: &Arc<dyn Store>, config: &Arc<NotifyConfig>) -> Outbox {
    let config = Arc::clone(config);
    let parts = Parts {
        store: Arc::clone(store),
        config: Box::new(move || Arc::clone(&config)),
        clock: Box::new(|| at(10)),
        holder: "me".into(),
        seed: 1,
        report: Box::new(|step| assert!(step.is_ok(), "{step:?}")),
    };
    Outbox::start(parts).unwrap()
}

fn routes(config: &NotifyConfig) -> Vec<String> {
    config.routes.iter().map(|r| r.name.clone()).collect()
}

#[test]
fn receivers_that_hang_hold_up_neither_the_others_nor_the_end() {
    let [silent, drips] = [Answer::Hang, Answer::Drip].map(|answer| {
        let server = Server::start(Vec::new());
        server.default_answer(answer);
        server
    });
    // The system accepts the connection, but nothing reads from it.
    let absent = TcpListener::bind("127.0.0.1:0").unwrap();
    let pager = Server::start(Vec::new());
    let absent_url = format!("http://{}/", absent.local_addr().unwrap());
    let urls = [
        silent.url("/1"),
        silent.url("/2"),
        absent_url.clone(),
        absent_url,
        drips.url("/1"),
        drips.url("/2"),
        pager.url("/"),
    ];
    let config = config(&urls);
    let memory = Arc::new(MemoryStore::default());
    let store: Arc<dyn Store> = Arc::clone(&memory) as _;
    let first = incident("a");
    store.put(&first, &routes(&config), at(0)).unwrap();
    let outbox = start(&store, &config);
    until("the pager is told", || !pager.seen().is_empty());
    until("all are under way", || silent.seen().len() == 2 && drips.seen().len() == 2);
    let attempts =
        |store: &dyn Store| store.deliveries("a").unwrap().iter().map(|d| d.message.attempts).collect::<Vec<_>>();
    assert_eq!(attempts(&*store)[..6], [0; 6], "the pager did not wait for any of them");
    // And it is notified of what happens while they hang.
    store.put(&updated(&first, at(1)), &routes(&config), at(1)).unwrap();
    outbox.wake();
    until("the pager is told again", || pager.seen().len() == 2);

    let left = outbox.stop_until(Instant::now() + Duration::from_millis(200));
    assert_eq!(left.iter().filter(|name| name.starts_with("outbox-")).count(), 6, "{left:?}");
    let of = |state: DeliveryState| store.deliveries("a").unwrap().iter().filter(|d| d.state == state).count();
    assert_eq!((of(DeliveryState::Delivered), of(DeliveryState::Waiting)), (2, 12), "what was not sent is kept");
    let cut_off = store.message("a/1/r0").unwrap().unwrap();
    assert!(cut_off.uncertain, "it may have arrived, and goes out again under its own key");
    until("the lease is given back", || {
        store.lease(OUTBOX_LEASE, "successor", at(10), Duration::from_secs(1)).unwrap()
    });
}

#[test]
fn no_message_is_begun_once_the_outbox_is_stopped() {
    let server = Server::start(Vec::new());
    let config = config(&[server.url("/")]);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let outbox = start(&store, &config);
    outbox.stop();
    for i in 0..50 {
        store.put(&incident(&format!("i{i}")), &routes(&config), at(0)).unwrap();
        outbox.wake();
    }
    assert!(outbox.stop_until(Instant::now() + PATIENCE).is_empty());
    assert!(server.seen().is_empty());
    assert_eq!(store.outbox().unwrap().waiting, 50);
}

#[test]
fn every_receiver_is_served_when_there_are_more_than_threads() {
    let server = Server::start(Vec::new());
    let urls: Vec<String> = (0..MAX_SENDERS + 3).map(|i| server.url(&format!("/{i}"))).collect();
    let config = config(&urls);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    store.put(&incident("a"), &routes(&config), at(0)).unwrap();
    let outbox = start(&store, &config);
    until("all are told", || {
        outbox.wake();
        server.seen().len() >= urls.len()
    });
    drop(outbox);
    let mut keys: Vec<String> = server.seen().iter().map(|r| r.header("idempotency-key").unwrap().to_owned()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), server.seen().len()), (urls.len(), urls.len()), "each of them once");
}
