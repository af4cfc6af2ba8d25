//! Messages to a small local server that takes, refuses or drops them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver as Inbox, channel};

use automap_core::incident::{NamedCause, Severity};
use serde_json::Value;

use super::*;
use crate::config::{Config, SecretSource};
use crate::store::MemoryStore;

/// What arrived: headers in lower case, and the body.
struct Arrived {
    headers: BTreeMap<String, String>,
    body: Value,
}

/// Answers each request with the next status, the last one for ever.
fn server(statuses: &[u16]) -> (String, Inbox<Arrived>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (statuses, (tell, inbox)) = (statuses.to_vec(), channel());
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut headers, mut line) = (BTreeMap::new(), String::new());
            while stream.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some((name, value)) = line.split_once(':') {
                    headers.insert(name.to_lowercase(), value.trim().to_owned());
                }
                line.clear();
            }
            let mut body = vec![0; headers.get("content-length").map_or(0, |l| l.parse().unwrap())];
            stream.read_exact(&mut body).unwrap();
            let status = statuses[n.min(statuses.len() - 1)];
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsaid");
            let _ = stream.get_mut().write_all(answer.as_bytes());
            let _ = tell.send(Arrived { headers, body: serde_json::from_slice(&body).unwrap() });
        }
    });
    (url, inbox)
}

fn t(s: i64) -> Timestamp {
    Timestamp::from_ms(1_763_906_595_000 + s * 1000)
}

fn incident() -> Incident {
    let cause = NamedCause { service: "payment".into(), mechanism: Some("network".into()), confidence: 0.88 };
    Incident {
        severity: Severity::Critical,
        revision: 1,
        title: "payment (network): <b>front-end</b> & p95".into(),
        cause: Some(cause),
        victims: vec!["front-end".into(), "orders".into()],
        ..Incident::new("shop-1", "shop", t(0), t(60))
    }
}

/// A notifier of a configuration in which `URL` stands for the server's address.
fn notifier(store: &Arc<MemoryStore>, yaml: &str, url: &str) -> Notifier {
    let config = Config::parse(&yaml.replace("URL", url), std::path::Path::new("test.yaml")).unwrap();
    let kept: Arc<dyn Store> = Arc::<MemoryStore>::clone(store);
    Notifier::new(kept, Routing::new(&config.routes, &config.owners), &config.receivers)
}

const WEBHOOK: &str = "receivers: [{ name: hook, allow_loopback: true, to: { webhook: { url: URL } } }]";

fn put(store: &MemoryStore, incident: &Incident, receiver: &str) {
    store.put(incident, &[receiver.to_owned()], incident.updated).unwrap();
}

#[test]
fn a_refused_message_waits_and_arrives_once() {
    let (url, inbox) = server(&[503, 200]);
    let store = Arc::new(MemoryStore::default());
    let notifier = notifier(&store, WEBHOOK, &url);
    put(&store, &incident(), "hook");
    let first = notifier.round(t(60)).unwrap();
    assert_eq!(first.postponed, [("shop-1/1/hook".to_owned(), "status 503 said".to_owned())]);
    assert_eq!(notifier.round(t(61)).unwrap(), Round::default(), "not yet");
    assert_eq!(notifier.round(t(70)).unwrap().delivered, ["shop-1/1/hook"]);
    assert_eq!(notifier.round(t(1000)).unwrap(), Round::default());
    let arrived: Vec<Arrived> = inbox.try_iter().collect();
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|a| a.headers["idempotency-key"] == "shop-1/1/hook"));
    assert_eq!(arrived[1].body["incident"]["cause"]["service"], "payment");
}

#[test]
fn what_happened_meanwhile_is_told_in_one_message() {
    let (url, inbox) = server(&[500, 200]);
    let store = Arc::new(MemoryStore::default());
    let notifier = notifier(&store, WEBHOOK, &url);
    put(&store, &incident(), "hook");
    notifier.round(t(60)).unwrap();
    let changed = Incident { revision: 2, updated: t(90), ..incident() };
    put(&store, &changed, "hook");
    let closed =
        Incident { revision: 3, state: IncidentState::Closed, closed: Some(t(100)), updated: t(100), ..incident() };
    put(&store, &closed, "hook");
    let mut delivered = Vec::new();
    (0..4).for_each(|i| delivered.extend(notifier.round(t(110 + i)).unwrap().delivered));
    assert_eq!(delivered, ["shop-1/1/hook", "shop-1/2/hook", "shop-1/3/hook"]);
    let bodies: Vec<Value> = inbox.try_iter().map(|a| a.body).collect();
    assert_eq!(bodies.len(), 2, "one refused, one told");
    assert_eq!((&bodies[1]["incident"]["revision"], &bodies[1]["incident"]["state"]), (&3.into(), &"closed".into()));
}

#[test]
fn what_no_repetition_helps_is_given_up() {
    let (url, _inbox) = server(&[404]);
    let store = Arc::new(MemoryStore::default());
    let notifier = notifier(&store, WEBHOOK, &url);
    put(&store, &incident(), "hook");
    assert_eq!(notifier.round(t(60)).unwrap().given_up, [("shop-1/1/hook".to_owned(), "status 404 said".to_owned())]);
    put(&store, &Incident { revision: 2, ..incident() }, "gone");
    let told = notifier.round(t(60)).unwrap().given_up;
    assert_eq!(told[0].1, "receiver 'gone' is no longer configured");
}

