//! Sums up the findings of all series per service, so that the services that differ most come first.
//!
//! The score measures size, not cause: a victim of an incident scores as high as the service that caused
//! it.

use std::collections::{BTreeMap, BTreeSet};

use super::Period;
use super::judge::weight;
use super::model::{SeriesComparison, SeriesVerdict, ServiceDifference};
use crate::metric::Family;

/// Weight of throughput, which mostly follows from what others do.
const THROUGHPUT_WEIGHT: f64 = 0.5;

/// All services, vanished and new ones first, then by score, then by name.
pub(super) fn differences(periods: &[Period], series: &[SeriesComparison]) -> Vec<ServiceDifference> {
    let mut of_service: BTreeMap<&str, Vec<&SeriesComparison>> = BTreeMap::new();
    for s in series {
        of_service.entry(&s.service).or_default().push(s);
    }
    let names: BTreeSet<&str> = periods.iter().flat_map(|p| &p.services).map(String::as_str).collect();
    let mut out: Vec<ServiceDifference> = names
        .into_iter()
        .map(|service| {
            let own = of_service.get(service).map_or(&[][..], Vec::as_slice);
            let findings = own.iter().filter(|s| s.verdict.is_finding()).count();
            ServiceDifference {
                service: service.to_owned(),
                verdict: verdict(periods, service, own),
                score: score(own),
                findings,
                series: own.iter().filter(|s| s.verdict.is_judged()).count(),
            }
        })
        .collect();
    let one_sided = |s: &ServiceDifference| matches!(s.verdict, SeriesVerdict::OnlyInA | SeriesVerdict::OnlyInB);
    out.sort_by(|a, b| {
        let first = one_sided(b).cmp(&one_sided(a));
        first.then(b.score.total_cmp(&a.score)).then_with(|| a.service.cmp(&b.service))
    });
    out
}

fn verdict(periods: &[Period], service: &str, own: &[&SeriesComparison]) -> SeriesVerdict {
    let has = |p: &Period| p.services.contains(service);
    if !has(&periods[0]) {
        return SeriesVerdict::OnlyInB;
    }
    if periods[1..].iter().any(|p| !has(p)) {
        return SeriesVerdict::OnlyInA;
    }
    if own.iter().any(|s| s.verdict.is_finding()) {
        SeriesVerdict::Differs
    } else if own.iter().any(|s| s.verdict == SeriesVerdict::Same) {
        SeriesVerdict::Same
    } else {
        SeriesVerdict::TooFewSamples
    }
}

/// Score of a service. Metrics of one family measure the same thing, so only the largest counts.
fn score(own: &[&SeriesComparison]) -> f64 {
    let mut families: BTreeMap<&str, f64> = BTreeMap::new();
    for s in own {
        let best = families.entry(s.family.as_str()).or_default();
        *best = best.max(weight(s));
    }
    families
        .into_iter()
        .map(|(family, w)| if family == Family::Throughput.as_str() { THROUGHPUT_WEIGHT * w } else { w })
        .sum()
}
