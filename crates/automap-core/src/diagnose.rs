//! Runs all stages of a diagnosis in order; every mode of automap calls [`diagnose`].
//!
//! [`analyse`] is the same without the report: maps, explanations and profiles build on it. Callers fetch the observation and show the report.
//!
//! ```
//! use automap_core::frame::{RawSeries, assemble};
//! use automap_core::observation::Observation;
//! use automap_core::time::{Timestamp, WindowHint};
//! use automap_core::topology::CallGraph;
//! use automap_core::{DiagnoseOptions, diagnose};
//!
//! // Two services, a sample every 5 s; after five minutes payment becomes slow, and orders, which calls it, with it.
//! let times: Vec<Timestamp> = (0..120).map(|i| Timestamp::from_ms(1_700_000_000_000 + 5_000 * i)).collect();
//! let latency = |service: &str, level: f64, fault: f64| RawSeries {
//!     service: service.to_owned(),
//!     metric: "latency_ms".to_owned(),
//!     peer: None,
//!     points: times
//!         .iter()
//!         .enumerate()
//!         .map(|(i, at)| (*at, level + (i * 7 % 10) as f64 / 10.0 + if i >= 60 { fault } else { 0.0 }))
//!         .collect(),
//! };
//! let raw = vec![latency("orders", 12.0, 250.0), latency("payment", 4.0, 250.0)];
//! let (frame, notes) = assemble(raw, times.clone()).unwrap();
//! let calls: CallGraph = [("orders", "payment")].into_iter().collect();
//! let hint = WindowHint { incident_start: Some(times[60]), ..WindowHint::default() };
//! let observation = Observation { hint, notes, ..Observation::new(frame, calls, "an example") };
//!
//! let report = diagnose(&observation, &DiagnoseOptions::default()).unwrap();
//! assert_eq!(report.causes[0].service, "payment");
//! assert_eq!(report.causes[0].path, ["orders", "payment"]);
//! ```

use crate::analysis::Analysis;
use crate::anomaly::{Anomalies, Rows};
use crate::attribution::Impact;
use crate::course::{Course, Plan};
use crate::frame::MetricFrame;
use crate::graph::{ByType, MetricType};
use crate::note::Note;
use crate::observation::Observation;
use crate::onset_average::{self, EvaluatedOnset};
use crate::rank::Ranking;
use crate::rank::change_fit::{self, Onset};
use crate::rank::hosts::{Hosts, Setting};
use crate::rank::metric_weights::{ConfirmedCase, LearningOptions, learn_weights};
use crate::rank::suspects::{DECIDES, Suspects};
use crate::report::{self, Report};
use crate::time::WindowHint;
use crate::time_of_day::EarlierDay;
use crate::topology::CallGraph;
use crate::unseen::Unseen;
use crate::verdict::Margin;
use crate::windows::OnsetSource;
use crate::{anomaly, attribution, propagation, rank, verdict, windows};

/// A rate looks back over about this many steps, so a detected onset may be this much before the change that started it.
const BLUR_STEPS: i64 = 3;

/// The options of every stage.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiagnoseOptions {
    /// Options of the anomaly scores.
    pub anomaly: anomaly::AnomalyOptions,
    /// Which engine ranks.
    pub engine: rank::Engine,
    /// Options of the evidence engine.
    pub evidence: rank::EvidenceOptions,
    /// Options of the AutoMAP engine.
    pub automap: rank::AutomapOptions,
    /// Options of the verdict.
    pub verdict: verdict::VerdictOptions,
}

/// Why no diagnosis is possible. Imperfect data is no error: it becomes a note in the report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiagnoseError {
    /// The windows cannot be compared.
    #[error(transparent)]
    Windows(#[from] windows::WindowError),
    /// Not one series has enough samples in both windows.
    #[error("none of the {series} series has enough samples in both windows ({baseline} + {incident} samples)")]
    NothingToJudge {
        /// Series delivered.
        series: usize,
        /// Samples in the baseline.
        baseline: usize,
        /// Samples in the incident.
        incident: usize,
    },
}

/// From an observation to the report: every mode of automap calls this.
///
/// # Errors
/// [`DiagnoseError`] when the windows or the data leave nothing to compare.
pub fn diagnose(observation: &Observation, options: &DiagnoseOptions) -> Result<Report, DiagnoseError> {
    Ok(report::compose(observation, &analyse(observation, options)?, &options.verdict))
}

/// All stages before the report.
///
/// # Errors
/// Same as for [`diagnose`].
pub fn analyse(observation: &Observation, options: &DiagnoseOptions) -> Result<Analysis, DiagnoseError> {
    analyse_with_history(observation, options, &[])
}

