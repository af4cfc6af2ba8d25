//! NSigma, as RCAEval (Pham et al., WWW 2025) runs it: the largest rise above the mean, in standard deviations of the baseline.
//!
//! The standard deviation has divisor n, as in scikit-learn's `StandardScaler`. The score is signed, and series that are constant in the
//! baseline come last: see `baro`.
//!
//! Difference from the published code: it asks whether the standard deviation is 0. Because of rounding, that of `0.1, 0.1, 0.1` is not, so
//! the code keeps some constant series and ranks them first with a score of 10¹⁵. Here a series is constant if all its samples are equal.
//! On public data sets this changes one answer in a hundred, in both directions.

use automap_core::stats::{mean, sd};

use super::common::{BaselineInput, BaselineScores};
use super::largest_rise::largest_rise;

pub(super) fn score(input: &BaselineInput) -> BaselineScores {
    largest_rise(input, |normal| (mean(normal), sd(normal)))
}

#[cfg(test)]
mod tests {
    use automap_core::topology::CallGraph;

    use super::super::{Baseline, test_frames};

    /// Normal 1, 1, 3, 3: mean 2, deviation 1. Incident 4, 7: (7 − 2)/1 = 5.
    #[test]
    fn worked_by_hand() {
        let frame = test_frames::frame(&[("a", "cpu", vec![1.0, 1.0, 3.0, 3.0, 4.0, 7.0])]);
        assert_eq!(test_frames::score(Baseline::NSigma, &frame, 4, &CallGraph::new()).services["a"], 5.0);
    }
}
