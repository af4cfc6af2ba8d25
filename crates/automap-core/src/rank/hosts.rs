//! Finds the saturated nodes that hold up services, and the workloads that saturate them.
//!
//! A service whose pods wait for a CPU or a disk looks slow by itself; its own series may stay normal, or fall. Its node decides: if the node came
//! near a limit, and other services on it wait too, the node is likelier than each of them. If the series of one workload account for the capacity
//! that the node lost, that workload is the cause and the node only the place. Without series of nodes, or without a node near its limit, this module
//! finds nothing. The DNS that callers wait for ([`super::resolvers`]) and surges through a gateway ([`super::surges`]) are weighed in the same way.
//! Not covered: nodes of a store outside the cluster, and disks shared by several nodes.
//!
//! Worked example: carts and user run on node-3, whose CPUs go from 40 % to 98 %. Both become slower, none of their own resources moved, and the
//! evidence of the node is 3: its weight is (1 + 3)² · 4 = 64 against 1 for carts. The node has 8 CPUs, so it lost 4.6; batch-77 on the same node
//! went from 0.2 cores to 4.6 and accounts for 4.4 / 4.6 = 95 %: batch-77 weighs 64 · 0.95 = 61, and the node 64 · 0.05² < 1.

use std::collections::{BTreeMap, BTreeSet};

use super::resolvers::Resolvers;
use super::surges::Surges;
use super::{PartSource, Ranking};
use crate::anomaly::{Anomalies, CLEAR, Rows, SeriesEvidence};
use crate::attribution::Impact;
use crate::entity::{Entities, EntityKind};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{
    CPU_CAPACITY_CORES, CPU_CORES, CPU_STOLEN_RATIO, CPU_USED_RATIO, DISK_BUSY_RATIO, DISK_READ_BYTES_PER_S,
    DISK_WAITING_RATIO, DISK_WRITE_BYTES_PER_S, Family, MEMORY_BYTES, MEMORY_USED_RATIO, MEMORY_WAITING_RATIO, Side,
};
use crate::stats::{finite, mean};
use crate::topology::CallGraph;

/// Evidence of a service's own symptom from which it suffers.
const SUFFERS: f64 = 1.0;
/// How much likelier a node is if other services on it suffer too …
const OTHERS_SUFFER: f64 = 4.0;
/// … and how much less likely if none does, or as many do elsewhere.
const OTHERS_ARE_CALM: f64 = 0.25;
/// If calls do not decide, fewer suffering services than this say nothing about their node.
const FEWEST_TOGETHER: usize = 2;
/// Share of a service's symptom that is explained by a node that explains all suffering services.
const EXPLAINED: f64 = 0.7;
/// Share of the lost capacity from which the workload is what saturated the node.
const MOSTLY_TAKEN: f64 = 0.5;
/// A workload that accounts for less of the lost capacity did not saturate the node.
const LEAST_TAKEN: f64 = 0.4;

/// A resource of a node that workloads use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Resource {
    Processor,
    Disk,
    Memory,
}

impl Resource {
    /// The resource of a saturation metric; `None` if no workload's series account for it.
    fn of(metric: &str) -> Option<Self> {
        match metric {
            CPU_USED_RATIO => Some(Self::Processor),
            DISK_BUSY_RATIO | DISK_WAITING_RATIO => Some(Self::Disk),
            MEMORY_USED_RATIO | MEMORY_WAITING_RATIO => Some(Self::Memory),
            _ => None,
        }
    }

    /// The metrics of a workload's usage of it.
    fn used(self) -> &'static [&'static str] {
        match self {
            Self::Processor => &[CPU_CORES],
            Self::Disk => &[DISK_READ_BYTES_PER_S, DISK_WRITE_BYTES_PER_S],
            Self::Memory => &[MEMORY_BYTES],
        }
    }
}

/// The data in which hosts are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The metrics.
    pub frame: &'a MetricFrame,
    /// Baseline and incident.
    pub rows: &'a Rows,
    /// Which service runs on which node.
    pub entities: &'a Entities,
    /// The call graph.
    pub calls: &'a CallGraph,
}

/// The nodes near a limit, the DNS servers and the surges that services may suffer from.
#[derive(Debug, Default)]
pub struct Hosts {
    /// Nodes, neighbours and the DNS: they have no users, so they count only in so far as they hold up services.
    beneath: BTreeSet<ServiceIdx>,
    full: BTreeMap<ServiceIdx, FullNode>,
    /// The full nodes of each service, with the share of its pods there.
    of_service: BTreeMap<ServiceIdx, Vec<(ServiceIdx, f64)>>,
    resolvers: Resolvers,
    surges: Surges,
}

