//! Pyrra: <https://github.com/pyrra-dev/pyrra>, `ServiceLevelObjective`. Its metrics are selectors; their increase is counted, for each group if the
//! objective has `grouping`.

use automap_core::slo::Objective;
use serde_json::Value;

use super::fields::{Wrong, at, duration_ms, number, period_ms, share, text};
use super::growth::is_selector;
use super::indicators::{Field, MINUTE_MS, Share, events};
use super::{Events, Indicator, Part, Ratio, Slo};
use crate::prometheus::promql::is_plain_label;

pub(super) fn read(document: &Value) -> Result<Vec<Slo>, Wrong> {
    let name = text(document, "metadata.name")?;
    let label = |key: &str| at(document, "metadata.labels").and_then(|l| l.get(key)).and_then(Value::as_str);
    let service = label("pyrra.dev/service").or_else(|| label("app.kubernetes.io/name")).unwrap_or_default();
    let indicator = at(document, "spec.indicator").ok_or_else(|| Wrong::new("spec.indicator", "is missing"))?;
    let objective = Objective {
        slo: name.to_owned(),
        service: service.to_owned(),
        target: share(number(document, "spec.target")?, "spec.target")?,
        period_ms: period_ms(document, "spec.window")?,
    };
    let indicator = read_indicator(indicator).map_err(|e| e.inside("spec.indicator"))?;
    Ok(vec![Slo { objective, indicator }])
}

fn read_indicator(of: &Value) -> Result<Indicator, Wrong> {
    let kind = |names: &[&'static str]| names.iter().find_map(|name| at(of, name).map(|found| (*name, found)));
    if let Some((key, ratio)) = kind(&["ratio"]) {
        return counted(ratio, Share::Bad, "errors.metric").map_err(|e| e.inside(key));
    }
    if let Some((key, latency)) = kind(&["latency"]) {
        return counted(latency, Share::Good, "success.metric").map_err(|e| e.inside(key));
    }
    if let Some((key, latency)) = kind(&["latencyNative", "latency_native"]) {
        return native(latency).map_err(|e| e.inside(key));
    }
    if let Some((key, gauge)) = kind(&["bool_gauge", "boolGauge"]) {
        return bool_gauge(gauge).map_err(|e| e.inside(key));
    }
    let found: Vec<&str> = of.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let reason = format!("has [{}], none of ratio, latency, latencyNative and bool_gauge", found.join(", "));
    Err(Wrong { key: String::new(), reason })
}

/// Two counters.
fn counted(of: &Value, share: Share, part_key: &str) -> Result<Indicator, Wrong> {
    let grouping = grouping(of)?;
    let count = |key: &str| selector(of, key).map(|selector| format!("sum{grouping} ({selector})"));
    let (part, all) = (count(part_key)?, count("total.metric")?);
    Ok(events(share, Field { key: part_key, query: &part }, Field { key: "total.metric", query: &all }))
}

/// A native histogram: the share below the limit times the number of observations is the number of good ones.
fn native(of: &Value) -> Result<Indicator, Wrong> {
    let grouping = grouping(of)?;
    let metric = selector(of, "total.metric")?;
    let limit = text(of, "latency")?;
    let limit_s = duration_ms(limit).map(|ms| ms as f64 / 1000.0);
    let limit_s =
        limit_s.ok_or_else(|| Wrong::new("latency", format!("is '{limit}', not a duration such as 200ms")))?;
    let grown = format!("sum{grouping} (increase({metric}[$WINDOW]))");
    let all = format!("histogram_count({grown})");
    let good = format!("histogram_fraction(0, {limit_s}, {grown}) * {all}");
    Ok(Indicator::Events(Events { part: Part::Good(good), all, must_match: vec![vec![metric.to_owned()]] }))
}

/// A gauge that is 1 while everything is fine: the share of samples that are not 1.
fn bool_gauge(of: &Value) -> Result<Indicator, Wrong> {
    let grouping = grouping(of)?;
    let metric = selector(of, "metric")?;
    let sum = |function: &str| format!("sum{grouping} ({function}({metric}[$WINDOW]))");
    let bad = format!("1 - {} / {}", sum("sum_over_time"), sum("count_over_time"));
    Ok(Indicator::Ratio(Ratio { bad, slice_ms: MINUTE_MS, must_match: Vec::new() }))
}

fn selector<'a>(of: &'a Value, key: &str) -> Result<&'a str, Wrong> {
    let selector = text(of, key)?.trim();
    if is_selector(selector) {
        return Ok(selector);
    }
    Err(Wrong::new(key, format!("is '{selector}': write a metric and its labels, without functions and ranges")))
}

/// ` by (a, b)`, or nothing.
fn grouping(of: &Value) -> Result<String, Wrong> {
    let Some(labels) = at(of, "grouping") else { return Ok(String::new()) };
    let labels: Option<Vec<&str>> = labels.as_array().map(|l| l.iter().filter_map(Value::as_str).collect());
    match labels {
        Some(labels) if labels.is_empty() => Ok(String::new()),
        Some(labels) if labels.iter().all(|l| is_plain_label(l)) => Ok(format!(" by ({})", labels.join(", "))),
        _ => Err(Wrong::new("grouping", "is not a list of label names")),
    }
}
