//! The incidents of a recording: those that a watcher would have opened or, if the recording is too short for a watcher, the one of its diagnosis.

use automap_core::incident::{Incident, NamedCause, Severity, TimelineKind};
use automap_core::observation::Observation;
use automap_core::report::Report;
use automap_core::time::Timestamp;
use automap_core::watch::{ReplayOptions, WatchOptions, replay};

use crate::store::{IncidentFilter, MAX_PAGE};

/// Most polls of a replay: each is a diagnosis, and a recording of a day must open within seconds.
const MAX_POLLS: i64 = 120;
/// Shortest time between two polls.
const MIN_EVERY_MS: i64 = 5_000;
/// Largest share of a recording that is used as the baseline: a third.
const LEARN_PARTS: i64 = 3;
/// Longest time that requests must be affected before an incident opens: a tenth of the recording.
const CONFIRM_PARTS: i64 = 10;

/// All of them.
pub(super) fn all() -> IncidentFilter {
    IncidentFilter { limit: MAX_PAGE, ..IncidentFilter::default() }
}

/// How many there are, and how many of them are closed: `2 incidents, 1 of them closed`.
pub(super) fn counted(incidents: &[Incident]) -> String {
    let closed = incidents.iter().filter(|incident| !incident.is_open()).count();
    match (incidents.len(), closed) {
        (0, _) => "no incident".to_owned(),
        (1, 0) => "one incident, open at its end".to_owned(),
        (1, _) => "one incident, closed".to_owned(),
        (n, 0) => format!("{n} incidents, open at its end"),
        (n, closed) if closed == n => format!("{n} incidents, all closed"),
        (n, closed) => format!("{n} incidents, {closed} of them closed"),
    }
}

/// The incidents of a recording, each as a store expects a new one.
pub(super) fn of(target: &str, observation: &Observation, report: &Report) -> Vec<Incident> {
    let length_ms = observation.frame.span().len_ms();
    let usual = WatchOptions::default();
    let confirm_ms = usual.confirm_ms.min(length_ms / CONFIRM_PARTS);
    let watch = WatchOptions {
        learn_ms: usual.learn_ms.min(length_ms / LEARN_PARTS),
        confirm_ms,
        confirm_critical_ms: usual.confirm_critical_ms.min(confirm_ms),
        ..usual
    };
    let every_ms = (length_ms / MAX_POLLS).max(MIN_EVERY_MS);
    let options = ReplayOptions { watch, every_ms, remember_ms: length_ms };
    let mut found = replay(observation, &options, &mut |_, _| {});
    for incident in &mut found {
        if let Some(rest) = incident.id.strip_prefix(&incident.target) {
            incident.id = format!("{target}{rest}");
        }
        target.clone_into(&mut incident.target);
        incident.revision = 1;
    }
    if found.is_empty() {
        found.extend(of_report(target, observation.frame.span().end, report));
    }
    found
}

/// The incident that the diagnosis of a recording is about, opened at the given time; `None` if it finds nothing wrong.
pub fn of_report(target: &str, opened: Timestamp, report: &Report) -> Option<Incident> {
    if report.verdict.kind.is_quiet() {
        return None;
    }
    let onset = report.windows.incident_start;
    let mut incident = Incident::new(format!("{target}-recorded"), target, onset, opened);
    incident.severity = if report.verdict.is_felt == Some(false) { Severity::Info } else { Severity::Warning };
    incident.revision = 1;
    incident.title.clone_from(&report.verdict.summary);
    incident.cause = report.verdict.service.clone().map(|service| NamedCause {
        service,
        mechanism: report.verdict.mechanism.clone(),
        confidence: report.verdict.confidence,
        change: report.causes.first().and_then(|c| c.change.as_ref()).map(|c| c.summary.clone()),
    });
    incident.victims = report.victims.iter().map(|v| v.service.clone()).collect();
    incident.report = Some(report.clone());
    incident.add_entry(opened, TimelineKind::Opened, report.verdict.summary.clone());
    Some(incident)
}

#[cfg(test)]
mod tests {
    use automap_core::incident::IncidentState;

    use super::*;

    #[test]
    fn incidents_are_counted_with_those_that_are_over() {
        let at = Timestamp::from_ms(0);
        let words = |states: &[IncidentState]| {
            let incident = |state: &IncidentState| Incident { state: *state, ..Incident::new("a", "demo", at, at) };
            counted(&states.iter().map(incident).collect::<Vec<_>>())
        };
        use IncidentState::{Closed, Open, Recovering};
        assert_eq!(words(&[]), "no incident");
        assert_eq!(words(&[Recovering]), "one incident, open at its end");
        assert_eq!(words(&[Closed]), "one incident, closed");
        assert_eq!(words(&[Open, Open]), "2 incidents, open at its end");
        assert_eq!(words(&[Closed, Closed]), "2 incidents, all closed");
        assert_eq!(words(&[Closed, Open]), "2 incidents, 1 of them closed");
    }
}
