//! The configuration as documented, what is rejected, and templates.

use automap_server::notify::{NotifyConfig, Worker};
use automap_server::store::IncidentStore;
use automap_server::store::memory::MemoryStore;

use crate::common::config::one;
use crate::common::server::Server;
use crate::common::{self, at, closed, incident, with_report};

const EXAMPLE: &str = include_str!("notify_example.yaml");

#[test]
fn the_example_is_valid_and_shows_no_secret() {
    let config: NotifyConfig = serde_saphyr::from_str(EXAMPLE).unwrap();
    assert_eq!(config.check(), []);
    assert_eq!((config.receivers.len(), config.routes.len(), config.owners.len()), (9, 4, 3));
}

#[test]
fn mistakes_are_named() {
    let table = [
        ("recievers: []", "recievers"),
        ("receivers: [{name: a, to: {slack: {webhook: 'https://hooks.slack.com/x'}}}]", "webhook"),
        ("receivers: [{name: a, to: {slack: {webhook: {value: secret}}}}]", "value"),
        ("routes: [{name: a, receiver: b, filter: {service: [x]}}]", "service"),
        ("routes: [{name: a, receiver: b, filter: {severities: [fatal]}}]", "fatal"),
    ];
    for (yaml, word) in table {
        let error = serde_saphyr::from_str::<NotifyConfig>(yaml).unwrap_err().to_string();
        assert!(error.contains(word), "{yaml}: {error}");
    }
    let table = [
        ("routes: [{name: a, receiver: b}]", "routes[0].receiver: there is no receiver 'b'"),
        ("receivers: [{name: a, to: {slack: {token: {env: T}}}}]", "receivers[0].to: a: slack needs either"),
        ("receivers: [{name: a, to: {webhook: {url: 'http://169.254.169.254/'}}}]", "link-local"),
        ("receivers: [{name: a, to: {webhook: {url: 'http://127.0.0.1/'}}}]", "http.allow_loopback"),
        ("receivers: [{name: a, to: {webhook: {url: 'ftp://x/'}}}]", "not an http or https address"),
        ("receivers: [{name: a, to: {webhook: {url: 'http://u:hidden@x/'}}}]", "holds credentials"),
        ("receivers: [{name: a, to: {alertmanager: {url: 'http://x', labels: {a-b: c}}}}]", "a-b is not a label name"),
        ("receivers: [{name: a, per_minute: 0, to: {wecom: {webhook: {env: X}}}}]", "per_minute"),
        ("routes: [{name: 'a b', receiver: b}]", "letters, digits"),
        ("routes: [{name: a, receiver: b, title: '{{ x'}]", "routes[0].title: "),
        ("routes: [{name: a, receiver: b, text: '{% include \"/etc/passwd\" %}'}]", "unknown statement include"),
        ("retry: {max_attempts: 0}", "max_attempts"),
        ("http: {ca_file: /nowhere/ca.pem}", "/nowhere/ca.pem"),
    ];
    for (yaml, word) in table {
        let wrong = serde_saphyr::from_str::<NotifyConfig>(yaml).unwrap().check();
        let wrong = wrong.iter().map(|(key, reason)| format!("{key}: {reason}")).collect::<Vec<_>>().join("; ");
        assert!(wrong.contains(word) && !wrong.contains("hidden"), "{yaml}: {wrong}");
    }
}

fn text(template: &str, closed_too: bool) -> String {
    let server = Server::start(vec![common::server::Answer::ok("{\"errcode\": 0}"); 2]);
    let folder = common::Folder::new(&format!("template-{}", server.address.port()));
    let url = folder.file("url", &server.url("/"));
    let more = if template.is_empty() { String::new() } else { format!(", text: {template:?}") };
    let config = one(&format!("{{wecom: {{webhook: {{file: '{}'}}}}}}", url.display()), &more);
    let store = MemoryStore::default();
    let mut worker = Worker::new(1);
    let first = with_report(incident("sock-shop-20261125T140315Z"));
    store.put(&first, &["chat".to_owned()], at(0)).unwrap();
    worker.step(&store, &config, &|| at(250)).unwrap();
    if closed_too {
        store.put(&closed(&first, at(3900)), &["chat".to_owned()], at(3900)).unwrap();
        worker.step(&store, &config, &|| at(3900)).unwrap();
    }
    server.seen().last().unwrap().json()["text"]["content"].as_str().unwrap().to_owned()
}

#[test]
fn the_built_in_words_say_what_is_needed_first() {
    assert_eq!(
        text("", false),
        "[warning] sock-shop: payment (network): front-end p95 latency 74.1 → 376 ms\n\
         Cause: payment (network), 86 % sure\nNext in line: orders 7 %, user 3 %\nfront-end latency_p95_ms 74.1 → 376 ms\n\
         Suffering: orders, front-end\nObjective checkout of front-end: burns 14.4× too fast, 3.1 % of the budget gone\n\
         Since 2026-11-25T14:03:15Z (4 min)\nOwner: payments\nRunbook: https://wiki/pay\nDashboard: https://grafana/d/pay\n\
         https://automap.example.org/incidents/sock-shop-20261125T140315Z"
    );
    let end = text("", true);
    assert!(end.starts_with("Resolved: [warning] ") && end.contains("\nLasted 1 h 5 min, from "), "{end}");
}

#[test]
fn a_template_is_bounded_and_its_failure_loses_no_message() {
    assert!(text("{{ team }}/{{ nothing }}/{{ confidence }}", false).ends_with("ms\npayments//86"));
    let endless = text("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}", false);
    assert!(endless.contains("Cause: payment") && endless.contains("the template of route chat failed"), "{endless}");
    assert!(text("{{ 'x' * 1000000 }}", false).len() <= 2048);
}
