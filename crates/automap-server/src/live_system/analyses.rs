//! Analyses on request. The store keeps reports, not metrics: an analysis of an incident fetches the metrics again from the target's server,
//! for exactly the windows of the incident's report, while the server still has them.

use automap_core::compare::{self, CompareOptions, Comparison};
use automap_core::dossier::{Dossier, ServiceDossier};
use automap_core::explain::Explanation;
use automap_core::incident::Incident;
use automap_core::observation::Observation;
use automap_core::rank::Engine;
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::report::{Report, WindowInfo};
use automap_core::screening;
use automap_core::second_look::{SecondLookOptions, look_again};
use automap_core::service_map::ServiceMap;
use automap_core::time::{Interval, Timestamp, WindowHint};
use automap_core::{DiagnoseOptions, analyse};
use automap_sources::prometheus::{Again, ObserveOptions, Tail, observe_incrementally};

use super::target::MonitoredTarget;
use crate::analysed::Analysed;
use crate::config::ConfigDuration;
use crate::system::{CompareRequest, DiagnoseRequest, Period, SystemError, TargetCoverage};

/// Baseline before an incident when the request names none.
const BASELINE_MS: i64 = 3_600_000;
/// Longest period that is fetched at once: a week.
const MAX_PERIOD_MS: i64 = 7 * 86_400_000;

/// Fetches and diagnoses now.
pub(super) fn diagnose(
    monitored: &MonitoredTarget,
    request: &DiagnoseRequest,
    now: Timestamp,
) -> Result<Report, SystemError> {
    let baseline = request.baseline.and_then(|p| Interval::new(p.start, p.end));
    let start = request.incident_start;
    let from = baseline.map_or_else(|| start.unwrap_or(now).min(now).plus_ms(-BASELINE_MS), |b| b.start);
    let hint = WindowHint { incident_start: start, baseline, ..WindowHint::default() };
    let above = screening::above(monitored.target.full);
    let (mut observation, tail) = fetch_with_tail(monitored, Interval::new(from, now), (hint, above), now)?;
    let options = DiagnoseOptions { engine: request.engine(), ..DiagnoseOptions::default() };
    let target = &monitored.target;
    let may_ask = SecondLookOptions { breakdown: target.breakdown, compare_with: target.compare_with };
    let mut again = Again::new(&tail, &monitored.client, &target.namespace);
    look_again(&mut observation, &options, may_ask, &mut again).map_err(|e| refused(&e, "choose a longer period"))?;
    Ok(analysed(observation, options, "choose a longer period")?.report())
}

/// The service map of an incident.
pub(super) fn service_map(
    monitored: &MonitoredTarget,
    incident: &Incident,
    now: Timestamp,
) -> Result<ServiceMap, SystemError> {
    Ok(analyse_again(monitored, incident, DiagnoseOptions::default(), now)?.service_map())
}

/// Everything that a page about an incident shows.
pub(super) fn dossier(
    monitored: &MonitoredTarget,
    incident: &Incident,
    now: Timestamp,
) -> Result<Dossier, SystemError> {
    Ok(analyse_again(monitored, incident, DiagnoseOptions::default(), now)?.dossier(incident))
}

/// What one service shows now, and in the hour before.
pub(super) fn service_dossier(
    monitored: &MonitoredTarget,
    service: &str,
    now: Timestamp,
) -> Result<ServiceDossier, SystemError> {
    let window = Interval::new(now.plus_ms(-BASELINE_MS), now);
    let observation = fetch(monitored, window, now)?;
    let analysed = analysed(observation, DiagnoseOptions::default(), "wait until there is more data")?;
    analysed.service_dossier(&analysed.report(), service)
}

/// Why a service ranks where it ranks.
pub(super) fn explain(
    monitored: &MonitoredTarget,
    incident: &Incident,
    service: &str,
    now: Timestamp,
) -> Result<Explanation, SystemError> {
    analyse_again(monitored, incident, DiagnoseOptions::default(), now)?.explain(service)
}

/// What the AutoMAP engine can learn from an incident whose cause was confirmed.
pub(super) fn confirmed_case(
    monitored: &MonitoredTarget,
    incident: &Incident,
    cause: &str,
    now: Timestamp,
) -> Result<Option<ConfirmedCase>, SystemError> {
    let options = DiagnoseOptions { engine: Engine::Automap, ..DiagnoseOptions::default() };
    let Analysed { analysis, options, .. } = analyse_again(monitored, incident, options, now)?;
    Ok(analysis.confirmed(&incident.id, cause, &options.automap))
}

