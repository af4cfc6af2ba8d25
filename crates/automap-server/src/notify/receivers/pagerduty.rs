//! PagerDuty, Events API v2. The incident's id is the `dedup_key`: what is sent twice is one event.

use automap_core::incident::{IncidentState, Severity};
use serde_json::{Value, json};

use super::cut;
use crate::notify::message::Message;

pub(super) const URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Longest summary.
const MAX_SUMMARY: usize = 1024;

pub(super) fn body(message: &Message<'_>, routing_key: &str) -> Value {
    let incident = message.incident;
    let action = if incident.state == IncidentState::Closed { "resolve" } else { "trigger" };
    let severity = match incident.severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let links: Vec<Value> = message
        .links()
        .into_iter()
        .filter(|(name, _)| *name != "team")
        .map(|(name, href)| json!({"href": href, "text": name}))
        .collect();
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": incident.id,
        "links": links,
        "payload": {
            "summary": cut(&message.headline(), MAX_SUMMARY),
            "source": incident.target,
            "severity": severity,
            "timestamp": incident.onset.rfc3339(),
            "component": incident.cause.as_ref().map(|c| c.service.as_str()),
            "group": message.owner.map(|o| o.team.as_str()),
            "class": incident.cause.as_ref().and_then(|c| c.mechanism.as_deref()),
            "custom_details": {
                "evidence": message.evidence(), "victims": incident.victims, "timeline": message.moments(),
                "revision": incident.revision,
            },
        },
    })
}
