//! Logging in from a browser: what the cookie gives access to, for whom, and what it does not.

use automap_server::auth::hash_password;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::server::{Reply, Server, file};

const SESSION: &str = "/api/v1/session";
const CONFIRM: &str = "/api/v1/incidents/shop-4/confirm";

fn server() -> Server {
    let [alerts, viewer, operator] = ["alerts", "viewer", "operator"].map(|role| file(&format!("{role}-token\n")));
    let hash = file(&hash_password("correct horse").unwrap());
    let server = Server::with(&format!(
        "auth:
  tokens:
    - {{ name: am, role: alerts, from: {{ file: {alerts:?} }} }}
    - {{ name: vera, role: viewer, from: {{ file: {viewer:?} }} }}
    - {{ name: bot, role: operator, from: {{ file: {operator:?} }} }}
  users:
    - {{ name: ann, role: operator, from: {{ file: {hash:?} }} }}
"
    ));
    server.keeping(vec![alerts, viewer, operator, hash])
}

async fn log_in(server: &Server, authorization: &str) -> Reply {
    server.send("POST", SESSION, &[("authorization", authorization)], "").await
}

/// `automap_session=…`, as a browser sends it back.
fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_cookie_stands_for_the_credentials_it_was_given_for() {
    let server = server();
    let who = server.send("GET", SESSION, &[], "").await.json();
    assert_eq!(who["is_required"], true);
    assert_eq!((&who["by_token"], &who["by_password"], &who["name"]), (&json!(true), &json!(true), &Value::Null));

    let basic = format!("Basic {}", STANDARD.encode("ann:correct horse"));
    let logged_in = log_in(&server, &basic).await;
    assert_eq!(logged_in.status, 200);
    let text = logged_in.header("set-cookie");
    assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict") && !text.contains("Secure"), "{text}");
    assert_eq!(logged_in.header("cache-control"), "no-store");

    let cookie = cookie(&logged_in);
    let incidents = server.send("GET", "/api/v1/incidents", &[("cookie", &cookie)], "").await;
    assert_eq!(incidents.status, 200);
    let who = server.send("GET", SESSION, &[("cookie", &cookie)], "").await.json();
    assert_eq!((&who["name"], &who["role"], &who["is_logged_in"]), (&json!("ann"), &json!("operator"), &json!(true)));

    let out = server.send("DELETE", SESSION, &[("cookie", &cookie), ("sec-fetch-site", "same-origin")], "").await;
    assert_eq!((out.status, out.header("set-cookie").contains("Max-Age=0")), (200, true));
    assert_eq!(
        server.send("GET", "/api/v1/incidents", &[("cookie", &cookie)], "").await.status,
        401,
        "it ended here too"
    );
}

#[tokio::test]
async fn a_change_that_a_cookie_pays_for_comes_from_the_own_page() {
    let server = server();
    let cookie = cookie(&log_in(&server, "Bearer operator-token").await);
    let body = json!({"service": "payment"}).to_string();
    let confirm = |more: &[(&'static str, &'static str)]| {
        let mut headers =
            vec![("cookie".to_owned(), cookie.clone()), ("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (server, body) = (&server, body.clone());
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            server.send("POST", CONFIRM, &headers, body).await.status
        }
    };
    assert_eq!(confirm(&[]).await, 403, "nothing says where it comes from");
    assert_eq!(confirm(&[("origin", "https://evil.example")]).await, 403);
    assert_eq!(confirm(&[("sec-fetch-site", "cross-site")]).await, 403);
    assert_eq!(confirm(&[("sec-fetch-site", "same-origin")]).await, 200);
}

#[tokio::test]
async fn a_cookie_has_the_role_of_its_user() {
    let server = server();
    assert_eq!(log_in(&server, "Bearer alerts-token").await.status, 403, "it may read nothing");
    let viewer = cookie(&log_in(&server, "Bearer viewer-token").await);
    let body = json!({"service": "payment"}).to_string();
    let headers =
        [("cookie", viewer.as_str()), ("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    assert_eq!(server.send("POST", CONFIRM, &headers, body).await.status, 403);
}

#[tokio::test]
async fn wrong_credentials_give_no_cookie_and_open_no_window_of_the_browser() {
    let server = server();
    let wrong =
        server.send("POST", SESSION, &[("authorization", "Bearer wrong"), ("sec-fetch-dest", "empty")], "").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""));
    assert!(wrong.header("www-authenticate").starts_with("Bearer"));
    let forged = [("cookie", "automap_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")];
    assert_eq!(server.send("GET", "/api/v1/incidents", &forged, "").await.status, 401);
    let prolonged = cookie(&log_in(&server, "Bearer viewer-token").await);
    let again = [("cookie", prolonged.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(
        server.send("POST", SESSION, &again, "").await.header("set-cookie"),
        "",
        "a cookie does not prolong itself"
    );
}

#[tokio::test]
async fn without_authentication_there_is_nothing_to_log_in_to() {
    let server = Server::new();
    let who = server.send("GET", SESSION, &[], "").await.json();
    assert_eq!((&who["is_required"], &who["role"]), (&json!(false), &json!("operator")));
    assert_eq!(log_in(&server, "Bearer anything").await.header("set-cookie"), "");
}
