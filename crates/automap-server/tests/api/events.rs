//! Server-sent events: changes are sent as they happen, and a client that reconnects gets the retained events.

use std::time::Duration;

use automap_server::api::Peer;
use automap_server::system::IncidentChange;
use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt;
use serde_json::json;
use tower::ServiceExt;

use super::fake::incident;
use super::server::Server;

struct Listener {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Listener {
    async fn new(server: &Server, last: Option<&str>) -> Self {
        let mut request = Request::builder().uri("/api/v1/events").header("host", "localhost");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer("127.0.0.1:1".parse().unwrap()));
        let response = server.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// Id, kind and data of the next event; `None` when the stream ends.
    async fn next(&mut self) -> Option<(String, String, serde_json::Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned());
                let (id, kind, data) = (field("id:"), field("event:"), field("data:"));
                let found = data.map(|d| (id.unwrap(), kind.unwrap(), serde_json::from_str(&d).unwrap()));
                self.text = rest.to_owned();
                if found.is_some() {
                    return found;
                }
                continue;
            }
            self.text.push_str(std::str::from_utf8(&self.body.next().await?.unwrap()).unwrap());
        }
    }
}

/// The watcher reports that an incident changed.
fn change(server: &Server, n: i64) {
    let changed = incident(n, "shop", automap_core::incident::IncidentState::Open);
    server.system.changes.send(IncidentChange::of(&changed)).unwrap();
}

/// Waits until the workers are subscribed to the watcher.
async fn listening(server: &Server) {
    while server.system.changes.receiver_count() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_reconnects_gets_the_events_it_missed() {
    let server = Server::new();
    listening(&server).await;
    let mut listener = Listener::new(&server, None).await;
    server.post("/api/v1/incidents/shop-4/confirm", &json!({"service": "orders"})).await;
    let (first, kind, data) = listener.next().await.unwrap();
    assert_eq!((kind.as_str(), &data["id"], &data["revision"]), ("incident", &json!("shop-4"), &json!(2)));
    drop(listener);
    let mut witness = Listener::new(&server, None).await;
    (10..13).for_each(|n| change(&server, n));
    for _ in 10..13 {
        witness.next().await.unwrap();
    }
    let mut listener = Listener::new(&server, Some(&first)).await;
    for n in 10..13 {
        assert_eq!(listener.next().await.unwrap().2["id"], format!("shop-{n}"));
    }
    change(&server, 13);
    assert_eq!(listener.next().await.unwrap().2["id"], "shop-13", "and what is new goes on");
}

#[tokio::test]
async fn a_client_that_reconnects_after_a_restart_gets_a_reset() {
    let server = Server::new();
    for last in ["00000000-1", "nonsense"] {
        let mut listener = Listener::new(&server, Some(last)).await;
        assert_eq!(listener.next().await.unwrap().1, "reset");
    }
}

#[tokio::test]
async fn a_listener_of_a_quiet_system_hears_at_once_that_it_listens() {
    let server = Server::new();
    let mut listener = Listener::new(&server, None).await;
    let first = tokio::time::timeout(Duration::from_secs(5), listener.body.next()).await.unwrap().unwrap().unwrap();
    assert!(first.starts_with(b":"), "{first:?}");
}

#[tokio::test]
async fn event_streams_are_bounded_and_released() {
    let server = Server::with("limits: { event_streams: 1 }");
    let listener = Listener::new(&server, None).await;
    assert_eq!(server.get("/api/v1/events").await.status, 429);
    drop(listener);
    assert_eq!(server.get("/api/v1/events").await.status, 200);
}

/// A viewer's stream from this address; the connection's own.
async fn stream(server: &Server, token: &str, address: &str) -> axum::response::Response {
    let request = Request::builder().uri("/api/v1/events").header("host", "localhost");
    let mut request = request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer(format!("{address}:1").parse().unwrap()));
    server.router.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn one_viewer_or_address_cannot_hold_all_event_streams() {
    let secret = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file.into_temp_path()
    };
    let files = vec![secret("token-of-one"), secret("token-of-another")];
    let yaml = format!(
        "auth: {{ tokens: [{{ name: one, role: viewer, from: {{ file: '{}' }} }}, {{ name: another, role: viewer, from: {{ file: '{}' }} }}] }}",
        files[0].display(),
        files[1].display()
    );
    let server = Server::with(&yaml).keeping(files);
    let mut held = Vec::new();
    for i in 0..8 {
        let answer = stream(&server, "token-of-one", &format!("10.0.0.{i}")).await;
        assert_eq!(answer.status(), 200);
        held.push(answer);
    }
    let refused = stream(&server, "token-of-one", "10.0.0.99").await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "30"));
    let body = axum::body::to_bytes(refused.into_body(), 1 << 16).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("one already holds 8 event streams"), "{text}");
    assert_eq!(stream(&server, "token-of-another", "10.0.0.99").await.status(), 200, "others are served");
    // Another user does not help at an address that has used up its limit.
    drop(held);
    let mut held = Vec::new();
    for i in 0..8 {
        held.push(stream(&server, ["token-of-one", "token-of-another"][i % 2], "10.0.0.1").await);
    }
    assert!(held.iter().all(|answer| answer.status() == 200));
    assert_eq!(stream(&server, "token-of-one", "10.0.0.1").await.status(), 429);
    held.pop();
    assert_eq!(stream(&server, "token-of-one", "10.0.0.1").await.status(), 200, "one that ended makes room");
}
