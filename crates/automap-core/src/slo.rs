//! Computes how fast the error budget of an objective burns, and when that deserves an alert.
//!
//! Implements the multi-window, multi-burn-rate alerts of the Google SRE workbook (chapter 5). An objective allows a share of `1 − target` of
//! all events to be bad; the *burn rate* is the share of bad events divided by that allowance. An alert fires if the rate is high over a long
//! window (it matters) *and* over a short one (it is still going on). This is arithmetic on counts of events; the sources provide the counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::incident::{Severity, SloImpact};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Fewest events in the short window for an alert: three failed requests say nothing about a budget.
pub const MIN_EVENTS: f64 = 20.0;

/// A pair of windows and the burn rate from which they raise an alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurnAlert {
    /// Threshold: multiple of the rate that would use up the budget exactly at the end of its period.
    pub burn: f64,
    /// Long window, in milliseconds.
    pub long_ms: i64,
    /// Short window, in milliseconds.
    pub short_ms: i64,
    /// Severity of the alert.
    pub severity: Severity,
}

/// The alerts: 2 % of a thirty-day budget used in one hour, or 5 % of it in six hours.
pub const ALERTS: [BurnAlert; 2] = [
    BurnAlert { burn: 14.4, long_ms: HOUR_MS, short_ms: 5 * MINUTE_MS, severity: Severity::Critical },
    BurnAlert { burn: 6.0, long_ms: 6 * HOUR_MS, short_ms: 30 * MINUTE_MS, severity: Severity::Critical },
];
/// The windows of all alerts in milliseconds, the shortest first.
pub const WINDOWS_MS: [i64; 4] = [5 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS];
/// Period of an objective that does not define one.
pub const DEFAULT_PERIOD_MS: i64 = 30 * DAY_MS;

/// Counts of events in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EventCounts {
    /// Bad ones.
    pub bad: f64,
    /// All.
    pub all: f64,
}

/// Status of an objective. Missing counts are unknown, never good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloStatus {
    /// Its name.
    pub slo: String,
    /// The service it is about; empty for the whole system.
    pub service: String,
    /// The group of the numbers, such as `{handler="/pay"}`: the worst one, if events are counted by group. `null` if
    /// they are not.
    #[serde(default)]
    pub group: Option<String>,
    /// Share of events that must be good, 0–1.
    pub objective: f64,
    /// Length of the period that the budget is for, in days.
    pub period_d: f64,
    /// Its state.
    pub state: SloState,
    /// Burn rate over five minutes; 1 is sustainable. `null` if nothing was counted.
    pub burn_5m: Option<f64>,
    /// Over half an hour.
    pub burn_30m: Option<f64>,
    /// Over one hour.
    pub burn_1h: Option<f64>,
    /// Over six hours.
    pub burn_6h: Option<f64>,
    /// Share of the period's budget that is left, below 0 if it is overspent. Counts only the part of the period that the source has kept.
    pub budget_left: Option<f64>,
    /// Why the state is unknown; `null` otherwise.
    pub unknown_because: Option<String>,
}

/// State of an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SloState {
    /// Within its budget.
    Met,
    /// The budget burns too fast.
    Burning,
    /// The budget of the period is overspent.
    Missed,
    /// Too few events, or none.
    Unknown,
}

/// The part of an objective that its status depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Its name.
    pub slo: String,
    /// The service it is about; empty for the whole system.
    pub service: String,
    /// Share of events that must be good, strictly between 0 and 1.
    pub target: f64,
    /// Length of the budget's period in milliseconds.
    pub period_ms: i64,
}

/// Burn rate of one window: 1 uses up the budget exactly at the end of its period. `None` without events.
///
/// ```
/// use automap_core::slo::{EventCounts, burn_rate};
///
/// // 99.9 % must be good; 2 of 100 requests fail, twenty times what is allowed.
/// let burn = burn_rate(Some(EventCounts { bad: 2.0, all: 100.0 }), 0.999).expect("there are events");
/// assert!((burn - 20.0).abs() < 1e-9);
/// assert_eq!(burn_rate(None, 0.999), None);
/// ```
pub fn burn_rate(events: Option<EventCounts>, target: f64) -> Option<f64> {
    let EventCounts { bad, all } = events.filter(|e| e.all > 0.0)?;
    Some((bad / all).clamp(0.0, 1.0) / (1.0 - target))
}

