//! Reads the body of a webhook as an [`AlertGroup`]: Alertmanager's version 4, which Grafana extends; the list of alerts of Alertmanager's
//! API version 2; the webhook of Grafana's older alerting; and each of them inside an envelope of Amazon SNS.
//!
//! Fields that senders leave out or set to `null` are optional here. Overlong texts are shortened, hidden characters become visible, alerts beyond
//! the limit are left out and counted, and unintelligible input is refused with its place.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use serde_json::{Map, Value};

use super::webhook_fields::{
    ParseError, annotations, clip, fingerprint_of_labels, invalid, labels, number, scalar, time,
};
use super::{AlertGroup, AlertSender, MAX_ALERTS, ReceivedAlert, WithoutEffect, legacy_grafana};

/// Alertmanager has had only version 4 since 2016; Grafana sends `1`.
const VERSIONS: [&str; 2] = ["4", "1"];
/// Most keys of a body that an error lists.
const MAX_LISTED: usize = 8;

/// Parses the body of a webhook that arrived at `now`.
///
/// # Errors
/// [`ParseError`] with the place.
pub fn parse(body: &[u8], sender: AlertSender, now: Timestamp) -> Result<AlertGroup, ParseError> {
    let body: Value = serde_json::from_slice(body).map_err(|e| invalid("body", e.to_string()))?;
    match body.get("Type").filter(|_| body.get("TopicArn").is_some()) {
        Some(kind) => group(&envelope(&body, kind)?, sender, now),
        None => group(&body, sender, now),
    }
}

/// The text inside an envelope of Amazon SNS.
fn envelope(body: &Value, kind: &Value) -> Result<Value, ParseError> {
    match kind.as_str() {
        Some("Notification") => {
            let message = body.get("Message").and_then(Value::as_str).unwrap_or_default();
            serde_json::from_str(message).map_err(|e| invalid("Message", format!("it holds no JSON: {e}")))
        }
        Some("SubscriptionConfirmation") => {
            Err(invalid("Type", "the subscription is not confirmed: open the SubscribeURL of this message once"))
        }
        _ => Err(invalid("Type", format!("it is {}, not \"Notification\"", clip(&kind.to_string())))),
    }
}

fn group(body: &Value, sender: AlertSender, now: Timestamp) -> Result<AlertGroup, ParseError> {
    match body {
        Value::Array(alerts) => from_list(&Map::new(), alerts, "alerts of the API, version 2", sender, now),
        Value::Object(fields) if fields.contains_key("alerts") => webhook(fields, sender, now),
        Value::Object(fields) if fields.contains_key("ruleName") || fields.contains_key("ruleId") => {
            legacy_grafana::group(fields)
        }
        Value::Object(fields) => {
            let keys: Vec<String> = fields.keys().take(MAX_LISTED).map(|k| clip(k)).collect();
            Err(invalid("alerts", format!("there is no such list; the body has {}", keys.join(", "))))
        }
        _ => Err(invalid("body", "it is neither a webhook nor a list of alerts")),
    }
}

fn webhook(fields: &Map<String, Value>, sender: AlertSender, now: Timestamp) -> Result<AlertGroup, ParseError> {
    let version = fields.get("version").and_then(scalar).filter(|v| !VERSIONS.contains(&v.as_str()));
    if let Some(version) = version {
        return Err(invalid("version", format!("it is {:?}; supported are 4, and 1 from Grafana", clip(&version))));
    }
    let alerts = fields.get("alerts").and_then(Value::as_array);
    let alerts = alerts.ok_or_else(|| invalid("alerts", "it is not a list"))?;
    // Without a key of its own, a group is identified by its labels.
    let derived = || {
        let of_group = labels(fields.get("groupLabels"));
        let labels: Vec<String> = of_group.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{{{}}}", labels.join(","))
    };
    let key = fields.get("groupKey").and_then(scalar).filter(|key| !key.is_empty()).unwrap_or_else(derived);
    from_list(fields, alerts, &key, sender, now)
}

