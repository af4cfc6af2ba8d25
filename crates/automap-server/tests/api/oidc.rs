//! Logging in at an identity provider, which runs here: the requests to it, who is admitted with which role, and everything that must be refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::fake::NOW;
use super::server::{Reply, Server, file};

const LOGIN: &str = "/api/v1/session/oidc/login";
const CALLBACK: &str = "/api/v1/session/oidc/callback";
const REDIRECT: &str = "https://automap.example/api/v1/session/oidc/callback";
const CODE: &str = "the code";
/// Contains characters that a form and a header encode differently.
const SECRET: &str = "s3cret +/%:";
const MAX_TRIES: usize = 200;
/// Made for these tests: `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 | openssl pkcs8 -topk8 -nocrypt -outform DER`.
const KEY: &[u8] = include_bytes!("../fixtures/identity-provider.pk8");

/// A provider on this machine.
struct Provider {
    issuer: String,
    key: KeyPair,
    state: Mutex<ProviderState>,
}

/// Its behaviour, and what it received.
#[derive(Default)]
struct ProviderState {
    /// The parameters of the latest login.
    asked: BTreeMap<String, String>,
    /// Claims that differ from those of a valid token; `null` omits one.
    changes: Vec<(&'static str, Value)>,
    /// Whether the signature covers other content than the token's.
    is_forged: bool,
    /// The keys are published under another name for this many requests.
    hides_key: usize,
    /// Codes are refused.
    refuses: bool,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The pairs of a query or a form.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
        while at < bytes.len() {
            match bytes[at] {
                b'%' => {
                    out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
                    at += 2;
                }
                b'+' => out.push(b' '),
                byte => out.push(byte),
            }
            at += 1;
        }
        String::from_utf8(out).unwrap()
    };
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = KeyPair::from_pkcs8(KEY).unwrap();
        let provider = Arc::new(Self { issuer, key, state: Mutex::default() });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&provider));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    fn set(&self, change: impl FnOnce(&mut ProviderState)) {
        change(&mut self.state.lock().unwrap());
    }

    fn id_token(&self) -> String {
        let state = self.state.lock().unwrap();
        let mut claims = json!({"iss": self.issuer, "aud": "automap", "exp": NOW.seconds() + 300.0, "sub": "0815", "email": "ann@example",
            "nonce": state.asked["nonce"], "groups": ["dev"]});
        for (name, value) in &state.changes {
            claims[*name] = value.clone();
        }
        let message = format!("{}.{}", b64(br#"{"alg":"RS256","kid":"k1"}"#), b64(claims.to_string()));
        let signed = if state.is_forged { "something else" } else { &message };
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", b64(signature))
    }
}

type Shared = State<Arc<Provider>>;

async fn document(State(provider): Shared) -> String {
    let at = |path: &str| format!("{}{path}", provider.issuer);
    json!({"issuer": provider.issuer, "authorization_endpoint": at("/authorize?tenant=1"), "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"), "end_session_endpoint": at("/logout"), "code_challenge_methods_supported": ["S256"]})
    .to_string()
}

async fn keys(State(provider): Shared) -> String {
    let mut state = provider.state.lock().unwrap();
    let id = if state.hides_key > 0 { "k0" } else { "k1" };
    state.hides_key = state.hides_key.saturating_sub(1);
    let parts = PublicKeyComponents::<Vec<u8>>::from(provider.key.public());
    json!({"keys": [{"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": b64(parts.n), "e": b64(parts.e)}]})
        .to_string()
}

/// Issues a token for the right code, to the right client, with the verifier of the latest login.
async fn token(State(provider): Shared, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let form = pairs(std::str::from_utf8(&body).unwrap());
    let refuse = |error: &str| {
        (StatusCode::BAD_REQUEST, json!({"error": error, "error_description": "<b>no</b>\r\n"}).to_string())
    };
    let state = provider.state.lock().unwrap();
    let challenge = b64(digest(&SHA256, form["code_verifier"].as_bytes()));
    let is_right = form["grant_type"] == "authorization_code"
        && form["code"] == CODE
        && form["redirect_uri"] == REDIRECT
        && state.asked.get("code_challenge") == Some(&challenge);
    let basic = format!("Basic {}", STANDARD.encode("automap:s3cret%20%2B%2F%25%3A"));
    if headers.get("authorization").is_none_or(|value| *value != *basic) {
        return refuse("invalid_client");
    }
    if !is_right || state.refuses {
        return refuse("invalid_grant");
    }
    drop(state);
    (StatusCode::OK, json!({"access_token": "x", "token_type": "Bearer", "id_token": provider.id_token()}).to_string())
}

