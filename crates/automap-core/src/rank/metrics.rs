//! Ranks the metrics within the ranked services by how strongly they indicate the cause.
//!
//! Services keep their order. Within a service causes come before consequences (a memory leak raises the CPU load, CPU load raises the
//! latency, not the reverse), weighted by the evidence that remains with the service after explaining away. Evidence that only its callers show
//! counts for that symptom, so a network fault at a service is assigned to its latency.
//!
//! Worked example: CPU evidence of 2 weighs 0.7 · 2 = 1.4 and latency evidence of 2.5 weighs 0.5 · 2.5 = 1.25, so the CPU comes first.

use std::collections::BTreeMap;

use super::{Part, PartSource, RankedService, Ranking};
use crate::anomaly::{Anomalies, SeriesEvidence};
use crate::frame::ServiceIdx;
use crate::metric::{Family, Side};

/// Of several quantiles of one latency, the one nearest to this represents them: a median misses what affects few requests, the 99 % quantile is
/// noisy.
const PREFERRED_QUANTILE: f64 = 0.9;
/// A quantile represents its family if it has at least this share of the clearest quantile's evidence.
const REPRESENTATIVE_SHARE: f64 = 0.5;

/// A metric in the ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedMetric {
    /// The service of the metric.
    pub service: ServiceIdx,
    /// Position in [`Anomalies::series`].
    pub evidence: usize,
    /// Evidence times causal weight; comparable within one service only.
    pub score: f64,
}

/// Weight of a kind of evidence by how early it comes in the causal chain inside one service, 0.12 (throughput) to 1.6 (a store is down).
///
/// In a store a lock fills its connections, and lost consumers fill a queue, not the reverse; waiting items number in the thousands, so they
/// weigh less.
///
/// ```
/// use automap_core::metric::Family;
/// use automap_core::rank::PartSource;
/// use automap_core::rank::metrics::causal_weight;
///
/// let weight = |family| causal_weight(&PartSource::Own(family));
/// assert!(weight(Family::Memory) > weight(Family::Cpu) && weight(Family::Cpu) > weight(Family::Latency));
/// ```
pub fn causal_weight(source: &PartSource) -> f64 {
    match source {
        PartSource::Own(
            Family::Outage
            | Family::Consumers
            | Family::Unconsumed
            | Family::Blocked
            | Family::TakenOut
            | Family::Certificate,
        ) => 1.6,
        PartSource::Own(Family::Lifecycle | Family::Locks) => 1.2,
        PartSource::Own(Family::Evictions) => 1.1,
        PartSource::Own(Family::Connections) => 1.0,
        PartSource::Own(Family::FailedLookups) => 1.0,
        PartSource::Own(Family::Commands | Family::Lookups) => 0.5,
        PartSource::Own(Family::Queue | Family::Replication) => 0.35,
        PartSource::Own(Family::Memory | Family::Saturation) | PartSource::Missing => 1.0,
        PartSource::NetworkGap => 0.9,
        PartSource::Own(Family::Cpu | Family::Throttle) => 0.7,
        PartSource::Own(Family::Latency | Family::Error) | PartSource::SeenByCallers(_) => 0.5,
        PartSource::Own(Family::Throughput) => 0.12,
        PartSource::Felt(_) => 0.01,
        PartSource::Change => 0.001,
        PartSource::Own(_) => 0.25,
    }
}

/// Ranks all metrics that services measure of themselves; ties as in [`Anomalies::series`]. Cost: O(series · log series).
pub fn rank_metrics(ranking: &Ranking, anomalies: &Anomalies) -> Vec<RankedMetric> {
    let mut own: BTreeMap<ServiceIdx, Vec<(usize, &SeriesEvidence)>> = BTreeMap::new();
    for (i, s) in anomalies.series.iter().enumerate().filter(|(_, s)| s.metric.side == Side::Own) {
        own.entry(s.service).or_default().push((i, s));
    }
    let of_service = |service: &RankedService| {
        let mut metrics = own.remove(&service.service).map(|own| of_one(service, &own)).unwrap_or_default();
        metrics.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.evidence.cmp(&b.evidence)));
        metrics
    };
    ranking.services.iter().flat_map(of_service).collect()
}

