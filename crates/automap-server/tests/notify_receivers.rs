//! The messages to each receiver, in its service's own format.

use automap_core::incident::Incident;
use automap_server::notify::{NotifyConfig, Step, Worker};
use automap_server::store::memory::MemoryStore;
use automap_server::store::{DeliveryState, IncidentStore, OutboxStore};
use serde_json::{Value, json};

use crate::common::config::one;
use crate::common::server::{Answer, Server};
use crate::common::{Folder, at, closed, incident, updated, with_report};

/// A store, a worker and the recorded receiver; each put is followed by a step.
struct Stage {
    server: Server,
    store: MemoryStore,
    worker: Worker,
    config: NotifyConfig,
}

impl Stage {
    /// `to` with `URL` replaced by the server's address, `HOOK` and `KEY` by files that hold an address and a key.
    fn new(to: &str, answers: Vec<Answer>, folder: &Folder) -> Self {
        let server = Server::start(answers);
        let hook = folder.file("hook", &server.url("/robot?key=k"));
        let key = folder.file("key", "SECabc\n");
        let to = to.replace("URL", &server.url(""));
        let to = to.replace("HOOK", &format!("{{file: '{}'}}", hook.display()));
        let to = to.replace("KEY", &format!("{{file: '{}'}}", key.display()));
        Self { server, store: MemoryStore::default(), worker: Worker::new(1), config: one(&to, "") }
    }

    fn tell(&mut self, incident: &Incident, second: i64) -> Step {
        let told = self.store.notified_routes(&incident.id).unwrap();
        self.store.put(incident, &self.config.routes_for(incident, &told), at(second)).unwrap();
        self.step(second)
    }

    fn step(&mut self, second: i64) -> Step {
        self.worker.step(&self.store, &self.config, &|| at(second)).unwrap()
    }

    fn last(&self) -> Value {
        self.server.seen().last().unwrap().json()
    }
}

/// Names that would do harm if they were inserted unescaped anywhere.
fn hostile() -> Incident {
    let mut one = incident("a");
    one.title = "<!channel> & <script>alert(1)</script> {{ id }} \"quoted\"\nsecond\u{1b}[2J\u{202e}\u{0}".into();
    one.victims = vec!["<at user_id=\"all\">".into()];
    one
}

#[test]
fn a_webhook_is_signed_and_carries_the_whole_incident() {
    let folder = Folder::new("webhook");
    let mut stage = Stage::new("{webhook: {url: 'URL/in', secret: KEY, token: KEY}}", Vec::new(), &folder);
    let first = with_report(incident("a"));
    assert_eq!(stage.tell(&first, 60).delivered, 1);
    let request = stage.server.seen().remove(0);
    let header = |name: &str| request.header(name).unwrap().to_owned();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/in"));
    assert_eq!((header("idempotency-key"), header("x-automap-event")), ("a/1/chat".into(), "opened".into()));
    assert_eq!(header("authorization"), "Bearer SECabc");
    let mut signed = format!("{}.", header("x-automap-timestamp")).into_bytes();
    signed.extend_from_slice(&request.body);
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"SECabc"), &signed);
    let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(header("x-automap-signature"), format!("sha256={hex}"));
    let body = request.json();
    assert_eq!(serde_json::from_value::<Incident>(body["incident"].clone()).unwrap(), first);
    let owner = json!({"team": "payments", "runbook": "https://wiki/pay", "dashboard": "https://grafana/d/pay"});
    assert_eq!((&body["version"], &body["owner"]), (&json!(1), &owner));
    assert_eq!(body["link"], "https://automap.example.org/incidents/a");
    // The file is read again for the next message.
    folder.file("key", "other");
    stage.tell(&updated(&first, at(61)), 61);
    assert_eq!(stage.server.seen()[1].header("authorization"), Some("Bearer other"));
}

