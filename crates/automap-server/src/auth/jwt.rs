//! Tokens signed by an identity provider (JWT, RFC 7519): checks the signature, then the time, the audience and the issuer, and reads the
//! user's name and groups. Encrypted tokens, shared secrets, `alg: none` and keys inside the token are left out on purpose.
//!
//! The crate `jsonwebtoken` (version 12) is not used, for three reasons. It offers no `ring` backend: it verifies with the RustCrypto crates, which
//! add 25 crates to the tree, or with aws-lc, a second cryptographic library in C. It reads the system's clock itself, so expiry could not be tested
//! at a fixed time. And it would replace only 200 lines, here and in [`super::jwks`].

use automap_core::text::observed_name;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::{JwtConfig, role_of};
use super::identity::Identity;
use super::jwks::KeySet;

/// Longest token that is checked.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How far the provider's clock may differ from ours.
const LEEWAY_S: f64 = 60.0;
/// Most groups that are read.
const MAX_GROUPS: usize = 1024;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that a reader must understand. None is supported, so a token that has any is refused.
    crit: Option<Value>,
}

/// Whether a text has the shape of a JWT. Others are not tried.
pub fn has_jwt_shape(token: &str) -> bool {
    token.len() <= MAX_TOKEN_BYTES && token.split('.').count() == 3
}

/// The user named by a token; `None` when anything about the token is wrong, or the user has no role. `now_s` is Unix time in seconds.
pub fn identify(config: &JwtConfig, keys: &KeySet, token: &str, now_s: f64) -> Option<Identity> {
    user(config, &valid_claims(config, keys, token, now_s)?)
}

/// The claims of a token, if its signature, time, audience and issuer are valid; `None` if one of them is not.
pub(super) fn valid_claims(config: &JwtConfig, keys: &KeySet, token: &str, now_s: f64) -> Option<Map<String, Value>> {
    if !has_jwt_shape(token) {
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
    let is_valid = is_current(&claims, now_s, config.max_lifetime_s) && is_for_automap(config, &claims);
    is_valid.then_some(claims)
}

/// Whether the token is valid at this time. `exp` is required; a time that is not a number makes the token invalid, as if expired.
fn is_current(claims: &Map<String, Value>, now_s: f64, max_lifetime_s: Option<u64>) -> bool {
    let expires = claims.get("exp").and_then(Value::as_f64);
    let begins = match claims.get("nbf") {
        None => Some(f64::MIN),
        Some(time) => time.as_f64(),
    };
    let latest = max_lifetime_s.map_or(f64::INFINITY, |most| now_s + most as f64 + LEEWAY_S);
    expires.is_some_and(|t| now_s < t + LEEWAY_S && t <= latest) && begins.is_some_and(|t| now_s + LEEWAY_S >= t)
}

/// Whether the token was issued by the configured issuer, for the configured audience.
fn is_for_automap(config: &JwtConfig, claims: &Map<String, Value>) -> bool {
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => *one == config.audience,
        Some(Value::Array(many)) => many.iter().any(|a| a.as_str() == Some(&config.audience)),
        _ => false,
    };
    audience && claims.get("iss").and_then(Value::as_str) == Some(&config.issuer)
}

