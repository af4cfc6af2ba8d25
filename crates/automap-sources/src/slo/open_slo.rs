//! OpenSLO v1: <https://github.com/OpenSLO/OpenSLO>. An SLO with its indicator inside, or one that stands in a document of its own.

use std::collections::BTreeMap;

use automap_core::slo::{DEFAULT_PERIOD_MS, Objective};
use serde_json::Value;

use super::formats::{at, number, period_ms, text, windowed};
use super::{Indicator, Slo};

/// The indicators of all documents by name.
pub(super) fn indicators(documents: &[Value]) -> BTreeMap<String, &Value> {
    let slis = documents.iter().filter(|d| d.get("kind").and_then(Value::as_str) == Some("SLI"));
    slis.filter_map(|d| Some((text(d, "metadata.name").ok()?.to_owned(), at(d, "spec")?))).collect()
}

pub(super) fn read(document: &Value, indicators: &BTreeMap<String, &Value>) -> Result<Vec<Slo>, String> {
    let name = text(document, "metadata.name")?;
    let sli = match (at(document, "spec.indicator.spec"), text(document, "spec.indicatorRef")) {
        (Some(sli), _) => sli,
        (None, Ok(named)) => {
            *indicators.get(named).ok_or_else(|| format!("spec.indicatorRef: no SLI '{named}' stands in this file"))?
        }
        (None, Err(_)) => return Err("spec.indicator.spec and spec.indicatorRef are both missing".to_owned()),
    };
    let period = at(document, "spec.timeWindow").and_then(|w| w.get(0)).map(|w| text(w, "duration"));
    let period_ms = match period {
        Some(text) => period_ms(text?).map_err(|e| format!("spec.timeWindow[0].duration: {e}"))?,
        None => DEFAULT_PERIOD_MS,
    };
    let objectives = at(document, "spec.objectives").and_then(Value::as_array).ok_or("spec.objectives is missing")?;
    let indicator = indicator(sli)?;
    let one = |(i, objective): (usize, &Value)| {
        let target = match number(objective, "target") {
            Ok(target) => target,
            Err(_) => number(objective, "targetPercent").map_err(|e| format!("spec.objectives[{i}].{e}"))? / 100.0,
        };
        if !(target > 0.0 && target < 1.0) {
            return Err(format!("spec.objectives[{i}].target is {target}: write a share between 0 and 1"));
        }
        let slo = if objectives.len() == 1 { name.to_owned() } else { format!("{name}-{}", i + 1) };
        let service = text(document, "spec.service").unwrap_or_default().to_owned();
        let objective = Objective { slo, service, target, period_ms };
        Ok(Slo { objective, indicator: indicator.clone() })
    };
    objectives.iter().enumerate().map(one).collect()
}

fn indicator(sli: &Value) -> Result<Indicator, String> {
    let ratio = at(sli, "ratioMetric").ok_or("only indicators with a ratioMetric are read")?;
    let counter = ratio.get("counter").and_then(Value::as_bool).unwrap_or(true);
    let query = |part: &str| -> Result<String, String> {
        let spec =
            at(ratio, part).and_then(|p| at(p, "metricSource.spec")).ok_or(format!("ratioMetric.{part} is missing"))?;
        let query = text(spec, "query").map_err(|e| format!("ratioMetric.{part}.metricSource.spec.{e}"))?;
        // A bare counter grows by what its subquery does; one that names its window says itself what it counts.
        let grown = || counter.then(|| format!("increase(({query})[$WINDOW:])"));
        windowed(query).or_else(grown).ok_or_else(|| format!("ratioMetric.{part}: a gauge without a window"))
    };
    if let Some(raw) = at(ratio, "raw") {
        let query = text(raw, "metricSource.spec.query").map_err(|e| format!("ratioMetric.raw.{e}"))?;
        let query = windowed(query).unwrap_or_else(|| format!("avg_over_time(({query})[$WINDOW:])"));
        let is_success = ratio.get("rawType").and_then(Value::as_str) == Some("success");
        return Ok(Indicator::Ratio { bad: if is_success { format!("1 - ({query})") } else { query } });
    }
    let all = query("total")?;
    let bad = match at(ratio, "bad") {
        Some(_) => query("bad")?,
        None => format!("({all}) - ({})", query("good")?),
    };
    Ok(Indicator::Events { bad, all })
}
