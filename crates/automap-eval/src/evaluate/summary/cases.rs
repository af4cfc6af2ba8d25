//! Each engine's answer to each case, with the truth: for readers who want the cases behind a mean, or a comparison with another tool case by case.

use super::model::CaseSummary;
use super::table::Table;
use super::{EngineSummary, OnsetSummary};
use crate::evaluate::Outcome;

/// Services of a ranking that a table shows.
const SHOWN: usize = 3;

pub(super) fn case_summary(outcome: &Outcome) -> CaseSummary {
    CaseSummary {
        set: outcome.set.clone(),
        case: outcome.case.clone(),
        fault: outcome.fault.clone(),
        causes: outcome.ranked.causes.clone(),
        rank: outcome.ranked.rank,
        metric_rank: outcome.ranked.metric_rank,
        services: outcome.ranked.services.clone(),
        confidence: outcome.certainty.map(|c| c.confidence),
        is_named: outcome.certainty.map(|c| c.is_named),
        onset_error_s: outcome.onset_error_ms.map(|ms| ms as f64 / 1e3),
        reason: outcome.miss.clone(),
    }
}

/// One row per case: the rank of its first true cause by each engine, and the first engine's top services. `None` if no cases are listed.
pub(super) fn cases_table(onset: &OnsetSummary) -> Option<Table> {
    let (first_name, first) = onset.engines.0.first()?;
    let rows = first.cases.as_ref()?.iter().enumerate().map(|(i, case)| {
        let rank = |(_, engine): &(String, EngineSummary)| {
            let rank = engine.cases.as_ref().and_then(|all| all.get(i)?.rank);
            rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string())
        };
        let mut row = vec![format!("{}/{}", case.set, case.case), case.causes.join(" ")];
        row.extend(onset.engines.0.iter().map(rank));
        row.push(case.confidence.map_or_else(|| "–".to_owned(), |c| format!("{c:.2}")));
        row.push(case.reason.clone().unwrap_or_else(|| case.services[..SHOWN.min(case.services.len())].join(" ")));
        row
    });
    let mut header = vec!["case".to_owned(), "cause".to_owned()];
    header.extend(onset.engines.0.iter().map(|(name, _)| name.clone()));
    header.extend([format!("{first_name}: confidence"), "its first".to_owned()]);
    Some(Table { title: "Rank of the true cause, case by case".to_owned(), header, rows: rows.collect(), note: None })
}