/// What differs between two periods.
pub(super) fn compare(
    monitored: &MonitoredTarget,
    request: &CompareRequest,
    now: Timestamp,
) -> Result<Comparison, SystemError> {
    let observed = |name: &str, period: &Period| {
        let window = Interval::new(period.start, period.end);
        let observation = fetch(monitored, window, now)?;
        compare::Period::new(name, &observation, window).map_err(|e| refused(&e, "choose a period that has data"))
    };
    let periods = [observed("before", &request.before)?, observed("after", &request.after)?];
    compare::compare(&periods, &CompareOptions::default()).map_err(|e| refused(&e, "choose other periods"))
}

/// The metrics of an incident as a capture.
pub(super) fn capture(
    monitored: &MonitoredTarget,
    incident: &Incident,
    now: Timestamp,
) -> Result<Vec<u8>, SystemError> {
    analyse_again(monitored, incident, DiagnoseOptions::default(), now)?.capture()
}

/// The coverage of a target in the last hour.
pub(super) fn coverage(monitored: &MonitoredTarget, now: Timestamp) -> Result<TargetCoverage, SystemError> {
    let window = Interval::new(now.plus_ms(-BASELINE_MS), now);
    let observation = fetch(monitored, window, now)?;
    Ok(TargetCoverage::of(&monitored.target.name, &observation, now))
}

/// Fetches and analyses the metrics of an incident again, in the windows of its report.
fn analyse_again(
    monitored: &MonitoredTarget,
    incident: &Incident,
    options: DiagnoseOptions,
    now: Timestamp,
) -> Result<Analysed, SystemError> {
    let windows = incident.report.as_ref().map(|r| &r.windows);
    let baseline = windows.map(WindowInfo::baseline);
    let start = windows.map_or(incident.onset, |w| w.incident_start);
    let end = windows.map(|w| w.incident_end).or(incident.closed).unwrap_or(now);
    let from = baseline.map_or_else(|| start.plus_ms(-BASELINE_MS), |b| b.start);
    let hint =
        WindowHint { incident_start: Some(start), start_tolerance_ms: Some(0), incident_end: Some(end), baseline };
    let above = screening::above(monitored.target.full);
    let (observation, _) = fetch_with_tail(monitored, Interval::new(from, end.min(now)), (hint, above), now)?;
    analysed(observation, options, "the incident's metrics may be older than the server keeps")
}

/// Analyses an observation; `next` is what to try if it is too little.
fn analysed(observation: Observation, options: DiagnoseOptions, next: &str) -> Result<Analysed, SystemError> {
    let analysis = analyse(&observation, &options).map_err(|e| refused(&e, next))?;
    Ok(Analysed { observation, analysis, options })
}

/// All metrics of a target.
fn fetch(monitored: &MonitoredTarget, window: Option<Interval>, now: Timestamp) -> Result<Observation, SystemError> {
    fetch_with_tail(monitored, window, (WindowHint::default(), None), now).map(|(observation, _)| observation)
}

/// The same or, for many services, only what a diagnosis needs, with the current knowledge of the server.
fn fetch_with_tail(
    monitored: &MonitoredTarget,
    window: Option<Interval>,
    (hint, screen_above): (WindowHint, Option<usize>),
    now: Timestamp,
) -> Result<(Observation, Tail), SystemError> {
    let invalid =
        |message: String| SystemError::Refused { message, next: "give a start before the end, in the past".into() };
    let window = window.ok_or_else(|| invalid("the period is empty".into()))?;
    if window.start >= now {
        return Err(invalid(format!("{} is in the future", window.start.rfc3339())));
    }
    if window.end.ms() - window.start.ms() > MAX_PERIOD_MS {
        return Err(invalid("the period is longer than a week".into()));
    }
    let target = &monitored.target;
    let options = ObserveOptions {
        hint,
        step_ms: target.step.map(ConfigDuration::ms),
        scrape_interval_ms: target.scrape_interval.map(ConfigDuration::ms),
        changes: target.changes,
        screen_above,
        ..ObserveOptions::new(&target.namespace, window.start, window.end.min(now), now)
    };
    let mut tail = Tail::default();
    let fetched = observe_incrementally(&mut tail, &monitored.client, &options, &|_| {});
    let unavailable = |message: String| SystemError::Unavailable { place: target.name.clone(), message };
    let mut observation = fetched.map_err(|e| unavailable(e.to_string()))?.observation;
    monitored.told.join(&mut observation, hint.incident_start.unwrap_or(window.end), now);
    Ok((observation, tail))
}

fn refused(error: &dyn std::fmt::Display, next: &str) -> SystemError {
    SystemError::Refused { message: error.to_string(), next: next.to_owned() }
}