fn server_at(provider: &Provider, more: &str) -> Server {
    let secret = file(&format!("{SECRET}\n"));
    let server = Server::with(&format!(
        "auth: {{ oidc: {{ issuer: '{}', client_id: automap, client_secret: {{ file: {secret:?} }}, redirect_url: '{REDIRECT}',
            display_name: Example, name_claim: email, operator_groups: [sre], viewer_groups: [dev] {more} }} }}",
        provider.issuer
    ));
    server.keeping(vec![secret])
}

/// A browser that goes to the provider: the cookie that it got, and the state that the provider returns.
async fn begin(server: &Server, provider: &Provider, to: &str) -> (String, String) {
    for _ in 0..MAX_TRIES {
        let reply = server.get_with(&format!("{LOGIN}?to={to}"), &[("accept", "text/html")]).await;
        if reply.status == 503 {
            // The provider is contacted in the background.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        assert_eq!(reply.status, 303, "{reply:?}");
        let (address, query) = reply.header("location").split_once("?tenant=1&").unwrap();
        assert_eq!(address, format!("{}/authorize", provider.issuer));
        let asked = pairs(query);
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", "automap"),
            ("redirect_uri", REDIRECT),
            ("code_challenge_method", "S256"),
            ("scope", "openid profile email"),
        ] {
            assert_eq!(asked[name], value);
        }
        let set = reply.header("set-cookie");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("; Secure"), "{set}");
        assert!(!set.contains(&asked["state"]) && !set.contains(&asked["nonce"]), "nothing can be read of it");
        let state = asked["state"].clone();
        provider.set(|provider| provider.asked = asked);
        return (set.split(';').next().unwrap().to_owned(), state);
    }
    panic!("the provider was never reached");
}

async fn come_back(server: &Server, cookie: &str, query: &str) -> Reply {
    let headers = [("cookie", cookie), ("accept", "text/html"), ("sec-fetch-site", "cross-site")];
    server.get_with(&format!("{CALLBACK}?{query}"), &headers).await
}

fn code(state: &str) -> String {
    format!("code=the%20code&state={state}&session_state=ignored")
}

/// The session cookie set by a reply, as a browser sends it back.
fn session_of(reply: &Reply) -> Option<String> {
    let all = reply.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let session = all.map(|text| text.split(';').next().unwrap()).find(|pair| pair.starts_with("automap_session="));
    session.filter(|pair| pair.len() > "automap_session=".len()).map(str::to_owned)
}

#[tokio::test]
async fn whoever_the_provider_knows_is_logged_in_with_the_role_of_their_groups() {
    let provider = Provider::start().await;
    let server = server_at(&provider, ", provider_logout: true");
    let who = server.get("/api/v1/session").await.json();
    assert_eq!((&who["is_required"], &who["by_provider"]), (&json!(true), &json!("Example")));
    assert_eq!(server.get("/api/v1/incidents").await.status, 401);
    for (groups, role) in [(json!(["dev"]), "viewer"), (json!(["dev", "sre"]), "operator"), (json!("sre"), "operator")]
    {
        provider.set(|state| state.changes = vec![("groups", groups)]);
        let (cookie, state) = begin(&server, &provider, "%2Fservices%3Ffind%3Dpay").await;
        let reply = come_back(&server, &cookie, &code(&state)).await;
        assert_eq!((reply.status, reply.header("location")), (303, "/services?find=pay"), "{reply:?}");
        let text = format!("{:?}", reply.headers);
        assert!(text.contains("SameSite=Strict") && text.contains("automap_login=;"), "{text}");
        let session = session_of(&reply).unwrap();
        let who = server.get_with("/api/v1/session", &[("cookie", &session)]).await.json();
        assert_eq!(
            (&who["name"], &who["role"], &who["is_logged_in"]),
            (&json!("ann@example"), &json!(role), &json!(true))
        );
        assert_eq!(server.get_with("/api/v1/incidents", &[("cookie", &session)]).await.status, 200);

        let own = [("cookie", session.as_str()), ("sec-fetch-site", "same-origin")];
        let out = server.send("DELETE", "/api/v1/session", &own, "").await.json();
        let expected = format!(
            "{}/logout?client_id=automap&post_logout_redirect_uri=https%3A%2F%2Fautomap.example%2F",
            provider.issuer
        );
        assert_eq!(out["log_out_at"], expected);
        assert_eq!(server.get_with("/api/v1/incidents", &[("cookie", &session)]).await.status, 401);
    }
}

