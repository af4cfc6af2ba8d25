//! CIRCA (Li et al., KDD 2022): a metric is suspicious if its parents in the causal graph do not explain its values.
//!
//! Three steps, as in the authors' code:
//! 1. The structural graph over metrics (`circa/graph.rs`).
//! 2. The regression-based hypothesis test: least squares on the parents in the baseline. The score of a metric is its largest |residual|
//!    during the incident, in standard deviations of the baseline's residuals.
//! 3. Descendant adjustment: a suspicious metric with suspicious effects gains their score. Threshold 3.
//!
//! Differences from the published code: benchmarks run something else under this name (a graph learnt by PC from both windows, no
//! adjustment, the test on the last ten samples only); this is the authors' method. A regression on fewer than two samples for each
//! coefficient would explain everything, so the plain deviation is used instead, as the authors do where a regression fails. Series that are
//! constant in the baseline come last: without a spread, deviations have no unit.

mod graph;

use automap_core::frame::Series;
use automap_core::stats::{mean, sd};

use super::common::{BaselineInput, BaselineScores, candidates, is_constant, windows};
use super::regression::Fit;
use graph::MetricGraph;

/// A metric counts as anomalous from this many standard deviations: the authors' choice.
const THRESHOLD: f64 = 3.0;
/// Minimum number of baseline samples for each coefficient of a regression.
const SAMPLES_PER_COEFFICIENT: usize = 2;
/// The residuals' spread is at least this share of the series' own, so that a perfect fit does not give infinite scores.
const RESIDUAL_FLOOR: f64 = 1e-3;

pub(super) fn score(input: &BaselineInput) -> BaselineScores {
    let series = input.frame.series();
    let graph = MetricGraph::new(input.frame, input.calls);
    let judged = candidates(input.frame).filter_map(|(i, s)| Some((i, hypothesis_test(input, s, graph.parents(i))?)));
    let mut tested = vec![None; series.len()];
    judged.for_each(|(i, z)| tested[i] = Some(z));
    let adjusted = adjust(&graph, &tested);
    let mut order: Vec<(usize, f64)> =
        adjusted.iter().enumerate().filter_map(|(i, score)| Some((i, (*score)?))).collect();
    // If scores are equal, the metric nearer to the root of the graph comes first.
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(graph.depth(a.0).cmp(&graph.depth(b.0))).then(a.0.cmp(&b.0)));
    let places = order.iter().enumerate().map(|(place, (i, _))| (&series[*i], -(place as f64)));
    BaselineScores::of_series(input.frame, places)
}

/// Largest |residual| of the incident, in standard deviations of the baseline's residuals; `None` if there are too few samples.
fn hypothesis_test(input: &BaselineInput, series: &Series, parents: &[usize]) -> Option<f64> {
    let (before, during) = windows(series, input.rows)?;
    if is_constant(&before) {
        return Some(f64::NEG_INFINITY);
    }
    let deviation = sd(&before);
    if let Some(z) = residual_test(input, series, parents, deviation) {
        return Some(z);
    }
    let centre = mean(&before);
    Some(during.iter().map(|v| (v - centre).abs() / deviation).fold(0.0, f64::max))
}

fn residual_test(input: &BaselineInput, series: &Series, parents: &[usize], deviation: f64) -> Option<f64> {
    let parents: Vec<&[f64]> = parents.iter().map(|&p| &input.frame.series()[p].values[..]).collect();
    let observed = |rows: &[usize]| -> Vec<usize> {
        let is_whole = |i: &usize| !series.values[*i].is_nan() && parents.iter().all(|p| !p[*i].is_nan());
        rows.iter().copied().filter(is_whole).collect()
    };
    let (normal, incident) = (observed(&input.rows.baseline), observed(&input.rows.incident));
    let enough = normal.len() >= SAMPLES_PER_COEFFICIENT * (parents.len() + 1);
    if parents.is_empty() || !enough || incident.is_empty() {
        return None;
    }
    let columns: Vec<Vec<f64>> = parents.iter().map(|p| normal.iter().map(|&i| p[i]).collect()).collect();
    let target: Vec<f64> = normal.iter().map(|&i| series.values[i]).collect();
    let fit = Fit::new(&columns, &target)?;
    let residual = |i: &usize| series.values[*i] - fit.predict(parents.iter().map(|p| p[*i]));
    let residuals: Vec<f64> = normal.iter().map(residual).collect();
    let (centre, spread) = (mean(&residuals), sd(&residuals).max(RESIDUAL_FLOOR * deviation));
    Some(incident.iter().map(|i| (residual(i) - centre).abs() / spread).fold(0.0, f64::max))
}

