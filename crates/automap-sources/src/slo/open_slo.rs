//! OpenSLO v1: <https://github.com/OpenSLO/OpenSLO>. The indicator of an SLO is inline or in a separate document.

use std::collections::BTreeMap;

use automap_core::slo::{DEFAULT_PERIOD_MS, Objective};
use serde_json::Value;

use super::fields::{Wrong, at, duration_ms, list, number, period_ms, text};
use super::indicators::{Field, MINUTE_MS, Share, Slices, events, in_slices, ratio, threshold};
use super::{Indicator, Slo};

/// Kinds of data sources that support PromQL.
const PROMETHEUS: [&str; 8] =
    ["prometheus", "promql", "mimir", "cortex", "thanos", "victoriametrics", "grafana", "amazonprometheus"];
/// Names of the field that holds a query.
const QUERIES: [&str; 3] = ["query", "promql", "expr"];

/// The documents of a file that SLOs refer to, by name.
#[derive(Debug, Default)]
pub(super) struct References<'a> {
    indicators: BTreeMap<&'a str, &'a Value>,
    /// The types of data sources.
    sources: BTreeMap<&'a str, &'a str>,
}

impl<'a> References<'a> {
    pub(super) fn of(documents: impl Iterator<Item = &'a Value>) -> Self {
        let mut all = Self::default();
        for document in documents {
            let Ok(name) = text(document, "metadata.name") else { continue };
            match document.get("kind").and_then(Value::as_str) {
                Some("SLI") => all.indicators.extend(at(document, "spec").map(|spec| (name, spec))),
                Some("DataSource" | "Datasource") => all.sources.extend(text(document, "spec.type").map(|t| (name, t))),
                _ => {}
            }
        }
        all
    }
}

pub(super) fn read(document: &Value, references: &References<'_>) -> Result<Vec<Slo>, Wrong> {
    let name = text(document, "metadata.name")?;
    let (sli, place) = match (at(document, "spec.indicator.spec"), text(document, "spec.indicatorRef")) {
        (Some(sli), _) => (sli, "spec.indicator.spec".to_owned()),
        (None, Ok(named)) => {
            let found = references.indicators.get(named);
            let missing =
                || Wrong::new("spec.indicatorRef", format!("names '{named}', and no such SLI stands in this file"));
            (*found.ok_or_else(missing)?, format!("SLI {named}"))
        }
        (None, Err(_)) => {
            return Err(Wrong::new(
                "spec.indicator",
                "is missing: write it there, or name an SLI in spec.indicatorRef",
            ));
        }
    };
    let period = match at(document, "spec.timeWindow").and_then(|w| w.get(0)) {
        Some(window) => period_ms(window, "duration").map_err(|e| e.inside("spec.timeWindow[0]"))?,
        None => DEFAULT_PERIOD_MS,
    };
    let objectives = list(document, "spec.objectives")?;
    let method = text(document, "spec.budgetingMethod").unwrap_or("Occurrences");
    let one = |(i, objective): (usize, &Value)| {
        let key = format!("spec.objectives[{i}]");
        let target = target(objective).map_err(|e| e.inside(&key))?;
        let slices = slices(objective, method).map_err(|e| e.inside(&key))?;
        let indicator = match at(sli, "thresholdMetric") {
            Some(metric) => threshold_metric(metric, objective, slices, references).map_err(|e| e.inside(&key))?,
            None => {
                let counted = ratio_metric(sli, &place, references)?;
                slices.map_or(counted.clone(), |slices| in_slices(counted, slices))
            }
        };
        let slo = if objectives.len() == 1 { name.to_owned() } else { format!("{name}-{}", i + 1) };
        let service = text(document, "spec.service").unwrap_or_default().to_owned();
        Ok(Slo { objective: Objective { slo, service, target, period_ms: period }, indicator })
    };
    objectives.iter().enumerate().map(one).collect()
}

fn target(objective: &Value) -> Result<f64, Wrong> {
    let (key, target) = match at(objective, "target") {
        Some(_) => ("target", number(objective, "target")?),
        None => ("targetPercent", number(objective, "targetPercent")? / 100.0),
    };
    if target > 0.0 && target < 1.0 {
        return Ok(target);
    }
    Err(Wrong::new(key, format!("is a share of {target}: write one between 0 and 1")))
}

