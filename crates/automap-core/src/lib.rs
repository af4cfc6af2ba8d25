//! Root-cause localisation for microservices, as pure functions.
//!
//! ```text
//!  Prometheus ┐                                                          ┌ text · JSON
//!  capture    ┼▶ RawSeries ▶ MetricFrame ▶ Anomalies ▶ Ranking ▶ Report ─┤
//!  CSV        ┘    sources      frame        anomaly     rank     report └ …
//! ```
//!
//! Values only move right. Nothing here reads a file, a clock, the environment or a network, and nothing knows
//! what was really injected: the same observation and options give the same report, to the byte.

pub mod anomaly;
pub mod frame;
pub mod graph;
pub mod independence;
pub mod metric;
pub mod note;
pub mod observation;
pub mod onset;
pub mod rank;
pub mod report;
pub mod stats;
pub mod time;
pub mod topology;
pub mod verdict;
pub mod windows;

use observation::Observation;
use report::Report;

/// The options of every stage.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiagnoseOptions {
    /// How far from normal.
    pub anomaly: anomaly::AnomalyOptions,
    /// Who is blamed.
    pub evidence: rank::EvidenceOptions,
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
    let frame = observation.frame.with_network_gaps();
    let (windows, notes) = windows::settle(&frame, &observation.hint)?;
    let anomalies = anomaly::detect(&frame, &windows.rows, &options.anomaly);
    if anomalies.series.is_empty() {
        return Err(DiagnoseError::NothingToJudge {
            series: frame.series().len(),
            baseline: windows.rows.baseline.len(),
            incident: windows.rows.incident.len(),
        });
    }
    let ranking = rank::rank(&frame, &anomalies, &observation.calls, &options.evidence);
    let findings = report::Findings {
        observation,
        frame: &frame,
        windows: &windows,
        anomalies: &anomalies,
        ranking: &ranking,
        notes,
    };
    Ok(report::compose(findings, &options.verdict))
}
