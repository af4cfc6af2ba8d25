//! The values of webhook fields, and the schema of a webhook in the API's document.

use std::collections::BTreeMap;

use automap_core::text::{observed_name, shown};
use automap_core::time::Timestamp;
use schemars::JsonSchema;
use serde_json::Value;

use super::{MAX_LABELS, MAX_SENTENCE_CHARS};

/// Times before 1970 mean "not yet": Go's zero time is in the year 1.
const EARLIEST_MS: i64 = 0;

/// Why a body is not a group of alerts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ParseError {
    /// The field, such as `alerts[3].startsAt`.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

pub(crate) fn invalid(place: impl Into<String>, reason: impl Into<String>) -> ParseError {
    ParseError { place: place.into(), reason: reason.into() }
}

/// A webhook of Alertmanager or Grafana. Other fields are allowed and ignored. The list of alerts of Alertmanager's API version 2, the
/// webhook of Grafana's older alerting and each of these in an envelope of Amazon SNS are read, too.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AlertWebhook")]
#[expect(dead_code, reason = "describes the body, which is read more leniently than a type can say")]
pub(crate) struct WebhookBody {
    /// The version of the format: `4` (Grafana: `1`).
    #[schemars(extend("enum" = ["4", "1", null]))]
    version: Option<String>,
    /// Identifies the group; the same in every message about it. Left out: the group's labels do.
    group_key: Option<String>,
    /// The receiver in the sender's configuration.
    receiver: Option<String>,
    /// Alerts that the sender left out.
    truncated_alerts: Option<u64>,
    /// The alerts.
    alerts: Vec<AlertBody>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookAlert")]
#[expect(dead_code, reason = "as above")]
struct AlertBody {
    /// Left out: the alert fires until `endsAt`.
    #[schemars(extend("enum" = ["firing", "resolved", null]))]
    status: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
    annotations: Option<BTreeMap<String, Option<String>>>,
    #[schemars(extend("format" = "date-time"))]
    starts_at: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    ends_at: Option<String>,
    /// Identifies the alert. Left out: its labels do.
    fingerprint: Option<String>,
}

/// A text, number or truth value as text; `None` for `null` and for arrays and objects.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A count, also if it is written as text.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Labels; `null` counts as left out. Their values may be names of services.
pub(super) fn labels(of: Option<&Value>) -> BTreeMap<String, String> {
    texts(of, clip)
}

/// Annotations, each as one line.
pub(super) fn annotations(of: Option<&Value>) -> BTreeMap<String, String> {
    texts(of, sentence)
}

fn texts(of: Option<&Value>, clean: impl Fn(&str) -> String) -> BTreeMap<String, String> {
    let fields = of.and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(name, value)| Some((clip(name), clean(&scalar(value)?)))).take(MAX_LABELS).collect()
}

/// A time, or `None` if it is left out or "not yet".
///
/// # Errors
/// What it is instead.
pub(super) fn time(value: Option<&Value>) -> Result<Option<Timestamp>, String> {
    let Some(text) = value.and_then(scalar).filter(|t| !t.is_empty()) else { return Ok(None) };
    let time = Timestamp::parse_rfc3339(&text).or_else(|| Timestamp::parse_rfc3339(&from_go(&text)?));
    match time {
        Some(time) => Ok(Some(time).filter(|t| t.ms() > EARLIEST_MS)),
        None => Err(format!("{:?} is not a time in RFC 3339", clip(&text))),
    }
}

/// A time as Go prints it, which message templates pass on: `2026-01-01 10:00:00.123 +0000 UTC`.
fn from_go(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let (date, clock, offset) = (words.next()?, words.next()?, words.next()?);
    let is_offset = offset.len() == 5 && offset.is_ascii() && offset.starts_with(['+', '-']);
    is_offset.then(|| format!("{date}T{clock}{}:{}", &offset[..3], &offset[3..]))
}

/// If a sender gives no fingerprint, the labels identify the alert.
pub(super) fn fingerprint_of_labels(labels: &BTreeMap<String, String>) -> String {
    clip(&labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect::<Vec<_>>().join(","))
}

/// A name, label or key as it may be stored and shown; two different ones never become equal.
pub(super) fn clip(text: &str) -> String {
    observed_name(text).into_owned()
}

/// A sentence as one line.
pub(super) fn sentence(text: &str) -> String {
    shown(text, MAX_SENTENCE_CHARS)
}

#[cfg(test)]
mod tests {
    use automap_core::text::{MAX_NAME_BYTES, is_plain};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_hidden_becomes_visible_and_keys_stay_apart() {
        let evil = json!({"a": "pay\u{0}", "b": "pay\u{1}", "c": "x".repeat(10_000), "d": "a\u{202e}b"});
        let labels = labels(Some(&evil));
        let values: std::collections::BTreeSet<&String> = labels.values().collect();
        assert!(values.len() == 4 && values.iter().all(|v| is_plain(v) && v.len() <= MAX_NAME_BYTES), "{values:?}");
        let texts =
            annotations(Some(&json!({"summary": "slow\r\nVERDICT orders\u{1b}[2J", "long": "ü".repeat(10_000)})));
        assert_eq!(texts["summary"], "slow VERDICT orders\u{fffd}[2J");
        assert_eq!(texts["long"].chars().count(), MAX_SENTENCE_CHARS + 1);
    }

    #[test]
    fn times_are_read_as_senders_write_them() {
        let expected = Ok(Timestamp::parse_rfc3339("2026-01-01T10:00:00.123Z"));
        for text in ["2026-01-01T10:00:00.123Z", "2026-01-01T11:00:00.123+01:00", "2026-01-01 10:00:00.123 +0000 UTC"] {
            assert_eq!(time(Some(&json!(text))), expected, "{text}");
        }
        for nothing in [json!(null), json!(""), json!("0001-01-01T00:00:00Z")] {
            assert_eq!(time(Some(&nothing)), Ok(None));
        }
        assert!(time(Some(&json!("yesterday"))).is_err() && time(Some(&json!("1 2 +ä 4"))).is_err());
    }
}
