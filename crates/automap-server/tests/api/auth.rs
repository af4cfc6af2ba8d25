//! Authentication: which role may use which route, for every kind of credentials.

use automap_server::auth::hash_password;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::fake::NOW;
use super::server::{Server, file, log_lines};

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// A caller: the role it has, the headers that it sends, and its address.
type Person<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// One credential of each kind and role; a proxy at 10.0.0.1.
fn server() -> Server {
    let [alerts, viewer, operator] = ["alerts", "viewer", "operator"].map(|role| file(&format!("{role}-token\n")));
    let hash = file(&hash_password("correct horse").unwrap());
    let server = Server::with(&format!(
        "listen: 0.0.0.0:9977
auth:
  tokens:
    - {{ name: am, role: alerts, from: {{ file: {alerts:?} }} }}
    - {{ name: grafana, role: viewer, from: {{ file: {viewer:?} }} }}
    - {{ name: bot, role: operator, from: {{ file: {operator:?} }} }}
  users:
    - {{ name: ann, role: operator, from: {{ file: {hash:?} }} }}
  proxy: {{ from: [10.0.0.1/32], operator_groups: [sre], viewer_groups: [dev] }}
"
    ));
    server.keeping(vec![alerts, viewer, operator, hash])
}

#[tokio::test]
async fn roles_apply_to_every_kind_of_credentials() {
    let server = server();
    let people: [Person<'_>; 9] = [
        ("nobody", &[], "10.9.9.9:1"),
        ("nobody", &[("authorization", "Bearer wrong")], "10.9.9.8:1"),
        ("alerts", &[("authorization", "Bearer alerts-token")], "10.9.9.9:1"),
        ("viewer", &[("authorization", "bearer viewer-token")], "10.9.9.9:1"),
        ("operator", &[("authorization", "Bearer operator-token")], "10.9.9.9:1"),
        ("operator", &[("authorization", &basic("ann", "correct horse"))], "10.9.9.9:1"),
        ("operator", &[("x-forwarded-user", "eve"), ("x-forwarded-groups", "dev,sre")], "10.0.0.1:1"),
        ("viewer", &[("x-forwarded-user", "bob"), ("x-forwarded-groups", "dev")], "10.0.0.1:1"),
        ("nobody", &[("x-forwarded-user", "eve"), ("x-forwarded-groups", "sre")], "10.0.0.2:1"),
    ];
    let alerts = json!({"groupKey": "g", "alerts": []});
    let confirm = json!({"service": "orders"});
    let nothing = json!(null);
    for (role, headers, peer) in people {
        for (method, path, body, allowed) in [
            ("GET", "/healthz", &nothing, &["nobody", "alerts", "viewer", "operator"][..]),
            ("GET", "/api/v1/openapi.json", &nothing, &["nobody", "alerts", "viewer", "operator"]),
            ("GET", "/api/v1/incidents", &nothing, &["viewer", "operator"]),
            ("GET", "/api/v1/events", &nothing, &["viewer", "operator"]),
            ("GET", "/metrics", &nothing, &["viewer", "operator"]),
            ("POST", "/api/v1/alerts/alertmanager", &alerts, &["alerts", "operator"]),
            ("POST", "/api/v1/incidents/shop-4/confirm", &confirm, &["operator"]),
            ("POST", "/api/v1/diagnoses", &json!({"target": "shop"}), &["operator"]),
            ("GET", "/api/v1/mutes", &nothing, &["viewer", "operator"]),
            ("GET", "/api/v1/drills", &nothing, &["viewer", "operator"]),
            ("DELETE", "/api/v1/drills", &nothing, &["operator"]),
            ("POST", "/api/v1/mutes", &json!({"until": NOW.plus_ms(60_000).rfc3339()}), &["operator"]),
        ] {
            let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
            let reply = server.send_from(peer, method, path, &headers, body.to_string()).await;
            let expected = match (allowed.contains(&role), role) {
                (true, _) => 200..300,
                (false, "nobody") => 401..402,
                (false, _) => 403..404,
            };
            assert!(expected.contains(&reply.status), "{role} {headers:?}: {method} {path} is {}", reply.status);
            assert_eq!(reply.status == 401, reply.headers.contains_key("www-authenticate"));
        }
    }
}