/// A node that came near a limit.
#[derive(Debug)]
struct FullNode {
    evidence: f64,
    /// Services on it that serve requests, and whether they suffer.
    served: BTreeMap<ServiceIdx, bool>,
    /// Share of the services elsewhere that suffer, 0–1.
    elsewhere: f64,
    /// The workload that saturated it, and its share of the lost capacity.
    taker: Option<(ServiceIdx, f64)>,
}

impl Hosts {
    /// Finds them. `ranking` is that of the evidence engine. O(nodes · (services + series)).
    pub fn of(on: Setting<'_>, anomalies: &Anomalies, impacts: &[Impact], ranking: &Ranking) -> Self {
        let Setting { frame, entities, rows, calls } = on;
        let of_kind = |kind: EntityKind| {
            let known = entities.iter().filter(move |(_, entity)| entity.kind == kind);
            known.filter_map(|(name, _)| frame.find(name)).collect::<BTreeSet<ServiceIdx>>()
        };
        let nodes = of_kind(EntityKind::Node);
        let resolvers = Resolvers::of(frame, rows, entities, anomalies, calls, impacts);
        let surges = Surges::of(frame, rows, entities, anomalies, calls);
        let beneath = &(&nodes | &of_kind(EntityKind::Neighbour)) | &resolvers.all;
        let search = Search { on, anomalies, suffering: suffering(ranking) };
        let full: BTreeMap<ServiceIdx, FullNode> =
            nodes.into_iter().filter_map(|node| Some((node, search.full(node)?))).collect();
        let mut of_service: BTreeMap<ServiceIdx, Vec<(ServiceIdx, f64)>> = BTreeMap::new();
        if !full.is_empty() {
            for (i, name) in frame.services().iter().enumerate() {
                let on = entities.nodes_of(name).filter_map(|(node, share)| Some((frame.find(node)?, share)));
                let on: Vec<_> = on.filter(|(node, _)| full.contains_key(node)).collect();
                if !on.is_empty() {
                    of_service.insert(ServiceIdx(i), on);
                }
            }
        }
        Self { beneath, full, of_service, resolvers, surges }
    }

    /// What may hold up the service on its nodes, each with its likelihood relative to a service whose own resources did not move, which is 1.
    pub(super) fn may_hold_up(&self, service: ServiceIdx) -> Vec<(ServiceIdx, f64)> {
        let mut found: Vec<_> = self.resolvers.may_hold_up(service).chain(self.surges.may_hold_up(service)).collect();
        for (node, share) in self.of_service.get(&service).into_iter().flatten() {
            let full = &self.full[node];
            let weight = (1.0 + full.evidence).powi(2) * full.beside(service) * share;
            let taker = full.taker.map(|(taker, _)| taker).filter(|taker| *taker != service);
            let may_be = std::iter::once(*node).chain(taker);
            found.extend(may_be.map(|who| (who, weight * full.part_of(*node, who))));
        }
        found
    }

    /// The full nodes beneath a service, each with what saturated it: a workload, or the node itself. Also the DNS that it waits for.
    pub(super) fn beneath(&self, service: ServiceIdx) -> impl Iterator<Item = (ServiceIdx, ServiceIdx)> {
        let on = self.of_service.get(&service).into_iter().flatten();
        let used_by = |node: ServiceIdx| {
            let taker = self.full[&node].taker.filter(|(_, part)| *part >= MOSTLY_TAKEN);
            taker.map_or(node, |(taker, _)| taker)
        };
        let resolvers = self.resolvers.may_hold_up(service).map(|(dns, _)| (dns, dns));
        on.map(move |(node, _)| (*node, used_by(*node))).chain(resolvers)
    }

