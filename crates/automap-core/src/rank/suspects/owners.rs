//! Decides which services a place belongs to: the service, an untimed callee that it waits for, or the node that it runs on.
//!
//! Decided by resources that moved, symptoms of the store's other callers, and saturated nodes; two are kept if these do not distinguish them.

use std::collections::{BTreeMap, BTreeSet};

use super::{SMALLEST, Suspect, SuspectImpact};
use crate::anomaly::CLEAR;
use crate::attribution::{Impact, ImpactKind, Place, Share};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{CLIENT_LATENCY_MS, Family, LATENCY_MS};
use crate::rank::hosts::Hosts;
use crate::rank::{Part, PartSource, RankedService};
use crate::topology::CallGraph;

/// Share of a place from which one of two services is the only suspect.
const ALONE: f64 = 0.7;
/// Evidence from which a service's own series show a fault of its own.
const OWN_FAULT: f64 = 2.0;
/// How much likelier failures are a service's own than a store's, which would show as slowness or lost connections first.
const OWN_FAILURE: f64 = 3.0;
/// How much likelier waiting is a service's own than an untimed callee's if its network is faulty: that delays untimed calls, too.
const OWN_NETWORK: f64 = 4.0;
/// Evidence from which another caller's own symptom shows the store's slowness too.
const OTHER_CALLER: f64 = 1.0;

/// Decides which services a place belongs to.
pub(super) struct Owners<'a> {
    pub(super) frame: &'a MetricFrame,
    pub(super) calls: &'a CallGraph,
    pub(super) impacts: &'a [Impact],
    pub(super) ranked: BTreeMap<ServiceIdx, &'a RankedService>,
    pub(super) hosts: &'a Hosts,
}

