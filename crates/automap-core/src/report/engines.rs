//! The engines' answers to one incident, side by side.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::{Cause, Report};

/// What every engine says about the same incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EngineComparison {
    /// Version of this shape.
    pub schema_version: u32,
    /// One sentence: do they agree?
    pub summary: String,
    /// Whether all of them rank the same service first; `true` also where none has a candidate.
    pub agree: bool,
    /// The reports, one for each engine, the default engine's first.
    pub reports: Vec<Report>,
}

/// Lays reports of the same incident side by side.
pub fn compare_engines(reports: Vec<Report>) -> EngineComparison {
    let firsts: Vec<Option<&str>> = reports.iter().map(|r| r.causes.first().map(|c| c.service.as_str())).collect();
    let agree = firsts.windows(2).all(|pair| pair[0] == pair[1]);
    let summary = match (agree, firsts.first().copied().flatten()) {
        (true, Some(service)) => format!("all engines rank {service} first"),
        (true, None) => "no engine has a candidate".to_owned(),
        (false, _) => format!("the engines disagree; {}", says(&reports).join("; ")),
    };
    EngineComparison { schema_version: super::SCHEMA_VERSION, summary, agree, reports }
}

/// Who says what, and where each engine has the other's first.
fn says(reports: &[Report]) -> Vec<String> {
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

/// A table for a terminal: one column of candidates for each engine, then the sentence.
pub fn engines_text(comparison: &EngineComparison) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_table(&mut out, comparison);
    out
}

fn write_table(out: &mut String, comparison: &EngineComparison) -> std::fmt::Result {
    let reports = &comparison.reports;
    let cell = |c: &Cause| format!("{} {:.2}", c.service, c.confidence);
    let verdict =
        |r: &Report| r.verdict.service.clone().map_or_else(|| "names nobody".to_owned(), |s| format!("names {s}"));
    let width = |r: &Report| {
        let cells = r.causes.iter().map(|c| cell(c).chars().count());
        cells.chain([r.engine.len(), verdict(r).chars().count()]).max().unwrap_or(0)
    };
    let line = |out: &mut String, head: &str, cells: Vec<String>| {
        let mut text = format!("{head:>4}");
        for (report, text_of) in reports.iter().zip(cells) {
            let _ = write!(text, "  {text_of:<width$}", width = width(report));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(out, "", reports.iter().map(|r| r.engine.clone()).collect())?;
    line(out, "", reports.iter().map(verdict).collect())?;
    let rows = reports.iter().map(|r| r.causes.len()).max().unwrap_or(0);
    for row in 0..rows {
        let cells = reports.iter().map(|r| r.causes.get(row).map_or_else(String::new, cell));
        line(out, &(row + 1).to_string(), cells.collect())?;
    }
    if comparison.agree {
        return writeln!(out, "\n{}", comparison.summary);
    }
    writeln!(out, "\nthe engines disagree")?;
    says(reports).iter().try_for_each(|line| writeln!(out, "  {line}"))
}
