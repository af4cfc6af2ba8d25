//! Sloth: <https://sloth.dev>, version `prometheus/v1` and its Kubernetes resource. The same in two spellings.

use automap_core::slo::{DEFAULT_PERIOD_MS, Objective};
use serde_json::Value;

use super::formats::{at, number, share, text, windowed};
use super::{Indicator, Slo};

/// Keys of an indicator: bad events, all events, share of bad ones.
type Keys = [&'static str; 3];

const PLAIN: Keys = ["sli.events.error_query", "sli.events.total_query", "sli.raw.error_ratio_query"];
const RESOURCE: Keys = ["sli.events.errorQuery", "sli.events.totalQuery", "sli.raw.errorRatioQuery"];

pub(super) fn read(document: &Value) -> Result<Vec<Slo>, String> {
    all(document, &PLAIN)
}

pub(super) fn read_resource(document: &Value) -> Result<Vec<Slo>, String> {
    all(at(document, "spec").ok_or("spec is missing")?, &RESOURCE)
}

fn all(of: &Value, keys: &Keys) -> Result<Vec<Slo>, String> {
    let service = text(of, "service")?;
    let slos = at(of, "slos").and_then(Value::as_array).ok_or("slos is missing or not a list")?;
    let one = |(i, slo): (usize, &Value)| one(slo, service, keys).map_err(|e| format!("slos[{i}].{e}"));
    slos.iter().enumerate().map(one).collect()
}

fn one(slo: &Value, service: &str, [error, total, ratio]: &Keys) -> Result<Slo, String> {
    let query = |path: &str| {
        windowed(text(slo, path)?).ok_or_else(|| format!("{path} has no {{{{.window}}}} where the duration belongs"))
    };
    let indicator = match at(slo, ratio) {
        Some(_) => Indicator::Ratio { bad: query(ratio)? },
        None => Indicator::Events { bad: query(error)?, all: query(total)? },
    };
    let objective = Objective {
        slo: format!("{service}-{}", text(slo, "name")?),
        service: service.to_owned(),
        target: share(number(slo, "objective")?, "objective")?,
        period_ms: DEFAULT_PERIOD_MS,
    };
    Ok(Slo { objective, indicator })
}
