//! Removes the direct effects of scaling from a ranking: new pods that are not ready yet, and their memory.
//!
//! Pods that an autoscaler or an operator adds are no sign of a fault, although they stand out as clearly as one. They still count as evidence that something
//! happened (`Part::evidence`), but no longer towards the score (`Part::weight`). The CPU time of a scaled service counts as before: it is what
//! autoscalers scale by. So do restarts and out-of-memory kills, which scaling does not explain.
//!
//! Worked example: front-end is scaled from one pod to three and users wait 10 ms longer, since the new pods are cold. New pods count 2.4, memory 2.3, its part in
//! the waiting 0.5: its score is 0.5 instead of 5.2, and no cause is named.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::with_shares;
use super::{Part, PartSource, Ranking};
use crate::anomaly::{Anomalies, CLEAR};
use crate::change::ChangeKind;
use crate::frame::ServiceIdx;
use crate::metric::{Family, NOT_READY, PODS_STARTED};

/// The ranking without these effects. `changed` holds the kinds of change just before the onset, by service. O(services + series).
pub(crate) fn discount(
    ranking: Ranking,
    anomalies: &Anomalies,
    changed: &BTreeMap<ServiceIdx, BTreeSet<ChangeKind>>,
) -> Ranking {
    let is_scaled = |service: &ServiceIdx| {
        let kinds = changed.get(service);
        kinds.is_some_and(|kinds| kinds.contains(&ChangeKind::Scaled) || kinds.contains(&ChangeKind::Autoscaled))
    };
    if !ranking.services.iter().any(|s| is_scaled(&s.service)) {
        return ranking;
    }
    let mut services = ranking.services;
    for ranked in services.iter_mut().filter(|s| is_scaled(&s.service)) {
        let has_crashed = has_crashed(anomalies, ranked.service);
        for part in ranked.parts.iter_mut().filter(|p| is_of_new_pods(p, has_crashed)) {
            ranked.score -= part.weight * part.evidence.max(0.0);
            part.weight = 0.0;
        }
    }
    with_shares(services)
}

fn is_of_new_pods(part: &Part, has_crashed: bool) -> bool {
    match &part.source {
        PartSource::Own(Family::Lifecycle) => !has_crashed,
        PartSource::Own(Family::Memory) => true,
        _ => false,
    }
}

/// Whether a service shows lifecycle events other than starting pods.
fn has_crashed(anomalies: &Anomalies, service: ServiceIdx) -> bool {
    let own = anomalies.series.iter().filter(|s| s.service == service && s.metric.family == Family::Lifecycle);
    own.filter(|s| ![PODS_STARTED, NOT_READY].contains(&s.metric.name.as_str())).any(|s| s.evidence >= CLEAR)
}
