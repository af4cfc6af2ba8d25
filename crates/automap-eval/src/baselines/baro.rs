//! The RobustScorer of BARO (Pham, Ha & Zhang, FSE 2024): the largest rise above the median, in interquartile ranges of the baseline.
//!
//! Kept from the published code, although they are weaknesses: the score is signed, so a metric that falls (throughput, availability) cannot rank
//! first; and series that are constant in the baseline rank last, so an error rate that was zero before is ignored.
//!
//! Differences from the published code: it also drops a series that is constant *during the incident*, which loses a frozen metric; that is
//! a mistake in its filter and is not repeated. BARO's own change-point detection is left out, because every engine gets the same windows.

use automap_core::stats::median;

use super::common::{BaselineInput, BaselineScores};
use super::largest_rise::largest_rise;

pub(super) fn score(input: &BaselineInput) -> BaselineScores {
    largest_rise(input, |normal| (median(normal), interquartile_range(normal)))
}

/// Range between the quartiles, linearly interpolated, as in numpy and scikit-learn. `values` is not empty and has no gap.
fn interquartile_range(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| {
        let at = share * (sorted.len() - 1) as f64;
        let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        low + (high - low) * at.fract()
    };
    quantile(0.75) - quantile(0.25)
}

#[cfg(test)]
mod tests {
    use automap_core::topology::CallGraph;

    use super::super::{Baseline, test_frames};

    /// Normal 1, 2, 3, 4: median 2.5, quartiles 1.75 and 3.25, range 1.5. Incident 2.5, 7: the largest is (7 − 2.5)/1.5 = 3.
    #[test]
    fn worked_by_hand() {
        let frame = test_frames::frame(&[
            ("a", "cpu", vec![1.0, 2.0, 3.0, 4.0, 2.5, 7.0]),
            ("a", "mem", vec![1.0, 2.0, 3.0, 4.0, -50.0, 0.0]),
            ("b", "error", vec![0.0, 0.0, 0.0, 0.0, 90.0, 90.0]),
            ("c", "cpu", vec![1.0, f64::NAN, 3.0, 4.0, 9.0, 9.0]),
        ]);
        let scores = test_frames::score(Baseline::Baro, &frame, 4, &CallGraph::new());
        assert!((test_frames::metric(&scores, "a", "cpu") - 3.0).abs() < 1e-12);
        assert!((test_frames::metric(&scores, "a", "mem") + 2.5 / 1.5).abs() < 1e-12, "a fall does not rank");
        assert_eq!(scores.services["b"], f64::NEG_INFINITY, "constant in normal time");
        assert!(!scores.services.contains_key("c"), "three normal samples are too few");
        assert_eq!(scores.services["a"], test_frames::metric(&scores, "a", "cpu"));
    }

    #[test]
    fn a_range_of_zero_counts_as_one() {
        let frame = test_frames::frame(&[("a", "cpu", vec![1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 5.0, 1.0])]);
        assert_eq!(test_frames::score(Baseline::Baro, &frame, 6, &CallGraph::new()).services["a"], 4.0);
    }
}
