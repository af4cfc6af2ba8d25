//! CIRCA (Li et al., KDD 2022): a metric is suspicious when its parents in the causal graph do not account for it.
//!
//! Three parts, as in the authors' code: the structural graph over metrics (`circa/graph.rs`), the regression-based
//! hypothesis test (least squares on the parents in normal time; score: largest |residual| of the incident in deviations of normal residuals), and
//! descendant adjustment (a suspicious metric with suspicious effects is worth more), threshold 3.
//!
//! Benchmarks run something else under this name: a graph learnt by PC from normal and faulty data together, no adjustment, the test
//! on the last ten samples only. Repaired here beside that: a regression on fewer than two samples for each coefficient explains
//! everything and is not done; the plain deviation takes its place, as the authors' code does where a regression fails. Series that are constant in
//! normal time come last: without a spread a deviation has no unit.

mod graph;

use automap_core::frame::Series;
use automap_core::stats::{mean, sd};

use super::regression::Fit;
use super::{Input, Scores, candidates, is_constant, windows};
use graph::Structure;

/// A score from which a metric counts as anomalous, in standard deviations: the authors' choice.
const THRESHOLD: f64 = 3.0;
/// Fewest normal samples for each coefficient of a regression.
const SAMPLES_PER_COEFFICIENT: usize = 2;
/// Normal residuals are at least this share of the series' own deviation: a perfect fit is not infinitely sure.
const RESIDUAL_FLOOR: f64 = 1e-3;

pub(super) fn score(input: &Input) -> Scores {
    let series = input.frame.series();
    let structure = Structure::new(input.frame, input.calls);
    let judged =
        candidates(input.frame).filter_map(|(i, s)| Some((i, hypothesis_test(input, s, structure.parents(i))?)));
    let mut tested = vec![None; series.len()];
    judged.for_each(|(i, z)| tested[i] = Some(z));
    let adjusted = adjust(&structure, &tested);
    let mut order: Vec<(usize, f64)> =
        adjusted.iter().enumerate().filter_map(|(i, score)| Some((i, (*score)?))).collect();
    // Of equal scores the one nearer to the causes comes first.
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(structure.depth(a.0).cmp(&structure.depth(b.0))).then(a.0.cmp(&b.0)));
    let places = order.iter().enumerate().map(|(place, (i, _))| (&series[*i], -(place as f64)));
    Scores::of_series(input.frame, places)
}

/// Largest |residual| of the incident, in deviations of the residuals of normal time; `None` where the samples are too few.
fn hypothesis_test(input: &Input, series: &Series, parents: &[usize]) -> Option<f64> {
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

fn residual_test(input: &Input, series: &Series, parents: &[usize], deviation: f64) -> Option<f64> {
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

/// Descendant adjustment: an anomalous metric gains the largest score among its effects, looking through effects that are not anomalous.
fn adjust(structure: &Structure, tested: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut below: Vec<Option<f64>> = vec![None; tested.len()];
    for &i in structure.effects_first() {
        let of_child = |&child: &usize| {
            let own = tested[child]?;
            let through = if own < THRESHOLD { below[child] } else { None };
            Some(through.map_or(own, |deeper| own.max(deeper)))
        };
        below[i] = structure.children(i).iter().filter_map(of_child).reduce(f64::max);
    }
    let gain = |(own, below): (&Option<f64>, &Option<f64>)| {
        own.map(|own| if own >= THRESHOLD { own + below.unwrap_or(0.0).max(0.0) } else { own })
    };
    tested.iter().zip(&below).map(gain).collect()
}

#[cfg(test)]
mod tests {
    use automap_core::anomaly::Rows;

    use super::super::samples;
    use super::*;

    /// The caller's latency is twice the callee's plus noise; in the incident both rise, by that rule: the caller's rise is expected.
    #[test]
    fn what_the_callee_explains_is_no_cause() {
        let callee: Vec<f64> = (0..40).map(|i| if i < 30 { 10.0 } else { 25.0 } + ((i * 5) % 7) as f64).collect();
        let noise = |i: usize| ((i * 3) % 11) as f64 * 0.1;
        let caller: Vec<f64> = callee.iter().enumerate().map(|(i, c)| 2.0 * c + noise(i)).collect();
        let frame = samples::frame(&[("a-caller", "latency", caller), ("callee", "latency", callee)]);
        let (rows, calls) = (Rows::split(&frame, 30), [("a-caller", "callee")].into_iter().collect());
        let input = Input { frame: &frame, rows: &rows, calls: &calls, entry: None, seed: 0 };
        let z = |series: usize, parents: &[usize]| hypothesis_test(&input, &frame.series()[series], parents).unwrap();
        assert!(z(0, &[]) > 9.0);
        assert!(z(0, Structure::new(&frame, &calls).parents(0)) < 5.0);
        let scores = score(&input);
        assert!(scores.services["callee"] > scores.services["a-caller"], "{scores:?}");
    }

    /// A chain cpu → latency → the caller's latency with scores 5, 1, 4: the CPU looks through the quiet latency and becomes 9.
    #[test]
    fn adjustment_by_hand() {
        let one = vec![1.0; 4];
        let frame = samples::frame(&[("b", "cpu", one.clone()), ("b", "latency", one.clone()), ("f", "latency", one)]);
        let structure = Structure::new(&frame, &[("f", "b")].into_iter().collect());
        assert_eq!(adjust(&structure, &[Some(5.0), Some(1.0), Some(4.0)]), [Some(9.0), Some(1.0), Some(4.0)]);
        assert_eq!(adjust(&structure, &[Some(2.0), Some(1.0), Some(4.0)])[0], Some(2.0), "not anomalous, no gain");
        assert_eq!(
            adjust(&structure, &[Some(5.0), Some(3.5), Some(4.0)])[0],
            Some(8.5),
            "an anomalous effect hides its own"
        );
    }
}
