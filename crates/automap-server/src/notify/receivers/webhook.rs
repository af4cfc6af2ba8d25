//! Any HTTP endpoint: the whole incident, versioned, signed if a secret is given; or a CloudEvent that holds it.

use automap_core::incident::IncidentState;
use ring::hmac;
use serde_json::{Value, json};

use crate::config::WebhookFormat;
use crate::notify::message::Message;

/// Version of the body's shape.
const VERSION: &str = "1";

pub(super) fn body(message: &Message<'_>, format: WebhookFormat) -> Value {
    let incident = message.incident;
    let data = json!({"version": VERSION, "incident": incident, "owner": message.owner, "text": message.text()});
    let kind = match incident.state {
        IncidentState::Closed => "closed",
        _ if incident.revision == 1 => "opened",
        _ => "changed",
    };
    match format {
        WebhookFormat::Incident => data,
        WebhookFormat::Cloudevents => json!({
            "specversion": "1.0",
            "id": message.key,
            "source": format!("automap/{}", incident.target),
            "type": format!("io.automap.incident.{kind}.v1"),
            "subject": incident.id,
            "time": incident.updated.rfc3339(),
            "datacontenttype": "application/json",
            "data": data,
        }),
    }
}

pub(super) fn headers(
    message: &Message<'_>,
    format: WebhookFormat,
    secret: Option<&str>,
    body: &str,
) -> Vec<(&'static str, String)> {
    let content = match format {
        WebhookFormat::Incident => "application/json",
        WebhookFormat::Cloudevents => "application/cloudevents+json",
    };
    let mut headers = vec![("Content-Type", content.to_owned()), ("Idempotency-Key", message.key.to_owned())];
    if let Some(secret) = secret {
        let seconds = message.now.ms().div_euclid(1000);
        headers.push(("X-Automap-Signature", format!("t={seconds},v1={}", sign(secret, seconds, body))));
    }
    headers
}

/// Hex of HMAC-SHA256 over `<seconds>.<body>`: the time is signed, so that an old message cannot be sent again later.
fn sign(secret: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    tag.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1.{}' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn signatures_are_what_openssl_computes() {
        assert_eq!(sign("key", 1, "{}"), "1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224");
    }
}