#[tokio::test]
async fn the_log_names_the_caller_and_contains_no_secret() {
    let server = server();
    for value in
        ["Bearer operator-token", "Bearer stolen-token", &basic("ann", "correct horse"), &basic("ann", "hunter2")]
    {
        server.get_with("/api/v1/whoami", &[("authorization", value)]).await;
    }
    let log = log_lines().join("\n");
    assert!(log.contains(r#"user="bot""#) && log.contains(r#"user="ann""#), "{log}");
    let seen = format!("{log}{:?}", server.app);
    for secret in ["operator-token", "stolen-token", "correct horse", "hunter2", "argon2id", &basic("ann", "hunter2")] {
        assert!(!seen.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn guesses_are_counted_for_each_address() {
    let server = server();
    let guess = async |peer: &str, value: &str| {
        server.send_from(peer, "GET", "/api/v1/whoami", &[("authorization", value)], "").await
    };
    for n in 0..10 {
        assert_eq!(guess("10.9.9.9:1", &format!("Bearer guess-{n}")).await.status, 401);
    }
    let reply = guess("10.9.9.9:1", &basic("ann", "guess")).await;
    assert_eq!((reply.status, reply.header("retry-after").is_empty()), (429, false));
    assert_eq!(guess("10.9.9.9:1", "Bearer operator-token").await.status, 200, "a right token needs no guess");
    assert_eq!(guess("10.9.9.7:1", &basic("ann", "guess")).await.status, 401);
    for _ in 0..30 {
        assert_eq!(
            guess("10.9.9.6:1", &basic("ann", "correct horse")).await.status,
            200,
            "who knows it is not counted"
        );
    }
}

#[tokio::test]
async fn a_right_password_does_not_count_as_a_guess() {
    let hash = file(&hash_password("battery staple").unwrap());
    let server = Server::with(&format!(
        "limits: {{ wrong_credentials_per_minute: 1 }}
auth: {{ users: [{{ name: bob, role: viewer, from: {{ file: {hash:?} }} }}] }}"
    ));
    let login = async |password: &str| {
        server.get_with("/api/v1/whoami", &[("authorization", &basic("bob", password))]).await.status
    };
    assert_eq!((login("battery staple").await, login("wrong").await, login("wrong").await), (200, 401, 429));
    assert_eq!(login("battery staple").await, 200, "it was right a moment ago");
}

#[tokio::test]
async fn repeated_and_invalid_headers_are_refused() {
    let server = server();
    let twice = [("authorization", "Bearer operator-token"), ("authorization", "Bearer viewer-token")];
    assert_eq!(server.get_with("/api/v1/whoami", &twice).await.status, 400);
    for value in ["", "Bearer", "Bearer ", "Basic !!!", "Digest x", "operator-token", "Bearer operator-token x"] {
        let reply = server.send_from("10.8.0.1:1", "GET", "/api/v1/whoami", &[("authorization", value)], "").await;
        assert_eq!(reply.status, 401, "{value:?}");
    }
    let twice = [("x-forwarded-user", "eve"), ("x-forwarded-user", "bob"), ("x-forwarded-groups", "sre")];
    let reply = server.send_from("10.0.0.1:1", "GET", "/api/v1/whoami", &twice, "").await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn a_renewed_token_is_accepted_at_once() {
    let path = file("old");
    let server =
        Server::with(&format!("auth: {{ tokens: [{{ name: a, role: viewer, from: {{ file: {path:?} }} }}] }}"));
    let get = async |token: &str| server.get_with("/api/v1/whoami", &[("authorization", token)]).await.status;
    assert_eq!(get("Bearer old").await, 200);
    std::fs::write(&path, "renewed").unwrap();
    assert_eq!((get("Bearer old").await, get("Bearer renewed").await), (401, 200));
}

#[tokio::test]
async fn metrics_may_be_open_while_other_routes_are_not() {
    let path = file("x");
    let server = Server::with(&format!(
        "{{ open_metrics: true, auth: {{ tokens: [{{ name: a, role: viewer, from: {{ file: {path:?} }} }}] }} }}"
    ));
    assert_eq!(server.get("/metrics").await.status, 200);
    assert_eq!(server.get("/api/v1/targets").await.status, 401);
}

/// A token signed by a provider whose keys come from a file, or from its address.
#[tokio::test]
async fn tokens_of_an_identity_provider_are_accepted() {
    let b64 = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().as_ref())}]}).to_string();
    let token = |groups: &[&str]| {
        let claims = json!({"iss": "https://id.example", "aud": "automap", "exp": NOW.seconds() + 60.0, "sub": "ann", "groups": groups});
        let message = format!("{}.{}", b64(br#"{"alg":"EdDSA"}"#), b64(claims.to_string().as_bytes()));
        let signature = b64(key.sign(message.as_bytes()).as_ref());
        format!("Bearer {message}.{signature}")
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{keys}", keys.len());
    let key_file = file(&keys);
    for jwks in [format!("jwks_file: {key_file:?}"), format!("jwks_url: 'http://{address}/jwks'")] {
        let server = Server::with(&format!(
            "auth: {{ jwt: {{ issuer: 'https://id.example', audience: automap, operator_groups: [sre], {jwks} }} }}"
        ));
        if jwks.starts_with("jwks_url") {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 2048]).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        let who = async |token: &str| server.get_with("/api/v1/whoami", &[("authorization", token)]).await;
        let sre = token(&["sre"]);
        // The keys are fetched in the background: the first request may come too early, but must not wait. Nine guesses are free.
        let mut reply = who(&sre).await;
        while reply.status == 401 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            reply = who(&sre).await;
        }
        assert_eq!((reply.status, reply.json()), (200, json!({"name": "ann", "role": "operator"})), "{jwks}");
        assert_eq!(who(&token(&["guests"])).await.status, 401, "a caller without a group has no role");
    }
}