#[test]
fn a_cloud_event_is_one() {
    let folder = Folder::new("cloudevents");
    let mut stage = Stage::new("{cloudevents: {url: 'URL/bus'}}", Vec::new(), &folder);
    stage.tell(&incident("a"), 0);
    let request = stage.server.seen().remove(0);
    assert_eq!(request.header("content-type"), Some("application/cloudevents+json; charset=utf-8"));
    let event = request.json();
    let got = ["specversion", "id", "source", "type", "subject", "time"].map(|k| event[k].as_str().unwrap().to_owned());
    let expected =
        ["1.0", "a/1/chat", "/automap/sock-shop", "io.automap.incident.opened.v1", "a", "2026-11-25T14:03:15Z"];
    assert_eq!(got, expected);
    assert_eq!(event["data"]["incident"]["id"], "a");
}

#[test]
fn pagerduty_gets_one_alert_that_is_resolved() {
    let folder = Folder::new("pagerduty");
    let mut stage = Stage::new("{pagerduty: {url: 'URL/v2/enqueue', routing_key: KEY}}", Vec::new(), &folder);
    let mut first = with_report(hostile());
    first.title = "é".repeat(3000);
    stage.tell(&first, 0);
    let event = stage.last();
    assert_eq!((&event["event_action"], &event["dedup_key"]), (&json!("trigger"), &json!("a")));
    assert_eq!(event["routing_key"], "SECabc");
    let payload = &event["payload"];
    assert_eq!(payload["summary"].as_str().unwrap().chars().count(), 1024);
    let got =
        ["source", "severity", "component", "class", "timestamp"].map(|k| payload[k].as_str().unwrap().to_owned());
    assert_eq!(got, ["sock-shop", "warning", "payment", "network", "2026-11-25T14:03:15Z"]);
    assert_eq!(payload["custom_details"]["candidates"][1], json!({"rank": 2, "service": "orders", "confidence": 7}));
    assert_eq!(payload["custom_details"]["team"], "payments");
    assert_eq!(event["links"][1], json!({"href": "https://wiki/pay", "text": "runbook"}));
    stage.tell(&closed(&first, at(60)), 60);
    assert_eq!((&stage.last()["event_action"], &stage.last()["dedup_key"]), (&json!("resolve"), &json!("a")));
}

#[test]
fn slack_gets_blocks_within_its_limits_and_nothing_it_would_obey() {
    let folder = Folder::new("slack");
    let mut stage = Stage::new("{slack: {webhook: HOOK}}", Vec::new(), &folder);
    let mut first = hostile();
    first.symptoms = (0..10)
        .map(|i| {
            let mut s = first.symptoms[0].clone();
            s.service = format!("<{i}{}>", "&".repeat(400));
            s
        })
        .collect();
    stage.tell(&first, 0);
    let body = stage.last();
    let blocks = body["blocks"].as_array().unwrap();
    assert!(blocks.len() > 2 && blocks.len() <= 50);
    assert!(blocks.iter().all(|b| b["text"]["verbatim"] == true), "it makes no mentions out of names");
    let mut texts: Vec<&str> = blocks.iter().map(|b| b["text"]["text"].as_str().unwrap()).collect();
    assert!(
        texts[0].contains("&lt;!channel&gt; &amp; &lt;script&gt;alert(1)&lt;/script&gt; {{ id }} \"quoted\" second"),
        "{}",
        texts[0]
    );
    texts.push(body["text"].as_str().unwrap());
    for text in &texts {
        let foreign = text.replace("<https://automap.example.org/incidents/", "").replace(">\n", "");
        assert!(text.chars().count() <= 3000 && !foreign.contains(['<', '>']), "{text}");
    }
    assert!(texts.iter().map(|t| t.len()).sum::<usize>() < 13_000);
}

