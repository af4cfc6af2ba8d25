//! Finds whether the DNS holds up who calls others: it is everybody's dependency, and nobody times what is spent on it.
//!
//! A service that looks up a name before it calls waits in its own time, or between both ends of the call; its own series stay calm. So the DNS is suspected where
//! two things hold: its own metrics clearly became worse, and what users feel arises at two callers at least. One slow service is never the DNS's doing,
//! and a DNS that is not measured, or stopped being measured, explains nothing.
//!
//! Worked example: coredns took 2 ms for a name and takes 400, evidence 3. Of the added waiting 50 % is front-end's own time and 45 % orders', and both
//! call others: two callers of all that call suffer. The DNS weighs (1 + 3)² · 4 = 64 beside 1 for each of them, so it is suspected with 95 %. If all of it were front-end's, it
//! would weigh nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::{Anomalies, CLEAR};
use crate::attribution::{Impact, Place};
use crate::entity::{Entities, Entity, EntityKind};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Side};
use crate::topology::CallGraph;

/// Fewer callers that suffer together say nothing of what they have in common.
const FEWEST_CALLERS: usize = 2;
/// A caller with a smaller part of what users feel says nothing.
const SMALLEST: f64 = 0.1;
/// How much likelier the DNS is than a service where several callers suffer.
const SEVERAL_SUFFER: f64 = 4.0;
/// Where calls do not decide, the DNS explains what at least this part of all services suffers.
const FEWEST_OF_ALL: f64 = 0.5;

/// The DNS servers of a frame that became worse, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Resolvers {
    /// All, worse or not.
    pub(super) all: BTreeSet<ServiceIdx>,
    /// Those that became worse, with the evidence.
    worse: BTreeMap<ServiceIdx, f64>,
    /// Callers at which what users feel arises; empty where they are fewer than [`FEWEST_CALLERS`].
    callers: BTreeSet<ServiceIdx>,
}

impl Resolvers {
    /// Finds them. O(series + places · callees).
    pub(super) fn of(
        frame: &MetricFrame,
        entities: &Entities,
        anomalies: &Anomalies,
        calls: &CallGraph,
        impacts: &[Impact],
    ) -> Self {
        let is_dns = |(_, entity): &(&str, &Entity)| entity.kind == EntityKind::Dns;
        let all: BTreeSet<ServiceIdx> =
            entities.iter().filter(is_dns).filter_map(|(name, _)| frame.find(name)).collect();
        let mut worse: BTreeMap<ServiceIdx, f64> = BTreeMap::new();
        for series in anomalies.series.iter().filter(|s| all.contains(&s.service) && s.metric.side == Side::Own) {
            let tells = matches!(series.metric.family, Family::Lookups | Family::FailedLookups | Family::Queue);
            if tells && series.evidence >= CLEAR {
                let slot = worse.entry(series.service).or_default();
                *slot = slot.max(series.evidence);
            }
        }
        let callers = if worse.is_empty() { BTreeSet::new() } else { suffering(frame, calls, impacts) };
        Self { all, worse, callers }
    }

    /// The DNS servers that the service may wait for, each with how likely it is beside a service whose own resources did not move, which is 1.
    pub(super) fn may_hold_up(&self, service: ServiceIdx) -> impl Iterator<Item = (ServiceIdx, f64)> {
        let waits = self.callers.contains(&service);
        let weight = |(dns, evidence): (&ServiceIdx, &f64)| (*dns, (1.0 + evidence).powi(2) * SEVERAL_SUFFER);
        self.worse.iter().filter(move |_| waits).map(weight)
    }

    /// Whether it is a DNS server that became worse and for which several callers may wait.
    pub(super) fn is_suspected(&self, service: ServiceIdx) -> bool {
        self.worse.contains_key(&service) && !self.callers.is_empty()
    }

    /// How far a DNS server explains what services suffer, 0–1, where calls do not tell: `suffer` of `all` do.
    pub(super) fn fit(&self, dns: ServiceIdx, suffer: usize, all: usize) -> f64 {
        let part = suffer as f64 / all.max(1) as f64;
        let is_common = suffer >= FEWEST_CALLERS && part >= FEWEST_OF_ALL;
        if is_common && self.worse.contains_key(&dns) { part } else { 0.0 }
    }
}

/// The callers at which what users feel arises, in their own time or on the way to whom they call; none where it is one alone.
fn suffering(frame: &MetricFrame, calls: &CallGraph, impacts: &[Impact]) -> BTreeSet<ServiceIdx> {
    let mut found = BTreeSet::new();
    for impact in impacts.iter().filter(|impact| impact.evidence >= CLEAR) {
        let mut by_caller: BTreeMap<ServiceIdx, f64> = BTreeMap::new();
        for share in &impact.shares {
            let caller = match share.place {
                Place::Service(s) => Some(s).filter(|s| calls.callees(frame.service(*s)).next().is_some()),
                Place::Network { caller, .. } | Place::Refused { caller, .. } => Some(caller),
                Place::MoreCalls { .. } => None,
            };
            if let Some(caller) = caller {
                *by_caller.entry(caller).or_default() += share.share;
            }
        }
        by_caller.retain(|_, share| *share >= SMALLEST);
        if by_caller.len() >= FEWEST_CALLERS {
            found.extend(by_caller.into_keys());
        }
    }
    found
}
