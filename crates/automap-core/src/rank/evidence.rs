//! The evidence engine: the sum of log evidence over metric families, explained away along the calls.
//!
//! `score(s) = prior(s) · Σ_k weight_k · max(evidence_k(s), 0)`. It is a sum, as in naive Bayes, because several families that moved together are
//! worth more than the strongest one alone. All weights are 1 except for throughput, which mostly follows from what others do; learnt weights did
//! worse on systems they were not learnt on (journal 0001).
//!
//! Worked example: a service with evidence 3 for CPU, 2 for latency, 1 for throughput and −1 for memory scores 3 + 2 + 0.5 · 1 = 5.5.

use std::collections::BTreeMap;

use super::calls::Calls;
use super::explain_away::SymptomEvidence;
use super::{Engine, Explained, Part, PartSource, RankedService, Ranking};
use crate::anomaly::Anomalies;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Family, Side};
use crate::topology::CallGraph;

/// Options of the evidence engine.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceOptions {
    /// Evidence from which a callee explains its caller's symptom. Default 2.5: tens of spreads.
    pub gate: f64,
    /// Softness of that step. Default 0.4.
    pub gate_softness: f64,
    /// Share of a caller's symptom that is then explained, 0–1. Default 0.7.
    pub explained_share: f64,
    /// Share of a symptom attributed to a callee that is not measured, if the service itself is not busy, 0–1. Default 0.5: its own code and
    /// what it waits for are equally likely.
    pub unseen_share: f64,
    /// Evidence of its own resources, containers or network from which a service counts as busy. Default 1.
    pub busy: f64,
    /// Weight of throughput, relative to 1 for every other family. Default 0.5.
    pub throughput_weight: f64,
    /// Prior of nodes that are only a client's view of another one, 0–1. Default 0.5.
    pub view_prior: f64,
    /// Prior of services without any request in baseline and incident, 0–1. Default 0.5: no other service waits for them.
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

/// Ranks all services with at least one judged series.
///
/// With an empty call graph nothing is explained away. Ties are ordered by name. Cost: O(series + calls).
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
        let attribution = SymptomEvidence::of(anomalies, &family, &calls).attribute(&family, &calls, &busy, options);
        attribution.own.into_iter().for_each(|(s, e)| add(s, PartSource::Own(family.clone()), e, 1.0));
        attribution.explained.into_iter().for_each(|(s, e)| explained.entry(s).or_default().push(e));
        for (s, e) in attribution.seen_by_callers {
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

/// Contribution of a part. Negative evidence counts a hundred-thousandth, so that services without any rise still have an order.
fn weigh(part: &Part) -> f64 {
    part.weight * (part.evidence.max(0.0) + 1e-5 * part.evidence)
}

/// Evidence of every family except symptoms: the largest of the family's metrics.
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

/// The clearest evidence, by service, that it is busy itself. Services without CPU and memory metrics are absent, since they may be busy
/// without showing it.
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

/// Matched filter over the network gaps of all calls from and to a service: a faulty pod network affects every one of its calls, but only one
/// call of each neighbour.
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

/// Orders services by score and computes their shares (softmax).
pub(crate) fn with_shares(mut services: Vec<RankedService>) -> Ranking {
    services.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.service.cmp(&b.service)));
    let top = services.first().map_or(0.0, |s| s.score);
    let sum: f64 = services.iter().map(|s| (s.score - top).exp()).sum();
    services.iter_mut().for_each(|s| s.share = (s.score - top).exp() / sum);
    Ranking { engine: Engine::Evidence, services }
}