#[test]
fn a_slack_bot_answers_in_the_thread() {
    let folder = Folder::new("slack-bot");
    let answers = vec![
        Answer::ok("{\"ok\": true, \"ts\": \"17.01\"}"),
        Answer::ok("{\"ok\": false, \"error\": \"ratelimited\"}"),
        Answer::ok("{\"ok\": true, \"ts\": \"18.02\"}"),
        Answer::ok("{\"ok\": false, \"error\": \"channel_not_found\"}"),
    ];
    let mut stage = Stage::new("{slack: {token: KEY, channel: C1, api_url: 'URL/api'}}", answers, &folder);
    let first = incident("a");
    stage.tell(&first, 0);
    assert_eq!((stage.last()["channel"].clone(), stage.last()["thread_ts"].clone()), (json!("C1"), Value::Null));
    let second = updated(&first, at(1));
    assert_eq!(stage.tell(&second, 1).retried, 1);
    assert_eq!(stage.step(30).delivered, 1);
    assert_eq!(stage.last()["thread_ts"], "17.01");
    assert_eq!(stage.store.reply("chat", "a").unwrap().as_deref(), Some("17.01"));
    assert_eq!(stage.tell(&closed(&second, at(60)), 60).given_up, 1);
}

#[test]
fn grafana_gets_a_region() {
    let folder = Folder::new("grafana");
    let answers = vec![Answer::ok("[]"), Answer::ok("{\"id\": 42, \"message\": \"Annotation added\"}")];
    let mut stage = Stage::new("{grafana: {url: URL/, token: KEY, tags: [prod]}}", answers, &folder);
    let first = hostile();
    stage.tell(&first, 0);
    let seen = stage.server.seen();
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("GET", "/api/annotations?type=annotation&limit=1&tags=a")
    );
    assert_eq!((seen[1].method.as_str(), seen[1].path.as_str()), ("POST", "/api/annotations"));
    let made = seen[1].json();
    assert_eq!(
        (&made["time"], &made["tags"]),
        (&json!(1_795_615_395_000_i64), &json!(["automap", "a", "sock-shop", "prod"]))
    );
    assert!(made["text"].as_str().unwrap().contains("&lt;script&gt;") && made["timeEnd"].is_null());
    stage.tell(&closed(&first, at(60)), 60);
    let patch = stage.server.seen().pop().unwrap();
    assert_eq!((patch.method.as_str(), patch.path.as_str()), ("PATCH", "/api/annotations/42"));
    assert_eq!(patch.json()["timeEnd"], json!(1_795_615_455_000_i64));
    assert_eq!(patch.header("authorization"), Some("Bearer SECabc"));
}

#[test]
fn grafanas_annotation_is_found_again_after_an_answer_that_was_lost() {
    let folder = Folder::new("grafana-lost");
    let answers = vec![Answer::ok("[]"), Answer::Hang, Answer::ok("[{\"id\": 42}]")];
    let mut stage = Stage::new("{grafana: {url: URL, token: KEY}}", answers, &folder);
    assert_eq!(stage.tell(&incident("a"), 0).retried, 1);
    assert_eq!(stage.step(60).delivered, 1);
    let methods: Vec<String> = stage.server.seen().into_iter().map(|r| r.method).collect();
    assert_eq!(methods, ["GET", "POST", "GET", "PATCH"], "one was made");
    assert_eq!(stage.store.reply("chat", "a").unwrap().as_deref(), Some("42"));
}

