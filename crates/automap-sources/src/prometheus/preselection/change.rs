//! How much the requests of each service changed, as expressions of which the server returns the largest values.
//!
//! The window is divided into an incident and up to three stretches of the same length before it. The incident's value is compared with the highest
//! (for lost requests: the lowest) of the stretches, and the difference is divided by the sum of the counting noise, `1/√n` for `n` requests, and a
//! tenth (a fifth for the number of requests) of the value itself. If the start of the incident is unknown, the last half, quarter and eighth of the
//! window are tried.
//!
//! The stretches of one value are a subquery, which reads each counter once: one expression per stretch took Prometheus three times as long. Servers
//! evaluate a subquery at multiples of its step, so the stretches end at such times, and none begins before the window.
//!
//! Worked example: a service answers 10 requests a second in 20 ms, in 21 ms in one of the stretches, and in 80 ms during five minutes of incident. n = 3,000, the
//! change is (80/21 − 1) / (0.1 + 1/√3000) = 2.8 / 0.118 = 23.8.

use automap_core::time::WindowHint;

use super::super::promql::duration;
use super::super::window::Window;
use super::counters::{Counted, Counters};
use super::{BUSIEST, MOST_CHANGED};

/// Smallest change for which the server returns a service: a fifth more than ever before, and twice the counting noise.
const LEAST: f64 = 2.0;
/// Fraction by which a latency varies without a cause.
const USUAL_PART: f64 = 0.1;
/// Fraction by which the number of requests varies without a cause.
const USUAL_TRAFFIC: f64 = 0.2;
/// Share of failed requests that does not count as a change.
const USUAL_ERRORS: f64 = 0.01;
/// Most stretches before an incident.
const MAX_STRETCHES: i64 = 3;
/// The window is divided by these if the start of the incident is unknown.
const PARTS: [i64; 3] = [8, 4, 2];

/// How many of the expressions measure a change; the last one returns the busiest services.
pub(super) const KINDS: usize = 4;

/// An incident, and the earlier stretches that it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Length of the incident, and how long before the end of the window it ended.
    incident_ms: i64,
    ended_ago_ms: i64,
    /// Length of each stretch, how many there are, and how long before the end of the window the last one ended.
    stretch_ms: i64,
    stretches: i64,
    calm_ago_ms: i64,
}

/// The ways to divide the window: a single one if the start is known.
pub(super) fn splits(window: &Window, hint: &WindowHint) -> Vec<Split> {
    let (start, end) = (window.grid.start.ms(), window.grid.end.ms());
    let until = hint.incident_end.map_or(end, |t| t.ms().clamp(start, end));
    let at = |onset: i64, calm_until: i64| {
        let incident_ms = (until - onset).max(window.rate_ms);
        let (from, to) = match hint.baseline {
            Some(baseline) => (baseline.start.ms().max(start), baseline.end.ms().min(calm_until)),
            None => (start, calm_until),
        };
        let (stretch_ms, stretches) = stretches(from, to, incident_ms);
        let split = Split { incident_ms, ended_ago_ms: end - until, stretch_ms, stretches, calm_ago_ms: end - to };
        (stretch_ms >= window.rate_ms).then_some(split)
    };
    match hint.incident_start {
        Some(onset) => {
            // The given start may be too late.
            let onset = onset.ms().clamp(start, until);
            let earlier = onset - hint.tolerance_ms();
            let calm_until = if earlier - start >= (onset - start) / 2 { earlier } else { onset };
            at(onset, calm_until).into_iter().collect()
        }
        None => {
            let onsets = PARTS.map(|part| until - (until - start) / part);
            onsets.into_iter().filter_map(|onset| at(onset, onset)).collect()
        }
    }
}

/// Length and number of the stretches that end at multiples of their length and lie between two times: as long as the incident, or as long as fits.
fn stretches(from: i64, to: i64, incident_ms: i64) -> (i64, i64) {
    let room = (to - from).max(0);
    let fits = |count: &i64| to.div_euclid(incident_ms) * incident_ms - count * incident_ms >= from;
    match (1..=MAX_STRETCHES).rev().find(fits) {
        Some(count) => (incident_ms, count),
        // Half of the available time fits one, wherever it has to end.
        None => (room / 2, 1),
    }
}

/// The services that changed most for each kind of change, and the busiest ones.
pub(super) fn expressions(counters: Counters, split: Split) -> Vec<String> {
    let of = Expressions { counters, split };
    let mut all: Vec<String> = [of.slower(), of.failing(), of.silent(), of.busier()]
        .into_iter()
        .map(|change| format!("topk({MOST_CHANGED}, {change} > {LEAST})"))
        .collect();
    all.push(format!("topk({BUSIEST}, {})", of.now(Counted::Requests)));
    all
}

