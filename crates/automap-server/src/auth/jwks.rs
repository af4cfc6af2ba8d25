//! The public keys of an identity provider (JWKS, RFC 7517), and the check of a signature with them.
//!
//! The algorithm has to match the type of the key, so a token cannot choose how it is checked: a public RSA key is never used as a shared
//! secret, and `none` matches no key. Shared secrets (`oct`) are never accepted as keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// Most keys of a set that are kept.
const MAX_KEYS: usize = 64;

/// A provider's keys.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that it may be used with, if the provider names one.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<RawKey>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Parses `{"keys": […]}`. Keys of unsupported types, and keys that are not for signatures, are left out.
    ///
    /// # Errors
    /// A message, when the text is not a key set or contains no usable key.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let raw: RawSet = serde_json::from_slice(bytes).map_err(|e| format!("it is not a JWKS: {e}"))?;
        let keys: Vec<Key> = raw.keys.into_iter().filter_map(usable_key).take(MAX_KEYS).collect();
        if keys.is_empty() {
            Err("it contains no RSA, P-256, P-384 or Ed25519 key for signatures".into())
        } else {
            Ok(Self(keys))
        }
    }

    /// Whether one of the keys made this signature. A key with an id is used only for tokens that name the same id or none.
    pub fn verify(&self, algorithm: &str, id: Option<&str>, message: &[u8], signature: &[u8]) -> bool {
        self.0
            .iter()
            .filter(|k| id.is_none() || k.id.is_none() || k.id.as_deref() == id)
            .filter(|k| k.algorithm.as_deref().is_none_or(|a| a == algorithm))
            .any(|k| k.material.verify(algorithm, message, signature))
    }
}

impl Material {
    fn verify(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Rsa { n, e }, "RS256" | "RS384" | "RS512") => {
                let parameters = match algorithm {
                    "RS256" => &RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &RSA_PKCS1_2048_8192_SHA384,
                    _ => &RSA_PKCS1_2048_8192_SHA512,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            (Self::P256(key), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature).is_ok()
            }
            (Self::P384(key), "ES384") => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key).verify(message, signature).is_ok()
            }
            (Self::Ed25519(key), "EdDSA") => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
            _ => false,
        }
    }
}

fn usable_key(raw: RawKey) -> Option<Key> {
    if raw.purpose.is_some_and(|p| p != "sig") {
        return None;
    }
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
    // An uncompressed point of an elliptic curve: the byte 4, then both coordinates.
    let point = || Some([vec![4], bytes(&raw.x)?, bytes(&raw.y)?].concat());
    let material = match (raw.kty.as_str(), raw.crv.as_deref()) {
        ("RSA", _) => Material::Rsa { n: bytes(&raw.n)?, e: bytes(&raw.e)? },
        ("EC", Some("P-256")) => Material::P256(point()?),
        ("EC", Some("P-384")) => Material::P384(point()?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&raw.x)?),
        _ => return None,
    };
    Some(Key { id: raw.kid, algorithm: raw.alg, material })
}
