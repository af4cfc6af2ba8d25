//! GitHub's webhook `deployment_status`, and the signature by which it proves where it comes from: GitHub sends no credentials.

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;
use ring::hmac::{HMAC_SHA256, Key, verify};
use serde_json::Value;

use super::entry::{Entry, Headers, Place, at, key_from, key_of, name};
use crate::alerts::webhook_fields::{ParseError, invalid};

/// Digits of a commit that people compare.
const COMMIT_CHARS: usize = 7;
/// Characters of a full commit.
const FULL_COMMIT_CHARS: usize = 40;

/// The header `X-Hub-Signature-256`, not checked yet.
#[derive(Debug)]
pub(crate) struct Signature(Vec<u8>);

impl Signature {
    /// `None` if no body can have it.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let hex = header.strip_prefix("sha256=").filter(|hex| hex.len() == 64 && hex.is_ascii())?;
        let byte = |i: usize| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok();
        (0..hex.len()).step_by(2).map(byte).collect::<Option<_>>().map(Self)
    }

    /// Whether it was made from this body with the secret. Takes the same time for every wrong one.
    pub(crate) fn is_of(&self, secret: &str, body: &[u8]) -> bool {
        verify(&Key::new(HMAC_SHA256, secret.as_bytes()), body, &self.0).is_ok()
    }
}

pub(super) fn entry(headers: Headers<'_>, body: &Value, now: Timestamp) -> Result<Entry, ParseError> {
    let event = headers("x-github-event");
    let event = event.as_deref().unwrap_or_default();
    if event == "ping" {
        return Ok(Entry::no_effect("ping", "GitHub asks whether somebody is there: the webhook works"));
    }
    if event != "deployment_status" {
        let reason = "only `Deployment statuses` are needed: choose them in the webhook's settings";
        return Ok(Entry::no_effect(&format!("event {}", name(event)), reason));
    }
    let repository = at(body, &["repository", "name"]);
    let (Some(state), Some(repository)) = (at(body, &["deployment_status", "state"]), repository) else {
        return Err(invalid("deployment_status", "it has no state, or the repository has no name"));
    };
    let environment =
        at(body, &["deployment", "environment"]).or_else(|| at(body, &["deployment_status", "environment"]));
    let what = format!("deployment of {repository}{}", environment.map(|e| format!(" to {e}")).unwrap_or_default());
    let kind = match state {
        "success" => ChangeKind::Release,
        // A part of it may have been deployed.
        "failure" | "error" => ChangeKind::Other,
        other => return Ok(Entry::no_effect(&what, format!("its state is {}: nothing new runs yet", name(other)))),
    };
    let status = |field: &str| at(body, &["deployment_status", field]);
    let time = status("updated_at").or_else(|| status("created_at")).and_then(Timestamp::parse_rfc3339);
    let id = body.get("deployment_status").and_then(|s| s.get("id")).and_then(Value::as_u64);
    let id = id.map(|id| id.to_string()).or_else(|| headers("x-github-delivery"));
    let version = at(body, &["deployment", "ref"]).or_else(|| at(body, &["deployment", "sha"])).map(short);
    let change = Change {
        at: time.unwrap_or(now),
        kind,
        service: Some(name(service(body).unwrap_or(repository))),
        subject: if kind == ChangeKind::Other { format!("{what}, which failed") } else { what },
        from: None,
        to: version,
        uncertainty_ms: 0,
        source: "GitHub".to_owned(),
        url: ["target_url", "log_url", "environment_url"].iter().find_map(|field| status(field)).map(str::to_owned),
    };
    let place = Place { environment: environment.map(name), ..Place::default() };
    let full = at(body, &["repository", "full_name"]).unwrap_or(repository);
    let key = id.map_or_else(|| key_of("github", &change, &place), |id| key_from("github", &[full, &id]));
    Ok(Entry::change(&key, place, change))
}

/// The service that the deployment's own payload names.
fn service(body: &Value) -> Option<&str> {
    at(body, &["deployment", "payload", "service"])
}

fn short(version: &str) -> String {
    let is_commit = version.len() == FULL_COMMIT_CHARS && version.bytes().all(|b| b.is_ascii_hexdigit());
    if is_commit { version.chars().take(COMMIT_CHARS).collect() } else { version.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    #[test]
    fn a_signature_agrees_with_githubs_own_example() {
        let (secret, body) = ("It's a Secret to Everybody", b"Hello, World!");
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let is_signed = |secret: &str, signature: &str, body: &[u8]| {
            Signature::parse(signature).is_some_and(|signature| signature.is_of(secret, body))
        };
        assert!(is_signed(secret, signature, body));
        for malformed in [
            "",
            "sha256=",
            "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
            &signature[..70],
            &signature.replace('7', "g"),
            &format!("sha256={}", "ü".repeat(32)),
        ] {
            assert!(Signature::parse(malformed).is_none(), "{malformed}");
        }
        assert!(!is_signed(secret, &signature.replace('7', "8"), body));
        assert!(!is_signed("another", signature, body) && !is_signed(secret, signature, b"Hello"));
    }
}
