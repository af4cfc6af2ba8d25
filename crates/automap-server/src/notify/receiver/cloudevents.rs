//! CloudEvents 1.0 over HTTP, structured mode: for Knative, Argo Events, EventBridge-like buses.

use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;

use super::service::{Receiver, bearer};
use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::percent::encoded;
use crate::secret::SecretSource;

/// A CloudEvents receiver. `id` is the message's key and `source` the target's, so consumers that drop known (source, id) pairs, as the
/// specification asks, get each event once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudEvents {
    /// Where it listens.
    pub url: String,
    /// Bearer token.
    pub token: Option<SecretSource>,
}

impl Receiver for CloudEvents {
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure> {
        let event = json!({
            "specversion": "1.0",
            "id": message.key,
            "source": format!("/automap/{}", encoded(&message.incident.target)),
            "type": format!("io.automap.incident.{}.v1", message.event.as_str()),
            "subject": message.incident.id,
            "time": message.incident.updated.rfc3339(),
            "datacontenttype": "application/json",
            "data": message.json(),
        });
        let body = serde_json::to_vec(&event)
            .map_err(|e| Failure::never(format!("the message cannot be written as JSON: {e}")))?;
        let token = bearer(self.token.as_ref())?;
        let mut headers = vec![("content-type", "application/cloudevents+json; charset=utf-8")];
        headers.extend(token.as_deref().map(|t| ("authorization", t)));
        http.send(Method::POST, &self.url, &headers, body).map(|_| None)
    }

    fn urls(&self) -> Vec<&str> {
        vec![&self.url]
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        self.token.iter().map(|token| ("token", token)).collect()
    }
}