/// The user that valid claims name; `None` without a name or a role.
pub(super) fn user(config: &JwtConfig, claims: &Map<String, Value>) -> Option<Identity> {
    // A user may have chosen it, and it goes into logs and timelines.
    let name = claims.get(&config.name_claim)?.as_str().map(str::trim).filter(|name| !name.is_empty())?;
    let name = observed_name(name).into_owned();
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
    use ring::hmac;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use serde_json::json;

    use super::super::identity::Role;
    use super::*;

    const NOW: f64 = 1_763_906_595.0;

    fn config() -> JwtConfig {
        JwtConfig {
            issuer: "https://id.example".into(),
            audience: "automap".into(),
            jwks_file: None,
            jwks_url: None,
            jwks_ca_file: None,
            max_lifetime_s: None,
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
    fn a_valid_token_names_its_user_and_an_invalid_one_nobody() {
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
    fn a_name_is_cleaned_before_it_is_used() {
        let provider = Provider::new();
        let name = |name: &str| {
            let token = provider.token(&json!({"alg": "EdDSA"}), &claims(&[("email", json!(name))]));
            identify(&config(), &provider.keys(), &token, NOW).map(|i| i.name)
        };
        assert_eq!(name("ann@example.org").as_deref(), Some("ann@example.org"));
        let hostile = name(&format!("ann\nclosed\u{202e}{}", "x".repeat(5000))).unwrap();
        assert!(automap_core::text::is_plain(&hostile) && hostile.len() <= 253, "{hostile:?}");
        assert_eq!(name("  "), None);
    }

    #[test]
    fn a_token_that_is_valid_for_too_long_is_refused() {
        let provider = Provider::new();
        let config = JwtConfig { max_lifetime_s: Some(3600), ..config() };
        for (lifetime_s, is_accepted) in [(300.0, true), (3600.0, true), (3661.0, false), (1e9, false), (1e300, false)]
        {
            let token = provider.token(&json!({"alg": "EdDSA"}), &claims(&[("exp", json!(NOW + lifetime_s))]));
            assert_eq!(identify(&config, &provider.keys(), &token, NOW).is_some(), is_accepted, "{lifetime_s}");
        }
    }

    #[test]
    fn a_changed_token_or_another_provider_is_refused() {
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
    fn keys_of_elliptic_curves_are_parsed_as_points() {
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
    fn a_set_of_shared_secrets_is_refused() {
        let error = KeySet::parse(br#"{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}"#).unwrap_err();
        assert!(error.contains("Ed25519"), "{error}");
    }

    #[test]
    fn a_public_key_is_never_used_as_a_shared_secret() {
        let provider = Provider::new();
        let set = |kty: &str| {
            json!({"keys": [{"kty": kty, "crv": "Ed25519", "kid": "k1", "alg": "HS256",
            "x": b64(provider.0.public_key().as_ref()), "k": b64(provider.0.public_key().as_ref())}]})
        };
        let header = json!({"alg": "HS256", "kid": "k1"});
        let message = format!("{}.{}", b64(header.to_string()), b64(claims(&[]).to_string()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, provider.0.public_key().as_ref());
        let token = format!("{message}.{}", b64(hmac::sign(&key, message.as_bytes())));
        assert_eq!(identify(&config(), &provider.keys(), &token, NOW), None);
        let named = KeySet::parse(set("OKP").to_string().as_bytes()).unwrap();
        assert_eq!(identify(&config(), &named, &token, NOW), None, "not even when the provider names the algorithm");
        assert!(KeySet::parse(set("oct").to_string().as_bytes()).is_err());
    }

    #[test]
    fn a_token_without_a_signature_is_refused_however_it_names_the_algorithm() {
        let keys = Provider::new().keys();
        for algorithm in [json!("none"), json!("None"), json!("NONE"), json!(""), json!(null), json!(0)] {
            let header = b64(json!({"alg": algorithm}).to_string());
            for signature in ["", "AA"] {
                let token = format!("{header}.{}.{signature}", b64(claims(&[]).to_string()));
                assert_eq!(identify(&config(), &keys, &token, NOW), None, "{algorithm}");
            }
        }
    }

    #[test]
    fn keys_rotate_without_refusing_tokens_of_the_previous_key() {
        let (old, new) = (Provider::new(), Provider::new());
        let key = |provider: &Provider, id: &str| json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": b64(provider.0.public_key().as_ref())});
        let set = |keys: Value| KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap();
        let of_old = old.token(&json!({"alg": "EdDSA", "kid": "2025"}), &claims(&[]));
        let of_new = new.token(&json!({"alg": "EdDSA", "kid": "2026"}), &claims(&[]));
        let accepts = |keys: &KeySet| [&of_old, &of_new].map(|t| identify(&config(), keys, t, NOW).is_some());
        assert_eq!(accepts(&set(json!([key(&old, "2025")]))), [true, false]);
        assert_eq!(accepts(&set(json!([key(&old, "2025"), key(&new, "2026")]))), [true, true]);
        assert_eq!(accepts(&set(json!([key(&new, "2026")]))), [false, true], "a withdrawn key no longer counts");
        assert_eq!(accepts(&set(json!([key(&new, "2025")]))), [false, false], "an id does not replace the signature");
    }
}