    /// Counts nodes and neighbours in full as far as the attribution decides (its weight is `decided`), and otherwise in proportion to how far the
    /// services on them suffer and others do not; the symptoms of those services are then discounted.
    ///
    /// Worked example: without measured calls two of three services on node-3 are slow, with evidence of 3 and 2, and one of five elsewhere
    /// with 1. The node has 5/6 of this evidence, so its score counts 83 %, and 0.7 · 83 % = 58 % is taken from the scores of the two.
    pub fn weigh(&self, mut ranking: Ranking, decided: f64) -> Ranking {
        if self.beneath.is_empty() {
            return ranking;
        }
        let fits = self.fits(&ranking);
        let by_dns = self.fits_of_resolvers(&ranking);
        let counts_for = |s: ServiceIdx| {
            let own = |(node, fit): (&ServiceIdx, &f64)| fit * self.full[node].part_of(*node, s);
            fits.iter().map(own).fold(by_dns.get(&s).copied().unwrap_or(0.0), f64::max)
        };
        let held_up = |s: ServiceIdx| {
            let on = self.of_service.get(&s).into_iter().flatten();
            let by_node = on.filter_map(|(node, share)| Some(fits.get(node)? * share)).fold(0.0, f64::max);
            by_dns.values().copied().fold(by_node, f64::max)
        };
        for ranked in &mut ranking.services {
            let s = ranked.service;
            let counts = match self.beneath.contains(&s) {
                true => counts_for(s),
                // The workload that saturated the node is not held up by it.
                false => 1.0 - EXPLAINED * (held_up(s) - counts_for(s)).max(0.0),
            };
            let counts = decided + (1.0 - decided) * counts;
            ranked.score *= counts;
            ranked.parts.iter_mut().for_each(|p| p.weight *= counts);
        }
        super::evidence::with_shares(ranking.services)
    }

    /// How far the suffering of services is concentrated on each full node, 0–1.
    fn fits(&self, ranking: &Ranking) -> BTreeMap<ServiceIdx, f64> {
        let pain: BTreeMap<ServiceIdx, f64> =
            symptoms(ranking).into_iter().filter(|(_, evidence)| *evidence >= SUFFERS).collect();
        let all: f64 = pain.values().sum();
        let fit = |full: &FullNode| {
            let on_it: Vec<f64> = pain.iter().filter(|(s, _)| full.served.contains_key(s)).map(|(_, e)| *e).collect();
            if on_it.len() >= FEWEST_TOGETHER { on_it.iter().sum::<f64>() / all } else { 0.0 }
        };
        self.full.iter().map(|(node, full)| (*node, fit(full))).collect()
    }

    /// The same of each DNS server.
    fn fits_of_resolvers(&self, ranking: &Ranking) -> BTreeMap<ServiceIdx, f64> {
        let symptoms = symptoms(ranking);
        let suffer = symptoms.values().filter(|evidence| **evidence >= SUFFERS).count();
        self.resolvers.all.iter().map(|dns| (*dns, self.resolvers.fit(*dns, suffer, symptoms.len()))).collect()
    }

    /// Whether several services may suffer from it at once: a node near a limit, the DNS, a gateway with a surge.
    pub(super) fn is_common(&self, service: ServiceIdx) -> bool {
        self.full.contains_key(&service) || self.resolvers.is_suspected(service) || self.surges.is_at(service)
    }

    /// Whether any of its pods run on a node near a limit.
    pub(super) fn has_full_node(&self, service: ServiceIdx) -> bool {
        self.of_service.contains_key(&service)
    }

    /// Whether it is a gateway with a surge.
    pub(super) fn has_surge(&self, service: ServiceIdx) -> bool {
        self.surges.is_at(service)
    }
}

impl FullNode {
    /// The share of the node's effect on others that `who` causes: the workload that saturated it, or else the node.
    fn part_of(&self, node: ServiceIdx, who: ServiceIdx) -> f64 {
        match self.taker {
            Some((taker, taken)) if taker == who => taken,
            Some((_, taken)) if node == who => (1.0 - taken).powi(2),
            None if node == who => 1.0,
            _ => 0.0,
        }
    }

    /// How far the other services on the node count as evidence for it.
    fn beside(&self, service: ServiceIdx) -> f64 {
        let others: Vec<bool> =
            self.served.iter().filter(|(s, _)| **s != service).map(|(_, suffers)| *suffers).collect();
        if others.is_empty() {
            return 1.0;
        }
        let here = others.iter().filter(|suffers| **suffers).count() as f64 / others.len() as f64;
        if here > 0.0 && here >= 2.0 * self.elsewhere { OTHERS_SUFFER } else { OTHERS_ARE_CALM }
    }
}

/// Services that serve requests, and whether they keep a symptom that no callee explains.
fn suffering(ranking: &Ranking) -> BTreeMap<ServiceIdx, bool> {
    symptoms(ranking).into_iter().map(|(s, evidence)| (s, evidence >= SUFFERS)).collect()
}