#[derive(Clone, Copy)]
struct Expressions {
    counters: Counters,
    split: Split,
}

impl Expressions {
    /// Growth per second during the incident.
    fn now(self, counted: Counted) -> String {
        let Split { incident_ms, ended_ago_ms, .. } = self.split;
        let offset = if ended_ago_ms == 0 { String::new() } else { format!(" offset {}", duration(ended_ago_ms)) };
        self.counters.growth(counted, &format!("[{}]{offset}", duration(incident_ms)))
    }

    /// The same within a stretch, for use in [`Self::before`].
    fn then(self, counted: Counted) -> String {
        self.counters.growth(counted, &format!("[{}]", duration(self.split.stretch_ms)))
    }

    /// The highest or lowest (`max`, `min`) value of all stretches.
    fn before(self, which: &str, value: &str) -> String {
        let Split { stretch_ms, stretches, calm_ago_ms, .. } = self.split;
        let [all, one, ago] = [stretch_ms * stretches, stretch_ms, calm_ago_ms].map(duration);
        format!("{which}_over_time(({value})[{all}:{one}] offset {ago})")
    }

    fn incident_s(self) -> f64 {
        self.split.incident_ms as f64 / 1e3
    }

    fn slower(self) -> String {
        let (requests, length_s) = (self.now(Counted::Requests), self.incident_s());
        let latency = format!("{} / {requests}", self.now(Counted::SpentMs));
        let usual = format!("{} / {}", self.then(Counted::SpentMs), self.then(Counted::Requests));
        let usual = self.before("max", &usual);
        format!("({latency} / {usual} - 1) / ({USUAL_PART} + 1 / sqrt({requests} * {length_s}))")
    }

    /// A share p of n requests has an uncertainty of √(p/n), which is √(failed · length) / n.
    fn failing(self) -> String {
        let (failed, requests, length_s) = (self.now(Counted::Failed), self.now(Counted::Requests), self.incident_s());
        let usual = format!("{} / {}", self.then(Counted::Failed), self.then(Counted::Requests));
        let usual = self.before("max", &usual);
        format!(
            "({failed} / {requests} - ({usual} or 0 * {failed})) / ({USUAL_ERRORS} + sqrt({failed} / {length_s}) / {requests})"
        )
    }

    /// Requests that stopped. A service that is gone has no series any more.
    fn silent(self) -> String {
        let usual = self.before("min", &self.then(Counted::Requests));
        let (now, length_s) = (self.now(Counted::Requests), self.incident_s());
        format!("(1 - ({now} or 0 * {usual}) / {usual}) / ({USUAL_TRAFFIC} + 1 / sqrt({usual} * {length_s}))")
    }

    fn busier(self) -> String {
        let usual = self.before("max", &self.then(Counted::Requests));
        let (now, length_s) = (self.now(Counted::Requests), self.incident_s());
        format!("({now} / {usual} - 1) / ({USUAL_TRAFFIC} + 1 / sqrt({now} * {length_s}))")
    }
}

#[cfg(test)]
mod tests {
    use automap_core::time::Timestamp;

    use super::super::super::query::Grid;
    use super::*;

    fn window() -> Window {
        let grid = Grid { start: Timestamp::from_ms(0), end: Timestamp::from_ms(3_600_000), step_ms: 15_000 };
        Window { grid, rate_ms: 60_000, settle_ms: 0 }
    }

    /// Seconds of the incident; of a stretch, how many, and how long ago the last one ended.
    fn shown(splits: &[Split]) -> Vec<[i64; 4]> {
        let of = |s: &Split| [s.incident_ms / 1000, s.stretch_ms / 1000, s.stretches, s.calm_ago_ms / 1000];
        splits.iter().map(of).collect()
    }

    #[test]
    fn an_unknown_start_is_tried_at_three_places() {
        let all = splits(&window(), &WindowHint::default());
        assert_eq!(shown(&all), [[450, 450, 3, 450], [900, 900, 3, 900], [1800, 1800, 1, 1800]]);
    }

    #[test]
    fn a_known_start_leaves_what_may_be_the_incident_already_out_of_the_baseline() {
        let started = |s: i64| {
            let incident_start = Some(Timestamp::from_ms(s * 1000));
            splits(&window(), &WindowHint { incident_start, ..WindowHint::default() })
        };
        assert_eq!(
            shown(&started(3000)),
            [[600, 600, 3, 780]],
            "2820 s are none of their ends, 2400 s are the last one"
        );
        assert_eq!(shown(&started(1300)), [[2300, 560, 1, 2480]], "as long as there is room");
        assert_eq!(shown(&started(30)), [[0; 4]; 0], "no baseline to compare with");
    }
}
