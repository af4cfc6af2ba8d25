//! A random order of services and of metrics: the lower bound that every method must beat.
//!
//! The same seed and case give the same order.

use super::common::{BaselineInput, BaselineScores, candidates};
use automap_core::random::Rng;

pub(super) fn score(input: &BaselineInput) -> BaselineScores {
    let mut out = BaselineScores::of_series(input.frame, candidates(input.frame).map(|(_, series)| (series, 0.0)));
    let mut random = Rng::new(input.seed);
    // Drawn separately, so that a service with many metrics does not come first more often.
    out.services.values_mut().for_each(|score| *score = random.unit());
    out.metrics.values_mut().for_each(|score| *score = random.unit());
    out
}

#[cfg(test)]
mod tests {
    use automap_core::anomaly::Rows;
    use automap_core::topology::CallGraph;

    use super::super::test_frames;
    use super::*;

    #[test]
    fn a_service_with_many_metrics_does_not_rank_higher() {
        let mut series = vec![("few", "cpu", vec![1.0; 4])];
        let names: Vec<String> = (0..20).map(|i| format!("m{i}")).collect();
        series.extend(names.iter().map(|name| ("many", name.as_str(), vec![1.0; 4])));
        let frame = test_frames::frame(&series);
        let (rows, calls) = (Rows::split(&frame, 2), CallGraph::new());
        let few_first = |seed: &u64| {
            let scores = score(&BaselineInput { frame: &frame, rows: &rows, calls: &calls, entry: None, seed: *seed });
            scores.services["few"] > scores.services["many"]
        };
        // Half of 400, ± 4 standard errors of 10.
        assert!((0..400).filter(few_first).count().abs_diff(200) < 40);
        assert_eq!(few_first(&5), few_first(&5));
    }
}