impl Owners<'_> {
    pub(super) fn of(&self, share: &Share, kind: ImpactKind) -> Vec<ServiceIdx> {
        match share.place {
            Place::MoreCalls { caller, .. } => vec![caller],
            Place::Service(s) => likely(self.own_or_waiting_for(s, kind)),
            Place::Network { caller, callee } | Place::Refused { caller, callee } => {
                let ends = [
                    (callee, share.at_callee * self.kept_from_callers(callee)),
                    (caller, (1.0 - share.at_callee) * self.cut_off(caller)),
                ];
                // The sidecars at both ends run on the nodes too.
                let beneath = ends.iter().flat_map(|(end, part)| {
                    self.hosts.may_hold_up(*end).into_iter().map(move |(host, weight)| (host, weight * part))
                });
                likely(ends.into_iter().chain(beneath.collect::<Vec<_>>()).collect())
            }
        }
    }

    /// The service and every untimed callee, each with its likelihood.
    fn own_or_waiting_for(&self, service: ServiceIdx, kind: ImpactKind) -> Vec<(ServiceIdx, f64)> {
        let untimed = self.callees(service).filter(|to| {
            self.frame.get(service, CLIENT_LATENCY_MS, Some(*to)).is_none()
                && self.frame.get(*to, LATENCY_MS, None).is_none()
        });
        let mut found: Vec<(ServiceIdx, f64)> = untimed
            .map(|to| (to, self.moved(to) * self.at_other_callers(to, service) * self.shown(to, kind)))
            .collect();
        // If a single callee alone reports the calls, the network to it is as likely as own time; among several callees none is likely enough.
        if let [callee] = self.reported_by_callees(service)[..] {
            found.push((callee, 1.0));
        }
        found.extend(self.hosts.may_hold_up(service));
        let prior = match kind {
            ImpactKind::Failing => OWN_FAILURE,
            ImpactKind::Waiting if self.network_share(service) >= SMALLEST => OWN_NETWORK,
            ImpactKind::Waiting => 1.0,
        };
        found.push((service, prior * self.moved(service)));
        found
    }

    /// The share of the added waiting that the network of a service accounts for in calls that are timed at both ends.
    fn network_share(&self, service: ServiceIdx) -> f64 {
        let waiting = self.impacts.iter().filter(|i| i.kind == ImpactKind::Waiting);
        let part = |share: &Share| match share.place {
            Place::Network { callee, .. } if callee == service => share.share * share.at_callee,
            Place::Network { caller, .. } if caller == service => share.share * (1.0 - share.at_callee),
            _ => 0.0,
        };
        waiting.flat_map(|i| &i.shares).map(part).sum()
    }

    /// Callees whose calls from this service are reported by them and not by the caller.
    fn reported_by_callees(&self, service: ServiceIdx) -> Vec<ServiceIdx> {
        let calls = self.impacts.first().map(|i| i.one_sided.as_slice()).unwrap_or_default();
        calls.iter().filter(|(caller, _)| *caller == service).map(|(_, callee)| *callee).collect()
    }

    fn callees(&self, service: ServiceIdx) -> impl Iterator<Item = ServiceIdx> {
        self.calls.callees(self.frame.service(service)).filter_map(|to| self.frame.find(to))
    }

    /// See [`Suspect::unseen_networks`]. Callees that are suspects themselves are left out.
    pub(super) fn unseen_networks(&self, services: &[ServiceIdx], impacts: &[SuspectImpact]) -> Vec<ServiceIdx> {
        let is_own = |s: &&ServiceIdx| impacts.iter().any(|i| i.place == Place::Service(**s));
        let has_moved = |s: &&ServiceIdx| self.moved(**s) >= (1.0 + CLEAR).powi(2);
        let waiting = services.iter().filter(is_own).filter(|s| !has_moved(s));
        waiting.flat_map(|s| self.reported_by_callees(*s)).filter(|to| !services.contains(to)).collect()
    }

    /// See [`Suspect::held_up`].
    pub(super) fn held_up(
        &self,
        services: &[ServiceIdx],
        places: impl Iterator<Item = Place>,
    ) -> BTreeMap<ServiceIdx, BTreeSet<ServiceIdx>> {
        let mut held_up: BTreeMap<ServiceIdx, BTreeSet<ServiceIdx>> = BTreeMap::new();
        for end in places.flat_map(Place::ends).filter(|end| !services.contains(end)) {
            let nodes = self.hosts.beneath(end).filter(|(_, by)| services.contains(by));
            nodes.for_each(|(node, _)| {
                held_up.entry(node).or_default().insert(end);
            });
        }
        held_up
    }

    /// Whether the service's own series show a fault that nothing else explains.
    pub(super) fn shows(&self, service: ServiceIdx) -> bool {
        let parts = self.ranked(service).map(|r| r.parts.as_slice()).unwrap_or_default();
        parts.iter().any(|p| p.evidence >= OWN_FAULT && !matches!(p.source, PartSource::Own(Family::Throughput)))
    }

    /// Whether one of the services reaches one of the suspects over calls.
    pub(super) fn calls_any(&self, services: &[ServiceIdx], suspects: &[Suspect]) -> bool {
        let name = |s: &ServiceIdx| self.frame.service(*s);
        let reached: BTreeSet<&str> = services.iter().flat_map(|s| self.calls.reached_from(name(s))).collect();
        suspects.iter().flat_map(|s| &s.services).any(|callee| reached.contains(name(callee)))
    }

    /// How much likelier a callee is than its callers: an external host that the mesh blocks, servers that a gateway ejected, a certificate that
    /// callers no longer accept.
    fn kept_from_callers(&self, service: ServiceIdx) -> f64 {
        self.tells(service, |f| matches!(f, Family::Blocked | Family::TakenOut | Family::Certificate))
    }

    /// How much likelier a caller is than its callees: a certificate that they no longer accept.
    fn cut_off(&self, service: ServiceIdx) -> f64 {
        self.tells(service, |f| *f == Family::Certificate)
    }

    /// The likelihood of a service by the evidence of these families, relative to one without any, which is 1.
    fn tells(&self, service: ServiceIdx, is_one: impl Fn(&Family) -> bool) -> f64 {
        let is_telling = |p: &&Part| matches!(&p.source, PartSource::Own(family) if is_one(family));
        let parts = self.ranked(service).map(|s| s.parts.as_slice()).unwrap_or_default();
        (1.0 + parts.iter().filter(is_telling).map(|p| p.evidence).fold(0.0, f64::max)).powi(2)
    }

    /// The likelihood of a service by the evidence of its resources. On a saturated node a store takes longer for every command, which is then no
    /// evidence against the store.
    fn moved(&self, service: ServiceIdx) -> f64 {
        let part = |p: &Part| match &p.source {
            PartSource::Own(Family::Commands) if self.hosts.has_full_node(service) => 0.0,
            PartSource::Own(family) if family.is_resource() => p.evidence,
            PartSource::Missing => p.evidence,
            _ => 0.0,
        };
        let evidence = self.ranked(service).map_or(0.0, |s| s.parts.iter().map(part).fold(0.0, f64::max));
        (1.0 + evidence).powi(2)
    }

    /// The likelihood of an untimed callee by its own symptom: where the mean is lost, a quantile may still show that it answers late, which an equally
    /// untimed callee does not show.
    fn shown(&self, service: ServiceIdx, kind: ImpactKind) -> f64 {
        let symptom = kind.family();
        self.tells(service, |f| *f == symptom)
    }

    /// The likelihood of a store by its other callers: a slow store is slow for them too.
    fn at_other_callers(&self, store: ServiceIdx, caller: ServiceIdx) -> f64 {
        let name = self.frame.service(store);
        let others =
            self.calls.edges().filter(|(_, to, _)| *to == name).filter_map(|(from, _, _)| self.frame.find(from));
        let own_latency = |s: ServiceIdx| {
            let parts = &self.ranked(s)?.parts;
            parts.iter().find(|p| p.source == PartSource::Own(Family::Latency)).map(|p| p.evidence)
        };
        let shows: Vec<f64> = others.filter(|s| *s != caller).filter_map(own_latency).collect();
        match shows.iter().copied().fold(f64::NEG_INFINITY, f64::max) {
            f64::NEG_INFINITY => 1.0,
            most if most >= OTHER_CALLER => 4.0,
            _ => 0.5,
        }
    }

    fn ranked(&self, service: ServiceIdx) -> Option<&RankedService> {
        self.ranked.get(&service).copied()
    }
}

/// The one service that is clearly more likely than the others, or the best two.
fn likely(found: Vec<(ServiceIdx, f64)>) -> Vec<ServiceIdx> {
    let mut weighted: Vec<(ServiceIdx, f64)> = Vec::new();
    for (service, weight) in found {
        match weighted.iter_mut().find(|(known, _)| *known == service) {
            Some((_, sum)) => *sum += weight,
            None => weighted.push((service, weight)),
        }
    }
    let sum: f64 = weighted.iter().map(|(_, w)| w).sum();
    weighted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let needed = match weighted.first() {
        Some((_, w)) if *w >= ALONE * sum => 1,
        _ => 2,
    };
    weighted.into_iter().take(needed).map(|(s, _)| s).collect()
}
