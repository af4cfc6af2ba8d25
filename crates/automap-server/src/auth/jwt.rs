//! Tokens that an identity provider signed (RFC 7519): signature, issuer, audience and time, in this order.
//!
//! Left out on purpose: encrypted tokens, shared secrets, `alg: none`, keys inside the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Identity;
use super::config::{JwtConfig, role_of};
use super::jwks::KeySet;

/// Longest token that is looked at.
const MAX_TOKEN: usize = 16 * 1024;
/// How far the provider's clock may be off.
const LEEWAY_S: f64 = 60.0;
/// Most groups that are looked at.
const MAX_GROUPS: usize = 1024;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that a reader must understand: there are none that we do.
    crit: Option<Value>,
}

/// Whether a text has the shape of a JWT, so that others are not tried.
pub fn looks_like(token: &str) -> bool {
    token.len() <= MAX_TOKEN && token.split('.').count() == 3
}

/// Whom a token speaks of; `None` when anything about it is wrong or its owner has no role. `now_s` is Unix time.
pub fn identify(config: &JwtConfig, keys: &KeySet, token: &str, now_s: f64) -> Option<Identity> {
    if !looks_like(token) {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    if header.crit.is_some() {
        return None;
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    if !keys.verify(&header.alg, header.kid.as_deref(), message.as_bytes(), &signature) {
        return None;
    }
    let claims: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let current = is_current(&claims, now_s) && is_ours(config, &claims);
    current.then(|| person(config, &claims)).flatten()
}

/// `exp` must be there; a time that is no number is wrong, not absent.
fn is_current(claims: &Map<String, Value>, now_s: f64) -> bool {
    let expires = claims.get("exp").and_then(Value::as_f64);
    let begins = match claims.get("nbf") {
        None => Some(f64::MIN),
        Some(time) => time.as_f64(),
    };
    expires.is_some_and(|t| now_s < t + LEEWAY_S) && begins.is_some_and(|t| now_s + LEEWAY_S >= t)
}

fn is_ours(config: &JwtConfig, claims: &Map<String, Value>) -> bool {
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => *one == config.audience,
        Some(Value::Array(many)) => many.iter().any(|a| a.as_str() == Some(&config.audience)),
        _ => false,
    };
    audience && claims.get("iss").and_then(Value::as_str) == Some(&config.issuer)
}

fn person(config: &JwtConfig, claims: &Map<String, Value>) -> Option<Identity> {
    let name = claims.get(&config.name_claim)?.as_str()?.to_owned();
    let groups: Vec<&str> = match claims.get(&config.groups_claim) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).take(MAX_GROUPS).collect(),
        _ => Vec::new(),
    };
    let role = role_of(groups.into_iter(), &config.operator_groups, &config.viewer_groups, config.default_role)?;
    Some(Identity { name, role })
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use serde_json::json;

    use super::super::Role;
    use super::*;

    const NOW: f64 = 1_763_906_595.0;

    fn config() -> JwtConfig {
        JwtConfig {
            issuer: "https://id.example".into(),
            audience: "automap".into(),
            jwks_file: None,
            jwks_url: None,
            jwks_ca_file: None,
            name_claim: "email".into(),
            groups_claim: "groups".into(),
            default_role: None,
            operator_groups: vec!["sre".into()],
            viewer_groups: vec!["dev".into()],
        }
    }

    fn b64(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    struct Provider(Ed25519KeyPair);

    impl Provider {
        fn new() -> Self {
            let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
            Self(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
        }

        fn keys(&self) -> KeySet {
            let x = b64(self.0.public_key().as_ref());
            let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "use": "sig", "x": x}]});
            KeySet::parse(set.to_string().as_bytes()).unwrap()
        }

        fn token(&self, header: &Value, claims: &Value) -> String {
            let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
            let signature = b64(self.0.sign(message.as_bytes()).as_ref());
            format!("{message}.{signature}")
        }
    }

    fn claims(changes: &[(&str, Value)]) -> Value {
        let mut claims = json!({"iss": "https://id.example", "aud": ["automap", "other"], "exp": NOW + 300.0,
            "email": "ann@example", "groups": ["dev"]});
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        claims
    }

    #[test]
    fn a_good_token_names_its_owner_and_every_bad_one_nobody() {
        let provider = Provider::new();
        let keys = provider.keys();
        let header = json!({"alg": "EdDSA", "kid": "k1"});
        let role = |header: &Value, claims: &Value| {
            identify(&config(), &keys, &provider.token(header, claims), NOW).map(|i| i.role)
        };
        assert_eq!(role(&header, &claims(&[])), Some(Role::Viewer));
        assert_eq!(role(&header, &claims(&[("groups", json!(["dev", "sre"]))])), Some(Role::Operator));
        assert_eq!(role(&header, &claims(&[("aud", json!("automap"))])), Some(Role::Viewer));
        for (name, value) in [
            ("groups", json!(["guests"])),
            ("iss", json!("https://evil.example")),
            ("aud", json!("other")),
            ("aud", json!(null)),
            ("exp", json!(NOW - 61.0)),
            ("exp", json!("9999999999")),
            ("nbf", json!(NOW + 61.0)),
            ("nbf", json!("soon")),
            ("email", json!(7)),
        ] {
            assert_eq!(role(&header, &claims(&[(name, value.clone())])), None, "{name}: {value}");
        }
        for header in [
            json!({"alg": "none", "kid": "k1"}),
            json!({"alg": "HS256", "kid": "k1"}),
            json!({"alg": "ES256", "kid": "k1"}),
            json!({"alg": "EdDSA", "kid": "k2"}),
            json!({"alg": "EdDSA", "kid": "k1", "crit": ["b64"]}),
        ] {
            assert_eq!(role(&header, &claims(&[])), None, "{header}");
        }
    }

    #[test]
    fn a_changed_byte_or_another_provider_is_noticed() {
        let (ours, theirs) = (Provider::new(), Provider::new());
        let header = json!({"alg": "EdDSA"});
        let token = theirs.token(&header, &claims(&[]));
        assert_eq!(identify(&config(), &ours.keys(), &token, NOW), None);
        let good = ours.token(&header, &claims(&[]));
        let (head, rest) = good.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let forged = format!("{head}.{}.{signature}", b64(claims(&[("groups", json!(["sre"]))]).to_string()));
        assert_eq!(identify(&config(), &ours.keys(), &forged, NOW), None);
        assert_eq!(identify(&config(), &ours.keys(), &format!("{head}..{signature}"), NOW), None);
        assert!(identify(&config(), &ours.keys(), &good, NOW).is_some());
    }

    #[test]
    fn keys_of_elliptic_curves_are_read_as_points() {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let set = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])}]});
        let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
        let signature = pair.sign(&random, b"message").unwrap();
        assert!(keys.verify("ES256", Some("any"), b"message", signature.as_ref()));
        assert!(!keys.verify("EdDSA", None, b"message", signature.as_ref()));
        assert!(!keys.verify("ES256", None, b"massage", signature.as_ref()));
    }

    #[test]
    fn a_set_of_shared_secrets_is_no_set() {
        let error = KeySet::parse(br#"{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}"#).unwrap_err();
        assert!(error.contains("Ed25519"), "{error}");
    }
}
