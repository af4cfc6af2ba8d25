//! Finds services that changed only after the symptoms that they would have to explain.
//!
//! If all changes of a service begin after users noticed something, it is not the cause, so it is not named. Onsets are intervals and must not
//! overlap, so coarse samples decide nothing. The service keeps its rank: on public recordings, where the symptoms of users are blurred, dropping
//! such services ranks no better (AC@1 .702 instead of .706). Where calls are measured this check is not needed: the attribution compares how much
//! arises where, and a second fault that begins later gets its share of the later impact.
//!
//! Worked example: front-end's latency rose between 14:00:00 and 14:00:10. The memory of batch changed between 14:03:00 and 14:03:10, and no other
//! series of batch changed earlier: batch explains nothing. A change of catalogue between 14:00:05 and 14:00:15 may be the cause.

use super::{OnsetSpan, PropagationOptions, find_changes};
use crate::anomaly::Anomalies;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::rank::Ranking;
use crate::time::Timestamp;
use crate::windows::Windows;

/// The ranked services that changed too late. `entries` are the entry services; without any, no service is too late.
/// O(clear series × samples).
pub fn too_late(
    ranking: &Ranking,
    frame: &MetricFrame,
    windows: &Windows,
    anomalies: &Anomalies,
    entries: &[ServiceIdx],
) -> Vec<ServiceIdx> {
    let changes = find_changes(frame, windows, anomalies, ranking, &PropagationOptions::default());
    let felt = entries.iter().filter_map(|s| changes.of(*s).symptom?.onset);
    let Some(felt) = felt.map(|onset| onset.latest).min() else { return Vec::new() };
    let is_late = |service: &ServiceIdx| {
        let of = changes.of(*service);
        let found: Vec<Option<OnsetSpan>> =
            [of.clearest, of.as_cause, of.symptom, of.load].into_iter().flatten().map(|change| change.onset).collect();
        is_too_late(&found, felt)
    };
    let ranked = ranking.services.iter().map(|r| r.service);
    ranked.filter(|s| !entries.contains(s)).filter(is_late).collect()
}

/// Whether there are changes, all dated, and all after that time.
fn is_too_late(changes: &[Option<OnsetSpan>], felt: Timestamp) -> bool {
    !changes.is_empty() && changes.iter().all(|onset| onset.is_some_and(|o| o.earliest > felt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_dated_and_apart_is_too_late() {
        let span = |earliest: i64, latest: i64| {
            let at = Timestamp::from_ms;
            Some(OnsetSpan { at: at(earliest), earliest: at(earliest), latest: at(latest) })
        };
        let felt = Timestamp::from_ms(10);
        assert!(is_too_late(&[span(180, 190)], felt));
        assert!(!is_too_late(&[span(5, 15)], felt), "the intervals overlap");
        assert!(!is_too_late(&[span(180, 190), span(0, 20)], felt), "something of it changed before");
        assert!(!is_too_late(&[span(180, 190), None], felt), "not dated");
        assert!(!is_too_late(&[], felt));
    }
}
