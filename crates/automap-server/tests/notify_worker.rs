//! When messages are sent, in which order, and how failures are handled; against a receiver that records.

use automap_core::incident::{Incident, IncidentState, Severity};
use automap_server::notify::{NotifyConfig, Step, Worker};
use automap_server::store::memory::MemoryStore;
use automap_server::store::{DeliveryState, IncidentStore, OutboxStore, Store};

use crate::common::config::{one, yaml};
use crate::common::server::{Answer, Server};
use crate::common::{self, at, closed, incident, updated};

fn webhook(server: &Server, more: &str) -> NotifyConfig {
    one(&format!("{{webhook: {{url: '{}'}}}}", server.url("/hook")), more)
}

fn put(store: &dyn Store, config: &NotifyConfig, incident: &Incident, second: i64) {
    let routes = config.routes_for(incident, &store.notified_routes(&incident.id).unwrap());
    store.put(incident, &routes, at(second)).unwrap();
}

fn keys(server: &Server) -> Vec<String> {
    server.seen().iter().map(|r| r.header("idempotency-key").unwrap().to_owned()).collect()
}

fn status(code: u16, extra: &'static str) -> Answer {
    Answer::Status(code, extra, "{\"message\":\"no\"}".into())
}

fn steps(worker: &mut Worker, store: &dyn Store, config: &NotifyConfig, second: i64) -> Step {
    worker.step(store, config, &|| at(second)).unwrap()
}

