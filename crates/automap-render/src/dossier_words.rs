//! The texts that the HTML and the Markdown page of an incident share: the headline, why, the windows, and what began when.
//!
//! Plain text; escaping is left to the page.

use std::collections::BTreeSet;

use crate::clock::Zone;
use automap_core::metric::Metric;
use automap_core::quantity::duration;
use automap_core::report::OnsetSource;
use automap_core::report::{
    AlsoChanged, Change, ChangeRole, Evidence, FAINT_CONFIDENCE, Level, ListedChange, OtherIncident, Report,
    TimeOfDayFinding, Verdict, VerdictKind,
};
use automap_core::time::Timestamp;

/// The headline: the subject, the answer, and its remark in smaller letters.
pub(crate) fn headline(verdict: &Verdict) -> (&'static str, String, &str) {
    match verdict.kind {
        VerdictKind::Cause => {
            let mechanism = verdict.mechanism.as_deref().unwrap_or("");
            match verdict.causes.as_slice() {
                [] => ("Most likely cause", verdict.service.clone().unwrap_or_else(|| "unknown".to_owned()), mechanism),
                [one] => ("Most likely cause", one.services.join(" or "), mechanism),
                several => {
                    let names: Vec<String> = several.iter().map(|c| c.services.join(" or ")).collect();
                    ("Most likely causes", names.join(" and "), "")
                }
            }
        }
        VerdictKind::NoIncident => ("Verdict", "No incident".to_owned(), ""),
        VerdictKind::NotEnoughEvidence => ("Verdict", "Not enough evidence".to_owned(), "to name one service"),
        VerdictKind::CannotTell => ("Verdict", "Cannot tell".to_owned(), "what users feel is not observed"),
    }
}

/// `catalogue: memory 120 → 360 MB, CPU 4 → 9 millicores`.
pub(crate) fn also_changed(changed: &AlsoChanged) -> String {
    let changes: Vec<&str> = changed.evidence.iter().map(|e| e.summary.as_str()).collect();
    format!("{}: {}", changed.service, changes.join(", "))
}

/// What earlier days say, unless the verdict already says it: `the traffic is usual for this time of day: …`.
pub(crate) fn time_of_day(report: &Report) -> Option<&str> {
    let told = report.time_of_day.as_ref().filter(|_| !(report.verdict.kind.is_quiet() && is_usual(report)));
    told.map(|t| t.summary.as_str())
}

fn is_usual(report: &Report) -> bool {
    report.time_of_day.as_ref().is_some_and(|t| t.finding == TimeOfDayFinding::Usual)
}

/// The service that a change concerns, `–` if it is no single one: the change itself is shown beside it.
pub(crate) fn changed_place(change: &Change) -> &str {
    change.service.as_deref().unwrap_or("–")
}

/// `47 s before, fits the onset`, `12 s after, a consequence`.
pub(crate) fn changed_role(listed: &ListedChange) -> String {
    let (distance, side) = distance(listed);
    match listed.role {
        ChangeRole::Fits | ChangeRole::Consequence => format!("{distance} {side}, {}", listed.role.words()),
        ChangeRole::Before | ChangeRole::After => format!("{distance} {side}"),
    }
}

