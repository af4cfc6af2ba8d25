//! Which callee could have slowed a caller in the way that its quantiles show?
//!
//! A callee that a third of the caller's requests visit can slow the slowest third of them and no more: it moves the 90 % quantile
//! of the caller's latency and leaves the median where it was. Where the median rose, the callee is one that at least every
//! second request visits. So a callee answers for the *lowest* quantile that its share of the requests reaches, and
//! callees are weighed against each other by that. Shares are ratios of requests served; where they or the quantiles are not
//! known, every callee is as likely as the next.

use std::collections::BTreeMap;

use super::calls::Calls;
use crate::anomaly::{Anomalies, Load};
use crate::frame::ServiceIdx;
use crate::metric::{Family, Side};

/// A caller's own measures of one symptom: the quantile (`None`: a mean) and its evidence.
type Measures = BTreeMap<ServiceIdx, Vec<(Option<f64>, f64)>>;

/// How well every callee fits what its callers show, 0 to 1 for each call; the best callee of a caller has 1.
#[derive(Debug, Default)]
pub(super) struct Suspects(BTreeMap<(ServiceIdx, ServiceIdx), f64>);

impl Suspects {
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

    /// 1 where nothing speaks against the callee.
    pub(super) fn fit(&self, caller: ServiceIdx, callee: ServiceIdx) -> f64 {
        self.0.get(&(caller, callee)).copied().unwrap_or(1.0)
    }
}

/// The share of the caller's requests that visit the callee, taking its requests for the caller's: at most all of them.
fn share_of_requests(caller: Option<&Load>, callee: Option<&Load>) -> f64 {
    match (caller, callee) {
        (Some(u), Some(w)) if u.normal > 0.0 && w.normal >= 0.0 => (w.normal / u.normal).min(1.0),
        _ => 1.0,
    }
}

/// Evidence of the lowest quantile within reach of this share of the requests, or of the mean if that is larger.
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

    /// The median says 6, the 90 % quantile 4, the 99 % quantile 5: a callee on every request answers for the median, one on a
    /// third for the 90 % quantile, one on a fiftieth for the 99 % quantile, one on a thousandth for nothing.
    #[test]
    fn a_callee_answers_for_the_lowest_quantile_that_it_can_move() {
        let measures = [(Some(0.5), 6.0), (Some(0.9), 4.0), (Some(0.99), 5.0)];
        for (share, evidence) in [(1.0, 6.0), (0.5, 6.0), (1.0 / 3.0, 4.0), (0.02, 5.0), (0.001, 0.0)] {
            assert_eq!(could_have_moved(&measures, share), evidence, "{share}");
        }
        assert_eq!(could_have_moved(&[(None, 2.0), (Some(0.9), -1.0)], 1.0), 2.0, "a mean moves with any share");
    }

    #[test]
    fn an_unknown_share_excludes_nobody() {
        assert_eq!(share_of_requests(Some(&load(8.0)), Some(&load(2.0))), 0.25);
        assert_eq!(share_of_requests(Some(&load(2.0)), Some(&load(8.0))), 1.0);
        for unknown in [None, Some(load(f64::NAN))] {
            assert_eq!(share_of_requests(Some(&load(2.0)), unknown.as_ref()), 1.0);
            assert_eq!(share_of_requests(unknown.as_ref(), Some(&load(2.0))), 1.0);
        }
    }
}