#[test]
fn this_machine_is_refused_unless_it_is_meant() {
    let (url, inbox) = server(&[200]);
    let store = Arc::new(MemoryStore::default());
    let notifier = notifier(&store, &WEBHOOK.replace("allow_loopback: true, ", ""), &url);
    put(&store, &incident(), "hook");
    let round = notifier.round(t(60)).unwrap();
    assert!(round.postponed[0].1.contains("no message is sent to 127.0.0.1"), "{round:?}");
    assert_eq!(inbox.try_iter().count(), 0);
}

#[test]
fn every_receiver_gets_its_own_form() {
    let (url, inbox) = server(&[200]);
    let secret = std::env::temp_dir().join(format!("automap-notify-{}", std::process::id()));
    std::fs::write(&secret, format!("{url}/T0/secret\n")).unwrap();
    let yaml = "
owners: [{ services: ['pay*'], team: payments, runbook: 'https://wiki/x' }]
receivers:
  - { name: am, allow_loopback: true, to: { alertmanager: { url: URL } } }
  - { name: chat, allow_loopback: true, to: { slack: { url: { file: SECRET } } } }
  - { name: pager, allow_loopback: true, to: { pagerduty: { url: URL, routing_key: { file: SECRET } } } }
  - { name: events, allow_loopback: true, to: { webhook: { url: URL, format: cloudevents, secret: { file: SECRET } } } }
";
    let store = Arc::new(MemoryStore::default());
    let notifier = notifier(&store, &yaml.replace("SECRET", &secret.display().to_string()), &url);
    let names = ["am", "chat", "events", "pager"].map(str::to_owned);
    store.put(&incident(), &names, t(60)).unwrap();
    assert_eq!(notifier.round(t(60)).unwrap().delivered.len(), 4);
    let mut arrived = inbox.try_iter();
    let (am, chat) = (arrived.next().unwrap().body, arrived.next().unwrap().body);
    let (events, pager) = (arrived.next().unwrap(), arrived.next().unwrap().body);

    let labels = &am[0]["labels"];
    assert_eq!((&labels["rca_service"], &labels["team"]), (&"payment".into(), &"payments".into()));
    assert_eq!((am.as_array().unwrap().len(), &am[1]["labels"]["service"]), (3, &"front-end".into()));
    assert_eq!(am[1]["labels"]["rca_victim_of"], "payment");
    assert_eq!((&am[0]["startsAt"], &am[0]["endsAt"]), (&t(0).rfc3339().into(), &t(60 + 1500).rfc3339().into()));
    assert_eq!(am[0]["annotations"]["runbook_url"], "https://wiki/x");

    assert_eq!(chat["text"], "[CRITICAL] shop: payment (network): &lt;b&gt;front-end&lt;/b&gt; &amp; p95");
    assert_eq!(chat["blocks"][0]["type"], "header");

    assert_eq!((&pager["event_action"], &pager["dedup_key"]), (&"trigger".into(), &"shop-1".into()));
    assert_eq!((&pager["payload"]["severity"], &pager["payload"]["group"]), (&"critical".into(), &"payments".into()));

    assert_eq!(events.headers["content-type"], "application/cloudevents+json");
    assert!(events.headers["x-automap-signature"].starts_with(&format!("t={},v1=", t(60).ms() / 1000)));
    assert_eq!(
        (&events.body["id"], &events.body["type"]),
        (&"shop-1/1/events".into(), &"io.automap.incident.opened.v1".into())
    );
    std::fs::remove_file(secret).unwrap();
}

#[test]
fn alertmanager_is_told_again_before_it_forgets() {
    let (url, inbox) = server(&[200]);
    let store = Arc::new(MemoryStore::default());
    let notifier =
        notifier(&store, "receivers: [{ name: am, allow_loopback: true, to: { alertmanager: { url: URL } } }]", &url);
    put(&store, &incident(), "am");
    (0..=20).for_each(|minute| {
        notifier.round(t(60 + 60 * minute)).unwrap();
    });
    assert_eq!(inbox.try_iter().count(), 3, "at once, after ten and after twenty minutes");
    let closed = Incident { revision: 2, state: IncidentState::Closed, closed: Some(t(1300)), ..incident() };
    put(&store, &closed, "am");
    notifier.round(t(1300)).unwrap();
    assert_eq!(inbox.try_iter().next().unwrap().body[0]["endsAt"], t(1300).rfc3339());
    (22..60).for_each(|minute| {
        notifier.round(t(60 + 60 * minute)).unwrap();
    });
    assert_eq!(inbox.try_iter().count(), 0);
}

#[test]
fn secrets_are_read_late_and_not_shown() {
    let missing = SecretSource::File("/nonexistent/secret".into());
    assert!(missing.read().unwrap_err().starts_with("/nonexistent/secret: "));
    let (url, _inbox) = server(&[400]);
    let store = Arc::new(MemoryStore::default());
    let path = std::env::temp_dir().join(format!("automap-secret-{}", std::process::id()));
    std::fs::write(&path, format!("{url}/hooks/s3cr3t")).unwrap();
    let yaml = format!(
        "receivers: [{{ name: chat, allow_loopback: true, to: {{ slack: {{ url: {{ file: {} }} }} }} }}]",
        path.display()
    );
    let notifier = notifier(&store, &yaml, &url);
    put(&store, &incident(), "chat");
    let round = notifier.round(t(60)).unwrap();
    assert!(!format!("{round:?} {notifier:?}").contains("s3cr3t"), "{round:?}");
    std::fs::remove_file(path).unwrap();
}