/// The clearest symptom that remains with each service.
fn symptoms(ranking: &Ranking) -> BTreeMap<ServiceIdx, f64> {
    let symptom = |source: &PartSource| matches!(source, PartSource::Own(Family::Latency | Family::Error));
    let of = |parts: &[super::Part]| {
        let symptoms = parts.iter().filter(|p| symptom(&p.source)).map(|p| p.evidence);
        symptoms.max_by(f64::total_cmp)
    };
    ranking.services.iter().filter_map(|s| Some((s.service, of(&s.parts)?))).collect()
}

struct Search<'a> {
    on: Setting<'a>,
    anomalies: &'a Anomalies,
    suffering: BTreeMap<ServiceIdx, bool>,
}

impl Search<'_> {
    fn full(&self, node: ServiceIdx) -> Option<FullNode> {
        let clearest = self.clearest(node)?;
        let on_it: BTreeSet<ServiceIdx> =
            self.on.entities.on_node(self.on.frame.service(node)).filter_map(|s| self.on.frame.find(s)).collect();
        let (served, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.suffering.iter().map(|(s, suffers)| (*s, *suffers)).partition(|(s, _)| on_it.contains(s));
        let elsewhere = others.values().filter(|suffers| **suffers).count() as f64 / others.len().max(1) as f64;
        let missing = self.anomalies.missing.get(&node).copied().unwrap_or(0.0);
        let taker = Resource::of(&clearest.metric.name).and_then(|resource| self.taker(node, resource, &on_it));
        Some(FullNode { evidence: clearest.evidence.max(missing), served, elsewhere, taker })
    }

    /// The clearest sign that the node is saturated, or gone; `None` if nothing is clear.
    fn clearest(&self, node: ServiceIdx) -> Option<&SeriesEvidence> {
        let tells = |s: &&SeriesEvidence| {
            let family = &s.metric.family;
            s.service == node && s.metric.side == Side::Own && matches!(family, Family::Saturation | Family::Lifecycle)
        };
        let clear = self.anomalies.series.iter().filter(tells).filter(|s| s.evidence >= CLEAR);
        clear.max_by(|a, b| a.evidence.total_cmp(&b.evidence).then(b.series.cmp(&a.series)))
    }

    /// The workload on the node that accounts for most of the lost capacity, if its own series show it clearly.
    fn taker(&self, node: ServiceIdx, resource: Resource, on_it: &BTreeSet<ServiceIdx>) -> Option<(ServiceIdx, f64)> {
        let taken: BTreeMap<ServiceIdx, f64> = on_it.iter().map(|s| (*s, self.taken(*s, node, resource))).collect();
        let by_all: f64 = taken.values().sum();
        let lost = self.lost(node, resource).map_or(by_all, |lost| lost.max(by_all));
        let is_clear = |s: ServiceIdx| {
            let own = self.anomalies.series.iter().filter(|e| e.service == s && e.peer.is_none());
            own.filter(|e| resource.used().contains(&e.metric.name.as_str())).any(|e| e.evidence >= CLEAR)
        };
        let (taker, most) = taken.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        let part = most / lost;
        (lost > 0.0 && part >= LEAST_TAKEN && is_clear(taker)).then_some((taker, part.min(1.0)))
    }

    /// How much more of the node a service uses than before; 0 if it uses less.
    fn taken(&self, service: ServiceIdx, node: ServiceIdx, resource: Resource) -> f64 {
        let name = self.on.frame.service(node);
        let share =
            self.on.entities.nodes_of(self.on.frame.service(service)).find(|(on, _)| *on == name).map_or(0.0, |n| n.1);
        let rise: f64 = resource.used().iter().filter_map(|metric| self.rise(service, metric)).sum();
        share * rise.max(0.0)
    }

    /// How much more of the resource is used on the node, in the unit of the workloads' usage; `None` if the node's size is unknown.
    fn lost(&self, node: ServiceIdx, resource: Resource) -> Option<f64> {
        if resource != Resource::Processor {
            return None;
        }
        let size = self.on.frame.get(node, CPU_CAPACITY_CORES, None).map(|s| mean(&finite(&s.values)))?;
        let stolen = self.rise(node, CPU_STOLEN_RATIO).unwrap_or(0.0).max(0.0);
        Some((self.rise(node, CPU_USED_RATIO)? - stolen).max(0.0) * size).filter(|lost| lost.is_finite())
    }

    fn rise(&self, service: ServiceIdx, metric: &str) -> Option<f64> {
        let series = self.on.frame.get(service, metric, None)?;
        let of = |rows: &[usize]| mean(&series.values_at(rows));
        Some(of(&self.on.rows.incident) - of(&self.on.rows.baseline)).filter(|rise| rise.is_finite())
    }
}
