//! The webhook of Grafana's alerting before version 9: one rule in one state, with the series for which it is true.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::webhook_fields::{ParseError, clip, fingerprint_of_labels, invalid, labels, scalar, sentence};
use super::{AlertGroup, AlertSender, MAX_ALERTS, ReceivedAlert, WithoutEffect};

/// The group with the one alert that represents the rule.
///
/// # Errors
/// [`ParseError`] for an unknown state.
pub(super) fn group(fields: &Map<String, Value>) -> Result<AlertGroup, ParseError> {
    let text = |key: &str| fields.get(key).and_then(scalar).filter(|t| !t.is_empty());
    let state = text("state").unwrap_or_default();
    let (is_firing, without_effect) = match state.as_str() {
        "alerting" => (true, None),
        "ok" => (false, None),
        "no_data" => (true, Some(WithoutEffect::NoData)),
        "paused" | "pending" => (true, Some(WithoutEffect::Suppressed)),
        other => {
            return Err(invalid(
                "state",
                format!("it is {:?}, none of alerting, ok, no_data, paused, pending", clip(other)),
            ));
        }
    };
    let mut of_rule = labels(fields.get("tags"));
    of_rule.extend(shared_tags(fields.get("evalMatches")));
    if let Some(name) = text("ruleName").or_else(|| text("title")) {
        of_rule.insert("alertname".to_owned(), clip(&name));
    }
    // The labels change with the series; the rule is still the same when it resolves.
    let fingerprint = match text("ruleId") {
        Some(id) => format!("rule {}", clip(&id)),
        None => fingerprint_of_labels(&labels(fields.get("tags"))),
    };
    let alert = ReceivedAlert {
        fingerprint: fingerprint.clone(),
        is_firing,
        starts_at: None,
        ends_at: None,
        labels: of_rule,
        summary: text("message").or_else(|| text("title")).map(|t| sentence(&t)),
        without_effect,
    };
    let sender = AlertSender::Grafana;
    Ok(AlertGroup { sender, key: fingerprint, receiver: String::new(), target: None, alerts: vec![alert], left_out: 0 })
}

/// Labels that all series have in common.
fn shared_tags(matches: Option<&Value>) -> BTreeMap<String, String> {
    let matches = matches.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let tags = matches.iter().take(MAX_ALERTS).map(|m| labels(m.get("tags")));
    let shared = tags.reduce(|mut shared, next| {
        shared.retain(|name, value| next.get(name) == Some(value));
        shared
    });
    shared.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(state: &str) -> Result<AlertGroup, ParseError> {
        let body = json!({"ruleId": 129, "ruleName": "Response time", "state": state, "title": "[Alerting] Response time", "tags": {"team": "a"},
            "evalMatches": [{"value": 1, "metric": "m", "tags": {"namespace": "shop", "pod": "a"}},
                            {"value": 2, "metric": "n", "tags": {"namespace": "shop", "pod": "b"}}]});
        group(body.as_object().unwrap())
    }

    #[test]
    fn a_rule_is_one_alert() {
        let alert = &read("alerting").unwrap().alerts[0];
        assert_eq!((alert.name(), alert.namespace(), alert.labels.get("pod")), ("Response time", Some("shop"), None));
        let over = &read("ok").unwrap().alerts[0];
        assert_eq!((over.is_firing, &over.fingerprint), (false, &alert.fingerprint));
        assert_eq!(read("no_data").unwrap().alerts[0].without_effect, Some(WithoutEffect::NoData));
        assert_eq!(read("burning").unwrap_err().place, "state");
        assert!(group(&Map::new()).is_err());
    }
}
