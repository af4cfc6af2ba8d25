//! TORAI (Pham et al., FSE 2026, arXiv:2604.13522) as far as metrics go: how far all metrics of a service together left the baseline.
//!
//! TORAI combines metrics, logs and traces. The severity of a metric is the largest distance of a sample of the incident from the
//! baseline's mean, in standard deviations; that of a service is the sum over its metrics. One severity each comes from metrics, logs, late
//! spans and failed spans. Then services with similar severities are grouped, groups are ordered by their mean, and within a group
//! services are ordered by a causal search (RCD).
//!
//! automap's incidents have metrics only, so this is the first step only: services by the sum over their metrics. A service with more metrics has
//! the larger sum, a weakness that is kept.
//!
//! Differences from the published code (RCAEval 1.8.1): it divides by the sum over all services, which leaves the order as it is; it reads
//! every 15th row, since it expects one a second, while here every sample counts; and it drops series that are constant *during
//! the incident*, as BARO's does (see `baro`). Two of its steps are left out: the grouping, a Gaussian mixture, which did not change the order of
//! any of 382 public cases where it had metrics only, and the causal search, which draws random subsets of the metrics.

use std::collections::BTreeMap;

use super::common::{BaselineInput, BaselineScores};
use super::largest_rise::largest_distances;

pub(super) fn score(input: &BaselineInput) -> BaselineScores {
    let severities = largest_distances(input);
    let mut services: BTreeMap<String, f64> = BTreeMap::new();
    for (series, severity) in &severities {
        // −∞ for a constant series, which adds nothing.
        *services.entry(input.frame.service(series.service).to_owned()).or_default() += severity.max(0.0);
    }
    BaselineScores { services, ..BaselineScores::of_series(input.frame, severities) }
}

#[cfg(test)]
mod tests {
    use automap_core::topology::CallGraph;

    use super::super::{Baseline, test_frames};

    /// Normal 1, 1, 3, 3: mean 2, deviation 1. Two metrics of `a` leave it by 3 and 4, one of `b` by 5: 7 against 5.
    #[test]
    fn worked_by_hand() {
        let incident = |first: f64| vec![1.0, 1.0, 3.0, 3.0, first, 2.0];
        let frame = test_frames::frame(&[
            ("a", "cpu", incident(5.0)),
            ("a", "mem", incident(-2.0)),
            ("a", "error", vec![0.0, 0.0, 0.0, 0.0, 9.0, 9.0]),
            ("b", "cpu", incident(7.0)),
        ]);
        let scores = test_frames::score(Baseline::Torai, &frame, 4, &CallGraph::new());
        assert_eq!((scores.services["a"], scores.services["b"]), (7.0, 5.0));
        assert_eq!(test_frames::metric(&scores, "a", "mem"), 4.0, "a fall counts");
        assert_eq!(test_frames::metric(&scores, "a", "error"), f64::NEG_INFINITY, "constant in the baseline");
    }
}