#[test]
fn one_message_at_a_time_and_in_order() {
    let server = Server::start(Vec::new());
    let (store, config, mut worker) = (MemoryStore::default(), webhook(&server, ""), Worker::new(1));
    let first = incident("a");
    put(&store, &config, &first, 0);
    let last = closed(&first, at(1));
    put(&store, &config, &last, 1);
    put(&store, &config, &incident("b"), 2);
    assert_eq!(steps(&mut worker, &store, &config, 3).delivered, 2);
    assert_eq!(steps(&mut worker, &store, &config, 3).delivered, 1);
    assert_eq!(steps(&mut worker, &store, &config, 3), Step::default());
    assert_eq!(keys(&server), ["a/1/chat", "b/1/chat", "a/2/chat"]);
    let events: Vec<_> = server.seen().iter().map(|r| r.json()["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, ["opened", "opened", "closed"]);
    assert_eq!(server.seen()[0].json()["incident"]["state"], "open", "what was known then");
}

#[test]
fn updates_fold_while_the_receiver_is_away_and_nothing_else_is_lost() {
    let server = Server::start(vec![status(503, "")]);
    let (store, config, mut worker) = (MemoryStore::default(), webhook(&server, ""), Worker::new(1));
    let mut latest = incident("a");
    put(&store, &config, &latest, 0);
    assert_eq!(steps(&mut worker, &store, &config, 0).retried, 1);
    for second in 1..=5 {
        latest = updated(&latest, at(second));
        put(&store, &config, &latest, second);
    }
    assert_eq!(steps(&mut worker, &store, &config, 10).delivered, 1, "the opening");
    let folded = steps(&mut worker, &store, &config, 10);
    assert_eq!((folded.folded, folded.delivered), (4, 1));
    latest = updated(&latest, at(11));
    put(&store, &config, &latest, 11);
    put(&store, &config, &closed(&latest, at(12)), 12);
    let end = steps(&mut worker, &store, &config, 13);
    assert_eq!((end.folded, end.delivered), (1, 1));
    assert_eq!(keys(&server), ["a/1/chat", "a/1/chat", "a/6/chat", "a/8/chat"]);
    assert_eq!(server.seen()[2].json()["incident"]["revision"], 6);
    let bodies = server.seen();
    assert_eq!(bodies[0].body, bodies[1].body, "the same key, the same bytes");
}

#[test]
fn a_route_without_updates_hears_of_the_beginning_and_the_end() {
    let server = Server::start(Vec::new());
    let (store, config, mut worker) = (MemoryStore::default(), webhook(&server, ", updates: false"), Worker::new(1));
    let first = incident("a");
    put(&store, &config, &first, 0);
    steps(&mut worker, &store, &config, 0);
    let second = updated(&first, at(1));
    put(&store, &config, &second, 1);
    assert_eq!(steps(&mut worker, &store, &config, 1), Step { folded: 1, ..Step::default() });
    put(&store, &config, &closed(&second, at(2)), 2);
    steps(&mut worker, &store, &config, 2);
    assert_eq!(keys(&server), ["a/1/chat", "a/3/chat"]);
}

#[test]
fn refusals_are_sorted_into_later_and_never() {
    let server = Server::start(vec![status(429, "Retry-After: 30\r\n"), status(500, "")]);
    let (store, config, mut worker) = (MemoryStore::default(), webhook(&server, ""), Worker::new(1));
    put(&store, &config, &incident("a"), 0);
    put(&store, &config, &incident("b"), 0);
    assert_eq!(steps(&mut worker, &store, &config, 0).retried, 1, "b waits too: the receiver asked for peace");
    assert_eq!(steps(&mut worker, &store, &config, 29), Step::default());
    assert_eq!(steps(&mut worker, &store, &config, 30).retried, 1);
    let done = steps(&mut worker, &store, &config, 100);
    assert_eq!((done.delivered, keys(&server).len()), (2, 4));

    server.default_answer(status(410, ""));
    put(&store, &config, &incident("c"), 100);
    assert_eq!(steps(&mut worker, &store, &config, 100).given_up, 1);
    let record = store.deliveries("c").unwrap().remove(0);
    assert_eq!(record.state, DeliveryState::GivenUp);
    assert_eq!(record.error.as_deref(), Some("status 410: {\"message\":\"no\"}"));
    server.default_answer(status(302, "Location: http://169.254.169.254/\r\n"));
    put(&store, &config, &incident("d"), 100);
    assert_eq!(steps(&mut worker, &store, &config, 100).given_up, 1);
    assert!(store.deliveries("d").unwrap()[0].error.as_ref().unwrap().contains("redirects are not followed"));
}

#[test]
fn attempts_have_an_end() {
    let server = Server::start(Vec::new());
    server.default_answer(status(503, ""));
    let (store, config, mut worker) = (MemoryStore::default(), webhook(&server, ""), Worker::new(1));
    put(&store, &config, &incident("a"), 0);
    let done: Vec<Step> = (0..10).map(|i| steps(&mut worker, &store, &config, i * 120)).collect();
    assert_eq!(
        done.iter().map(|s| (s.retried, s.given_up)).take(5).collect::<Vec<_>>(),
        [(1, 0), (1, 0), (1, 0), (0, 1), (0, 0)]
    );
    let record = store.deliveries("a").unwrap().remove(0);
    assert!(record.error.unwrap().ends_with("(given up after 4 attempts)"));
    put(&store, &config, &incident("b"), 0);
    assert_eq!(steps(&mut worker, &store, &config, 7200).given_up, 1, "older than an hour");
}

#[test]
fn the_pause_after_a_failure_begins_when_the_request_has_ended() {
    let server = Server::start(vec![status(503, "")]);
    let (store, config, mut worker) = (MemoryStore::default(), webhook(&server, ""), Worker::new(1));
    put(&store, &config, &incident("a"), 0);
    put(&store, &config, &incident("b"), 0);
    // The receiver takes half a minute to refuse.
    let clock = || if server.seen().is_empty() { at(0) } else { at(30) };
    assert_eq!(worker.step(&store, &config, &clock).unwrap().retried, 1);
    let keys = |second| store.due(at(second), 9).unwrap().into_iter().map(|m| m.key).collect::<Vec<_>>();
    assert_eq!(keys(30), ["b/1/chat"], "a waits for one to two seconds from now on");
    assert_eq!(keys(32).len(), 2);
    assert_eq!(steps(&mut worker, &store, &config, 34), Step::default(), "and the receiver is left alone for five");
    assert_eq!(steps(&mut worker, &store, &config, 35).delivered, 2);
}

#[test]
fn a_body_that_drips_ends_with_the_time_of_the_message() {
    let folder = common::Folder::new("drip");
    let token = folder.file("token", "xoxb-1");
    let server = Server::start(Vec::new());
    server.default_answer(Answer::Drip);
    let slack = format!(
        "{{slack: {{token: {{file: '{}'}}, channel: C1, api_url: '{}'}}}}",
        token.display(),
        server.url("/api/chat.postMessage")
    );
    // The content of the answer is unknown: a webhook's 200 is enough, Slack's is not.
    for (config, delivered, retried) in [(webhook(&server, ""), 1, 0), (one(&slack, ""), 0, 1)] {
        let (store, mut worker) = (MemoryStore::default(), Worker::new(1));
        put(&store, &config, &incident("a"), 0);
        let begun = std::time::Instant::now();
        let step = steps(&mut worker, &store, &config, 0);
        assert_eq!((step.delivered, step.retried), (delivered, retried));
        assert!(begun.elapsed().as_secs() < 60, "the whole body takes two minutes, the message one second");
        let uncertain = store.message("a/1/chat").unwrap().map(|m| m.uncertain);
        assert_eq!(uncertain, (retried > 0).then_some(true));
    }
}

#[test]
fn an_outcome_that_is_not_known_is_told_as_a_possible_repetition() {
    for (i, (answer, word)) in [(Answer::Hang, "no answer"), (status(504, ""), "504")].into_iter().enumerate() {
        let server = Server::start(vec![answer]);
        let folder = common::Folder::new(&format!("unknown-{i}"));
        let url = folder.file("url", &server.url("/robot?key=hidden"));
        let config = one(&format!("{{slack: {{webhook: {{file: '{}'}}}}}}", url.display()), "");
        let (store, mut worker) = (MemoryStore::default(), Worker::new(1));
        put(&store, &config, &incident("a"), 0);
        assert_eq!(steps(&mut worker, &store, &config, 0).retried, 1);
        let error = store.deliveries("a").unwrap()[0].error.clone().unwrap();
        assert!(error.contains(word) && !error.contains("hidden"), "{error}");
        assert_eq!(steps(&mut worker, &store, &config, 60).delivered, 1);
        let marked = |r: &common::server::Request| r.json()["text"].as_str().unwrap().contains("may be a repetition");
        assert_eq!(server.seen().iter().map(marked).collect::<Vec<_>>(), [false, true]);
    }
}

#[test]
fn a_receiver_that_is_away_keeps_nobody_else_waiting() {
    let (away, there) = (Server::start(Vec::new()), Server::start(Vec::new()));
    away.default_answer(status(503, ""));
    let config = yaml(&format!(
        "http: {{allow_loopback: true}}\nreceivers:\n  - {{name: away, to: {{webhook: {{url: '{}'}}}}}}\n\
         \x20 - {{name: there, per_minute: 2, to: {{webhook: {{url: '{}'}}}}}}\n\
         routes:\n  - {{name: one, receiver: away}}\n  - {{name: two, receiver: there}}\n",
        away.url("/"),
        there.url("/")
    ));
    let (store, mut worker) = (MemoryStore::default(), Worker::new(1));
    for i in 0..30 {
        put(&store, &config, &incident(&format!("i{i:02}")), 0);
    }
    let done = steps(&mut worker, &store, &config, 0);
    assert_eq!((done.retried, done.delivered), (1, 2), "and its own rate holds");
    assert_eq!(steps(&mut worker, &store, &config, 59).delivered, 0);
    assert_eq!(steps(&mut worker, &store, &config, 60).delivered, 2);
    assert_eq!(keys(&there), ["i00/1/two", "i01/1/two", "i02/1/two", "i03/1/two"]);
}

#[test]
fn routes_filter_and_what_was_opened_is_closed() {
    let config = yaml(
        "receivers:\n  - {name: r, to: {webhook: {url: 'http://hooks.example.org'}}}\n\
         owners:\n  - {service: 'pay*', target: '*-shop', team: payments, severity: critical}\n  - {service: '*', team: sre}\n\
         routes:\n  - {name: critical, receiver: r, filter: {severities: [critical]}}\n\
         \x20 - {name: payments, receiver: r, filter: {teams: [payments]}}\n\
         \x20 - {name: sre, receiver: r, filter: {teams: [sre], targets: ['sock*']}}\n\
         \x20 - {name: front, receiver: r, filter: {services: ['front-*']}}\n\
         \x20 - {name: ends, receiver: r, filter: {states: [closed]}}\n",
    );
    let first = incident("a");
    assert_eq!(config.routes_for(&first, &[]), ["critical", "payments"], "the owner makes it critical");
    let mut nobody = first.clone();
    nobody.cause = None;
    assert_eq!(config.routes_for(&nobody, &[]), ["sre", "front"], "while no cause is named, who suffers counts");
    nobody.severity = Severity::Info;
    let told = ["critical".to_owned(), "ends".to_owned()];
    assert_eq!(config.routes_for(&nobody, &told), ["critical", "sre", "front"]);
    let mut over = closed(&nobody, at(9));
    over.target = "other".into();
    assert_eq!(over.state, IncidentState::Closed);
    assert_eq!(config.routes_for(&over, &told), ["critical", "front", "ends"]);
}

#[test]
fn a_route_that_is_gone_and_a_place_that_is_refused_are_given_up_with_a_reason() {
    let (store, mut worker) = (MemoryStore::default(), Worker::new(1));
    store.put(&incident("a"), &["old".to_owned()], at(0)).unwrap();
    let folder = common::Folder::new("refused");
    let url = folder.file("url", "http://169.254.169.254/latest/meta-data");
    let config = one(&format!("{{wecom: {{webhook: {{file: '{}'}}}}}}", url.display()), "");
    put(&store, &config, &incident("b"), 0);
    assert_eq!(steps(&mut worker, &store, &config, 0).given_up, 2);
    assert!(store.deliveries("a").unwrap()[0].error.as_ref().unwrap().contains("not in the configuration"));
    assert!(store.deliveries("b").unwrap()[0].error.as_ref().unwrap().contains("link-local"));
    // A name is checked after it was resolved.
    let server = Server::start(Vec::new());
    let by_name = format!("http://localhost:{}/", server.address.port());
    let mut config = one(&format!("{{webhook: {{url: '{by_name}'}}}}"), "");
    config.http.allow_loopback = false;
    put(&store, &config, &incident("c"), 0);
    assert_eq!(steps(&mut worker, &store, &config, 10).given_up, 1);
    assert!(store.deliveries("c").unwrap()[0].error.as_ref().unwrap().contains("this machine itself"));
    assert!(server.seen().is_empty());
}
