//! What is asked of a target's server on demand. The store keeps reports, not metrics: what needs those fetches them again, for exactly the
//! windows of the report, while the server still has them.

use automap_core::compare::{CompareOptions, Period, compare as differences};
use automap_core::graph::{GraphOptions, learn_for_incident};
use automap_core::incident::Incident;
use automap_core::observation::Observation;
use automap_core::rank::Engine;
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::report::{self, Report, WindowInfo};
use automap_core::service_map::{MapKind, with_graphs};
use automap_core::time::{Interval, Timestamp, WindowHint};
use automap_core::{Analysis, DiagnoseOptions, analyse};
use automap_sources::prometheus::{ObserveOptions, observe};
use serde_json::Value;

use super::Place;
use crate::api::system::{CompareRequest, DiagnoseRequest, EngineName, SystemError};
use crate::config::Span;

/// Normal time before an incident whose start is told.
const BEFORE_MS: i64 = 3_600_000;
/// Longest time that is fetched at once: a week.
const MAX_MS: i64 = 7 * 86_400_000;

/// Fetches and diagnoses now.
pub(super) fn diagnose(place: &Place, request: &DiagnoseRequest, now: Timestamp) -> Result<Report, SystemError> {
    let baseline = request.baseline.and_then(|p| Interval::new(p.start, p.end));
    let start = request.incident_start;
    let from = baseline.map_or_else(|| start.unwrap_or(now).min(now).plus_ms(-BEFORE_MS), |b| b.start);
    let hint = WindowHint { incident_start: start, baseline, ..WindowHint::default() };
    let observation = fetch(place, Interval::new(from, now), hint, now)?;
    let engine = match request.engine {
        Some(EngineName::Automap) => Engine::Automap,
        Some(EngineName::Evidence) | None => Engine::Evidence,
    };
    let options = DiagnoseOptions { engine, ..DiagnoseOptions::default() };
    let analysis = analyse(&observation, &options).map_err(|e| refused(&e, "ask for a longer time"))?;
    Ok(report::compose(&observation, &analysis, &options.verdict))
}

/// The service map of an incident.
pub(super) fn graph(place: &Place, incident: &Incident, now: Timestamp) -> Result<Value, SystemError> {
    let options = DiagnoseOptions::default();
    let (observation, analysis) = again(place, incident, &options, now)?;
    let report = report::compose(&observation, &analysis, &options.verdict);
    let graphs =
        learn_for_incident(&analysis.frame, &analysis.windows.rows, &observation.calls, &GraphOptions::default());
    json(&with_graphs(&observation, &report, &graphs, MapKind::Anomaly))
}

/// Why a service stands where it stands.
pub(super) fn explain(place: &Place, incident: &Incident, service: &str, now: Timestamp) -> Result<Value, SystemError> {
    let options = DiagnoseOptions::default();
    let (observation, analysis) = again(place, incident, &options, now)?;
    let explained = automap_core::explain::explain(&observation, &analysis, &options, service);
    json(&explained.map_err(|_| SystemError::NotFound { what: "service", name: service.to_owned() })?)
}

/// What the AutoMAP engine can learn from an incident whose cause is known.
pub(super) fn case(
    place: &Place,
    incident: &Incident,
    cause: &str,
    now: Timestamp,
) -> Result<Option<ConfirmedCase>, SystemError> {
    let options = DiagnoseOptions { engine: Engine::Automap, ..DiagnoseOptions::default() };
    let (_, analysis) = again(place, incident, &options, now)?;
    Ok(analysis.confirmed(&incident.id, cause, &options.automap))
}

/// What differs between two periods.
pub(super) fn compare(place: &Place, request: &CompareRequest, now: Timestamp) -> Result<Value, SystemError> {
    let period = |name: &str, p: &crate::api::system::Period| {
        let window = Interval::new(p.start, p.end);
        let observation = fetch(place, window, WindowHint::default(), now)?;
        Period::new(name, &observation, window).map_err(|e| refused(&e, "choose a period that has data"))
    };
    let periods = [period("before", &request.before)?, period("after", &request.after)?];
    json(&differences(&periods, &CompareOptions::default()).map_err(|e| refused(&e, "choose other periods"))?)
}

/// The incident's metrics and their analysis once more, in the windows of its report.
fn again(
    place: &Place,
    incident: &Incident,
    options: &DiagnoseOptions,
    now: Timestamp,
) -> Result<(Observation, Analysis), SystemError> {
    let windows = incident.report.as_ref().map(|r| &r.windows);
    let baseline = windows.map(WindowInfo::baseline);
    let start = windows.map_or(incident.onset, |w| w.incident_start);
    let end = windows.map(|w| w.incident_end).or(incident.closed).unwrap_or(now);
    let from = baseline.map_or_else(|| start.plus_ms(-BEFORE_MS), |b| b.start);
    let hint =
        WindowHint { incident_start: Some(start), start_tolerance_ms: Some(0), incident_end: Some(end), baseline };
    let observation = fetch(place, Interval::new(from, end.min(now)), hint, now)?;
    let gone = "its metrics may be older than what the server keeps";
    let analysis = analyse(&observation, options).map_err(|e| refused(&e, gone))?;
    Ok((observation, analysis))
}

fn fetch(
    place: &Place,
    window: Option<Interval>,
    hint: WindowHint,
    now: Timestamp,
) -> Result<Observation, SystemError> {
    let bad =
        |message: String| SystemError::Refused { message, next: "give a start before its end, in the past".into() };
    let window = window.ok_or_else(|| bad("the period is empty".into()))?;
    if window.start >= now {
        return Err(bad(format!("{} is in the future", window.start.rfc3339())));
    }
    if window.end.ms() - window.start.ms() > MAX_MS {
        return Err(bad("the period is longer than a week".into()));
    }
    let options = ObserveOptions {
        hint,
        step_ms: place.target.step.map(Span::ms),
        scrape_interval_ms: place.target.scrape_interval.map(Span::ms),
        ..ObserveOptions::new(&place.target.namespace, window.start, window.end.min(now), now)
    };
    let fetched = observe(&place.client, &options, &|_| {});
    let away = |message: String| SystemError::Unavailable { place: place.target.name.clone(), message };
    fetched.map(|f| f.observation).map_err(|e| away(e.to_string()))
}

fn refused(error: &dyn std::fmt::Display, next: &str) -> SystemError {
    SystemError::Refused { message: error.to_string(), next: next.to_owned() }
}

fn json(value: &impl serde::Serialize) -> Result<Value, SystemError> {
    serde_json::to_value(value)
        .map_err(|e| SystemError::Unavailable { place: "automap".into(), message: e.to_string() })
}
