//! Words the texts of an incident: its title, severity and symptom lines.
//!
//! All wording of the watcher is in this file, so that it can be changed without touching the state machine. Renderers and the
//! server do the layout for a terminal, a page or a message.

use super::model::WatchHealth;
use crate::incident::{Incident, Indicator, IndicatorChange, NamedCause, Severity};
use crate::quantity::change;
use crate::report::{ChangeRole, ListedChange, Report, VerdictKind};

/// Share of failed requests from which an incident is critical.
const CRITICAL_ERRORS: f64 = 0.05;

/// The cause that a report names.
pub(super) fn named(report: &Report) -> Option<NamedCause> {
    let verdict = &report.verdict;
    let service = verdict.service.clone().filter(|_| verdict.kind == VerdictKind::Cause)?;
    let fits = |l: &&ListedChange| l.role == ChangeRole::Fits && l.change.service.as_ref() == Some(&service);
    let change = report.changes.listed.iter().find(fits).map(|l| l.summary.clone());
    Some(NamedCause { mechanism: verdict.mechanism.clone(), confidence: verdict.confidence, change, service })
}

/// The severity of the worst symptom, or `reported` (from objectives and alerts) if that is higher.
pub(super) fn severity<'a>(
    symptoms: impl Iterator<Item = &'a IndicatorChange>,
    reported: Option<Severity>,
) -> Severity {
    let of = |s: &IndicatorChange| match s.indicator {
        Indicator::Errors if s.to >= CRITICAL_ERRORS => Severity::Critical,
        _ => Severity::Warning,
    };
    symptoms.map(of).chain(reported).max().unwrap_or(Severity::Info)
}

/// `payment (network): front-end p95 latency 74.1 → 376 ms`, `payment (slow) after release 1.4.2 → 1.4.3: …`.
/// While an incident was never judged, the reason takes the place of symptoms: `cause not clear: the source has no data after …`.
pub(super) fn title(incident: &Incident, unjudged: Option<&str>) -> String {
    let cause = incident.cause.as_ref().map_or_else(|| "cause not clear".to_owned(), cause_text);
    let noticed = incident.symptoms.first().map(symptom);
    let burns = || incident.slos.first().map(|s| format!("{} burns its budget at {:.1} ×", s.slo, s.burn_rate));
    let why = || unjudged.map(str::to_owned);
    match noticed.or_else(burns).or_else(why) {
        Some(noticed) => format!("{cause}: {noticed}"),
        None => format!("{cause}: not noticed by users"),
    }
}

/// Why the data of a poll cannot be judged.
pub(super) fn unjudged(health: &WatchHealth) -> String {
    match health {
        WatchHealth::Learning { samples, needed } => {
            format!("only {samples} of {needed} samples of normal time are known")
        }
        WatchHealth::Stale { since } => format!("the source has no data after {}", since.rfc3339()),
        WatchHealth::SourceSilent { services, of } => format!("{services} of {of} services fell silent at once"),
        WatchHealth::Ready | WatchHealth::Partial(_) => "the data cannot be judged".to_owned(),
    }
}

/// `front-end p95 latency 74.1 → 376 ms`.
pub(super) fn symptom(s: &IndicatorChange) -> String {
    let metric = &s.metric;
    let what = match (s.indicator, metric.quantile()) {
        (Indicator::Errors, _) => "errors".to_owned(),
        (Indicator::Latency, Some(quantile)) => format!("p{:.0} latency", 100.0 * quantile),
        (Indicator::Latency, None) => "latency".to_owned(),
        (Indicator::Requests, _) => "requests".to_owned(),
    };
    format!("{} {what} {}", s.service, change(Some(s.from), Some(s.to), metric.unit))
}

/// The first few of a list: `orders latency 5 → 255 ms, user errors 0 → 3 %, 2 more`.
pub(super) fn first_few(texts: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = texts.iter().take(SHOWN).cloned().collect();
    if texts.len() > SHOWN {
        shown.push(format!("{} more", texts.len() - SHOWN));
    }
    shown.join(", ")
}

/// `payment (network), confidence 0.93`.
pub(super) fn verdict_text(cause: &NamedCause) -> String {
    format!("{}, confidence {:.2}", cause_text(cause), cause.confidence)
}

/// `payment`, `payment (network)`, `payment (slow) after release 1.4.2 → 1.4.3`.
fn cause_text(cause: &NamedCause) -> String {
    let kind = cause.mechanism.as_ref().map(|m| format!(" ({m})")).unwrap_or_default();
    let change = cause.change.as_ref().map(|c| format!(" after {c}")).unwrap_or_default();
    format!("{}{kind}{change}", cause.service)
}
