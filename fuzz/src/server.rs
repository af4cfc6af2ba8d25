//! Input of the long-running program: its configuration, webhooks, tokens, messages of MCP, templates.

#[path = "../../crates/automap-server/tests/api/fake.rs"]
#[expect(dead_code, reason = "the tests of the API use more of it")]
mod fake;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use automap_core::text::{MAX_NAME_BYTES, is_plain};
use automap_core::time::Timestamp;
use automap_server::alerts::{self, AlertSender, MAX_ALERTS, MAX_LABELS};
use automap_server::auth::config::JwtConfig;
use automap_server::auth::{jwks::KeySet, jwt as tokens};
use automap_server::changes::{self, ChangeForm, Entry, MAX_ENTRIES};
use automap_server::config::Config;
use automap_server::store::memory::MemoryStore;
use fake::FakeSystem;
use serde_json::{Value, json};

use crate::text;

/// 2025-11-23T14:10:00Z
const NOW: Timestamp = Timestamp::from_ms(1_763_907_000_000);

/// A configuration.
pub(crate) fn config(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Config::parse(text, Path::new("automap.yaml")) {
        Ok(config) => assert!(config.targets.len() <= 64),
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with("automap.yaml"), "an error names the file: {error}");
        }
    }
}

/// The body of a webhook.
pub(crate) fn webhook(data: &[u8]) {
    for sender in [AlertSender::Alertmanager, AlertSender::Grafana] {
        let Ok(group) = alerts::webhook::parse(data, sender, NOW) else { continue };
        assert!(group.alerts.len() <= MAX_ALERTS);
        for alert in &group.alerts {
            assert!(alert.labels.len() <= MAX_LABELS && is_plain(&alert.fingerprint));
            assert!(alert.labels.iter().all(|(name, value)| is_plain(name) && value.len() <= MAX_NAME_BYTES));
            assert!(!alert.is_firing || alert.ends_at.is_none(), "what fires has no end");
        }
    }
}

/// The body of a webhook that reports changes, in each of the forms; the lines before one with `---` are its headers, `name: value`.
pub(crate) fn change_webhook(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once("\n---\n").unwrap_or(("", &text));
    let headers = |wanted: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
    };
    use ChangeForm::{CloudEvents, Flagger, Flux, Github, Grafana, Plain};
    for form in [Plain, CloudEvents, Flux, Flagger, Github, Grafana] {
        let Ok(delivery) = changes::parse(form, &headers, body.as_bytes(), NOW) else { continue };
        assert!(delivery.entries.len() <= MAX_ENTRIES);
        for entry in &delivery.entries {
            let Entry::Change(received) = entry else { continue };
            let change = &received.change;
            assert!(is_plain(&received.key) && received.key.len() <= MAX_NAME_BYTES);
            assert!(is_plain(&change.subject) && change.service.as_deref().is_none_or(is_plain));
            assert!(change.url.as_deref().is_none_or(|url| is_plain(url) && url.starts_with("http")));
            assert!(change.uncertainty_ms >= 0);
            let mut again = change.clone();
            again.clean();
            assert_eq!(&again, change, "cleaning again changes nothing");
        }
    }
}

static JWT: LazyLock<JwtConfig> = LazyLock::new(|| {
    let config = "api:\n  auth:\n    jwt: { issuer: https://id.example, audience: automap, jwks_file: /keys.json, name_claim: email, default_role: viewer }\n";
    let config = Config::parse(config, Path::new("automap.yaml")).unwrap();
    config.api.auth.jwt.unwrap()
});

/// A public key whose private key nobody has: the generator of Ed25519's group.
const KEYS: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "use": "sig", "x": "WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY"}]}"#;

/// A token, or keys and a token after a line break: it is not signed by anybody, so it identifies nobody.
pub(crate) fn jwt(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (keys, token) = text.rsplit_once('\n').unwrap_or((KEYS, text));
    let Ok(keys) = KeySet::parse(keys.as_bytes()) else { return };
    assert!(tokens::identify(&JWT, &keys, token, 1_763_906_595.0).is_none(), "{token} identifies somebody");
}

/// Messages of the Model Context Protocol: every answer is one line of JSON-RPC, and no tool fails because of a bug.
pub(crate) fn mcp(data: &[u8]) {
    let store = Arc::new(MemoryStore::default());
    let system = FakeSystem::new(Arc::clone(&store));
    let mut output = Vec::new();
    automap_server::mcp::serve(data, &mut output, &system, &*store).unwrap();
    for line in output.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let answer: Value = serde_json::from_slice(line).unwrap();
        assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
        assert_ne!(answer["error"]["code"], json!(-32_603), "{answer}");
    }
}

/// A template of messages, as checked by the configuration.
pub(crate) fn template(data: &[u8]) {
    let Some(text) = text(data) else { return };
    // JSON is YAML, so the text needs no further escaping.
    let receiver = json!({"name": "chat", "to": {"webhook": {"url": "https://chat.example/hook"}}});
    let route = json!({"name": "all", "receiver": "chat", "title": text, "text": text});
    let config = json!({"notify": {"receivers": [receiver], "routes": [route]}});
    // A rejected template cannot be sent.
    let _ = Config::parse(&config.to_string(), Path::new("automap.yaml"));
}