fn from_list(
    fields: &Map<String, Value>,
    alerts: &[Value],
    key: &str,
    sender: AlertSender,
    now: Timestamp,
) -> Result<AlertGroup, ParseError> {
    let left_out = fields.get("truncatedAlerts").and_then(number).unwrap_or(0);
    let status = fields.get("status").and_then(scalar);
    let read = alerts.iter().take(MAX_ALERTS).enumerate().map(|(i, a)| alert(i, a, status.as_deref(), now));
    Ok(AlertGroup {
        sender,
        key: clip(key),
        receiver: clip(&fields.get("receiver").and_then(scalar).unwrap_or_default()),
        target: None,
        alerts: read.collect::<Result<Vec<_>, _>>()?,
        left_out: left_out.saturating_add(alerts.len().saturating_sub(MAX_ALERTS) as u64),
    })
}

fn alert(index: usize, of: &Value, group_status: Option<&str>, now: Timestamp) -> Result<ReceivedAlert, ParseError> {
    let at = |field: &str| format!("alerts[{index}].{field}");
    let fields = of.as_object().ok_or_else(|| invalid(format!("alerts[{index}]"), "it is not an object"))?;
    let time_of = |field: &str| time(fields.get(field)).map_err(|reason| invalid(at(field), reason));
    let (starts_at, ends_at) = (time_of("startsAt")?, time_of("endsAt")?);
    // In the API's list the status is an object, or follows from the end time.
    let status = match fields.get("status") {
        Some(Value::Object(status)) => status.get("state").and_then(scalar),
        Some(status) => scalar(status),
        None => None,
    };
    let is_over = ends_at.is_some_and(|end| end <= now);
    let (is_firing, is_suppressed) = match status.as_deref().or(group_status) {
        Some("firing" | "active" | "unprocessed") => (true, false),
        Some("suppressed") => (true, true),
        Some("resolved") => (false, false),
        None => (!is_over, false),
        Some(other) => {
            return Err(invalid(at("status"), format!("it is {:?}, neither firing nor resolved", clip(other))));
        }
    };
    let labels = labels(fields.get("labels"));
    let annotations = annotations(fields.get("annotations"));
    let summary = ["summary", "message", "description"].iter().find_map(|k| annotations.get(*k)).cloned();
    let fingerprint = fields.get("fingerprint").and_then(scalar).filter(|f| !f.is_empty());
    let without_effect = match no_data(&labels, &annotations) {
        _ if !is_firing => None,
        Some(no_data) => Some(no_data),
        None => is_suppressed.then_some(WithoutEffect::Suppressed),
    };
    Ok(ReceivedAlert {
        fingerprint: fingerprint.map_or_else(|| fingerprint_of_labels(&labels), |f| clip(&f)),
        is_firing,
        starts_at,
        // While an alert fires, this is only the end of its validity.
        ends_at: ends_at.filter(|_| !is_firing),
        labels,
        summary,
        without_effect,
    })
}

