//! Sloth: <https://sloth.dev>, version `prometheus/v1` and its Kubernetes resource, which differ only in spelling.

use automap_core::slo::{DEFAULT_PERIOD_MS, Objective};
use serde_json::Value;

use super::fields::{Wrong, at, list, number, share, text};
use super::indicators::{Field, Share, events, ratio};
use super::window_template::windowed;
use super::{Indicator, Slo};

/// Keys of an indicator: bad events, all events, share of bad ones.
type Keys = [&'static str; 3];

const PLAIN: Keys = ["sli.events.error_query", "sli.events.total_query", "sli.raw.error_ratio_query"];
const RESOURCE: Keys = ["sli.events.errorQuery", "sli.events.totalQuery", "sli.raw.errorRatioQuery"];

pub(super) fn read(document: &Value) -> Result<Vec<Slo>, Wrong> {
    all(document, &PLAIN)
}

pub(super) fn read_resource(document: &Value) -> Result<Vec<Slo>, Wrong> {
    let spec = at(document, "spec").ok_or_else(|| Wrong::new("spec", "is missing"))?;
    all(spec, &RESOURCE).map_err(|e| e.inside("spec"))
}

fn all(of: &Value, keys: &Keys) -> Result<Vec<Slo>, Wrong> {
    let service = text(of, "service")?;
    let one = |(i, slo): (usize, &Value)| one(slo, service, keys).map_err(|e| e.inside(&format!("slos[{i}]")));
    list(of, "slos")?.iter().enumerate().map(one).collect()
}

fn one(slo: &Value, service: &str, keys: &Keys) -> Result<Slo, Wrong> {
    let objective = Objective {
        slo: format!("{service}-{}", text(slo, "name")?),
        service: service.to_owned(),
        target: share(number(slo, "objective")?, "objective")?,
        period_ms: DEFAULT_PERIOD_MS,
    };
    Ok(Slo { objective, indicator: indicator(slo, keys)? })
}

fn indicator(slo: &Value, [error, total, error_ratio]: &Keys) -> Result<Indicator, Wrong> {
    let field = |key: &'static str| {
        let query = text(slo, key)?;
        match windowed(query) {
            Ok((_, false)) => Err(Wrong::new(key, "has no {{.window}} where the duration belongs")),
            _ => Ok(Field { key, query }),
        }
    };
    if let Some(plugin) = at(slo, "sli.plugin") {
        let id = text(plugin, "id").unwrap_or("without id");
        let because = format!(
            "sli.plugin: its queries are written by the Sloth plugin {id}, which automap does not run; write them under sli.events"
        );
        return Ok(Indicator::Unknown { because });
    }
    if at(slo, error_ratio).is_some() {
        return Ok(ratio(Share::Bad, field(error_ratio)?));
    }
    Ok(events(Share::Bad, field(error)?, field(total)?))
}
