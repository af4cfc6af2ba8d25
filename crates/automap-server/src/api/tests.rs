//! Every endpoint, asked as its users and its enemies would.

use std::sync::atomic::{AtomicUsize, Ordering};

use automap_core::incident::{Incident, Severity};
use automap_core::time::Timestamp;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::config::{SecretSource, Target};
use crate::store::MemoryStore;
use crate::watcher::TargetStatus;

pub(super) fn incident(id: &str, opened_s: i64) -> Incident {
    let t = Timestamp::from_ms(1_763_906_595_000 + opened_s * 1000);
    Incident { severity: Severity::Warning, revision: 1, ..Incident::new(id, "shop", t, t) }
}

fn api(config: ApiConfig) -> Api {
    let store = MemoryStore::default();
    for (i, id) in ["a", "b", "c"].into_iter().enumerate() {
        store.put(&incident(id, i as i64), &[], Timestamp::from_ms(0)).unwrap();
    }
    let board = Board::default();
    board.put(TargetStatus::new("shop"), None);
    let asked = AtomicUsize::new(0);
    Api {
        store: Arc::new(store),
        board,
        inbox: Inbox::new(&[Target::new("shop", "http://p").unwrap()]),
        feed: Feed::new(1),
        diagnose: Arc::new(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            Err(Problem::new(502, "the source does not answer", "look at it"))
        }),
        room: Arc::new(tokio::sync::Semaphore::new(MAX_DIAGNOSES)),
        config: Arc::new(config),
    }
}

fn ask(router: &Router, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    })
}

fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    let request = Request::get(path).header("host", "localhost:9977").body(Body::empty()).unwrap();
    let (status, _, body) = ask(router, request);
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn post(router: &Router, path: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, Value) {
    let request = Request::post(path).header("host", "localhost:9977").header("content-type", "application/json");
    let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
    let (status, _, body) = ask(router, request.body(Body::from(body.to_owned())).unwrap());
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn open() -> Router {
    router(api(ApiConfig::default()))
}

#[test]
fn incidents_come_in_pages_and_one_by_one() {
    let router = open();
    let (status, page) = get(&router, "/api/v1/incidents?limit=2");
    let ids = |page: &Value| page["incidents"].as_array().unwrap().iter().map(|i| i["id"].clone()).collect::<Vec<_>>();
    assert_eq!((status, ids(&page)), (StatusCode::OK, vec!["c".into(), "b".into()]));
    let (_, rest) = get(&router, &format!("/api/v1/incidents?limit=2&cursor={}", page["next"].as_str().unwrap()));
    assert_eq!((ids(&rest), rest["next"].is_null()), (vec!["a".into()], true));
    assert_eq!(get(&router, "/api/v1/incidents/b").1["id"], "b");
    let (status, problem) = get(&router, "/api/v1/incidents/zzz");
    assert_eq!((status, problem["title"].as_str()), (StatusCode::NOT_FOUND, Some("there is no incident 'zzz'")));
    assert_eq!(get(&router, "/api/v1/flat/incidents").1[0]["state"], "open");
    assert_eq!(get(&router, "/api/v1/flat/causes").1, serde_json::json!([]));
    for wrong in ["limit=0", "limit=x", "since=yesterday", "cursor=zz", "cursor=é", "state=bad", "unknown=1"] {
        let wrong = wrong.replace('é', "%C3%A9");
        assert_eq!(get(&router, &format!("/api/v1/incidents?{wrong}")).0, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[test]
fn what_is_known_already_is_not_sent_again() {
    let router = open();
    let request = || Request::get("/api/v1/incidents/a").header("host", "localhost");
    let (_, headers, _) = ask(&router, request().body(Body::empty()).unwrap());
    let again = request().header("if-none-match", headers["etag"].to_str().unwrap()).body(Body::empty()).unwrap();
    let (status, _, body) = ask(&router, again);
    assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(headers["x-content-type-options"], "nosniff");
}

#[test]
fn a_cause_is_confirmed_by_programs_and_not_by_other_sites() {
    let router = open();
    let path = "/api/v1/incidents/a/confirmation";
    let body = r#"{"service": "payment"}"#;
    assert_eq!(post(&router, path, &[("origin", "https://evil.example")], body).0, StatusCode::FORBIDDEN);
    assert_eq!(
        post(&router, path, &[("origin", "http://localhost:9977")], r#"{"service": ""}"#).0,
        StatusCode::BAD_REQUEST
    );
    let (status, confirmed) = post(&router, path, &[], body);
    assert_eq!(
        (status, &confirmed["confirmed"], &confirmed["revision"]),
        (StatusCode::OK, &"payment".into(), &2.into())
    );
    let form = Request::post(path).header("host", "localhost").header("content-type", "text/plain");
    assert_eq!(ask(&router, form.body(Body::from(body)).unwrap()).0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let rebound = Request::get("/api/v1/incidents").header("host", "evil.example").body(Body::empty()).unwrap();
    assert_eq!(ask(&router, rebound).0, StatusCode::MISDIRECTED_REQUEST);
}

#[test]
fn tokens_decide_who_may_look_and_who_may_act() {
    let file = |name: &str, secret: &str| {
        let path = std::env::temp_dir().join(format!("automap-token-{name}-{}", std::process::id()));
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        SecretSource::File(path)
    };
    let token = |name: &str, role| Token { name: name.into(), secret: file(name, &format!("{name}-secret")), role };
    let tokens = vec![token("ann", auth::Role::Viewer), token("bob", auth::Role::Operator)];
    let router = router(api(ApiConfig { tokens, listen: ([0, 0, 0, 0], 9977).into(), ..ApiConfig::default() }));
    let look = |token: Option<&str>| {
        let request = Request::get("/api/v1/incidents").header("host", "automap.example");
        let request = token.iter().fold(request, |r, t| r.header("authorization", format!("Bearer {t}")));
        ask(&router, request.body(Body::empty()).unwrap()).0
    };
    assert_eq!(look(None), StatusCode::UNAUTHORIZED);
    assert_eq!(look(Some("ann-secre")), StatusCode::UNAUTHORIZED);
    assert_eq!(look(Some("ann-secret")), StatusCode::OK);
    let act =
        |token| post(&router, "/api/v1/incidents/a/confirmation", &[("authorization", token)], r#"{"service":"db"}"#).0;
    assert_eq!(act("Bearer ann-secret"), StatusCode::FORBIDDEN);
    assert_eq!(act("Bearer bob-secret"), StatusCode::OK);
    assert_eq!(get(&router, "/healthz").0, StatusCode::OK, "probes have no token");
    assert_eq!(get(&router, "/metrics").0, StatusCode::UNAUTHORIZED);
}

#[test]
fn nobody_is_let_in_by_accident() {
    let beyond = ApiConfig { listen: ([0, 0, 0, 0], 9977).into(), ..ApiConfig::default() };
    assert!(beyond.check().unwrap_err().1.contains("api.tokens"));
    assert!(ApiConfig { insecure_no_auth: true, ..beyond }.check().is_ok() && ApiConfig::default().check().is_ok());
}

#[test]
fn alerts_are_taken_at_once_and_diagnoses_say_why_not() {
    let router = open();
    let group = r#"{"version":"4","groupKey":"g","alerts":[{"status":"firing","labels":{"namespace":"shop"},"fingerprint":"1"}]}"#;
    let (status, taken) = post(&router, "/api/v1/alerts", &[], group);
    assert_eq!((status, &taken["new"]), (StatusCode::ACCEPTED, &1.into()));
    assert_eq!(post(&router, "/api/v1/alerts", &[], "{").0, StatusCode::BAD_REQUEST);
    assert_eq!(post(&router, "/api/v1/alerts", &[], &" ".repeat(2 << 20)).0, StatusCode::PAYLOAD_TOO_LARGE);
    let ask = |body: &str| post(&router, "/api/v1/diagnoses", &[], body);
    assert_eq!(ask(r#"{"target": "shop"}"#).0, StatusCode::BAD_GATEWAY);
    assert_eq!(ask(r#"{"target": "bank"}"#).0, StatusCode::NOT_FOUND);
    assert_eq!(ask(r#"{"target": "shop", "url": "http://evil"}"#).0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(r#"{"target": "shop", "since_s": 1}"#).0, StatusCode::BAD_REQUEST);
}

#[test]
fn the_process_tells_how_it_does() {
    let router = open();
    let request = Request::get("/metrics").header("host", "localhost").body(Body::empty()).unwrap();
    let text = String::from_utf8(ask(&router, request).2).unwrap();
    assert!(text.contains("automap_incidents_open{target=\"shop\"} 3\n"), "{text}");
    assert!(
        text.lines().all(|l| l.starts_with('#') || l.rsplit_once(' ').is_some_and(|(_, v)| v.parse::<f64>().is_ok()))
    );
    assert_eq!(get(&router, "/readyz").0, StatusCode::SERVICE_UNAVAILABLE, "the target was not looked at yet");
}

/// The document names every endpoint, refers to nothing that it does not hold, and what it says is answered.
#[test]
fn the_document_is_the_router() {
    let (status, document) = get(&open(), "/api/v1/openapi.json");
    assert_eq!((status, &document["openapi"]), (StatusCode::OK, &"3.1.0".into()));
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document["components"]["schemas"].get(name).is_some(), "{name} is not defined");
    }
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.values().map(|p| p.as_object().unwrap().len()).sum::<usize>(), endpoints::all().len());
    for (path, methods) in paths {
        if path == "/api/v1/events" {
            continue;
        }
        let path = path.replace("{id}", "a").replace("{name}", "shop");
        let status =
            if methods.get("get").is_some() { get(&open(), &path).0 } else { post(&open(), &path, &[], "{}").0 };
        assert!(!status.is_server_error() || path == "/readyz", "{path}: {status}");
        assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

/// Whatever is sent, the answer is a client's error or an answer.
#[test]
fn hostile_input_breaks_nothing() {
    let router = open();
    let bodies = [
        "",
        "null",
        "[]",
        "{\"service\":1}",
        "{\"service\":\"\\u0000\"}",
        "{\"target\":{}}",
        "{\"alerts\":[{}]}",
        "\u{feff}{}",
        "{\"alerts\":[{\"status\":\"firing\",\"startsAt\":\"9999999-01-01\"}]}",
        "{\"target\":\"../../etc/passwd\"}",
    ];
    let names = ["a", "%00", "..%2f..%2fetc%2fpasswd", "%F0%9F%92%A9", "'%20OR%201=1--", "{id}", &"x".repeat(5000)];
    for endpoint in endpoints::all().iter().filter(|e| e.path != "/api/v1/events") {
        for name in names {
            let path = endpoint.path.replace("{id}", name).replace("{name}", name);
            for body in bodies {
                let (status, problem) = match endpoint.method {
                    "post" => post(&router, &path, &[], body),
                    _ => get(&router, &format!("{path}?{}", name.replace(['{', '}'], ""))),
                };
                let expected = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
                assert!(!status.is_server_error() || (expected && problem["status"] != 500), "{path} {body}: {status}");
            }
        }
    }
}
