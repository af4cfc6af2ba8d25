//! Alertmanager, `POST /api/v2/alerts`: one alert for the incident, one for each victim, so that a rule can hold the victims' own alerts back.
//!
//! ```yaml
//! inhibit_rules:
//!   - source_matchers: [alertname = "AutomapVictim"]
//!     target_matchers: [alertname != "AutomapVictim", alertname != "AutomapIncident"]
//!     equal: [namespace, service]
//! ```

use automap_core::incident::IncidentState;
use serde_json::{Map, Value, json};

use crate::notify::message::Message;

/// An alert that nobody repeats ends after so long, more than twice the time between repetitions. So does one whose labels changed, when another
/// service is named: to Alertmanager that is another alert.
const ENDS_AFTER_MS: i64 = 1_500_000;

pub(super) fn body(message: &Message<'_>) -> Value {
    let incident = message.incident;
    let is_over = incident.state == IncidentState::Closed;
    let ends = incident.closed.filter(|_| is_over).unwrap_or_else(|| message.now.plus_ms(ENDS_AFTER_MS));
    let alert = |labels: Map<String, Value>, annotations: Value| {
        json!({
            "labels": labels, "annotations": annotations,
            "startsAt": incident.onset.rfc3339(), "endsAt": ends.rfc3339(),
        })
    };
    let mut labels = labels(message, "AutomapIncident");
    let cause = incident.cause.as_ref().map(|c| c.service.clone());
    if let Some(service) = &cause {
        labels.insert("rca_service".into(), json!(service));
        labels.insert("rca_rank".into(), json!("1"));
    }
    let mut annotations = json!({
        "summary": message.headline(),
        "description": message.text(),
        "victims": incident.victims.join(", "),
        "confidence": incident.cause.as_ref().map_or_else(String::new, |c| format!("{:.2}", c.confidence)),
    });
    for (name, value) in message.links().into_iter().filter(|(name, _)| *name != "team") {
        annotations[format!("{name}_url")] = json!(value);
    }
    let mut alerts = vec![alert(labels, annotations)];
    for victim in &incident.victims {
        let mut labels = self::labels(message, "AutomapVictim");
        labels.insert("service".into(), json!(victim));
        labels.insert("namespace".into(), json!(namespace(message)));
        let of = cause.clone().unwrap_or_default();
        labels.insert("rca_victim_of".into(), json!(of));
        alerts.push(alert(
            labels,
            json!({"summary": format!("{victim} suffers from {of}, see incident {}", incident.id)}),
        ));
    }
    Value::Array(alerts)
}

/// Labels identify an alert: what seldom changes while an incident goes on.
fn labels(message: &Message<'_>, name: &str) -> Map<String, Value> {
    let incident = message.incident;
    let mut labels = Map::new();
    labels.insert("alertname".into(), json!(name));
    labels.insert("incident".into(), json!(incident.id));
    labels.insert("target".into(), json!(incident.target));
    labels.insert("severity".into(), json!(incident.severity.as_str()));
    if let Some(owner) = message.owner {
        labels.insert("team".into(), json!(owner.team));
    }
    labels
}

/// The namespace, as the report's source names it; the target where there is no report.
fn namespace(message: &Message<'_>) -> String {
    let source = message.incident.report.as_ref().map(|r| r.source.as_str());
    let named = source.and_then(|s| s.rsplit_once("namespace ").map(|(_, namespace)| namespace.to_owned()));
    named.unwrap_or_else(|| message.incident.target.clone())
}
