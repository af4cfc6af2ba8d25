//! PagerDuty, Events API v2.

use automap_core::incident::Severity;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::service::{Receiver, secret};
use crate::notify::http::{Failure, Http};
use crate::notify::message::Message;
use crate::notify::template::{candidates, slos, symptoms};
use crate::notify::text::{cut, cut_bytes};
use crate::secret::{ExposeSecret, SecretSource};

const EVENTS: &str = "https://events.pagerduty.com/v2/enqueue";
/// PagerDuty's limits.
const MAX_SUMMARY: usize = 1024;
const MAX_DEDUP_KEY: usize = 255;
/// Keeps the event far below its limit of 512 KB.
const MAX_DETAIL_BYTES: usize = 8 << 10;
/// Victims that are named.
const MAX_VICTIMS: usize = 50;

/// A PagerDuty service. The incident's id is the `dedup_key`: a repeated event changes nothing, there is one alert for each incident, and it is
/// resolved when the incident closes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDuty {
    /// The integration's key.
    pub routing_key: SecretSource,
    /// Instead of the address of the United States' region, such as `https://events.eu.pagerduty.com/v2/enqueue`.
    pub url: Option<String>,
}

impl Receiver for PagerDuty {
    fn send(&self, message: &Message<'_>, http: &Http) -> Result<Option<String>, Failure> {
        let key = secret(&self.routing_key)?;
        let mut event = if message.closed() { json!({"event_action": "resolve"}) } else { trigger(message) };
        event["routing_key"] = key.expose_secret().into();
        event["dedup_key"] = cut_bytes(&message.incident.id, MAX_DEDUP_KEY).into();
        http.json(Method::POST, self.url.as_deref().unwrap_or(EVENTS), &[], &event).map(|_| None)
    }

    fn per_minute(&self) -> Option<u32> {
        Some(120)
    }

    fn urls(&self) -> Vec<&str> {
        self.url.as_deref().into_iter().collect()
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        vec![("routing_key", &self.routing_key)]
    }
}

fn trigger(message: &Message<'_>) -> Value {
    let incident = message.incident;
    let cause = incident.cause.as_ref();
    let owner = message.owner.as_ref();
    let severity = match message.severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let links = [
        ("automap", message.link.as_deref()),
        ("runbook", owner.and_then(|o| o.runbook.as_deref())),
        ("dashboard", owner.and_then(|o| o.dashboard.as_deref())),
    ];
    let links: Vec<Value> =
        links.into_iter().filter_map(|(text, href)| href.map(|href| json!({"href": href, "text": text}))).collect();
    json!({
        "event_action": "trigger",
        "client": "automap",
        "client_url": message.link,
        "links": links,
        "payload": {
            "summary": cut(&message.title, MAX_SUMMARY),
            "source": incident.target,
            "severity": severity,
            "timestamp": incident.onset.rfc3339(),
            "component": cause.map(|c| &c.service),
            "group": incident.target,
            "class": cause.and_then(|c| c.mechanism.as_ref()),
            "custom_details": {
                "incident": incident.id,
                "candidates": candidates(incident),
                "symptoms": symptoms(incident),
                "victims": incident.victims.iter().take(MAX_VICTIMS).collect::<Vec<_>>(),
                "objectives": slos(incident),
                "team": message.team(),
                "text": cut_bytes(&message.text, MAX_DETAIL_BYTES),
            },
        },
    })
}
