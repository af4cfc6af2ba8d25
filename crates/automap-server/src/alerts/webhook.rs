//! Parses the body of a webhook into an [`AlertGroup`]. The format is Alertmanager's version 4; Grafana sends the same with more fields. Texts
//! that are too long are cut off, alerts beyond the limit are left out and counted, and invalid values are refused with their place.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{AlertGroup, AlertSender, MAX_ALERTS, MAX_LABELS, MAX_TEXT_BYTES, ReceivedAlert};

/// Alertmanager has had only version 4 since 2016; Grafana sends `1`.
const VERSIONS: [&str; 2] = ["4", "1"];
/// Times before 1970 mean "not yet": Go's zero time is in the year 1.
const EARLIEST_MS: i64 = 0;

/// Why a body is not a group of alerts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub(crate) struct ParseError {
    /// The field, such as `alerts[3].startsAt`.
    pub(crate) place: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

/// A webhook of Alertmanager or Grafana. Other fields are allowed and ignored.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AlertWebhook")]
pub(crate) struct RawGroup {
    /// The version of the format: `4` (Grafana: `1`).
    #[schemars(extend("enum" = ["4", "1", null]))]
    version: Option<String>,
    /// Identifies the group; the same in every message about it.
    #[schemars(length(min = 1))]
    group_key: String,
    /// The receiver in the sender's configuration.
    receiver: Option<String>,
    /// Alerts that the sender left out.
    truncated_alerts: Option<u64>,
    /// The alerts.
    alerts: Vec<RawAlert>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookAlert")]
struct RawAlert {
    #[schemars(extend("enum" = ["firing", "resolved"]))]
    status: String,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    #[schemars(extend("format" = "date-time"))]
    starts_at: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    ends_at: Option<String>,
    #[serde(default)]
    fingerprint: String,
}

/// Parses the body of a webhook.
///
/// # Errors
/// [`ParseError`] with the place.
pub(crate) fn parse(body: &[u8], sender: AlertSender) -> Result<AlertGroup, ParseError> {
    let raw: RawGroup = serde_json::from_slice(body).map_err(|e| invalid("body", e.to_string()))?;
    if let Some(version) = raw.version.filter(|v| !VERSIONS.contains(&v.as_str())) {
        return Err(invalid("version", format!("it is {:?}; supported are 4, and 1 from Grafana", clip(&version))));
    }
    let left_out = raw.truncated_alerts.unwrap_or(0).saturating_add(raw.alerts.len().saturating_sub(MAX_ALERTS) as u64);
    let alerts = raw.alerts.into_iter().take(MAX_ALERTS).enumerate().map(|(i, a)| alert(i, a));
    let alerts = alerts.collect::<Result<Vec<_>, _>>()?;
    if raw.group_key.is_empty() {
        return Err(invalid("groupKey", "it is empty"));
    }
    Ok(AlertGroup {
        sender,
        key: clip(&raw.group_key),
        receiver: clip(&raw.receiver.unwrap_or_default()),
        target: None,
        alerts,
        left_out,
    })
}

fn alert(index: usize, raw: RawAlert) -> Result<ReceivedAlert, ParseError> {
    let at = |field: &str| format!("alerts[{index}].{field}");
    let is_firing = match raw.status.as_str() {
        "firing" => true,
        "resolved" => false,
        other => return Err(invalid(at("status"), format!("it is {:?}, neither firing nor resolved", clip(other)))),
    };
    let time = |field: &str, text: Option<String>| match text {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => match Timestamp::parse_rfc3339(&text) {
            Some(t) => Ok(Some(t).filter(|t| t.ms() > EARLIEST_MS)),
            None => Err(invalid(at(field), format!("{:?} is not a time in RFC 3339", clip(&text)))),
        },
    };
    let labels: BTreeMap<String, String> =
        raw.labels.unwrap_or_default().into_iter().take(MAX_LABELS).map(|(k, v)| (clip(&k), clip(&v))).collect();
    // While an alert fires, Grafana sends the end of its validity here; it is an end only when the alert is resolved.
    let ends_at = time("endsAt", raw.ends_at)?.filter(|_| !is_firing);
    let text = raw.annotations.unwrap_or_default();
    let summary = ["summary", "message", "description"].iter().find_map(|k| text.get(*k)).map(|t| clip(t));
    let fingerprint = if raw.fingerprint.is_empty() { fingerprint_of_labels(&labels) } else { clip(&raw.fingerprint) };
    Ok(ReceivedAlert { fingerprint, is_firing, starts_at: time("startsAt", raw.starts_at)?, ends_at, labels, summary })
}

/// Senders before 2018 send no fingerprint: the labels identify the alert.
fn fingerprint_of_labels(labels: &BTreeMap<String, String>) -> String {
    clip(&labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect::<Vec<_>>().join(","))
}

fn clip(text: &str) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text.to_owned();
    }
    let end = (0..=MAX_TEXT_BYTES).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    text[..end].to_owned()
}