#[test]
fn alertmanager_gets_alerts_that_are_renewed_ended_and_replaced() {
    let folder = Folder::new("am-fake");
    let mut stage = Stage::new("{alertmanager: {url: URL/, labels: {cluster: eu-1}}}", Vec::new(), &folder);
    let first = with_report(incident("a"));
    stage.tell(&first, 0);
    let request = stage.server.seen().remove(0);
    assert_eq!(request.path, "/api/v2/alerts");
    let alerts = request.json();
    let label = |alert: &Value, name: &str| alert["labels"][name].as_str().unwrap_or("-").to_owned();
    let short: Vec<String> = alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|a| {
            ["alertname", "rca_rank", "rca_service", "service", "rca_victim_of", "severity", "team", "cluster"]
                .map(|l| label(a, l))
                .join(" ")
        })
        .collect();
    assert_eq!(
        short,
        [
            "AutomapIncident 1 payment - - warning payments eu-1",
            "AutomapIncident 2 orders - - warning payments eu-1",
            "AutomapIncident 3 user - - warning payments eu-1",
            "AutomapVictim - - orders payment info - eu-1",
            "AutomapVictim - - front-end payment info - eu-1",
        ]
    );
    assert_eq!(alerts[0]["annotations"]["victims"], "orders, front-end");
    let times = |a: &Value| [a["startsAt"].as_str().unwrap().to_owned(), a["endsAt"].as_str().unwrap().to_owned()];
    assert_eq!(times(&alerts[0]), ["2026-11-25T14:03:15Z", "2026-11-25T14:07:15Z"]);

    assert_eq!(stage.step(59).refreshed, 0);
    assert_eq!(stage.step(60).refreshed, 1);
    assert_eq!(times(&stage.last()[0])[1], "2026-11-25T14:08:15Z");
    // A new process does not know when the last message was sent, so it sends one at once.
    stage.worker = Worker::new(2);
    assert_eq!(stage.step(61).refreshed, 1);

    let mut second = updated(&first, at(70));
    second.cause.as_mut().unwrap().service = "user".into();
    (second.report, second.victims) = (None, Vec::new());
    stage.tell(&second, 70);
    let alerts = stage.last();
    let ends: Vec<String> =
        alerts.as_array().unwrap().iter().map(|a| format!("{} {}", label(a, "rca_service"), times(a)[1])).collect();
    assert_eq!(ends.len(), 6);
    assert_eq!(ends[0], "user 2026-11-25T14:08:25Z");
    assert!(ends[1..].iter().all(|e| e.ends_with("14:04:25Z")), "{ends:?}");

    stage.tell(&closed(&second, at(80)), 80);
    assert_eq!(
        (stage.last().as_array().unwrap().len(), times(&stage.last()[0])[1].as_str()),
        (1, "2026-11-25T14:04:35Z")
    );
    assert_eq!(stage.step(600).refreshed, 0);
}

#[test]
fn chinese_robots_get_text_and_their_codes_are_understood() {
    let table = [
        ("{wecom: {webhook: HOOK}}", "errcode", 45009, 93000),
        ("{dingtalk: {webhook: HOOK, secret: KEY}}", "errcode", 130_101, 310_000),
        ("{feishu: {webhook: HOOK, secret: KEY}}", "code", 11232, 19021),
    ];
    for (i, (to, code, busy, wrong)) in table.into_iter().enumerate() {
        let folder = Folder::new(&format!("robot-{i}"));
        let answer = |n: i64| Answer::ok(&json!({code: n, "errmsg": "m", "msg": "m"}).to_string());
        let mut stage = Stage::new(to, vec![answer(busy), answer(0), answer(wrong)], &folder);
        let mut first = hostile();
        first.symptoms[0].service = "支付".repeat(1000);
        assert_eq!(stage.tell(&first, 0).retried, 1, "{to}");
        assert_eq!(stage.step(60).delivered, 1, "{to}");
        let request = stage.server.seen().pop().unwrap();
        let body = request.json();
        match i {
            0 => {
                let text = body["text"]["content"].as_str().unwrap();
                assert!(text.len() <= 2048 && text.starts_with("[warning] sock-shop: <!channel>"), "{text}");
                assert_eq!(request.path, "/robot?key=k");
            }
            1 => {
                assert!(request.path.starts_with("/robot?key=k&timestamp=1795615455000&sign="), "{}", request.path);
                assert!(!request.path.rsplit('=').next().unwrap().contains(['+', '/']), "percent-encoded");
                assert_eq!(body["msgtype"], "text");
            }
            _ => {
                assert_eq!((&body["msg_type"], &body["timestamp"]), (&json!("post"), &json!("1795615455")));
                let line = &body["content"]["post"]["en_us"]["content"][0][0];
                assert_eq!((&line["tag"], &line["un_escape"]), (&json!("text"), &json!(false)));
                assert!(!body["sign"].as_str().unwrap().is_empty());
            }
        }
        let second = updated(&first, at(61));
        assert_eq!(stage.tell(&second, 61).given_up, 1, "{to}");
        let record = stage.store.deliveries("a").unwrap().pop().unwrap();
        assert_eq!((record.state, record.error), (DeliveryState::GivenUp, Some(format!("{code} {wrong}: m"))));
    }
}
