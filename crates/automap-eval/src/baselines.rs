//! What others do, as engines to be measured beside ours: each method one file, from its paper, checked against its published code
//! where that is sound; where it is not, the file says what was repaired.
//!
//! A baseline sees what our engines see: the metrics, the windows, the calls. It scores series or services; the shared rest lives here.

mod baro;
mod circa;
mod epsilon_diagnosis;
mod monitorrank;
mod nsigma;
mod pc_pagerank;
mod random;
mod regression;
mod shift;

use std::collections::BTreeMap;

use automap_core::anomaly::{MIN_BASELINE_SAMPLES, MIN_INCIDENT_SAMPLES, Rows};
use automap_core::frame::{MetricFrame, Series};
use automap_core::metric::Side;
use automap_core::topology::CallGraph;

/// What a baseline sees.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The metrics.
    pub frame: &'a MetricFrame,
    /// Which samples are normal and which are the incident.
    pub rows: &'a Rows,
    /// Who calls whom; may be empty.
    pub calls: &'a CallGraph,
    /// The service that users talk to, where the application's owner says so.
    pub entry: Option<&'a str>,
    /// Seed of whatever is drawn.
    pub seed: u64,
}

/// What a baseline says: a score for every series that it judges, and one for every service. Higher is more suspicious.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// By service name and metric name.
    pub metrics: BTreeMap<(String, String), f64>,
    /// By service name.
    pub services: BTreeMap<String, f64>,
}

impl Scores {
    /// A service is as suspicious as its most suspicious series.
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

/// A method of others.
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
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Baro,
        Self::NSigma,
        Self::Circa,
        Self::MonitorRank,
        Self::PcPageRank,
        Self::EpsilonDiagnosis,
        Self::Random,
    ];

    /// The word on the command line and in results.
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
    /// When the method lacks something that it cannot do without.
    pub fn score(self, input: &Input) -> Result<Scores, String> {
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

/// Series that somebody may be blamed by, with position in the frame; what an outside user sees blames nobody.
fn candidates(frame: &MetricFrame) -> impl Iterator<Item = (usize, &Series)> {
    frame.series().iter().enumerate().filter(|(_, s)| s.metric.side != Side::Outside)
}

/// The observed samples of both windows; `None` where they are too few to judge.
fn windows(series: &Series, rows: &Rows) -> Option<(Vec<f64>, Vec<f64>)> {
    let pick = |rows: &[usize]| rows.iter().map(|&i| series.values[i]).filter(|v| !v.is_nan()).collect::<Vec<_>>();
    let (normal, incident) = (pick(&rows.baseline), pick(&rows.incident));
    (normal.len() >= MIN_BASELINE_SAMPLES && incident.len() >= MIN_INCIDENT_SAMPLES).then_some((normal, incident))
}

/// Whether all values are the same. Exactly: the deviation of a constant from its own mean is not always 0, but what is left of rounding.
fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|w| w[0] == w[1])
}

#[cfg(test)]
mod samples {
    //! Small frames for the tests of the baselines.

    use automap_core::anomaly::Rows;
    use automap_core::frame::{MetricFrame, RawSeries, assemble};
    use automap_core::time::Timestamp;
    use automap_core::topology::CallGraph;

    use super::{Baseline, Input, Scores};

    /// `(service, metric, values)`; the first `split` instants are normal.
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

    pub(super) fn score(baseline: Baseline, frame: &MetricFrame, split: usize, calls: &CallGraph) -> Scores {
        let rows = Rows::split(frame, split);
        baseline.score(&Input { frame, rows: &rows, calls, entry: None, seed: 1 }).unwrap()
    }

    pub(super) fn metric(scores: &Scores, service: &str, metric: &str) -> f64 {
        scores.metrics[&(service.to_owned(), metric.to_owned())]
    }
}
