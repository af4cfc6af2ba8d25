//! The engines' answers to one incident, side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::{Report, SCHEMA_VERSION};

/// Every engine's answer to the same incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EngineComparison {
    /// Version of this schema.
    pub schema_version: u32,
    /// One sentence: do they agree?
    pub summary: String,
    /// Whether all of them rank the same service first; also `true` if none has a candidate.
    pub agree: bool,
    /// The reports, one for each engine, the default engine's first.
    pub reports: Vec<Report>,
}

/// Compares reports of the same incident.
pub fn compare_engines(reports: Vec<Report>) -> EngineComparison {
    let firsts: Vec<Option<&str>> = reports.iter().map(|r| r.causes.first().map(|c| c.service.as_str())).collect();
    let agree = firsts.windows(2).all(|pair| pair[0] == pair[1]);
    let summary = match (agree, firsts.first().copied().flatten()) {
        (true, Some(service)) => format!("all engines rank {service} first"),
        (true, None) => "no engine has a candidate".to_owned(),
        (false, _) => format!("the engines disagree; {}", disagreements(&reports).join("; ")),
    };
    EngineComparison { schema_version: SCHEMA_VERSION, summary, agree, reports }
}

/// Each engine's first candidate, and its rank according to the other engine.
pub fn disagreements(reports: &[Report]) -> Vec<String> {
    let mut says = Vec::new();
    for report in reports {
        let Some(first) = report.causes.first() else {
            says.push(format!("{} has no candidate", report.engine));
            continue;
        };
        let elsewhere = reports.iter().filter(|r| r.engine != report.engine).map(|other| {
            match other.causes.iter().find(|c| c.service == first.service) {
                Some(there) => format!("{} has it at {}", other.engine, there.rank),
                None => format!("{} does not list it", other.engine),
            }
        });
        let why = first.evidence.first().map_or_else(String::new, |e| format!(": {}", e.summary));
        let elsewhere: Vec<String> = elsewhere.collect();
        says.push(format!("{} says {} ({}){why}", report.engine, first.service, elsewhere.join(", ")));
    }
    says
}
