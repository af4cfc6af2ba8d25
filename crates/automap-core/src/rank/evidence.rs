//! The evidence engine: a sum of log evidence over metric families, explained away along the calls.
//!
//! `score(s) = prior(s) · Σ_k weight_k · max(own_k(s), 0)`. A sum, as in naive Bayes: several families that moved
//! together are worth more than the loudest one alone. Weights are equal but for throughput, which is a consequence
//! of what others do; learnt weights lost to equal ones on systems they were not learnt on.

use std::collections::BTreeMap;

use super::blame::Symptom;
use super::calls::Calls;
use super::{Engine, Explained, Part, PartSource, RankedService, Ranking};
use crate::anomaly::Anomalies;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Side};
use crate::topology::CallGraph;

/// How evidence becomes a ranking.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceOptions {
    /// A callee explains its caller when its own evidence is beyond this. Default 2.5: tens of spreads.
    pub gate: f64,
    /// Width of that step. Default 0.4.
    pub gate_softness: f64,
    /// How much of a caller's symptom goes away then, 0–1. Default 0.7.
    pub explained_share: f64,
    /// How much of a symptom goes to a callee that nobody measures, when the service itself is not busy, 0–1. Default 0.5:
    /// its own code or what it waits for, we cannot tell.
    pub unseen_share: f64,
    /// Evidence of its own resources, containers or network from which a service counts as busy. Default 1.
    pub busy: f64,
    /// Weight of throughput beside 1 for every other family. Default 0.5.
    pub throughput_weight: f64,
    /// Prior of nodes that are only a client's view of another. Default 0.5.
    pub view_prior: f64,
    /// Prior of services that got no request at all, neither in normal time nor in the incident, 0–1. Default 0.5, as for
    /// views: whatever they do for themselves, nobody waits for them.
    pub idle_prior: f64,
}

impl Default for EvidenceOptions {
    fn default() -> Self {
        Self {
            gate: 2.5,
            gate_softness: 0.4,
            explained_share: 0.7,
            unseen_share: 0.5,
            busy: 1.0,
            throughput_weight: 0.5,
            view_prior: 0.5,
            idle_prior: 0.5,
        }
    }
}

/// Ranks all services of a frame that have at least one judged series.
///
/// Without calls (`CallGraph::new()`) nothing is explained away. Ties are ordered by name. Cost: O(series + calls).
pub fn rank(frame: &MetricFrame, anomalies: &Anomalies, graph: &CallGraph, options: &EvidenceOptions) -> Ranking {
    let calls = Calls::new(frame, graph);
    let mut parts: BTreeMap<ServiceIdx, Vec<Part>> = BTreeMap::new();
    for s in &anomalies.series {
        parts.entry(s.service).or_default();
    }
    let mut add = |service: ServiceIdx, source: PartSource, evidence: f64, weight: f64| {
        if let Some(list) = parts.get_mut(&service) {
            list.push(Part { source, evidence, weight });
        }
    };

    let resources = own_resources(anomalies);
    let gaps = network_gaps(anomalies);
    let busy = busy(&resources, &gaps);
    for (family, by_service) in resources {
        let weight = if family == Family::Throughput { options.throughput_weight } else { 1.0 };
        for (service, evidence) in by_service {
            add(service, PartSource::Own(family.clone()), evidence, weight);
        }
    }
    let mut explained: BTreeMap<ServiceIdx, Vec<Explained>> = BTreeMap::new();
    let mut hidden: BTreeMap<ServiceIdx, (Family, f64)> = BTreeMap::new();
    for family in [Family::Latency, Family::Error] {
        let blame = Symptom::of(anomalies, &family, &calls).blame(&family, &calls, &busy, options);
        blame.own.into_iter().for_each(|(s, e)| add(s, PartSource::Own(family.clone()), e, 1.0));
        blame.explained.into_iter().for_each(|(s, e)| explained.entry(s).or_default().push(e));
        for (s, e) in blame.seen_by_callers {
            let slot = hidden.entry(s).or_insert((family.clone(), e));
            if e > slot.1 {
                *slot = (family.clone(), e);
            }
        }
    }
    hidden.into_iter().for_each(|(s, (family, e))| add(s, PartSource::SeenByCallers(family), e, 1.0));
    gaps.into_iter().for_each(|(s, e)| add(s, PartSource::NetworkGap, e, 1.0));
    anomalies.missing.iter().for_each(|(s, e)| add(*s, PartSource::Missing, *e, 1.0));

    let services = parts.into_iter().map(|(service, parts)| {
        let is_idle = anomalies.loads.get(&service).is_some_and(|l| l.is_idle);
        let prior = if calls.is_view[service.0] { options.view_prior } else { 1.0 };
        let prior = if is_idle { prior * options.idle_prior } else { prior };
        let mut explained = explained.remove(&service).unwrap_or_default();
        explained.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.by.cmp(&b.by)));
        RankedService { service, score: prior * parts.iter().map(weigh).sum::<f64>(), share: 0.0, parts, explained }
    });
    with_shares(services.collect())
}

