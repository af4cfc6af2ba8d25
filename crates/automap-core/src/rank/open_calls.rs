//! Finds suspects that may wait for a callee whose part in what users feel was not observed: missing data clears no suspect, and convicts none.
//!
//! Waiting that is not measured looks like a service's own time. [`crate::unseen`] handles answers that are known to be incomplete; here the gaps
//! are found in the series: a call that is made but has no latency, or a callee of requests that reports nothing.
//! Stores behind TCP are left to [`super::suspects`], which suspects them together with their caller.
//!
//! Worked example: front-end accounts for all of the added waiting and calls catalogue 30 times a second, but neither front-end nor catalogue has a
//! series for the latency of these calls during the incident. So front-end may wait for catalogue.

use std::collections::{BTreeMap, BTreeSet};

use super::suspects::{SMALLEST, Suspect, Suspects};
use crate::anomaly::Rows;
use crate::attribution::{Impact, ImpactKind, Place};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{CLIENT_LATENCY_MS, CLIENT_RPS, ERROR_RATIO, LATENCY_MS, SERVED_LATENCY_MS};
use crate::topology::{CallGraph, Protocol};

/// By suspect, the callees that may cause its waiting or failures. O(suspects · calls · log series).
pub fn find(
    frame: &MetricFrame,
    rows: &Rows,
    calls: &CallGraph,
    impacts: &[Impact],
    suspects: &Suspects,
) -> BTreeMap<ServiceIdx, Vec<ServiceIdx>> {
    let calls = Calls { frame, rows, calls };
    let mut found: BTreeMap<ServiceIdx, BTreeSet<ServiceIdx>> = BTreeMap::new();
    for suspect in suspects.all.iter().filter(|s| s.share >= SMALLEST) {
        for impact in impacts {
            for service in suspect.services.iter().filter(|s| accounts_for(suspect, impact, **s)) {
                let open = calls.open(*service, suspect, impact);
                if !open.is_empty() {
                    found.entry(*service).or_default().extend(open);
                }
            }
        }
    }
    found.into_iter().map(|(service, callees)| (service, callees.into_iter().collect())).collect()
}

/// Whether the suspect's part of the impact arises within this service.
fn accounts_for(suspect: &Suspect, impact: &Impact, service: ServiceIdx) -> bool {
    let of = impact.shares.iter().filter(|s| s.place == Place::Service(service)).map(|s| s.share).sum::<f64>();
    suspect.impacts.iter().any(|i| i.kind == impact.kind) && of >= SMALLEST
}

struct Calls<'a> {
    frame: &'a MetricFrame,
    rows: &'a Rows,
    calls: &'a CallGraph,
}

impl Calls<'_> {
    fn open(&self, service: ServiceIdx, suspect: &Suspect, impact: &Impact) -> BTreeSet<ServiceIdx> {
        let unmeasured = impact.unmeasured.iter().filter(|(caller, _)| *caller == service).map(|(_, callee)| *callee);
        let silent = self.callees(service).filter(|to| self.is_silent(service, *to, impact.kind));
        // A pair already includes its callee, unless that one calls others in turn.
        let is_held = |to: &ServiceIdx| suspect.services.contains(to) && self.callees(*to).next().is_none();
        unmeasured.chain(silent).filter(|to| !is_held(to)).collect()
    }

    /// Callees of requests.
    fn callees(&self, service: ServiceIdx) -> impl Iterator<Item = ServiceIdx> {
        let name = self.frame.service(service);
        let of_requests = self.calls.edges().filter(move |(from, _, p)| *from == name && *p == Protocol::Request);
        of_requests.filter_map(|(_, to, _)| self.frame.find(to)).filter(move |to| *to != service)
    }

    /// Whether neither the calls nor the callee have a series of this kind in both windows.
    fn is_silent(&self, caller: ServiceIdx, callee: ServiceIdx, kind: ImpactKind) -> bool {
        let of_call = [CLIENT_RPS, CLIENT_LATENCY_MS, SERVED_LATENCY_MS];
        let own = match kind {
            ImpactKind::Waiting => LATENCY_MS,
            ImpactKind::Failing => ERROR_RATIO,
        };
        let is_known = |service, metric, peer| {
            self.frame.get(service, metric, peer).is_some_and(|s| self.rows.is_observed(&s.values))
        };
        !of_call.iter().any(|metric| is_known(caller, metric, Some(callee))) && !is_known(callee, own, None)
    }
}