/// Descendant adjustment: an anomalous metric gains the largest score among its effects. An effect that is not anomalous itself passes
/// on the largest score among its own effects.
fn adjust(graph: &MetricGraph, tested: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut below: Vec<Option<f64>> = vec![None; tested.len()];
    for &i in graph.effects_first() {
        let of_child = |&child: &usize| {
            let own = tested[child]?;
            let through = if own < THRESHOLD { below[child] } else { None };
            Some(through.map_or(own, |deeper| own.max(deeper)))
        };
        below[i] = graph.children(i).iter().filter_map(of_child).reduce(f64::max);
    }
    let gain = |(own, below): (&Option<f64>, &Option<f64>)| {
        own.map(|own| if own >= THRESHOLD { own + below.unwrap_or(0.0).max(0.0) } else { own })
    };
    tested.iter().zip(&below).map(gain).collect()
}

#[cfg(test)]
mod tests {
    use automap_core::anomaly::Rows;

    use super::super::test_frames;
    use super::*;

    /// The caller's latency is twice the callee's plus noise; in the incident both rise by the same rule, so the caller's rise is expected.
    #[test]
    fn a_rise_that_the_callee_explains_is_not_suspicious() {
        let callee: Vec<f64> = (0..40).map(|i| if i < 30 { 10.0 } else { 25.0 } + ((i * 5) % 7) as f64).collect();
        let noise = |i: usize| ((i * 3) % 11) as f64 * 0.1;
        let caller: Vec<f64> = callee.iter().enumerate().map(|(i, c)| 2.0 * c + noise(i)).collect();
        let frame = test_frames::frame(&[("a-caller", "latency", caller), ("callee", "latency", callee)]);
        let (rows, calls) = (Rows::split(&frame, 30), [("a-caller", "callee")].into_iter().collect());
        let input = BaselineInput { frame: &frame, rows: &rows, calls: &calls, entry: None, seed: 0 };
        let z = |series: usize, parents: &[usize]| hypothesis_test(&input, &frame.series()[series], parents).unwrap();
        assert!(z(0, &[]) > 9.0);
        assert!(z(0, MetricGraph::new(&frame, &calls).parents(0)) < 5.0);
        let scores = score(&input);
        assert!(scores.services["callee"] > scores.services["a-caller"], "{scores:?}");
    }

    /// A chain cpu → latency → the caller's latency with scores 5, 1, 4: the adjustment passes through the quiet latency, and the CPU becomes 9.
    #[test]
    fn adjustment_worked_by_hand() {
        let one = vec![1.0; 4];
        let frame =
            test_frames::frame(&[("b", "cpu", one.clone()), ("b", "latency", one.clone()), ("f", "latency", one)]);
        let graph = MetricGraph::new(&frame, &[("f", "b")].into_iter().collect());
        assert_eq!(adjust(&graph, &[Some(5.0), Some(1.0), Some(4.0)]), [Some(9.0), Some(1.0), Some(4.0)]);
        assert_eq!(adjust(&graph, &[Some(2.0), Some(1.0), Some(4.0)])[0], Some(2.0), "not anomalous, no gain");
        assert_eq!(
            adjust(&graph, &[Some(5.0), Some(3.5), Some(4.0)])[0],
            Some(8.5),
            "an anomalous effect hides its own"
        );
    }
}