/// Negative evidence keeps a trace, so that services without any rise still have an order.
fn weigh(part: &Part) -> f64 {
    part.weight * (part.evidence.max(0.0) + 1e-5 * part.evidence)
}

/// Evidence of every family but the symptoms, the largest of a family's metrics speaking for it.
fn own_resources(anomalies: &Anomalies) -> BTreeMap<Family, BTreeMap<ServiceIdx, f64>> {
    let mut out: BTreeMap<Family, BTreeMap<ServiceIdx, f64>> = BTreeMap::new();
    for s in &anomalies.series {
        if s.metric.side == Side::Own && !s.metric.family.is_symptom() {
            let by_service = out.entry(s.metric.family.clone()).or_default();
            let slot = by_service.entry(s.service).or_insert(f64::NEG_INFINITY);
            *slot = slot.max(s.evidence);
        }
    }
    out
}

/// The clearest sign, by service, that it is busy with itself. Services whose processor and memory nobody measures are
/// absent: they may be busy for all we know.
fn busy(
    resources: &BTreeMap<Family, BTreeMap<ServiceIdx, f64>>,
    gaps: &BTreeMap<ServiceIdx, f64>,
) -> BTreeMap<ServiceIdx, f64> {
    let of = |family: &Family| resources.get(family).into_iter().flatten();
    let mut out: BTreeMap<ServiceIdx, f64> = BTreeMap::new();
    for (s, e) in [Family::Cpu, Family::Memory].iter().flat_map(of) {
        let slot = out.entry(*s).or_default();
        *slot = slot.max(*e);
    }
    for (s, e) in [Family::Throttle, Family::Disk, Family::Lifecycle].iter().flat_map(of).chain(gaps) {
        if let Some(slot) = out.get_mut(s) {
            *slot = slot.max(*e);
        }
    }
    out
}

/// The matched filter over the gaps of all calls that touch a service, as caller or as callee: a fault of a pod's
/// network is on every one of its calls, its neighbours have it on one of theirs.
fn network_gaps(anomalies: &Anomalies) -> BTreeMap<ServiceIdx, f64> {
    let mut touching: BTreeMap<ServiceIdx, (f64, usize)> = BTreeMap::new();
    let mut total = 0.0;
    for s in anomalies.series.iter().filter(|s| s.metric.family == Family::NetworkGap) {
        let Some(peer) = s.peer else { continue };
        total += s.evidence.max(0.0);
        for end in [s.service, peer] {
            let (sum, n) = touching.entry(end).or_default();
            *sum += s.evidence.max(0.0);
            *n += 1;
        }
    }
    if total <= 0.0 {
        return BTreeMap::new();
    }
    touching.into_iter().map(|(s, (sum, n))| (s, sum * sum / ((n as f64).sqrt() * total))).collect()
}

/// Orders services by score and shares belief out among them.
pub(crate) fn with_shares(mut services: Vec<RankedService>) -> Ranking {
    services.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.service.cmp(&b.service)));
    let top = services.first().map_or(0.0, |s| s.score);
    let sum: f64 = services.iter().map(|s| (s.score - top).exp()).sum();
    services.iter_mut().for_each(|s| s.share = (s.score - top).exp() / sum);
    Ranking { engine: Engine::Evidence, services }
}
