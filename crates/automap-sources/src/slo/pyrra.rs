//! Pyrra: <https://github.com/pyrra-dev/pyrra>, `ServiceLevelObjective`. Its metrics are selectors; what is counted is their increase.

use automap_core::slo::Objective;
use serde_json::Value;

use super::formats::{at, number, period_ms, share, text};
use super::{Indicator, Slo};

pub(super) fn read(document: &Value) -> Result<Vec<Slo>, String> {
    let name = text(document, "metadata.name")?;
    let label = |key: &str| at(document, "metadata.labels").and_then(|l| l.get(key)).and_then(Value::as_str);
    let service = label("pyrra.dev/service").or_else(|| label("app.kubernetes.io/name")).unwrap_or_default();
    let count = |path: &str| text(document, path).map(|selector| format!("sum(increase({selector}[$WINDOW]))"));
    let kind = |kind: &str| at(document, "spec.indicator").and_then(|i| i.get(kind)).is_some();
    let indicator = if kind("ratio") {
        let (bad, all) = ("spec.indicator.ratio.errors.metric", "spec.indicator.ratio.total.metric");
        Indicator::Events { bad: count(bad)?, all: count(all)? }
    } else if kind("latency") {
        let good = count("spec.indicator.latency.success.metric")?;
        let all = count("spec.indicator.latency.total.metric")?;
        Indicator::Events { bad: format!("{all} - {good}"), all }
    } else {
        return Err("spec.indicator has neither ratio nor latency; the other kinds are not read".to_owned());
    };
    let objective = Objective {
        slo: name.to_owned(),
        service: service.to_owned(),
        target: share(number(document, "spec.target")?, "spec.target")?,
        period_ms: period_ms(text(document, "spec.window")?).map_err(|e| format!("spec.window: {e}"))?,
    };
    Ok(vec![Slo { objective, indicator }])
}
