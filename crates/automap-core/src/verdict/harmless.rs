//! Recognises what stands out but is harmless: more or fewer requests, and the direct effects of a deliberate change.
//!
//! Applies only if users were observed and feel nothing. A leak introduced by a release is not excused: a release does not explain higher memory.
//!
//! Worked example: carts is scaled from one pod to two. Its new pods and twice the memory stand out, but no request waits. Both follow from the
//! second pod, so there is no incident. After a release only the new pods would follow from it; twice the memory would not.

use super::{Decision, Lead};
use crate::analysis::Analysis;
use crate::anomaly::CLEAR;
use crate::change::ChangeKind;
use crate::frame::ServiceIdx;
use crate::metric::Family;
use crate::rank::{Part, PartSource};

/// The decision that there is no incident, if all evidence for the first services is harmless. O(services + series).
pub(super) fn only(analysis: &Analysis, lead: &Lead) -> Option<Decision> {
    let is_observed = !analysis.entries.is_empty() && !analysis.unseen.hides_symptoms();
    let is_calm = analysis.anomalies.clearest_symptom() < CLEAR && analysis.plan.current.is_none();
    if !is_observed || !is_calm {
        return None;
    }
    let named: Vec<ServiceIdx> = lead.named.iter().flatten().copied().collect();
    let of_named = analysis.ranking.services.iter().filter(|r| named.contains(&r.service));
    let clear: Vec<(ServiceIdx, &Part)> =
        of_named.flat_map(|r| r.parts.iter().map(|p| (r.service, p))).filter(|(_, p)| p.evidence >= CLEAR).collect();
    if clear.is_empty() {
        None
    } else if clear.iter().all(|(_, part)| is_load(part)) && !concerns_users(analysis, &named) {
        Some(Decision::OnlyLoad)
    } else {
        let is_brought = |(service, part): &(ServiceIdx, &Part)| {
            let kinds = analysis.brought_about.get(service);
            kinds.is_some_and(|kinds| kinds.iter().any(|kind| brings_about(*kind, &part.source)))
        };
        clear.iter().all(is_brought).then_some(Decision::OnlyChanged)
    }
}

/// Whether the part is load from others: a campaign, a cache, a job that ended.
fn is_load(part: &Part) -> bool {
    matches!(&part.source, PartSource::Own(Family::Throughput | Family::Network))
}

/// At entry services, fewer requests mean lost users.
fn concerns_users(analysis: &Analysis, named: &[ServiceIdx]) -> bool {
    let is_entry = |s: &ServiceIdx| analysis.entries.contains(s);
    let at_entries = analysis.anomalies.series.iter().filter(|s| is_entry(&s.service) && s.peer.is_none());
    let mut requests = at_entries.filter(|s| s.metric.family == Family::Throughput);
    named.iter().any(is_entry) || requests.any(|s| s.evidence >= CLEAR)
}

/// Whether a change of this kind has this effect without anything being wrong.
pub(super) fn brings_about(kind: ChangeKind, source: &PartSource) -> bool {
    let is_scaled = matches!(kind, ChangeKind::Scaled | ChangeKind::Autoscaled);
    match source {
        PartSource::Change | PartSource::Missing | PartSource::Own(Family::Lifecycle) => true,
        PartSource::Own(family) => is_scaled && !family.is_symptom() && *family != Family::Throughput,
        _ => false,
    }
}
