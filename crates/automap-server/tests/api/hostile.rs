//! Requests generated from the OpenAPI document and then distorted. All of them are answered, and never with a server error.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::server::{Server, log_lines};

/// One operation: method, path with its variable parts, names of the query's parameters, whether it has a body.
#[derive(Clone, Debug)]
struct Operation {
    method: String,
    path: String,
    query: Vec<String>,
}

fn operations() -> Vec<Operation> {
    let document = automap_server::api::document();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().unwrap();
            let query = parameters.iter().filter(|p| p["in"] == "query");
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                query: query.map(|p| p["name"].as_str().unwrap().to_owned()).collect(),
            });
        }
    }
    all
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("shop".to_owned()),
        Just("shop-4".to_owned()),
        Just("payment".to_owned()),
        Just("2025-11-23T14:03:15Z".to_owned()),
        Just("-9999-01-01T00:00:00Z".to_owned()),
        Just("..".to_owned()),
        Just("18446744073709551616".to_owned()),
        "[0-9]{1,4}",
        "\\PC{0,30}",
        ".{0,12}",
        proptest::collection::vec(any::<u8>(), 0..700).prop_map(|b| b.iter().map(|b| char::from(*b)).collect()),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![
            Just("target".to_owned()),
            Just("service".to_owned()),
            Just("alerts".to_owned()),
            Just("groupKey".to_owned()),
            Just("status".to_owned()),
            Just("labels".to_owned()),
            Just("baseline".to_owned()),
            Just("startsAt".to_owned()),
            word(),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6).prop_map(|m| json!(m)),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        json_value().prop_map(|v| v.to_string().into_bytes()),
        word().prop_map(|w| json!({"target": "shop", "incident_start": w}).to_string().into_bytes()),
        word().prop_map(|w| json!({"service": w}).to_string().into_bytes()),
        json_value().prop_map(|v| json!({"groupKey": "g", "alerts": [v]}).to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

/// Header values that a client can send.
fn header() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        Just("if-none-match"),
        Just("last-event-id"),
        Just("x-request-id"),
        Just("authorization"),
        Just("origin"),
        Just("content-type"),
        Just("x-forwarded-for"),
        Just("accept"),
        Just("range"),
        Just("content-length"),
        Just("host"),
        Just("transfer-encoding"),
        Just("expect"),
    ];
    let value = prop_oneof![
        Just("application/json".to_owned()),
        Just("localhost".to_owned()),
        Just("*".to_owned()),
        Just("00000000-1".to_owned()),
        Just("Basic OjpA".to_owned()),
        "[ -~]{0,60}",
    ];
    (name.prop_map(ToOwned::to_owned), value)
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// `broken`: includes invalid percent encodings.
fn uri(operation: &Operation, words: &[String], extra: bool) -> String {
    let mut words = words.iter().cycle().map(|w| percent(w));
    let mut path = String::new();
    for segment in operation.path.split('/').skip(1) {
        path.push('/');
        path.push_str(&if segment.starts_with('{') { words.next().unwrap() } else { segment.to_owned() });
    }
    let pairs: Vec<String> = operation
        .query
        .iter()
        .filter_map(|name| words.next().filter(|w| w.len() % 3 != 0).map(|w| format!("{name}={w}")))
        .collect();
    let extra = if extra { "&%zz=%" } else { "" };
    format!("{path}?{}{extra}", pairs.join("&"))
}

/// Characters that PostgreSQL rejects and a terminal must not show, in every name and parameter of every operation.
#[test]
fn hidden_characters_are_refused_wherever_they_stand() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(async { Server::with("limits: { rate_burst: 1000000, rate_per_s: 100000 }") });
    let status = |method: &str, uri: &str, body: &str| {
        let headers = [("content-type", "application/json")];
        runtime.block_on(server.send(method, uri, &headers, body.as_bytes().to_vec())).status
    };
    for operation in operations() {
        for hidden in ["%00", "a%00b", "%1B[2J", "%E2%80%AE", "%0d%0aVERDICT"] {
            let filled = |by: &str| {
                let part = |p: &str| if p.starts_with('{') { by.to_owned() } else { p.to_owned() };
                operation.path.split('/').map(part).collect::<Vec<_>>().join("/")
            };
            let with_name = operation.path.contains('{').then(|| filled(hidden));
            let with_parameter = operation.query.iter().map(|name| format!("{}?{name}={hidden}", filled("shop-4")));
            for uri in with_name.into_iter().chain(with_parameter) {
                assert_eq!(status(&operation.method, &uri, "{}"), 400, "{} {uri}", operation.method);
            }
        }
    }
    assert_eq!(status("POST", "/api/v1/incidents/shop-4/confirm", r#"{"service": "pay\u0000"}"#), 400);
    let alert = r#"{"alerts": [{"status": "firing", "labels": {"namespace": "shop", "alertname": "a\u0000b\u202e"}}]}"#;
    assert!(status("POST", "/api/v1/alerts/alertmanager", alert) < 300, "an alert is cleaned, not lost");
}

#[test]
fn any_request_is_answered_and_never_with_a_server_error() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let limits = "limits: { rate_burst: 1000000, rate_per_s: 100000, alerts_waiting: 65536, analyses_waiting: 1024, event_streams: 4096 }";
    let server = runtime.block_on(async { Server::with(limits) });
    let operations = operations();
    let strategy = (
        0..operations.len(),
        proptest::collection::vec(word(), 1..6),
        proptest::collection::vec(header(), 0..4),
        body(),
        any::<bool>(),
        prop_oneof![4 => Just(true), 1 => Just(false)],
    );
    let mut runner = TestRunner::new(Config { cases: 1500, failure_persistence: None, ..Config::default() });
    let run = runner.run(&strategy, |(which, words, mut headers, body, extra, json)| {
        let operation = &operations[which];
        if json {
            headers.retain(|(name, _)| name != "content-type");
            headers.push(("content-type".into(), "application/json".into()));
        }
        let path = uri(operation, &words, extra);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let reply = runtime.block_on(server.send(&operation.method, &path, &headers, body));
        prop_assert!(
            reply.status < 500,
            "{} {path}: {} {}",
            operation.method,
            reply.status,
            String::from_utf8_lossy(&reply.body)
        );
        if reply.status >= 400 {
            let problem = reply.json();
            prop_assert_eq!(&problem["status"], reply.status);
            prop_assert!(problem["next"].is_string() && problem["type"].is_string(), "{}", problem);
        }
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
    let errors = log_lines().iter().filter(|l| l.contains("ERROR")).count();
    assert_eq!(errors, 0);
}
