//! Reads the parts of a custom resource that the ledger needs. Missing fields are `None`, unexpected ones are skipped.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;
use serde_json::Value;

/// Most records of one experiment that are read: Chaos Mesh writes one for each container.
const MAX_RECORDS: usize = 2000;
/// Most labels or annotations that are read.
const MAX_LABELS: usize = 200;

/// The fields that all kinds share.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Meta {
    pub(crate) kind: String,
    pub(crate) uid: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) created: Option<Timestamp>,
    pub(crate) deletion: Option<Timestamp>,
    pub(crate) finalizers: usize,
    /// Comparable if the server uses numbers, as with etcd.
    pub(crate) version: Option<u64>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// One record of `status.experiment.containerRecords`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) selector: String,
    pub(crate) phase: String,
    /// Empty before 2.3, and if nothing has happened yet.
    pub(crate) events: Vec<RecordEvent>,
    /// How often it was injected, by the record's own count; 0 if it has none.
    pub(crate) injected: u64,
}

/// One line of a record's history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordEvent {
    pub(crate) at: Timestamp,
    pub(crate) is_apply: bool,
    pub(crate) succeeded: bool,
    pub(crate) message: String,
}

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

pub(crate) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text(value, pointer)?)
}

fn map(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    let pairs = value.pointer(pointer).and_then(Value::as_object).into_iter().flatten().take(MAX_LABELS);
    pairs.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

/// `None` if the object has no name to report it by. Items of lists have no kind: `kind` is then the list's.
pub(crate) fn meta(value: &Value, kind: &str) -> Option<Meta> {
    let own = |pointer| text(value, pointer).unwrap_or_default().to_owned();
    let kind = text(value, "/kind").unwrap_or(kind).to_owned();
    let name = text(value, "/metadata/name")?.to_owned();
    let namespace = own("/metadata/namespace");
    let uid = text(value, "/metadata/uid").map_or_else(|| format!("{kind}/{namespace}/{name}"), ToOwned::to_owned);
    Some(Meta {
        uid,
        name,
        namespace,
        created: time(value, "/metadata/creationTimestamp"),
        deletion: time(value, "/metadata/deletionTimestamp"),
        finalizers: value.pointer("/metadata/finalizers").and_then(Value::as_array).map_or(0, Vec::len),
        version: text(value, "/metadata/resourceVersion").and_then(|v| v.parse().ok()),
        labels: map(value, "/metadata/labels"),
        annotations: map(value, "/metadata/annotations"),
        kind,
    })
}

pub(crate) fn records(value: &Value) -> Vec<Record> {
    let all = value.pointer("/status/experiment/containerRecords").and_then(Value::as_array);
    all.into_iter().flatten().take(MAX_RECORDS).filter_map(record).collect()
}

fn record(value: &Value) -> Option<Record> {
    let events = value.get("events").and_then(Value::as_array);
    Some(Record {
        id: text(value, "/id")?.to_owned(),
        selector: text(value, "/selectorKey").unwrap_or(".").to_owned(),
        phase: text(value, "/phase").unwrap_or_default().to_owned(),
        events: events.into_iter().flatten().filter_map(event).collect(),
        injected: value.get("injectedCount").and_then(Value::as_u64).unwrap_or(0),
    })
}

fn event(value: &Value) -> Option<RecordEvent> {
    let is_apply = match text(value, "/operation")? {
        "Apply" => true,
        "Recover" => false,
        _ => return None,
    };
    Some(RecordEvent {
        at: time(value, "/timestamp")?,
        is_apply,
        succeeded: text(value, "/type")? == "Succeeded",
        message: text(value, "/message").unwrap_or_default().chars().take(200).collect(),
    })
}

/// Whether a condition is `True`; `None` if it does not exist.
pub(crate) fn condition(value: &Value, kind: &str) -> Option<bool> {
    let all = value.pointer("/status/conditions")?.as_array()?;
    let one = all.iter().find(|c| text(c, "/type") == Some(kind))?;
    Some(text(one, "/status") == Some("True"))
}

/// `delay`, `pod-kill`, …; for kinds without an action, the part of the spec that is used.
pub(crate) fn action(kind: &str, spec: &Value) -> String {
    if let Some(action) = text(spec, "/action") {
        return action.to_owned();
    }
    let of = |names: &[&str], at: &str| {
        let has = |name: &&&str| spec.pointer(&format!("{at}/{name}")).is_some_and(is_set);
        names.iter().filter(has).copied().collect::<Vec<_>>().join("+")
    };
    match kind {
        "StressChaos" => of(&["cpu", "memory"], "/stressors"),
        "HTTPChaos" => of(&["abort", "delay", "replace", "patch"], ""),
        "TimeChaos" => "skew".to_owned(),
        _ => String::new(),
    }
}

fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

/// `5m`, `1h30m`, `45s`, `300ms`, in Go's format.
pub(crate) fn duration_ms(text: &str) -> Option<i64> {
    let (mut total, mut number) = (0.0_f64, String::new());
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        number.clear();
        number.push_str(&rest[..digits]);
        rest = &rest[digits..];
        let units = [("ms", 1.0), ("us", 1e-3), ("µs", 1e-3), ("ns", 1e-6), ("h", 3.6e6), ("m", 6e4), ("s", 1e3)];
        let (unit, ms) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        total += number.parse::<f64>().ok()? * ms;
        rest = &rest[unit.len()..];
    }
    (total.is_finite() && total > 0.0 && total < 1e13).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, ms) in [("5m", 300_000), ("1h30m", 5_400_000), ("1.5s", 1500), ("300ms", 300), ("1m0s", 60_000)] {
            assert_eq!(duration_ms(text), Some(ms), "{text}");
        }
        for bad in ["", "5", "m", "5 minutes", "-1s"] {
            assert_eq!(duration_ms(bad), None, "{bad}");
        }
    }

    #[test]
    fn kinds_without_an_action_are_named_by_what_they_do() {
        assert_eq!(action("StressChaos", &json!({"stressors": {"cpu": {"workers": 1}, "memory": null}})), "cpu");
        assert_eq!(action("HTTPChaos", &json!({"abort": false, "delay": "300ms"})), "delay");
        assert_eq!(action("PodChaos", &json!({"action": "pod-kill"})), "pod-kill");
    }
}
