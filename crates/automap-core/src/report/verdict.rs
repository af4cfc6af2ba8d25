//! Words the verdict: which services are named, which kind of fault, and what cannot be claimed.
//!
//! [`crate::verdict`] makes the decision.

use super::changes;
use super::evidence::round;
use super::hosts;
use super::model::{Level, NamedCause, Verdict, VerdictKind};
use super::time_of_day::TimeOfDayInfo;
use crate::analysis::Analysis;
use crate::anomaly::CLEAR;
use crate::attribution::ImpactKind;
use crate::change::ChangeLog;
use crate::entity::EntityKind;
use crate::frame::{Series, ServiceIdx};
use crate::metric::{Family, HUNG_UP_RATIO, Side};
use crate::note::NotChecked;
use crate::observation::Observation;
use crate::rank::PartSource;
use crate::unseen::{self, Unanswered};
use crate::verdict::{Decision, Lead, VerdictOptions, has_quiet_symptoms, mechanism, store_words};

/// Confidence from which the first candidate is more likely right than wrong.
const EVEN: f64 = 0.5;
/// Services that a sentence lists.
const MAX_LISTED: usize = 3;

pub(super) fn compose(
    decision: Decision,
    analysis: &Analysis,
    lead: &Lead,
    (observation, options, time_of_day): (&Observation, &VerdictOptions, Option<&TimeOfDayInfo>),
) -> Verdict {
    // A confidence is conditional on something having happened.
    let has_suspect = !decision.is_quiet();
    let sure = if has_suspect { round(lead.confidence(options)) } else { 0.0 };
    let is_named = decision == Decision::Cause;
    let causes = if is_named { named_causes(analysis, lead, &observation.changes) } else { Vec::new() };
    let is_felt = is_felt(analysis, options);
    let summary = match decision {
        Decision::Cause => {
            let all: Vec<&str> = causes.iter().map(|c| c.summary.as_str()).collect();
            let unfelt = if is_felt == Some(false) { ", which users do not feel" } else { "" };
            format!("{}{unfelt}", all.join(" and "))
        }
        Decision::NoIncident => no_incident(&observation.not_checked).to_owned(),
        Decision::OnlyLoad => {
            format!("no incident: only the requests to {} changed, which users do not feel", listed(analysis, lead))
        }
        Decision::OnlyChanged => {
            let services = listed(analysis, lead);
            format!("no incident: only what the change of {services} brings about, which users do not feel")
        }
        Decision::Usual => {
            let usual = time_of_day.map_or("usual for this time of day", |t| t.summary.as_str());
            // A usual symptom is still felt.
            let felt = if is_felt == Some(true) { "; users feel it all the same" } else { "" };
            format!("no incident: {usual}{felt}")
        }
        Decision::NotEnoughEvidence => not_enough(analysis, lead),
        Decision::CannotTell => cannot_tell(analysis),
    };
    Verdict {
        kind: kind(decision),
        service: causes.first().and_then(|c| c.services.first()).cloned(),
        mechanism: causes.first().and_then(|c| c.mechanism.clone()),
        causes,
        is_felt,
        confidence: sure,
        level: level(sure, is_named),
        summary,
    }
}

/// What was not checked is not called calm.
fn no_incident(not_checked: &[NotChecked]) -> &'static str {
    match not_checked.iter().any(NotChecked::is_not_looked_at) {
        true => "no incident: of what was looked at, which is not all, nothing left its normal behaviour",
        false => "no incident: nothing left its normal behaviour",
    }
}

fn listed(analysis: &Analysis, lead: &Lead) -> String {
    let services: Vec<&str> = lead.named.iter().flatten().map(|s| analysis.frame.service(*s)).collect();
    services.join(", ")
}

/// The decision as a report's word.
pub(crate) fn kind(decision: Decision) -> VerdictKind {
    match decision {
        Decision::Cause => VerdictKind::Cause,
        Decision::NoIncident | Decision::OnlyLoad | Decision::OnlyChanged | Decision::Usual => VerdictKind::NoIncident,
        Decision::NotEnoughEvidence => VerdictKind::NotEnoughEvidence,
        Decision::CannotTell => VerdictKind::CannotTell,
    }
}

/// Whether any symptom is clear, and exceeds what a baseline of this length shows by chance; `None` if none is but some may be hidden.
fn is_felt(analysis: &Analysis, options: &VerdictOptions) -> Option<bool> {
    let is_clear = analysis.anomalies.clearest_symptom() >= CLEAR && !has_quiet_symptoms(analysis, options);
    (is_clear || !analysis.unseen.hides_symptoms()).then_some(is_clear)
}

fn named_causes(analysis: &Analysis, lead: &Lead, log: &ChangeLog) -> Vec<NamedCause> {
    let kind_of = |name: &str| analysis.entities.kind_of(name);
    let cause = |group: &Vec<ServiceIdx>| {
        let services: Vec<String> = group.iter().map(|s| analysis.frame.service(*s).to_owned()).collect();
        let word = |s: &ServiceIdx| Some(mechanism_words(analysis, *s, &mechanism(analysis, *s)?));
        let mechanism = group.first().and_then(word);
        let kind = mechanism.as_deref().map_or_else(String::new, |k| format!(" ({k})"));
        let since: String = group.iter().map(|s| changes::since(log, analysis, *s, group.len() > 1)).collect();
        let first = group.first().zip(services.first());
        let hosts = first
            .map(|(s, name)| hosts::words(name, kind_of(name), &hosts::holds_up(analysis, *s)))
            .unwrap_or_default();
        NamedCause { summary: format!("{}{kind}{hosts}{since}", services.join(" or ")), services, mechanism }
    };
    lead.named.iter().map(cause).collect()
}

