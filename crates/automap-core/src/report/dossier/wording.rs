//! What every renderer of a page says in the same words: headline, the one-sentence why, who is shown in full, what began when.

use std::collections::BTreeSet;

use super::super::model::{Cause, Level, Report, Verdict, VerdictKind};
use super::clock::{PageOptions, length, ms};

/// Candidates shown in full.
const DETAILED_CAUSES: usize = 3;
/// Candidates below this confidence are a name in a list, not a block.
const FAINT: f64 = 0.02;

/// The headline: what it is about, and the answer.
pub(crate) fn headline(verdict: &Verdict) -> (&'static str, &str) {
    match verdict.kind {
        VerdictKind::Cause => ("Most likely cause", verdict.service.as_deref().unwrap_or("unknown")),
        VerdictKind::NoIncident => ("Verdict", "No incident"),
        VerdictKind::NotEnoughEvidence => ("Verdict", "Not enough evidence to name one service"),
    }
}

/// `high`, `medium`, `low`.
pub(crate) fn level(level: Level) -> &'static str {
    match level {
        Level::High => "high",
        Level::Medium => "medium",
        Level::Low => "low",
    }
}

/// Why the verdict is what it is, in one or two sentences.
pub(crate) fn why(report: &Report, options: &PageOptions) -> String {
    let c = &report.coverage;
    let first = report.causes.first();
    match report.verdict.kind {
        VerdictKind::NoIncident => format!(
            "{} series of {} services were compared with the baseline; nothing left its normal behaviour.",
            c.series_judged, c.services_judged
        ),
        VerdictKind::Cause => {
            let since = first
                .and_then(|f| f.onset.as_deref())
                .map_or_else(String::new, |t| format!("Since {}: ", options.clock(t)));
            let what = first.and_then(|f| f.evidence.first()).map_or("it fits the symptoms best", |e| &e.summary);
            format!("{since}{what}.{}", noticed(report))
        }
        VerdictKind::NotEnoughEvidence => {
            let mut near = report.causes.iter().filter(|c| c.confidence >= FAINT);
            let closest = match (near.next(), near.next()) {
                (Some(a), Some(b)) => format!(
                    "{} comes closest ({:.2}), then {} ({:.2}).",
                    a.service, a.confidence, b.service, b.confidence
                ),
                (Some(a), None) => format!("{} comes closest ({:.2}).", a.service, a.confidence),
                _ => "No service stands out.".to_owned(),
            };
            format!("{closest}{}", noticed(report))
        }
    }
}

fn noticed(report: &Report) -> String {
    let first = report.symptoms.first();
    first.map_or_else(String::new, |s| format!(" Users notice it at {}: {}.", s.service, s.evidence.summary))
}

/// Candidates to show in full, and those to list.
pub(crate) fn candidates(report: &Report) -> (Vec<&Cause>, Vec<&Cause>) {
    let detailed = |c: &&Cause| c.rank == 1 || (c.rank <= DETAILED_CAUSES && c.confidence >= FAINT);
    report.causes.iter().partition(detailed)
}

/// `00:57:26–00:57:58 UTC`.
pub(crate) fn incident_span(report: &Report, options: &PageOptions) -> String {
    let w = &report.windows;
    format!("{}–{} {}", options.clock(&w.incident_start), options.clock(&w.incident_end), options.zone())
}

/// How the incident's start is known.
pub(crate) fn start_is(report: &Report) -> &'static str {
    match report.windows.incident_start_is.as_str() {
        "given" => "start given",
        "detected" => "start found in the data",
        _ => "no start found: the last third of the data",
    }
}

/// Length between two RFC 3339 times in words; empty where they are none.
pub(crate) fn between(from: &str, to: &str) -> String {
    ms(from).zip(ms(to)).map_or_else(String::new, |(a, b)| length(b - a))
}

/// One change on the time line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event<'a> {
    /// When it began, milliseconds since the epoch.
    pub(crate) at_ms: i64,
    /// Where.
    pub(crate) service: &'a str,
    /// What.
    pub(crate) summary: &'a str,
    /// Whether it is the named cause's.
    pub(crate) is_cause: bool,
}

/// Every change of the report with its onset, earliest first, no change twice.
pub(crate) fn events(report: &Report) -> Vec<Event<'_>> {
    let (detailed, _) = candidates(report);
    let named = report.verdict.service.as_deref();
    let of_causes = detailed.iter().flat_map(|c| c.evidence.iter().map(|e| (e, named == Some(c.service.as_str()))));
    let of_symptoms = report.symptoms.iter().map(|s| (&s.evidence, named == Some(s.service.as_str())));
    let of_victims = report.victims.iter().flat_map(|v| v.evidence.iter().map(|e| (e, false)));
    let mut seen: BTreeSet<(&str, Option<&str>, &str)> = BTreeSet::new();
    let mut events: Vec<Event<'_>> = of_causes
        .chain(of_symptoms)
        .chain(of_victims)
        .filter(|(e, _)| seen.insert((&e.seen_by, e.peer.as_deref(), &e.metric)))
        .filter_map(|(e, is_cause)| {
            let at_ms = ms(e.onset.as_deref()?)?;
            Some(Event { at_ms, service: &e.seen_by, summary: &e.summary, is_cause })
        })
        .collect();
    events.sort_by(|a, b| (a.at_ms, !a.is_cause, a.service).cmp(&(b.at_ms, !b.is_cause, b.service)));
    events
}
