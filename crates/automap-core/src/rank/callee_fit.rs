//! Weighs the callees of a service by how well each could have caused what the caller's quantiles show.
//!
//! A callee that a third of the caller's requests visit can slow down only that third: it moves the 90 % quantile of the caller's latency and
//! leaves the median unchanged. If the median rose, the cause is a callee that at least every second request visits. So a callee is
//! measured against the *lowest* quantile that its share of the requests can reach. Shares are ratios of served requests; if these or the
//! quantiles are unknown, all callees are equally likely.
//!
//! Worked example: the caller's evidence is 6 at the median, 4 at the 90 % and 5 at the 99 % quantile. A callee on every request is measured
//! against 6, one on a third of the requests against 4, one on 2 % against 5, and one on 0.1 % against nothing. Relative to the best, their fits
//! are 1, 0.67, 0.83 and 0.

use std::collections::BTreeMap;

use super::calls::Calls;
use crate::anomaly::{Anomalies, Load};
use crate::frame::ServiceIdx;
use crate::metric::{Family, Side};

/// A caller's own measures of one symptom: the quantile (`None`: a mean) and its evidence.
type Measures = BTreeMap<ServiceIdx, Vec<(Option<f64>, f64)>>;

/// How well each callee fits its caller's symptom, 0–1 per call; the best callee of a caller has 1.
#[derive(Debug, Default)]
pub(super) struct CalleeFit(BTreeMap<(ServiceIdx, ServiceIdx), f64>);

impl CalleeFit {
    pub(super) fn of(anomalies: &Anomalies, family: &Family, calls: &Calls) -> Self {
        let mut measures = Measures::new();
        for s in anomalies.series.iter().filter(|s| s.metric.family == *family && s.metric.side == Side::Own) {
            measures.entry(s.service).or_default().push((s.metric.quantile(), s.evidence));
        }
        let mut fits = BTreeMap::new();
        for (caller, measures) in measures.iter().filter(|(_, m)| m.iter().any(|(quantile, _)| quantile.is_some())) {
            let moved = |callee: &ServiceIdx| {
                let share = share_of_requests(anomalies.loads.get(caller), anomalies.loads.get(callee));
                (*callee, could_have_moved(measures, share))
            };
            let moved: Vec<_> = calls.callees[caller.0].iter().map(moved).collect();
            let most = moved.iter().map(|(_, e)| *e).fold(0.0, f64::max);
            if most > 0.0 {
                fits.extend(moved.into_iter().map(|(callee, e)| ((*caller, callee), e / most)));
            }
        }
        Self(fits)
    }

    /// The fit of one call; 1 if nothing counts against the callee.
    pub(super) fn fit(&self, caller: ServiceIdx, callee: ServiceIdx) -> f64 {
        self.0.get(&(caller, callee)).copied().unwrap_or(1.0)
    }
}

/// Share of the caller's requests that visit the callee, assuming that all of the callee's requests come from this caller; at most 1.
fn share_of_requests(caller: Option<&Load>, callee: Option<&Load>) -> f64 {
    match (caller, callee) {
        (Some(u), Some(w)) if u.normal > 0.0 && w.normal >= 0.0 => (w.normal / u.normal).min(1.0),
        _ => 1.0,
    }
}

/// Evidence of the lowest quantile that this share of the requests can reach, or of the mean if that is larger.
fn could_have_moved(measures: &[(Option<f64>, f64)], share: f64) -> f64 {
    let reached = |quantile: f64| share >= 1.0 - quantile - 1e-9;
    let lowest = measures.iter().filter_map(|(q, _)| *q).filter(|q| reached(*q)).fold(f64::INFINITY, f64::min);
    let counts = |quantile: &Option<f64>| quantile.is_none_or(|q| q <= lowest && reached(q));
    measures.iter().filter(|(q, _)| counts(q)).map(|(_, e)| *e).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(normal: f64) -> Load {
        Load { normal, is_idle: false }
    }

    /// Evidence 6 at the median, 4 at the 90 % and 5 at the 99 % quantile: a callee on every request is measured against the median, one on a
    /// third against the 90 % quantile, one on a fiftieth against the 99 % quantile, one on a thousandth against nothing.
    #[test]
    fn a_callee_is_measured_against_the_lowest_quantile_that_it_can_move() {
        let measures = [(Some(0.5), 6.0), (Some(0.9), 4.0), (Some(0.99), 5.0)];
        for (share, evidence) in [(1.0, 6.0), (0.5, 6.0), (1.0 / 3.0, 4.0), (0.02, 5.0), (0.001, 0.0)] {
            assert_eq!(could_have_moved(&measures, share), evidence, "{share}");
        }
        assert_eq!(could_have_moved(&[(None, 2.0), (Some(0.9), -1.0)], 1.0), 2.0, "a mean moves with any share");
    }

    #[test]
    fn an_unknown_share_excludes_no_callee() {
        assert_eq!(share_of_requests(Some(&load(8.0)), Some(&load(2.0))), 0.25);
        assert_eq!(share_of_requests(Some(&load(2.0)), Some(&load(8.0))), 1.0);
        for unknown in [None, Some(load(f64::NAN))] {
            assert_eq!(share_of_requests(Some(&load(2.0)), unknown.as_ref()), 1.0);
            assert_eq!(share_of_requests(unknown.as_ref(), Some(&load(2.0))), 1.0);
        }
    }
}