/// `not enough evidence to name one service: whether front-end waits for catalogue was not observed: the queries for latency failed`.
fn not_enough(analysis: &Analysis, lead: &Lead) -> String {
    let mut doubted = lead.named.iter().flatten().filter_map(|s| Some((s, analysis.unseen.callees.get(s)?)));
    let why = doubted.next().map(|(s, unobserved)| format!(": {}", unobserved.sentence(analysis.frame.service(*s))));
    format!("not enough evidence to name one service{}", why.unwrap_or_default())
}

/// `cannot tell: not observed: errors of front-end; the server refused the queries for latency; nothing else left its normal behaviour`.
fn cannot_tell(analysis: &Analysis) -> String {
    let one = |(family, services): &(Family, Vec<ServiceIdx>)| {
        let names: Vec<&str> = services.iter().take(MAX_LISTED).map(|s| analysis.frame.service(*s)).collect();
        let of = if names.is_empty() { "any service".to_owned() } else { names.join(", ") };
        format!("{} of {of}", unseen::words(family))
    };
    let missing: Vec<String> = analysis.unseen.symptoms.iter().map(one).collect();
    let missing = (!missing.is_empty()).then(|| format!("not observed: {}", missing.join(" and ")));
    let unanswered = analysis.unseen.unanswered.iter().map(Unanswered::sentence);
    let parts: Vec<String> = unanswered.chain(missing).collect();
    format!("cannot tell: {}; nothing else left its normal behaviour", parts.join("; "))
}

fn level(confidence: f64, is_named: bool) -> Level {
    match confidence {
        _ if is_named => Level::High,
        c if c >= EVEN => Level::Medium,
        _ => Level::Low,
    }
}

/// The kind of fault in words. A saturated resource is called by its own name, as is the state of a node.
fn mechanism_words(analysis: &Analysis, service: ServiceIdx, source: &PartSource) -> String {
    let kind = analysis.entities.kind_of(analysis.frame.service(service));
    if kind == EntityKind::Gateway && *source == PartSource::Own(Family::Throughput) {
        return "traffic".to_owned();
    }
    if *source == PartSource::Missing && still_runs(analysis, service) {
        return "unreachable".to_owned();
    }
    let is_node = kind == EntityKind::Node;
    let family = match source {
        PartSource::Own(Family::Saturation) => Some(Family::Saturation),
        PartSource::Own(Family::Lifecycle) if is_node => Some(Family::Lifecycle),
        _ => None,
    };
    let own = analysis.anomalies.series.iter().filter(|s| s.service == service && s.peer.is_none());
    let of_family = own.filter(|s| Some(&s.metric.family) == family.as_ref());
    let clearest = of_family.max_by(|a, b| a.evidence.total_cmp(&b.evidence).then(b.series.cmp(&a.series)));
    clearest.map_or_else(|| mechanism_word(source).to_owned(), |s| s.metric.words())
}

/// Whether a service whose requests are no longer measured still uses CPU: no request reaches it, but it runs. A value that does not change may be the
/// last one of a container that is gone.
fn still_runs(analysis: &Analysis, service: ServiceIdx) -> bool {
    let is_cpu = |s: &&Series| {
        s.service == service && s.metric.side == Side::Own && s.peer.is_none() && s.metric.family == Family::Cpu
    };
    let rows = &analysis.windows.rows.incident;
    let late = &rows[rows.len() / 2..];
    analysis.frame.series().iter().filter(is_cpu).any(|s| {
        let mut values = late.iter().map(|&i| s.values[i]).filter(|v| v.is_finite());
        values.next().is_some_and(|first| values.any(|v| v != first))
    })
}

fn mechanism_word(source: &PartSource) -> &str {
    match source {
        PartSource::NetworkGap => "network",
        PartSource::Missing => "stopped reporting",
        PartSource::SeenByCallers(Family::Error) => "callers' requests to it fail",
        PartSource::SeenByCallers(_) => "slow as its callers see it",
        PartSource::Own(Family::Lifecycle) => "restarts or not ready",
        PartSource::Own(Family::Latency) => "slow",
        PartSource::Own(Family::Error) => "failing",
        PartSource::Own(Family::Throttle) => "cpu",
        PartSource::Own(Family::Throughput) => "requests",
        PartSource::Felt(ImpactKind::Waiting) => "slow",
        PartSource::Felt(ImpactKind::Failing) => "failing",
        PartSource::Change => "changed",
        PartSource::Own(Family::Other(name)) if name == HUNG_UP_RATIO => "clients hung up",
        PartSource::Own(family) => store_words(family).unwrap_or(family.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is named reads "high" wherever the threshold lies, what is not named never does.
    #[test]
    fn the_word_follows_the_verdict() {
        let words = [(0.7, true), (0.93, true), (0.89, false), (0.5, false), (0.49, false), (0.0, false)];
        let levels = words.map(|(confidence, is_named)| level(confidence, is_named));
        assert_eq!(levels, [Level::High, Level::High, Level::Medium, Level::Medium, Level::Low, Level::Low]);
    }
}
