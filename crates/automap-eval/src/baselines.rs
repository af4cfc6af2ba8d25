//! Published methods, to compare the built-in engines with: one file for each.
//!
//! Each file cites its paper and says where it follows the published code and where it deviates from it, with the reason. A baseline gets
//! the same metrics, windows and calls as the built-in engines. This module holds what they share: their input, their scores, and which
//! series can be judged.

mod baro;
mod circa;
mod epsilon_diagnosis;
mod monitorrank;
mod nsigma;
mod pc_pagerank;
mod random;
mod regression;
mod largest_rise;

use std::collections::BTreeMap;

use automap_core::anomaly::{MIN_BASELINE_SAMPLES, MIN_INCIDENT_SAMPLES, Rows};
use automap_core::frame::{MetricFrame, Series};
use automap_core::metric::Side;
use automap_core::topology::CallGraph;

/// The input of a baseline.
#[derive(Clone, Copy, Debug)]
pub struct BaselineInput<'a> {
    /// The metrics.
    pub frame: &'a MetricFrame,
    /// Which rows of the frame are baseline and which belong to the incident.
    pub rows: &'a Rows,
    /// The call graph; may be empty.
    pub calls: &'a CallGraph,
    /// The service that receives user requests; `None` where the data set does not name it.
    pub entry: Option<&'a str>,
    /// Seed of random choices.
    pub seed: u64,
}

/// The output of a baseline: a score for each series that can be judged, and one for each service. Higher is more suspicious; the
/// scale differs between methods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BaselineScores {
    /// By service name and metric name.
    pub metrics: BTreeMap<(String, String), f64>,
    /// By service name.
    pub services: BTreeMap<String, f64>,
}

impl BaselineScores {
    /// The score of a service is the highest score of its series.
    fn of_series<'a>(frame: &MetricFrame, scored: impl IntoIterator<Item = (&'a Series, f64)>) -> Self {
        let mut out = Self::default();
        let raise = |slot: &mut f64, score: f64| *slot = slot.max(score);
        for (series, score) in scored {
            let service = frame.service(series.service);
            let metric = (service.to_owned(), series.metric.name.clone());
            raise(out.metrics.entry(metric).or_insert(f64::NEG_INFINITY), score);
            raise(out.services.entry(service.to_owned()).or_insert(f64::NEG_INFINITY), score);
        }
        out
    }
}

/// A published method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// See [`baro`].
    Baro,
    /// See [`nsigma`].
    NSigma,
    /// See [`circa`].
    Circa,
    /// See [`monitorrank`].
    MonitorRank,
    /// See [`pc_pagerank`].
    PcPageRank,
    /// See [`epsilon_diagnosis`].
    EpsilonDiagnosis,
    /// See [`random`].
    Random,
}

impl Baseline {
    /// All baselines.
    pub const ALL: [Self; 7] = [
        Self::Baro,
        Self::NSigma,
        Self::Circa,
        Self::MonitorRank,
        Self::PcPageRank,
        Self::EpsilonDiagnosis,
        Self::Random,
    ];

    /// Its name on the command line and in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baro => "baro",
            Self::NSigma => "nsigma",
            Self::Circa => "circa",
            Self::MonitorRank => "monitorrank",
            Self::PcPageRank => "pc-pagerank",
            Self::EpsilonDiagnosis => "epsilon-diagnosis",
            Self::Random => "random",
        }
    }

    /// Scores series and services.
    ///
    /// # Errors
    /// When the method needs something that the input lacks, such as an entry service.
    pub fn score(self, input: &BaselineInput) -> Result<BaselineScores, String> {
        match self {
            Self::Baro => Ok(baro::score(input)),
            Self::NSigma => Ok(nsigma::score(input)),
            Self::Circa => Ok(circa::score(input)),
            Self::MonitorRank => monitorrank::score(input),
            Self::PcPageRank => Ok(pc_pagerank::score(input)),
            Self::EpsilonDiagnosis => Ok(epsilon_diagnosis::score(input)),
            Self::Random => Ok(random::score(input)),
        }
    }
}

/// Series that can point to a culprit, with their index in the frame. Series measured outside the system cannot: they belong to no
/// service.
fn candidates(frame: &MetricFrame) -> impl Iterator<Item = (usize, &Series)> {
    frame.series().iter().enumerate().filter(|(_, s)| s.metric.side != Side::Outside)
}

/// The observed samples of baseline and incident; `None` where either has too few to judge.
fn windows(series: &Series, rows: &Rows) -> Option<(Vec<f64>, Vec<f64>)> {
    let pick = |rows: &[usize]| rows.iter().map(|&i| series.values[i]).filter(|v| !v.is_nan()).collect::<Vec<_>>();
    let (normal, incident) = (pick(&rows.baseline), pick(&rows.incident));
    (normal.len() >= MIN_BASELINE_SAMPLES && incident.len() >= MIN_INCIDENT_SAMPLES).then_some((normal, incident))
}

/// Whether all values are equal. Compares them directly: the standard deviation of a constant series may differ from 0 by rounding.
fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|w| w[0] == w[1])
}

#[cfg(test)]
mod test_frames {
    //! Small frames for the tests of the baselines.

    use automap_core::anomaly::Rows;
    use automap_core::frame::{MetricFrame, RawSeries, assemble};
    use automap_core::time::Timestamp;
    use automap_core::topology::CallGraph;

    use super::{Baseline, BaselineInput, BaselineScores};

    /// A frame with one sample per second of each `(service, metric, values)`.
    pub(super) fn frame(series: &[(&str, &str, Vec<f64>)]) -> MetricFrame {
        let times: Vec<_> = (0..series[0].2.len() as i64).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let raw = series.iter().map(|(service, metric, values)| RawSeries {
            service: (*service).to_owned(),
            metric: (*metric).to_owned(),
            peer: None,
            points: times.iter().copied().zip(values.iter().copied()).collect(),
        });
        assemble(raw.collect(), times.clone()).unwrap().0
    }

    pub(super) fn score(baseline: Baseline, frame: &MetricFrame, split: usize, calls: &CallGraph) -> BaselineScores {
        let rows = Rows::split(frame, split);
        baseline.score(&BaselineInput { frame, rows: &rows, calls, entry: None, seed: 1 }).unwrap()
    }

    pub(super) fn metric(scores: &BaselineScores, service: &str, metric: &str) -> f64 {
        scores.metrics[&(service.to_owned(), metric.to_owned())]
    }
}