/// Returns the alert that fires, the one for the fastest burn first, and the burn rate over its long window.
///
/// `windows` are the counts of [`WINDOWS_MS`], in that order; `None` is unknown and fires nothing.
///
/// ```
/// use automap_core::slo::{EventCounts, firing_alert};
///
/// let failing = |share: f64| Some(EventCounts { bad: share * 10_000.0, all: 10_000.0 });
/// // 2 % of the requests fail over 5 min, 30 min and 1 h, with a target of 99.9 %: a burn rate of 20.
/// let (alert, burn) = firing_alert(0.999, &[failing(0.02), failing(0.02), failing(0.02), failing(0.004)]).expect("it burns");
/// assert_eq!((alert.burn, burn.round()), (14.4, 20.0));
/// // The last five minutes are fine again.
/// assert_eq!(firing_alert(0.999, &[failing(0.0), failing(0.0), failing(0.02), failing(0.004)]), None);
/// ```
pub fn firing_alert(target: f64, windows: &[Option<EventCounts>; 4]) -> Option<(BurnAlert, f64)> {
    let of = |ms: i64| WINDOWS_MS.iter().position(|w| *w == ms).and_then(|i| windows[i]);
    let fires = |alert: &BurnAlert| {
        let short = of(alert.short_ms).filter(|e| e.all >= MIN_EVENTS);
        let (long, short) = (burn_rate(of(alert.long_ms), target)?, burn_rate(short, target)?);
        (long >= alert.burn && short >= alert.burn).then_some((*alert, long))
    };
    ALERTS.iter().find_map(fires)
}

/// Whether an alert may fire unseen: a window of its pair is not counted, and the other one does not rule it out.
///
/// `windows` are the counts of [`WINDOWS_MS`], in that order; `None` is not counted.
pub fn may_burn_unseen(target: f64, windows: &[Option<EventCounts>; 4]) -> bool {
    let of = |ms: i64| WINDOWS_MS.iter().position(|w| *w == ms).and_then(|i| windows[i]);
    let may_fire = |alert: &BurnAlert| {
        let (long, short) = (of(alert.long_ms), of(alert.short_ms));
        let may_reach = |events: Option<EventCounts>, at_least: f64| {
            events.is_none_or(|e| e.all >= at_least && burn_rate(events, target).is_some_and(|b| b >= alert.burn))
        };
        (long.is_none() || short.is_none()) && may_reach(long, 0.0) && may_reach(short, MIN_EVENTS)
    };
    ALERTS.iter().any(may_fire)
}

/// Share of the whole period's budget used during `span_ms`, assuming that requests are spread evenly over the period.
pub fn budget_share(events: Option<EventCounts>, span_ms: i64, objective: &Objective) -> Option<f64> {
    Some(burn_rate(events, objective.target)? * span_ms as f64 / objective.period_ms as f64)
}

/// Computes the status of an objective. `windows` are the counts of [`WINDOWS_MS`], `period` those of its whole period.
pub fn status(objective: &Objective, windows: &[Option<EventCounts>; 4], period: Option<EventCounts>) -> SloStatus {
    let target = objective.target;
    let [burn_5m, burn_30m, burn_1h, burn_6h] = windows.map(|events| burn_rate(events, target));
    let budget_left = burn_rate(period, target).map(|burn| 1.0 - burn);
    let state = match (firing_alert(target, windows), budget_left) {
        (Some(_), _) => SloState::Burning,
        (None, Some(left)) if left < 0.0 => SloState::Missed,
        (None, Some(_)) => SloState::Met,
        (None, None) => SloState::Unknown,
    };
    SloStatus {
        slo: objective.slo.clone(),
        service: objective.service.clone(),
        group: None,
        objective: (target * 1e9).round() / 1e9,
        period_d: objective.period_ms as f64 / DAY_MS as f64,
        state,
        burn_5m,
        burn_30m,
        burn_1h,
        burn_6h,
        budget_left,
        unknown_because: (state == SloState::Unknown).then(|| "no event was counted in its period".to_owned()),
    }
}

