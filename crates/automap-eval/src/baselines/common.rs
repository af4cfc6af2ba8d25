//! What all baselines share: their input and output, and which series can be judged.

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
    /// The service that receives user requests; `None` if the data set does not name it.
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
    pub(super) fn of_series<'a>(frame: &MetricFrame, scored: impl IntoIterator<Item = (&'a Series, f64)>) -> Self {
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

/// Series that can point to a root cause, with their index in the frame. Series measured outside the system cannot: they belong to no service.
pub(super) fn candidates(frame: &MetricFrame) -> impl Iterator<Item = (usize, &Series)> {
    frame.series().iter().enumerate().filter(|(_, s)| s.metric.side != Side::Outside)
}

/// The observed samples of baseline and incident; `None` if either has too few to judge.
pub(super) fn windows(series: &Series, rows: &Rows) -> Option<(Vec<f64>, Vec<f64>)> {
    let pick = |rows: &[usize]| rows.iter().map(|&i| series.values[i]).filter(|v| !v.is_nan()).collect::<Vec<_>>();
    let (normal, incident) = (pick(&rows.baseline), pick(&rows.incident));
    (normal.len() >= MIN_BASELINE_SAMPLES && incident.len() >= MIN_INCIDENT_SAMPLES).then_some((normal, incident))
}

/// Whether all values are equal. Compares them directly: the standard deviation of a constant series may differ from 0 by rounding.
pub(super) fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|w| w[0] == w[1])
}
