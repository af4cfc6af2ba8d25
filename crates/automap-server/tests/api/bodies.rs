//! Bodies that are read at the same time: whoever sends many of them keeps out nobody else.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::future::join_all;
use futures_util::stream::{once, pending};
use futures_util::{StreamExt, future};
use serde_json::json;

use super::server::{Reply, Server, file};

const ALERTS: &str = "/api/v1/alerts/alertmanager?target=shop";
const ALERT: &str = include_str!("../fixtures/alertmanager.json");
const GITHUB: &str = "/api/v1/changes/github";
const JSON: (&str, &str) = ("content-type", "application/json");
/// More than fit into the budget, and fewer than one client may send requests in a burst.
const BODIES: usize = 70;

/// A body of almost the maximum size whose end never comes.
fn endless() -> Body {
    let piece = Bytes::from(vec![b' '; (1 << 20) - 1]);
    Body::from_stream(once(future::ready(Ok::<_, Infallible>(piece))).chain(pending()))
}

/// The answer to an alert from another address, while a stranger sends endless bodies.
async fn alert_during(server: &Server, path: &str, headers: &[(&str, &str)]) -> Reply {
    let stranger = join_all((0..BODIES).map(|_| server.send_from("10.9.9.9:1", "POST", path, headers, endless())));
    let sender = [JSON, ("authorization", "Bearer alerts-token")];
    tokio::select! {
        // The stranger first, so that its bodies take what they can.
        biased;
        replies = stranger => panic!("all are refused: {:?}", replies.first()),
        reply = server.send_from("10.0.0.2:1", "POST", ALERTS, &sender, ALERT) => reply,
    }
}

/// With authentication, and with the secret of GitHub's webhook if `has_secret`.
fn guarded(has_secret: bool) -> Server {
    let (token, secret) = (file("alerts-token\n"), file("It's a Secret to Everybody\n"));
    let changes =
        if has_secret { format!("changes: {{ github_secret: {{ file: {secret:?} }} }}") } else { String::new() };
    let tokens = format!("[{{ name: am, role: alerts, from: {{ file: {token:?} }} }}]");
    Server::with(&format!("auth: {{ tokens: {tokens} }}\n{changes}")).keeping(vec![token, secret])
}

#[tokio::test]
async fn bodies_of_a_stranger_with_a_signature_keep_out_no_sender_with_credentials() {
    let server = guarded(true);
    let signature = format!("sha256={}", "0".repeat(64));
    let reply = alert_during(&server, GITHUB, &[JSON, ("x-hub-signature-256", &signature)]).await;
    assert_eq!(reply.status, 202, "{}", reply.json());
}

#[tokio::test]
async fn bodies_of_one_client_keep_out_no_other_where_authentication_is_off() {
    let server = Server::new();
    let reply = alert_during(&server, ALERTS, &[JSON]).await;
    assert_eq!(reply.status, 202, "{}", reply.json());
}

#[tokio::test]
async fn a_body_that_cannot_be_of_github_is_not_read() {
    for (has_secret, signature, part) in [
        (false, format!("sha256={}", "0".repeat(64)), "api.changes.github_secret"),
        (true, String::new(), "not signed"),
        (true, "sha256=0".to_owned(), "not signed"),
        (true, format!("sha256={}", "x".repeat(64)), "not signed"),
    ] {
        let server = guarded(has_secret);
        let headers = [JSON, ("x-hub-signature-256", signature.as_str())];
        let reply = server.send("POST", GITHUB, &headers, endless());
        let reply = tokio::time::timeout(Duration::from_secs(10), reply).await.expect("it waits for the body");
        assert_eq!(reply.status, 403);
        assert!(reply.json().to_string().contains(part), "{}", reply.json());
    }
    let missing = guarded(true).send("POST", GITHUB, &[JSON], json!({}).to_string()).await;
    assert_eq!((missing.status, &missing.json()["place"]), (403, &json!("header X-Hub-Signature-256")));
}
