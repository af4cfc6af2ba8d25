//! Published methods for comparison with the built-in engines: one file for each.
//!
//! Each file cites its paper and says where it follows the published code and where it deviates from it, with the reason. A baseline gets
//! the same metrics, windows and calls as the built-in engines.

mod baro;
mod circa;
mod common;
mod epsilon_diagnosis;
mod monitorrank;
mod nsigma;
mod pc_pagerank;
mod prism;
mod random;
mod regression;
mod largest_rise;
mod torai;

pub use common::{BaselineInput, BaselineScores};

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
    /// See [`prism`].
    Prism,
    /// See [`prism`].
    PrismConjunctive,
    /// See [`torai`].
    Torai,
    /// See [`random`].
    Random,
}

impl Baseline {
    /// All baselines.
    pub const ALL: [Self; 10] = [
        Self::Baro,
        Self::NSigma,
        Self::Circa,
        Self::MonitorRank,
        Self::PcPageRank,
        Self::EpsilonDiagnosis,
        Self::Prism,
        Self::PrismConjunctive,
        Self::Torai,
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
            Self::Prism => "prism",
            Self::PrismConjunctive => "prism-conjunctive",
            Self::Torai => "torai",
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
            Self::Prism => Ok(prism::additive(input)),
            Self::PrismConjunctive => prism::conjunctive(input),
            Self::Torai => Ok(torai::score(input)),
            Self::Random => Ok(random::score(input)),
        }
    }
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
