//! A receiver that takes JSON: the incident, its owner, the event, and a key to recognise repetitions.

use serde::Deserialize;
use ureq::http::Method;

use super::service::{Receiver, bearer, secret};
use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::notify::sign;
use crate::secret::{ExposeSecret, SecretSource};

/// A generic webhook. `Idempotency-Key` is the message's key and the body for a key never changes, so a receiver that remembers keys gets each
/// message exactly once. With a `secret`, `X-Automap-Signature` is `sha256=` and the hexadecimal HMAC-SHA256 of `<X-Automap-Timestamp>.<body>`; check
/// it in constant time and refuse timestamps (Unix seconds) that are more than five minutes off.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where it listens.
    pub url: String,
    /// Key of the signature.
    pub secret: Option<SecretSource>,
    /// Bearer token.
    pub token: Option<SecretSource>,
}

impl Receiver for Webhook {
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure> {
        let json = |e: serde_json::Error| Failure::never(format!("the message cannot be written as JSON: {e}"));
        let body = serde_json::to_vec(&message.json()).map_err(json)?;
        let timestamp_s = message.now.ms().div_euclid(1000);
        let timestamp = timestamp_s.to_string();
        let mut headers = vec![
            ("content-type", "application/json"),
            ("idempotency-key", message.key),
            ("x-automap-event", message.event.as_str()),
            ("x-automap-timestamp", timestamp.as_str()),
        ];
        let signature = match &self.secret {
            Some(source) => Some(sign::webhook(secret(source)?.expose_secret(), timestamp_s, &body)),
            None => None,
        };
        headers.extend(signature.as_deref().map(|s| ("x-automap-signature", s)));
        let token = bearer(self.token.as_ref())?;
        headers.extend(token.as_deref().map(|t| ("authorization", t)));
        http.send(Method::POST, &self.url, &headers, body).map(|_| None)
    }

    fn urls(&self) -> Vec<&str> {
        vec![&self.url]
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        [("secret", self.secret.as_ref()), ("token", self.token.as_ref())]
            .into_iter()
            .filter_map(|(key, source)| source.map(|s| (key, s)))
            .collect()
    }
}
