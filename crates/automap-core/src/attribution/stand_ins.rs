//! Chooses the series for a call's rate, latency and failures, and a stand-in where one was not observed.
//!
//! An answer may lack a series, or a part of it. Missing does not mean unchanged: if the latency of a call is missing without a stand-in, all of the
//! callee's time would be taken for the caller's own. So a series counts only if it was observed in both windows; otherwise the series of the other
//! end of the call is used. If that is missing too, the call is unmeasured, which the decomposition reports.
//!
//! Worked example: catalogue answers 30 requests/s, and orders makes 4 calls/s to it; front-end calls it too, at a rate that was not observed. That
//! leaves 30 − 4 = 26 calls/s for front-end.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::anomaly::Rows;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{
    CLIENT_ERROR_RATIO, CLIENT_LATENCY_MS, CLIENT_RPS, ERROR_RATIO, LATENCY_MS, SERVED_LATENCY_MS, THROUGHPUT_RPS,
};

/// Share of a window's calls whose latency must be known.
const OBSERVED: f64 = 0.25;

/// The series of one call.
pub(super) struct CallSeries<'a> {
    /// Caller and callee.
    pub(super) ends: (ServiceIdx, ServiceIdx),
    /// Calls per second.
    pub(super) rate: Option<Cow<'a, [f64]>>,
    /// Milliseconds at the caller, or what stands in.
    pub(super) latency: Option<&'a [f64]>,
    /// Milliseconds at the callee.
    pub(super) served: Option<&'a [f64]>,
    /// Share of failed calls at the caller, or what stands in.
    pub(super) failing: Option<&'a [f64]>,
    /// Whether the call has a rate and a latency of its own.
    pub(super) is_measured: bool,
    /// Whether only the callee times the call, so that the network to it is not measured.
    pub(super) is_one_sided: bool,
}

/// All calls that any series shows, by caller and callee. O(series · log series + calls × samples).
pub(super) fn calls<'a>(frame: &'a MetricFrame, rows: &Rows) -> Vec<CallSeries<'a>> {
    let tells = |name: &str| [CLIENT_RPS, CLIENT_LATENCY_MS, SERVED_LATENCY_MS, CLIENT_ERROR_RATIO].contains(&name);
    let of_calls = frame.series().iter().filter(|s| tells(&s.metric.name));
    let ends: BTreeSet<(ServiceIdx, ServiceIdx)> =
        of_calls.filter_map(|s| Some((s.service, s.peer.filter(|p| *p != s.service)?))).collect();
    let mut callers: BTreeMap<ServiceIdx, Vec<ServiceIdx>> = BTreeMap::new();
    ends.iter().for_each(|(caller, callee)| callers.entry(*callee).or_default().push(*caller));
    let chosen = Chosen { frame, rows, callers };
    ends.into_iter().collect::<Vec<_>>().into_par_iter().map(|ends| chosen.of(ends)).collect()
}

struct Chosen<'a, 'b> {
    frame: &'a MetricFrame,
    rows: &'b Rows,
    /// Who calls a service.
    callers: BTreeMap<ServiceIdx, Vec<ServiceIdx>>,
}

impl<'a> Chosen<'a, '_> {
    fn of(&self, ends: (ServiceIdx, ServiceIdx)) -> CallSeries<'a> {
        let (caller, callee) = ends;
        let own = |metric| self.values(caller, metric, Some(callee));
        let others = |metric| self.values(callee, metric, None);
        let rate = self.rate(caller, callee);
        let weights = rate.as_deref().filter(|r| self.rows.is_observed(r));
        let is_timed = |values: &&[f64]| self.is_timed(values, weights);
        let (client, served) = (own(CLIENT_LATENCY_MS), own(SERVED_LATENCY_MS));
        let by_caller = client.filter(is_timed);
        let by_callee = [served, others(LATENCY_MS)].into_iter().flatten().find(is_timed);
        let failing = [own(CLIENT_ERROR_RATIO), others(ERROR_RATIO)].into_iter().flatten();
        let failing = failing.clone().find(is_timed).or(own(CLIENT_ERROR_RATIO));
        CallSeries {
            ends,
            is_measured: own(CLIENT_RPS).is_some() && client.or(served).is_some(),
            is_one_sided: by_caller.is_none() && by_callee.is_some(),
            latency: by_caller.or(by_callee).or(client).or(served),
            served: served.filter(is_timed),
            failing,
            rate,
        }
    }

    /// As counted by the caller, or the rest of the callee's requests if the caller does not cover both windows.
    fn rate(&self, caller: ServiceIdx, callee: ServiceIdx) -> Option<Cow<'a, [f64]>> {
        let counted = self.values(caller, CLIENT_RPS, Some(callee));
        if let Some(values) = counted.filter(|v| self.rows.is_observed(v)) {
            return Some(Cow::Borrowed(values));
        }
        let left = self.left_of_requests(caller, callee).filter(|v| self.rows.is_observed(v));
        left.map(Cow::Owned).or(counted.map(Cow::Borrowed))
    }

    fn left_of_requests(&self, caller: ServiceIdx, callee: ServiceIdx) -> Option<Vec<f64>> {
        let mut left = self.values(callee, THROUGHPUT_RPS, None)?.to_vec();
        for other in self.callers.get(&callee).into_iter().flatten().filter(|c| **c != caller) {
            let calls = self.values(*other, CLIENT_RPS, Some(callee)).filter(|v| self.rows.is_observed(v))?;
            left.iter_mut().zip(calls).for_each(|(left, calls)| *left -= calls);
        }
        left.iter_mut().filter(|v| **v < 0.0).for_each(|v| *v = 0.0);
        Some(left)
    }

    fn values(&self, service: ServiceIdx, metric: &str, peer: Option<ServiceIdx>) -> Option<&'a [f64]> {
        self.frame.get(service, metric, peer).map(|s| &*s.values)
    }

    /// Whether most calls of both windows have a value. A window without calls needs none.
    fn is_timed(&self, values: &[f64], rate: Option<&[f64]>) -> bool {
        let weight = |row: usize| rate.map_or(1.0, |r| if r[row].is_finite() { r[row] } else { 0.0 });
        let is_known = |rows: &[usize]| {
            let (mut known, mut all) = (0.0, 0.0);
            for &row in rows {
                all += weight(row);
                known += if values[row].is_finite() { weight(row) } else { 0.0 };
            }
            known >= OBSERVED * all
        };
        is_known(&self.rows.baseline) && is_known(&self.rows.incident)
    }
}