#[tokio::test]
async fn a_login_that_is_not_that_of_this_browser_lets_nobody_in() {
    let provider = Provider::start().await;
    let server = server_at(&provider, "");
    let (cookie, state) = begin(&server, &provider, "%2F").await;
    let (other, other_state) = begin(&server, &provider, "%2F").await;
    let elsewhere = server_at(&provider, "");
    let (foreign, foreign_state) = begin(&elsewhere, &provider, "%2F").await;
    for (cookie, query, status, said) in [
        ("", code(&state), 400, "was not begun here"),
        ("automap_login=x", code(&state), 400, "was not begun here"),
        (foreign.as_str(), code(&foreign_state), 400, "was not begun here"),
        (cookie.as_str(), code(&other_state), 400, "another login"),
        (other.as_str(), code("x"), 400, "another login"),
        (cookie.as_str(), "code=the%20code".to_owned(), 400, "another login"),
        (cookie.as_str(), format!("state={state}"), 403, "there is no code"),
        (cookie.as_str(), format!("{}&iss=https%3A%2F%2Fevil.example", code(&state)), 403, "another provider"),
        (
            cookie.as_str(),
            format!("error=access_denied&error_description=%3Cb%3E&state={state}"),
            403,
            "access_denied &lt;b&gt;",
        ),
        // The code of the latest login, with the verifier of the previous one.
        (cookie.as_str(), code(&state), 403, "invalid_grant &lt;b&gt;no&lt;/b&gt;"),
    ] {
        let reply = come_back(&server, cookie, &query).await;
        let page = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!((reply.status, session_of(&reply)), (status, None), "{query}: {page}");
        assert!(page.contains(said) && page.contains("What to try") && page.contains("href=\"/\""), "{query}: {page}");
        assert!(reply.header("content-security-policy").contains("default-src 'none'"));
    }
}

#[tokio::test]
async fn a_token_that_is_wrong_lets_nobody_in() {
    let provider = Provider::start().await;
    let server = server_at(&provider, "");
    for (name, value, said) in [
        ("nonce", json!("of another login"), "nonce"),
        ("nonce", json!(null), "nonce"),
        ("iss", json!("https://evil.example"), "its signature, issuer, audience or time"),
        ("aud", json!("another program"), "its signature, issuer, audience or time"),
        ("exp", json!(NOW.seconds() - 61.0), "its signature, issuer, audience or time"),
        ("azp", json!("another program"), "azp"),
        ("email", json!(null), "name_claim"),
        ("groups", json!(["guests"]), "ann@example has no role"),
        ("groups", json!(null), "operator_groups"),
    ] {
        provider.set(|state| state.changes = vec![(name, value.clone())]);
        let (cookie, state) = begin(&server, &provider, "%2F").await;
        let reply = come_back(&server, &cookie, &code(&state)).await;
        let page = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!((reply.status, session_of(&reply)), (403, None), "{name} {value}: {page}");
        assert!(page.contains(said), "{name} {value}: {page}");
    }
    provider.set(|state| (state.changes, state.is_forged) = (Vec::new(), true));
    let (cookie, state) = begin(&server, &provider, "%2F").await;
    let reply = come_back(&server, &cookie, &code(&state)).await;
    assert_eq!((reply.status, session_of(&reply)), (403, None));
}

#[tokio::test]
async fn new_keys_of_the_provider_are_asked_for_once_a_token_needs_them() {
    let provider = Provider::start().await;
    provider.set(|state| state.hides_key = 1);
    let server = server_at(&provider, "");
    let (cookie, state) = begin(&server, &provider, "%2F").await;
    let reply = come_back(&server, &cookie, &code(&state)).await;
    assert!(session_of(&reply).is_some(), "{reply:?}");
}

#[tokio::test]
async fn without_a_provider_nobody_waits_and_everybody_learns_why() {
    let plain = Server::new();
    assert_eq!(plain.get("/api/v1/session").await.json()["by_provider"], Value::Null);
    let reply = plain.get(LOGIN).await;
    assert_eq!((reply.status, &reply.json()["place"]), (404, &json!("api.auth.oidc")));

    let gone = Provider {
        issuer: "http://127.0.0.1:1".to_owned(),
        key: KeyPair::from_pkcs8(KEY).unwrap(),
        state: Mutex::default(),
    };
    let server = server_at(&gone, "");
    let reply = server.get_with(LOGIN, &[("accept", "text/html")]).await;
    let page = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(reply.status == 503 && page.contains("Example does not answer"), "{page}");
    assert!(!page.contains("127.0.0.1:1"), "where it is inside the network is in the log alone");
    assert!(!format!("{:?}", server.app).contains("s3cret"));
}