fn of_one(service: &RankedService, own: &[(usize, &SeriesEvidence)]) -> Vec<RankedMetric> {
    let mut clearest: BTreeMap<&Family, f64> = BTreeMap::new();
    for (_, s) in own {
        let slot = clearest.entry(&s.metric.family).or_default();
        *slot = slot.max(s.evidence);
    }
    let score = |s: &SeriesEvidence| {
        let family = &s.metric.family;
        let clearest = clearest[family];
        let remaining = part(service, &PartSource::Own(family.clone()));
        let by_callers = part(service, &PartSource::SeenByCallers(family.clone()));
        let of_family = remaining.max(by_callers);
        // Evidence seen only by callers is in none of the service's own series, so it counts equally for all of them.
        let shows = if clearest > 0.0 { s.evidence.max(0.0) / clearest } else { 1.0 };
        let value = match (s.metric.quantile(), of_family - remaining * (1.0 - shows)) {
            (Some(q), value) if value >= REPRESENTATIVE_SHARE * of_family => {
                of_family * (1.0 - 0.01 * (q - PREFERRED_QUANTILE).abs())
            }
            (_, value) => value,
        };
        // A series that fell or was explained away keeps a thousandth, so that it has an order.
        causal_weight(&PartSource::Own(family.clone())) * value + 1e-3 * s.evidence
    };
    own.iter().map(|&(i, s)| RankedMetric { service: service.service, evidence: i, score: score(s) }).collect()
}

fn part(service: &RankedService, source: &PartSource) -> f64 {
    let of_source = |p: &&Part| p.source == *source;
    service.parts.iter().find(of_source).map_or(0.0, |p| p.evidence.max(0.0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metric::Metric;
    use crate::rank::Engine;

    fn series(service: usize, metric: &str, evidence: f64) -> SeriesEvidence {
        let metric = Metric::parse(metric);
        SeriesEvidence { series: 0, service: ServiceIdx(service), peer: None, metric, evidence, before_noise: evidence }
    }

    fn service(index: usize, parts: &[(PartSource, f64)]) -> RankedService {
        let part =
            |(source, evidence): &(PartSource, f64)| Part { source: source.clone(), evidence: *evidence, weight: 1.0 };
        RankedService {
            service: ServiceIdx(index),
            score: 0.0,
            share: 0.0,
            parts: parts.iter().map(part).collect(),
            explained: Vec::new(),
        }
    }

    fn order(services: Vec<RankedService>, series: Vec<SeriesEvidence>) -> Vec<String> {
        let ranking = Ranking { engine: Engine::Evidence, services };
        let anomalies = Anomalies {
            series,
            missing: BTreeMap::new(),
            partly_lost: BTreeSet::new(),
            loads: BTreeMap::new(),
            noise: BTreeMap::new(),
        };
        let name = |m: &RankedMetric| format!("{}_{}", m.service.0, anomalies.series[m.evidence].metric.name);
        rank_metrics(&ranking, &anomalies).iter().map(name).collect()
    }

    /// 0.7 · 2 for the CPU beats 0.5 · 2.5 for the latency; the whole second service comes later.
    #[test]
    fn causes_before_consequences_and_services_in_their_order() {
        let first = service(1, &[(PartSource::Own(Family::Cpu), 2.0), (PartSource::Own(Family::Latency), 2.5)]);
        let second = service(0, &[(PartSource::Own(Family::Memory), 9.0)]);
        let all = vec![series(0, "mem", 9.0), series(1, "latency", 2.5), series(1, "cpu", 2.0)];
        assert_eq!(order(vec![first, second], all), ["1_cpu", "1_latency", "0_mem"]);
    }

    #[test]
    fn a_symptom_that_went_to_a_callee_is_not_the_metric() {
        let one = service(0, &[(PartSource::Own(Family::Latency), 0.3), (PartSource::Own(Family::Disk), 1.0)]);
        assert_eq!(order(vec![one], vec![series(0, "latency", 5.0), series(0, "fs", 1.0)]), ["0_fs", "0_latency"]);
    }

    #[test]
    fn what_the_callers_see_is_a_latency() {
        let by_callers = PartSource::SeenByCallers(Family::Latency);
        let one = service(0, &[(by_callers, 3.0), (PartSource::Own(Family::Memory), 0.5)]);
        let all = vec![series(0, "latency-50", 0.02), series(0, "latency-90", 0.0), series(0, "mem", 0.5)];
        assert_eq!(order(vec![one], all), ["0_latency-90", "0_latency-50", "0_mem"]);
    }

    #[test]
    fn the_quantile_in_the_middle_speaks_for_the_others() {
        let one = service(0, &[(PartSource::Own(Family::Latency), 4.0)]);
        let all = vec![series(0, "latency-50", 1.9), series(0, "latency-90", 3.0), series(0, "latency-99", 4.0)];
        assert_eq!(order(vec![one], all), ["0_latency-90", "0_latency-99", "0_latency-50"]);
    }
}