/// How the budgeting method divides time; `None` if it counts events.
fn slices(objective: &Value, method: &str) -> Result<Option<Slices>, Wrong> {
    let has_target = match method {
        "Occurrences" => return Ok(None),
        "Timeslices" => true,
        "RatioTimeslices" => false,
        other => {
            let reason = format!(
                "is set by the budgeting method '{other}', which is none of Occurrences, Timeslices and RatioTimeslices"
            );
            return Err(Wrong::new("target", reason));
        }
    };
    let key = "timeSliceWindow";
    let written = at(objective, key).ok_or_else(|| Wrong::new(key, format!("is missing: {method} need it")))?;
    // A number without a unit is in minutes.
    let minutes = |n: f64| (n > 0.0 && n < 1e5).then_some((n * MINUTE_MS as f64) as i64);
    let as_text = || written.as_str().and_then(|t| duration_ms(t).or_else(|| minutes(t.trim().parse().ok()?)));
    let length_ms = written.as_f64().and_then(minutes).or_else(as_text).filter(|ms| *ms >= MINUTE_MS);
    let length_ms = length_ms.ok_or_else(|| Wrong::new(key, "is not a duration of a minute or more, such as 1m"))?;
    let target = if has_target { Some(number(objective, "timeSliceTarget")?) } else { None };
    if target.is_some_and(|t| !(t > 0.0 && t <= 1.0)) {
        return Err(Wrong::new("timeSliceTarget", "is not a share between 0 and 1"));
    }
    Ok(Some(Slices { length_ms, target }))
}

/// A query, or why the source does not support it.
enum Query<'a> {
    Promql(&'a str),
    Other(String),
}

/// The query of `metric`, located at `place`.
fn query<'a>(metric: &'a Value, place: &str, references: &References<'_>) -> Result<Query<'a>, Wrong> {
    let source =
        text(metric, "metricSource.metricSourceRef").ok().and_then(|name| references.sources.get(name).copied());
    let kind = text(metric, "metricSource.type").ok().or(source);
    let plain = |kind: &str| kind.to_ascii_lowercase().replace([' ', '-', '_'], "");
    if let Some(kind) = kind
        && !PROMETHEUS.contains(&plain(kind).as_str())
    {
        return Ok(Query::Other(format!("{place}: it is a query for {kind}, not for Prometheus")));
    }
    let found = QUERIES.iter().find_map(|key| text(metric, &format!("metricSource.spec.{key}")).ok());
    match found {
        Some(query) => Ok(Query::Promql(query)),
        None => Err(Wrong::new(format!("{place}.metricSource.spec.query"), "is missing or not text")),
    }
}

fn ratio_metric(sli: &Value, place: &str, references: &References<'_>) -> Result<Indicator, Wrong> {
    let Some(metric) = at(sli, "ratioMetric") else {
        return Err(Wrong::new(place, "has neither ratioMetric nor thresholdMetric"));
    };
    let place = format!("{place}.ratioMetric");
    let key = |part: &str| format!("{place}.{part}");
    if let Some(raw) = at(metric, "raw") {
        let share = match at(metric, "rawType").and_then(Value::as_str) {
            Some("success") => Share::Good,
            Some("failure") => Share::Bad,
            _ => return Err(Wrong::new(key("rawType"), "is missing: write success or failure")),
        };
        return Ok(match query(raw, &key("raw"), references)? {
            Query::Promql(query) => ratio(share, Field { key: &key("raw"), query }),
            Query::Other(because) => Indicator::Unknown { because },
        });
    }
    let part = |name: &str| at(metric, name).map(|part| query(part, &key(name), references)).transpose();
    let total = part("total")?.ok_or_else(|| Wrong::new(key("total"), "is missing, and so is raw"))?;
    let (share, name, counted) = match (part("bad")?, part("good")?) {
        (Some(bad), _) => (Share::Bad, key("bad"), bad),
        (None, Some(good)) => (Share::Good, key("good"), good),
        (None, None) => return Err(Wrong::new(key("good"), "is missing, and so is bad")),
    };
    let (total, counted) = match (total, counted) {
        (Query::Promql(total), Query::Promql(counted)) => (total, counted),
        (Query::Other(because), _) | (_, Query::Other(because)) => return Ok(Indicator::Unknown { because }),
    };
    let is_gauge = at(metric, "counter").and_then(Value::as_bool) == Some(false);
    if is_gauge && ![total, counted].iter().all(|query| query.contains('[')) {
        let because = format!("{place}: counter is false, and the level of a gauge is no number of events; use raw");
        return Ok(Indicator::Unknown { because });
    }
    Ok(events(share, Field { key: &name, query: counted }, Field { key: &key("total"), query: total }))
}

fn threshold_metric(
    metric: &Value,
    objective: &Value,
    slices: Option<Slices>,
    references: &References<'_>,
) -> Result<Indicator, Wrong> {
    // The opposite of the objective's condition.
    let is_bad = match text(objective, "op")? {
        "lt" => ">=",
        "lte" => ">",
        "gt" => "<=",
        "gte" => "<",
        other => return Err(Wrong::new("op", format!("is '{other}', none of lt, lte, gt and gte"))),
    };
    let value = number(objective, "value")?;
    Ok(match query(metric, "thresholdMetric", references)? {
        Query::Promql(query) => threshold(Field { key: "thresholdMetric", query }, is_bad, value, slices),
        Query::Other(because) => Indicator::Unknown { because },
    })
}