/// Cost of an incident that began `span_ms` ago, from the events `since` then.
pub fn impact(objective: &Objective, burn: f64, since: Option<EventCounts>, span_ms: i64) -> SloImpact {
    SloImpact {
        slo: objective.slo.clone(),
        service: objective.service.clone(),
        burn_rate: burn,
        budget_share: budget_share(since, span_ms, objective),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective() -> Objective {
        Objective { slo: "checkout".into(), service: "front-end".into(), target: 0.999, period_ms: DEFAULT_PERIOD_MS }
    }

    fn events(bad: f64, all: f64) -> Option<EventCounts> {
        Some(EventCounts { bad, all })
    }

    /// 5 min, 30 min, 1 h, 6 h.
    fn threshold(ratios: [f64; 4]) -> Option<f64> {
        firing_alert(0.999, &ratios.map(|r| events(r * 10_000.0, 10_000.0))).map(|(alert, _)| alert.burn)
    }

    #[test]
    fn both_windows_of_a_pair_have_to_burn() {
        assert_eq!(threshold([0.02, 0.02, 0.02, 0.0]), Some(14.4), "1.44 % of the events of an hour");
        assert_eq!(threshold([0.0, 0.02, 0.02, 0.02]), Some(6.0), "it is over for five minutes, not for thirty");
        assert_eq!(threshold([0.02, 0.0, 0.002, 0.0]), None, "it has not mattered for long enough");
        assert_eq!(threshold([0.0, 0.0, 0.02, 0.02]), None, "it is over");
        assert_eq!(threshold([0.007, 0.007, 0.007, 0.007]), Some(6.0));
        assert_eq!(threshold([0.005; 4]), None);
    }

    #[test]
    fn few_events_and_none_are_silent_and_none_is_unknown() {
        let few = [events(3.0, 3.0), events(3.0, 3.0), events(3.0, 40.0), events(3.0, 40.0)];
        assert_eq!(firing_alert(0.999, &few), None);
        assert_eq!(firing_alert(0.999, &[None; 4]), None);
        let none = status(&objective(), &[None, None, events(0.0, 0.0), None], None);
        assert_eq!((none.state, none.burn_1h, none.budget_left), (SloState::Unknown, None, None));
        assert!(none.unknown_because.is_some());
    }

    #[test]
    fn what_is_not_counted_may_burn_unless_the_other_window_rules_it_out() {
        let (bad, good, few) = (events(200.0, 10_000.0), events(0.0, 10_000.0), events(3.0, 3.0));
        let may_burn = |windows: [Option<EventCounts>; 4]| may_burn_unseen(0.999, &windows);
        assert!(may_burn([None; 4]));
        assert!(may_burn([None, good, bad, good]), "the five minutes of a bad hour");
        assert!(!may_burn([None, good, good, good]), "a good hour does not burn, whatever its end");
        assert!(!may_burn([good, good, None, None]), "it is over");
        assert!(!may_burn([few, few, None, None]), "too few events for an alert");
        assert!(!may_burn([bad; 4]), "that is seen");
    }

    #[test]
    fn the_budget_is_what_the_target_allows() {
        let calm = [events(0.0, 1000.0); 4];
        let of = |bad: f64| status(&objective(), &calm, events(bad, 1e6));
        assert!((of(250.0).budget_left.unwrap() - 0.75).abs() < 1e-9);
        assert_eq!((of(250.0).state, of(1001.0).state), (SloState::Met, SloState::Missed));
        let burning = status(&objective(), &[events(100.0, 1000.0); 4], events(100.0, 1e6));
        assert_eq!((burning.state, burning.burn_5m.map(f64::round)), (SloState::Burning, Some(100.0)));
    }

    #[test]
    fn an_hour_at_14_4_is_two_percent_of_thirty_days() {
        let share = budget_share(events(14.4, 1000.0), HOUR_MS, &objective()).unwrap();
        assert!((share - 0.02).abs() < 1e-9, "{share}");
        assert_eq!(impact(&objective(), 14.4, None, HOUR_MS).budget_share, None, "not counted is not free");
    }
}