/// Grafana sends its own alerts if a rule finds no data or cannot be evaluated; they say nothing about the services.
fn no_data(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> Option<WithoutEffect> {
    let name = labels.get("alertname").map(String::as_str).unwrap_or_default();
    let reason = annotations.get("grafana_state_reason").map(String::as_str).unwrap_or_default();
    if name == "DatasourceError" || reason.starts_with("Error") {
        return Some(WithoutEffect::RuleFailed);
    }
    (name == "DatasourceNoData" || reason.starts_with("NoData")).then_some(WithoutEffect::NoData)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use automap_core::text::MAX_NAME_BYTES;

    use super::super::MAX_LABELS;
    use super::*;

    const ALERTMANAGER: &str = include_str!("../../tests/fixtures/alertmanager.json");
    const GRAFANA: &str = include_str!("../../tests/fixtures/grafana.json");
    /// 2025-11-23T14:10:00Z
    const NOW: Timestamp = Timestamp::from_ms(1_763_907_000_000);

    fn time(text: &str) -> Option<Timestamp> {
        Some(Timestamp::parse_rfc3339(text).unwrap())
    }

    fn read(body: &Value) -> AlertGroup {
        parse(body.to_string().as_bytes(), AlertSender::Alertmanager, NOW).unwrap()
    }

    fn refused(body: &Value) -> ParseError {
        parse(body.to_string().as_bytes(), AlertSender::Alertmanager, NOW).unwrap_err()
    }

    #[test]
    fn alertmanagers_webhook_is_parsed() {
        let group = parse(ALERTMANAGER.as_bytes(), AlertSender::Alertmanager, NOW).unwrap();
        assert_eq!((group.receiver.as_str(), group.left_out, group.alerts.len()), ("automap", 3, 2));
        assert!(group.key.contains("sock-shop"));
        let [slow, errors] = &group.alerts[..] else { panic!("two alerts") };
        assert_eq!((slow.is_firing, slow.ends_at), (true, None), "the year 1 is not an end");
        assert_eq!((slow.namespace(), slow.service()), (Some("sock-shop"), Some("front-end")));
        assert_eq!(slow.summary.as_deref(), Some("front-end p95 latency is 376 ms"));
        assert_eq!(slow.onset(120_000), time("2025-11-23T14:03:15.123Z"), "the rule had been true for two minutes");
        assert_eq!((errors.is_firing, errors.ends_at), (false, time("2025-11-23T14:04:00Z")));
        assert_eq!(errors.service(), Some("orders"));
        let onset = group.onset(|rule| if rule == "HighLatency" { 120_000 } else { 0 });
        assert_eq!(onset, time("2025-11-23T14:03:15.123Z"), "a resolved alert does not count");
    }

    #[test]
    fn grafanas_webhook_is_parsed() {
        let group = parse(GRAFANA.as_bytes(), AlertSender::Grafana, NOW).unwrap();
        let alert = &group.alerts[0];
        assert_eq!(alert.starts_at, time("2025-11-23T14:05:10Z"));
        assert_eq!((alert.ends_at, alert.service()), (None, Some("orders")), "the end of the validity is not an end");
        assert_eq!(alert.summary.as_deref(), Some("orders is slow"));
    }

    #[test]
    fn the_list_of_the_api_is_parsed() {
        let labels = json!({"alertname": "Slow", "namespace": "shop"});
        let of = |fields: Value| {
            let mut alert = json!({"labels": labels, "startsAt": "2025-11-23T14:00:00Z"});
            alert.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let group = read(&json!([alert]));
            (group.alerts[0].is_firing, group.alerts[0].without_effect)
        };
        assert_eq!(of(json!({})), (true, None));
        assert_eq!(of(json!({"endsAt": "2025-11-23T14:15:00Z"})), (true, None), "the end of its validity");
        assert_eq!(of(json!({"endsAt": "2025-11-23T14:05:00Z"})), (false, None));
        assert_eq!(of(json!({"status": {"state": "active", "silencedBy": []}})), (true, None));
        assert_eq!(of(json!({"status": {"state": "suppressed"}})), (true, Some(WithoutEffect::Suppressed)));
    }

    #[test]
    fn an_envelope_is_opened() {
        let envelope = |kind: &str, message: &str| json!({"Type": kind, "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:1:alerts", "Message": message});
        assert_eq!(read(&envelope("Notification", ALERTMANAGER)), read(&serde_json::from_str(ALERTMANAGER).unwrap()));
        assert_eq!(refused(&envelope("Notification", "hello")).place, "Message");
        assert!(refused(&envelope("SubscriptionConfirmation", "")).reason.contains("SubscribeURL"));
        // Nested envelopes are refused.
        let twice = envelope("Notification", &envelope("Notification", ALERTMANAGER).to_string());
        assert_eq!(refused(&twice).place, "alerts");
    }

    #[test]
    fn what_is_left_out_or_null_is_optional() {
        let bare = json!({"alerts": [{"status": "firing", "labels": {"alertname": "Slow"}}]});
        let nulls = json!({"version": null, "groupKey": null, "receiver": null, "truncatedAlerts": null, "status": null, "groupLabels": null,
            "alerts": [{"status": "firing", "labels": {"alertname": "Slow", "team": null}, "annotations": null, "startsAt": null,
                        "endsAt": "", "fingerprint": null}]});
        assert_eq!(read(&nulls), read(&bare));
        assert_eq!(read(&bare).key, "{}");
        let grouped = json!({"groupLabels": {"alertname": "Slow", "shard": 3}, "status": "resolved", "alerts": [{}]});
        assert_eq!(read(&grouped).key, r#"{alertname="Slow",shard="3"}"#);
        assert!(!read(&grouped).alerts[0].is_firing, "the status of the group");
    }

    #[test]
    fn rules_without_data_have_no_effect() {
        let of = |name: &str, reason: &str, status: &str| {
            let alert = json!({"status": status, "labels": {"alertname": name}, "annotations": {"grafana_state_reason": reason}});
            read(&json!({"groupKey": "g", "alerts": [alert]})).alerts[0].without_effect
        };
        assert_eq!(of("DatasourceNoData", "", "firing"), Some(WithoutEffect::NoData));
        assert_eq!(of("DatasourceError", "", "firing"), Some(WithoutEffect::RuleFailed));
        assert_eq!(of("Slow", "NoData", "firing"), Some(WithoutEffect::NoData));
        assert_eq!(of("Slow", "Error", "firing"), Some(WithoutEffect::RuleFailed));
        assert_eq!(of("Slow", "", "firing"), None);
        assert_eq!(of("DatasourceNoData", "", "resolved"), None);
    }

    #[test]
    fn an_invalid_value_is_refused_with_its_place() {
        let with = |path: &[&str], value: Value| {
            let mut body: Value = serde_json::from_str(ALERTMANAGER).unwrap();
            let slot = path.iter().fold(&mut body, |v, key| match key.parse::<usize>() {
                Ok(index) => &mut v[index],
                Err(_) => &mut v[*key],
            });
            *slot = value;
            refused(&body).place
        };
        assert_eq!(with(&["version"], json!("5")), "version");
        assert_eq!(with(&["version"], json!(3)), "version");
        assert_eq!(with(&["alerts", "1", "status"], json!("pending")), "alerts[1].status");
        assert_eq!(with(&["alerts", "0", "startsAt"], json!("yesterday")), "alerts[0].startsAt");
        assert_eq!(with(&["alerts", "0"], json!("text")), "alerts[0]");
        assert_eq!(with(&["alerts"], json!({})), "alerts");
        let other = refused(&json!({"event": {"id": 1}}));
        assert_eq!((other.place.as_str(), other.reason.contains("the body has event")), ("alerts", true));
        assert_eq!(refused(&json!("text")).place, "body");
    }

    #[test]
    fn excess_alerts_are_counted_and_long_texts_are_cut() {
        let labels: BTreeMap<String, String> = (0..500).map(|i| (format!("l{i:03}"), "ä".repeat(2000))).collect();
        let alert = json!({"status": "firing", "labels": labels});
        let group = read(&json!({"groupKey": "g", "alerts": vec![json!({"status": "firing"}); MAX_ALERTS + 7]}));
        assert_eq!((group.alerts.len(), group.left_out), (MAX_ALERTS, 7));
        let alert = &read(&json!({"groupKey": "g", "alerts": [alert]})).alerts[0];
        assert_eq!(alert.labels.len(), MAX_LABELS);
        assert!(alert.labels.values().all(|v| v.len() <= MAX_NAME_BYTES) && alert.fingerprint.len() <= MAX_NAME_BYTES);
        assert_eq!(alert.starts_at, None, "a missing time stays unknown");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes, AlertSender::Grafana, NOW);
        }

        #[test]
        fn a_fixture_with_any_part_replaced_is_parsed_or_refused(from in 0usize..1700, len in 0usize..60, text in ".{0,40}") {
            let from = (0..=from.min(ALERTMANAGER.len())).rev().find(|i| ALERTMANAGER.is_char_boundary(*i)).unwrap();
            let to = (from + len).min(ALERTMANAGER.len());
            let body = format!("{}{text}{}", &ALERTMANAGER[..from], &ALERTMANAGER[to..]);
            if let Ok(group) = parse(body.as_bytes(), AlertSender::Alertmanager, NOW) {
                prop_assert!(group.alerts.len() <= MAX_ALERTS && !group.key.is_empty());
            }
        }
    }
}