/// Like [`analyse`], with confirmed incidents for the AutoMAP engine to learn its metric weights from. Only incidents that began strictly before
/// this one count; without any, the weights are those of the options.
///
/// # Errors
/// Same as for [`diagnose`].
pub fn analyse_with_history(
    observation: &Observation,
    options: &DiagnoseOptions,
    history: &[ConfirmedCase],
) -> Result<Analysis, DiagnoseError> {
    let frame = observation.frame.with_network_gaps();
    let calls = &observation.calls;
    let plan = Course::of(&frame, calls, &observation.hint).plan(&frame, &observation.hint);
    let (plan, EvaluatedOnset { windows, anomalies, ranking }) =
        evaluate(&frame, calls, (plan, &observation.hint), options)?;
    let mut notes = windows::notes(&windows, &observation.hint);
    notes.extend(plan.notes(&frame, &windows.rows.baseline, windows.incident.start));
    let impacts = attribution::attribute(&frame, &windows.rows, calls, &anomalies);
    let entries = frame.entries(calls);
    let (suspects, ranking) = suspected(&frame, (&windows.rows, observation), (&anomalies, &impacts), ranking);
    let onset = Onset { at: windows.incident.start, blur_ms: BLUR_STEPS * frame.step_ms() };
    let brought_about = change_fit::brought_about(&observation.changes, &frame, onset);
    let mut change_fits = change_fit::fits(&observation.changes, &frame, onset);
    let (ranking, automap) = match options.engine {
        rank::Engine::Evidence => {
            let ranking = rank::suspects::weigh(ranking, &suspects, &impacts);
            let ranking = rank::scaling::discount(ranking, &anomalies, &brought_about);
            (change_fit::weigh(ranking, &mut change_fits, &suspects), None)
        }
        // The random walk does not use changes.
        rank::Engine::Automap => {
            let prepared = rank::automap::prepare(&frame, &windows.rows, &anomalies, calls, &options.automap);
            notes.extend(prepared.notes.iter().cloned());
            let mut chosen = options.automap;
            let earlier = history.iter().filter(|c| c.started < windows.incident.start).cloned().collect::<Vec<_>>();
            if !earlier.is_empty() {
                chosen.metric_weights = learn_weights(&prepared.anomaly, &earlier, &LearningOptions::default());
                notes.push(learnt_note(earlier.len(), &chosen.metric_weights));
            }
            (rank::automap::rank(&prepared, &frame, &chosen), Some(prepared))
        }
    };
    let waits = rank::open_calls::find(&frame, &windows.rows, calls, &impacts, &suspects);
    let unseen = Unseen::of(&frame, &anomalies, calls, &observation.queries).with_unmeasured(&frame, &waits);
    let late = || propagation::too_late(&ranking, &frame, &windows, &anomalies, &entries);
    let too_late = if suspects.weight >= DECIDES { Vec::new() } else { late() };
    Ok(Analysis {
        frame,
        entities: observation.entities.clone(),
        plan,
        windows,
        entries,
        anomalies,
        impacts,
        suspects,
        ranking,
        change_fits,
        brought_about,
        too_late,
        automap,
        earlier_days: observation.earlier_days.iter().map(EarlierDay::with_network_gaps).collect(),
        unseen,
        notes,
    })
}

/// The services that account for what users feel, and the ranking with nodes weighed by what they hold up.
fn suspected(
    frame: &MetricFrame,
    (rows, observation): (&Rows, &Observation),
    (anomalies, impacts): (&Anomalies, &[Impact]),
    ranking: Ranking,
) -> (Suspects, Ranking) {
    let setting = Setting { frame, rows, entities: &observation.entities, calls: &observation.calls };
    let hosts = Hosts::of(setting, anomalies, impacts, &ranking);
    let suspects = rank::suspects::find(frame, &observation.calls, &hosts, impacts, &ranking);
    let ranking = hosts.weigh(ranking, suspects.weight);
    (suspects, ranking)
}

/// Ranks by the windows of the plan. If most of the data is bad, no stretch stands out before the windows are known; then the end is detected
/// again, with their baseline taken as normal.
fn evaluate(
    frame: &MetricFrame,
    calls: &CallGraph,
    (plan, hint): (Plan, &WindowHint),
    options: &DiagnoseOptions,
) -> Result<(Plan, EvaluatedOnset), DiagnoseError> {
    let rank = |plan: &Plan| {
        let possible = windows::planned(frame, plan)?;
        let samples = possible.first().map(|h| (h.windows.rows.baseline.len(), h.windows.rows.incident.len()));
        let (baseline, incident) = samples.unwrap_or_default();
        onset_average::rank_by_evidence(frame, possible, calls, &options.anomaly, &options.evidence)
            .ok_or(DiagnoseError::NothingToJudge { series: frame.series().len(), baseline, incident })
    };
    let first = rank(&plan)?;
    if plan.has_long_been_over(frame) {
        let now = plan.of_now(frame);
        let is_new = |o: &EvaluatedOnset| plan.over_since.is_some_and(|end| o.windows.incident.start >= end);
        return Ok(match rank(&now).ok().filter(|second| is_new(second) && is_clear(second, options)) {
            Some(second) => (now, second),
            None => (plan, first),
        });
    }
    // If the metrics do not change where the stretch begins, the stretch may be the recovery from a long incident.
    let is_explained = plan.begins_near(frame, first.windows.incident.start);
    if is_explained || hint.incident_end.is_some() || first.windows.onset != OnsetSource::Detected {
        return Ok((plan, first));
    }
    let again = Course::with_reference(frame, calls, &first.windows.rows.baseline).plan(frame, hint);
    match again.over_since.and_then(|_| rank(&again).ok()) {
        Some(second) => Ok((again, second)),
        None => Ok((plan, first)),
    }
}

/// Whether the first service of a ranking would be named.
fn is_clear(evaluated: &EvaluatedOnset, options: &DiagnoseOptions) -> bool {
    let ranking = &evaluated.ranking;
    let Some(first) = ranking.services.first() else { return false };
    let samples = evaluated.windows.rows.baseline.len() as f64;
    let margin = Margin::in_ranking(ranking, &[vec![first.service]], samples);
    margin.confidence(&options.verdict) >= options.verdict.name_from
}

fn learnt_note(cases: usize, weights: &ByType) -> Note {
    let mut by_weight: Vec<(MetricType, f64)> = MetricType::ALL.into_iter().zip(*weights).collect();
    by_weight.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let weights: Vec<String> = by_weight.iter().map(|(metric, weight)| format!("{metric} {weight:.2}")).collect();
    Note::info(
        "learnt_weights",
        format!("metric weights learnt from {cases} earlier incident(s): {}", weights.join(", ")),
    )
}