/// How far a change is from the onset, and on which side.
fn distance(listed: &ListedChange) -> (String, &'static str) {
    let side = if listed.before_s >= 0.0 { "before" } else { "after" };
    (duration((listed.before_s.abs() * 1e3) as i64), side)
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
pub(crate) fn why(report: &Report, zone: Zone) -> String {
    let c = &report.coverage;
    let first = report.causes.first();
    match report.verdict.kind {
        VerdictKind::NoIncident if is_usual(report) => format!("{}.", report.verdict.summary),
        VerdictKind::NoIncident => format!(
            "{} series of {} services were compared with the baseline; none moved enough to point to a fault.",
            c.series_judged, c.services_judged
        ),
        VerdictKind::CannotTell => format!("{}.", report.verdict.summary),
        VerdictKind::Cause => {
            let since = first.and_then(|f| f.onset).map_or_else(String::new, |t| format!("Since {}: ", zone.clock(t)));
            let what = first.and_then(|f| f.evidence.first()).map_or("it fits the symptoms best", |e| &e.summary);
            let share =
                first.and_then(|f| f.accounts_for.first()).map_or_else(String::new, |a| format!(" {}.", a.summary));
            format!("{since}{what}.{share}{}{}", changed(report), noticed(report))
        }
        VerdictKind::NotEnoughEvidence => {
            let mut near = report.causes.iter().filter(|c| c.confidence >= FAINT_CONFIDENCE);
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

/// ` Changed 47 s before: payment release 1.4.2 → 1.4.3.`
fn changed(report: &Report) -> String {
    let fitting = report.changes.listed.iter().find(|l| l.role == ChangeRole::Fits);
    let sentence = |l: &ListedChange| {
        let (distance, side) = distance(l);
        format!(" Changed {distance} {side}: {} {}.", changed_place(&l.change), l.summary)
    };
    fitting.map_or_else(String::new, sentence)
}

fn noticed(report: &Report) -> String {
    let first = report.symptoms.first();
    first.map_or_else(String::new, |s| format!(" Users notice it at {}: {}.", s.service, s.evidence.summary))
}

/// `00:57:26–00:57:58 UTC`.
pub(crate) fn incident_span(report: &Report, zone: Zone) -> String {
    format!("{} {}", zone.clocks(report.windows.incident()), zone.name())
}

/// How the incident's start was determined.
pub(crate) fn start_is(report: &Report) -> &'static str {
    match report.windows.incident_start_is {
        OnsetSource::Given => "start given",
        OnsetSource::Moved => "start earlier than given",
        OnsetSource::Detected if report.verdict.kind == VerdictKind::NoIncident => {
            "after the largest change in the data"
        }
        OnsetSource::Detected => "start found in the data",
        OnsetSource::NotFound => "no start found: the last third of the data",
    }
}

/// `14:41:10–14:42:20: front-end errors 0 → 31 %`.
pub(crate) fn other_incident(other: &OtherIncident, zone: Zone) -> String {
    let what = other.symptom.as_ref().map(|s| match s.evidence.peer {
        Some(_) => format!(": {}", s.evidence.summary),
        None => format!(": {} {}", s.service, s.evidence.summary),
    });
    format!("{}{}", zone.clocks(other.span()), what.unwrap_or_default())
}

/// Whether the incident is over, and the others in the data, in whole sentences.
pub(crate) fn course(report: &Report, zone: Zone) -> Vec<String> {
    let course = &report.course;
    let over = course.over_since.map(|at| format!("Over since {}.", zone.clock(at)));
    let list = |when: &str, others: &[OtherIncident]| {
        let each: Vec<String> = others.iter().map(|other| other_incident(other, zone)).collect();
        (!each.is_empty()).then(|| format!("{when}: {}.", each.join("; ")))
    };
    [over, list("Earlier incidents", &course.earlier), list("Later incidents", &course.later)]
        .into_iter()
        .flatten()
        .collect()
}

/// The name of the later window: without an incident, it is only the time that was examined.
pub(crate) fn later_window(report: &Report) -> &'static str {
    if report.verdict.kind.is_quiet() { "looked at" } else { "incident" }
}

/// One change on the time line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// When it began.
    pub(crate) at: Timestamp,
    /// Where: `payment`, or `orders → payment` for calls.
    pub(crate) place: String,
    /// What changed.
    pub(crate) summary: String,
    /// Whether it is evidence for the service named as the cause.
    pub(crate) is_cause: bool,
}

/// Every change of the report with its onset, earliest first, no change twice.
pub(crate) fn events(report: &Report) -> Vec<Event> {
    let (detailed, _) = report.detailed_causes();
    let named = |service: &str| report.verdict.names(service);
    let of_causes = detailed.iter().flat_map(|c| c.evidence.iter().map(|e| (e, named(&c.service))));
    let of_symptoms = report.symptoms.iter().map(|s| (&s.evidence, named(&s.service)));
    let of_victims = report.victims.iter().flat_map(|v| v.evidence.iter().map(|e| (e, false)));
    let mut listed: BTreeSet<(&str, Option<&str>, &Metric)> = BTreeSet::new();
    let mut events: Vec<Event> = of_causes
        .chain(of_symptoms)
        .chain(of_victims)
        .filter(|(e, _)| listed.insert((&e.seen_by, e.peer.as_deref(), &e.metric)))
        .filter_map(|(e, is_cause)| {
            let (place, summary) = place_and_change(e);
            Some(Event { at: e.onset?, place, summary: summary.to_owned(), is_cause })
        })
        .collect();
    events.sort_by(|a, b| (a.at, !a.is_cause, &a.place).cmp(&(b.at, !b.is_cause, &b.place)));
    events
}

/// The place of a change, and the change without the place: sentences about calls begin with `orders→payment`.
pub(crate) fn place_and_change(e: &Evidence) -> (String, &str) {
    match &e.peer {
        None => (e.seen_by.clone(), &e.summary),
        Some(peer) => {
            let prefix = format!("{}→{peer} ", e.seen_by);
            (format!("{} → {peer}", e.seen_by), e.summary.strip_prefix(&prefix).unwrap_or(&e.summary))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automap_core::metric::Unit;

    fn evidence(seen_by: &str, peer: Option<&str>, summary: &str) -> Evidence {
        Evidence {
            metric: Metric::parse("latency_ms"),
            seen_by: seen_by.into(),
            peer: peer.map(Into::into),
            from: None,
            to: None,
            unit: Unit::Unknown,
            strength: 1.0,
            onset: None,
            summary: summary.into(),
        }
    }

    #[test]
    fn a_place_is_named_once() {
        let call = evidence("orders", Some("payment"), "orders→payment latency 5 → 255 ms");
        assert_eq!(place_and_change(&call), ("orders → payment".to_owned(), "latency 5 → 255 ms"));
        let own = evidence("orders", None, "CPU 3 → 4 cores");
        assert_eq!(place_and_change(&own), ("orders".to_owned(), "CPU 3 → 4 cores"));
        let other_words = evidence("orders", Some("payment"), "its calls fail");
        assert_eq!(place_and_change(&other_words).1, "its calls fail");
    }
}