fn invalid(place: impl Into<String>, reason: impl Into<String>) -> ParseError {
    ParseError { place: place.into(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ALERTMANAGER: &str = include_str!("../../tests/fixtures/alertmanager.json");
    const GRAFANA: &str = include_str!("../../tests/fixtures/grafana.json");

    fn time(text: &str) -> Option<Timestamp> {
        Some(Timestamp::parse_rfc3339(text).unwrap())
    }

    #[test]
    fn alertmanagers_webhook_is_parsed() {
        let group = parse(ALERTMANAGER.as_bytes(), AlertSender::Alertmanager).unwrap();
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
        let group = parse(GRAFANA.as_bytes(), AlertSender::Grafana).unwrap();
        let alert = &group.alerts[0];
        assert_eq!(alert.starts_at, time("2025-11-23T14:05:10Z"));
        assert_eq!((alert.ends_at, alert.service()), (None, Some("orders")), "the end of the validity is not an end");
        assert_eq!(alert.summary.as_deref(), Some("orders is slow"));
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
            parse(body.to_string().as_bytes(), AlertSender::Alertmanager).unwrap_err().place
        };
        assert_eq!(with(&["version"], json!("5")), "version");
        assert_eq!(with(&["groupKey"], json!("")), "groupKey");
        assert_eq!(with(&["alerts", "1", "status"], json!("pending")), "alerts[1].status");
        assert_eq!(with(&["alerts", "0", "startsAt"], json!("yesterday")), "alerts[0].startsAt");
        assert_eq!(with(&["alerts"], json!({})), "body");
    }

    #[test]
    fn excess_alerts_are_counted_and_long_texts_are_cut() {
        let labels: BTreeMap<String, String> = (0..500).map(|i| (format!("l{i:03}"), "ä".repeat(2000))).collect();
        let alert = json!({"status": "firing", "labels": labels});
        let body = json!({"groupKey": "g", "alerts": vec![json!({"status": "firing"}); MAX_ALERTS + 7]});
        let group = parse(body.to_string().as_bytes(), AlertSender::Alertmanager).unwrap();
        assert_eq!((group.alerts.len(), group.left_out), (MAX_ALERTS, 7));
        let body = json!({"groupKey": "g", "alerts": [alert]});
        let alert = &parse(body.to_string().as_bytes(), AlertSender::Alertmanager).unwrap().alerts[0];
        assert_eq!(alert.labels.len(), MAX_LABELS);
        assert!(alert.labels.values().all(|v| v.len() <= MAX_TEXT_BYTES) && alert.fingerprint.len() <= MAX_TEXT_BYTES);
        assert_eq!(alert.starts_at, None, "a missing time stays unknown");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes, AlertSender::Grafana);
        }

        #[test]
        fn a_fixture_with_any_part_replaced_is_parsed_or_refused(from in 0usize..1700, len in 0usize..60, text in ".{0,40}") {
            let from = (0..=from.min(ALERTMANAGER.len())).rev().find(|i| ALERTMANAGER.is_char_boundary(*i)).unwrap();
            let to = (from + len).min(ALERTMANAGER.len());
            let body = format!("{}{text}{}", &ALERTMANAGER[..from], &ALERTMANAGER[to..]);
            if let Ok(group) = parse(body.as_bytes(), AlertSender::Alertmanager) {
                prop_assert!(group.alerts.len() <= MAX_ALERTS && !group.key.is_empty());
            }
        }
    }
}
