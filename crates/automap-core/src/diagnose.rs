//! What does a diagnosis do? All stages in the order of the picture; every mode of automap calls [`diagnose`].

use crate::analysis::Analysis;
use crate::graph::{ByType, MetricType};
use crate::note::Note;
use crate::observation::Observation;
use crate::onset_average::{self, EvaluatedOnset};
use crate::rank::metric_weights::{ConfirmedCase, LearningOptions, learn_weights};
use crate::report::{self, Report};
use crate::{anomaly, rank, verdict, windows};

/// The options of every stage.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiagnoseOptions {
    /// How far from normal.
    pub anomaly: anomaly::AnomalyOptions,
    /// Which engine ranks.
    pub engine: rank::Engine,
    /// Who is blamed, by the evidence engine.
    pub evidence: rank::EvidenceOptions,
    /// Who is blamed, by the AutoMAP engine.
    pub automap: rank::AutomapOptions,
    /// What may be said.
    pub verdict: verdict::VerdictOptions,
}

/// Why no answer is possible. Imperfect data is not among the reasons: it becomes a note in the report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiagnoseError {
    /// The windows make no comparison.
    #[error(transparent)]
    Windows(#[from] windows::WindowError),
    /// Not one series has enough samples in both windows.
    #[error("none of the {series} series has enough samples in both windows ({baseline} + {incident} instants)")]
    NothingToJudge {
        /// Series delivered.
        series: usize,
        /// Instants in the baseline.
        baseline: usize,
        /// Instants in the incident.
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
/// As [`diagnose`].
pub fn analyse(observation: &Observation, options: &DiagnoseOptions) -> Result<Analysis, DiagnoseError> {
    analyse_with_history(observation, options, &[])
}

/// As [`analyse`], with confirmed incidents for the AutoMAP engine to learn its metric weights from. Those that did not begin strictly
/// before this one are left out; without any that did, the weights are those of the options.
///
/// # Errors
/// As [`diagnose`].
pub fn analyse_with_history(
    observation: &Observation,
    options: &DiagnoseOptions,
    history: &[ConfirmedCase],
) -> Result<Analysis, DiagnoseError> {
    let frame = observation.frame.with_network_gaps();
    let calls = &observation.calls;
    let possible = windows::hypotheses(&frame, &observation.hint)?;
    let instants = possible.first().map(|h| (h.windows.rows.baseline.len(), h.windows.rows.incident.len()));
    let (baseline, incident) = instants.unwrap_or_default();
    let averaged = onset_average::rank_by_evidence(&frame, possible, calls, &options.anomaly, &options.evidence);
    let Some(EvaluatedOnset { windows, anomalies, ranking }) = averaged else {
        return Err(DiagnoseError::NothingToJudge { series: frame.series().len(), baseline, incident });
    };
    let mut notes = windows::notes(&windows, &observation.hint);
    let (ranking, automap) = match options.engine {
        rank::Engine::Evidence => (ranking, None),
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
    Ok(Analysis { frame, windows, anomalies, ranking, automap, notes })
}

fn learnt_note(cases: usize, weights: &ByType) -> Note {
    let mut by_weight: Vec<(MetricType, f64)> = MetricType::ALL.into_iter().zip(*weights).collect();
    by_weight.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let told: Vec<String> = by_weight.iter().map(|(metric, weight)| format!("{metric} {weight:.2}")).collect();
    Note::info("learnt_weights", format!("metric weights learnt from {cases} earlier incident(s): {}", told.join(", ")))
}
