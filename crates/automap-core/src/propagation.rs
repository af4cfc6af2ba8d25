//! Traces how a fault spread: which services changed when, and whether the order fits an assumed cause.
//!
//! Latency and errors travel from callee to caller, load from caller to callee. Starting at an assumed cause, every changed neighbour that one
//! of these channels reaches is accounted for; the remaining changes are evidence against that cause. Onsets are intervals, so an order is
//! claimed only where they do not overlap. Nothing here ranks services: it shows what a ranking implies. [`crate::spread`] turns the result
//! into names, times and sentences.
//!
//! Worked example: payment changed between 14:00:00 and 14:00:10, orders between 14:00:10 and 14:00:20. Payment is before orders, so the hop
//! payment → orders is *consistent*. Had orders changed between 14:00:05 and 14:00:15, the intervals would overlap: *simultaneous*.

mod changes;
mod too_late;
mod trace;

pub use changes::{ChangeSource, ClearChange, ClearChanges, OnsetSpan, ServiceChanges, find_changes};
pub(crate) use changes::{diagnostic_weight, smallest_spread};
pub use too_late::too_late;
pub use trace::{Hop, Role, TracedEffects, from_cause, services_without_metrics};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::anomaly::{Anomalies, CLEAR};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::rank::Ranking;
use crate::topology::CallGraph;
use crate::windows::Windows;

/// What counts as a change.
#[derive(Clone, Copy, Debug)]
pub struct PropagationOptions {
    /// Evidence from which a change is clear. Default [`CLEAR`], as for the victims in a report.
    pub clear: f64,
    /// Evidence below which a measured call is calm, so that no fault spread over it. Default 0.3.
    pub calm: f64,
}

impl Default for PropagationOptions {
    fn default() -> Self {
        Self { clear: CLEAR, calm: 0.3 }
    }
}

/// How a fault spread.
#[derive(Clone, Debug)]
pub struct PropagationTrace {
    /// The assumed cause; `None` if no service is ranked.
    pub cause: Option<ServiceIdx>,
    /// The clear changes of every service.
    pub signals: ClearChanges,
    /// What the cause accounts for.
    pub traced: TracedEffects,
}

/// What travels, and in which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Latency and errors, from callee to caller.
    Response,
    /// Requests, from caller to callee: more of them, or fewer.
    Load,
}

/// What two onsets imply about cause and effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HopState {
    /// The cause is clearly before its effect.
    Consistent,
    /// The intervals overlap: the data does not show which was first.
    Simultaneous,
    /// One of the two onsets is unknown.
    Unobserved,
    /// The effect is clearly before its cause.
    Contradictory,
}

impl HopState {
    /// Compares two onsets; `None` is an unknown one.
    ///
    /// A change lies after its earliest and not after its latest time, so the order is known if one interval ends where the other begins.
    ///
    /// ```
    /// use automap_core::propagation::{HopState, OnsetSpan};
    /// use automap_core::time::Timestamp;
    ///
    /// let onset = |earliest: i64, latest: i64| {
    ///     let t = |s: i64| Timestamp::from_ms(s * 1000);
    ///     Some(OnsetSpan { at: t(latest), earliest: t(earliest), latest: t(latest) })
    /// };
    /// assert_eq!(HopState::of(onset(0, 10), onset(10, 20)), HopState::Consistent);
    /// assert_eq!(HopState::of(onset(0, 10), onset(5, 15)), HopState::Simultaneous);
    /// assert_eq!(HopState::of(onset(10, 20), onset(0, 5)), HopState::Contradictory);
    /// assert_eq!(HopState::of(onset(0, 10), None), HopState::Unobserved);
    /// ```
    pub fn of(cause: Option<OnsetSpan>, effect: Option<OnsetSpan>) -> Self {
        match (cause, effect) {
            (Some(cause), Some(effect)) if effect.latest < cause.earliest => Self::Contradictory,
            (Some(cause), Some(effect)) if cause.latest <= effect.earliest => Self::Consistent,
            (Some(_), Some(_)) => Self::Simultaneous,
            _ => Self::Unobserved,
        }
    }
}

/// Traces a fault from the first service of the ranking. O(clear series × samples + calls²).
pub fn trace(
    frame: &MetricFrame,
    windows: &Windows,
    anomalies: &Anomalies,
    ranking: &Ranking,
    calls: &CallGraph,
    options: &PropagationOptions,
) -> PropagationTrace {
    let signals = find_changes(frame, windows, anomalies, ranking, options);
    let cause = ranking.services.first().map(|s| s.service);
    let traced = from_cause(frame, anomalies, ranking, calls, &signals, cause, options);
    PropagationTrace { cause, signals, traced }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn span(earliest: i64, at: i64, latest: i64) -> Option<OnsetSpan> {
        let t = Timestamp::from_ms;
        Some(OnsetSpan { at: t(at), earliest: t(earliest), latest: t(latest) })
    }

    #[test]
    fn an_order_is_claimed_only_where_intervals_do_not_overlap() {
        for (cause, effect, state) in [
            (span(0, 5, 10), span(11, 12, 13), HopState::Consistent),
            (span(0, 5, 10), span(10, 12, 13), HopState::Consistent),
            (span(0, 5, 10), span(9, 12, 13), HopState::Simultaneous),
            (span(0, 5, 10), span(2, 3, 4), HopState::Simultaneous),
            (span(11, 12, 13), span(0, 5, 10), HopState::Contradictory),
            (span(11, 12, 13), None, HopState::Unobserved),
            (None, span(0, 5, 10), HopState::Unobserved),
        ] {
            assert_eq!(HopState::of(cause, effect), state, "{cause:?} {effect:?}");
        }
    }
}
