//! NSigma, as RCAEval runs it: the largest rise above the mean, in standard deviations of normal time (divisor n, as in scikit-learn's
//! `StandardScaler`). Signed, and series that are constant in normal time are dropped: see [`super::baro`].
//!
//! A series is constant where all its samples are equal. Scripts that ask whether its deviation is 0 keep some such series, since the
//! deviation of `0.1, 0.1, 0.1` comes out as what rounding left, and rank them first with a score of 10¹⁵: on public sets that
//! changes one answer in a hundred, in both directions.

use automap_core::stats::{mean, sd};

use super::{Input, Scores, shift};

pub(super) fn score(input: &Input) -> Scores {
    shift::largest_rise(input, |normal| (mean(normal), sd(normal)))
}

#[cfg(test)]
mod tests {
    use automap_core::topology::CallGraph;

    use super::super::{Baseline, samples};

    /// Normal 1, 1, 3, 3: mean 2, deviation 1. Incident 4, 7: (7 − 2)/1 = 5.
    #[test]
    fn worked_by_hand() {
        let frame = samples::frame(&[("a", "cpu", vec![1.0, 1.0, 3.0, 3.0, 4.0, 7.0])]);
        assert_eq!(samples::score(Baseline::NSigma, &frame, 4, &CallGraph::new()).services["a"], 5.0);
    }
}
