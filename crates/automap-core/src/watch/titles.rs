//! Names and words of incidents.

use crate::incident::{Incident, Indicator, IndicatorChange, NamedCause, Severity};
use crate::metric::Metric;
use crate::quantity::change;
use crate::report::{Report, VerdictKind};
use crate::time::Timestamp;

/// From this share of failed requests on an incident is critical.
const CRITICAL_ERRORS: f64 = 0.05;

/// `sock-shop-20261125T140315Z`.
pub(super) fn id(target: &str, onset: Timestamp) -> String {
    let seconds = Timestamp::from_ms(onset.ms().div_euclid(1000) * 1000).rfc3339();
    let digits: String = seconds.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{target}-{digits}")
}

/// The cause that a report names.
pub(super) fn named(report: &Report) -> Option<NamedCause> {
    let verdict = &report.verdict;
    let service = verdict.service.clone().filter(|_| verdict.kind == VerdictKind::Cause)?;
    Some(NamedCause { service, mechanism: verdict.mechanism.clone(), confidence: verdict.confidence })
}

/// How bad the worst was.
pub(super) fn severity<'a>(symptoms: impl Iterator<Item = &'a IndicatorChange>, told: Option<Severity>) -> Severity {
    let of = |s: &IndicatorChange| match s.indicator {
        Indicator::Errors if s.to >= CRITICAL_ERRORS => Severity::Critical,
        _ => Severity::Warning,
    };
    symptoms.map(of).chain(told).max().unwrap_or(Severity::Info)
}

/// `payment (network): front-end p95 latency 74.1 → 376 ms`.
pub(super) fn title(incident: &Incident) -> String {
    let cause = match &incident.cause {
        Some(NamedCause { service, mechanism: Some(mechanism), .. }) => format!("{service} ({mechanism})"),
        Some(NamedCause { service, .. }) => service.clone(),
        None => "cause not clear".to_owned(),
    };
    let felt = incident.symptoms.first().map(sign);
    let burns = || incident.slos.first().map(|s| format!("{} burns its budget at {:.1} ×", s.slo, s.burn_rate));
    match felt.or_else(burns) {
        Some(felt) => format!("{cause}: {felt}"),
        None => format!("{cause}: no request feels it"),
    }
}

/// `front-end p95 latency 74.1 → 376 ms`.
pub(super) fn sign(s: &IndicatorChange) -> String {
    let metric = Metric::parse(&s.metric);
    let what = match (s.indicator, metric.quantile()) {
        (Indicator::Errors, _) => "errors".to_owned(),
        (Indicator::Latency, Some(quantile)) => format!("p{:.0} latency", 100.0 * quantile),
        (Indicator::Latency, None) => "latency".to_owned(),
        (Indicator::Requests, _) => "requests".to_owned(),
    };
    format!("{} {what} {}", s.service, change(Some(s.from), Some(s.to), metric.unit))
}

/// The first few of a list: `orders latency 5 → 255 ms, user errors 0 → 3 %, 2 more`.
pub(super) fn some(texts: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = texts.iter().take(SHOWN).cloned().collect();
    if texts.len() > SHOWN {
        shown.push(format!("{} more", texts.len() - SHOWN));
    }
    shown.join(", ")
}
