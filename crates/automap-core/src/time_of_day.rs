//! The same hours of earlier days, used if the time just before an incident is not a fair baseline: a morning, a Monday, a nightly job.
//!
//! The types are here: which days are compared ([`CompareWith`]), what a source should fetch ([`WantedDay`]), what it observed ([`EarlierDay`]), and
//! whether a series made the same move on such a day ([`Move::is_like`]). [`crate::verdict`] decides when to query days and what they change. Not
//! covered: a seasonal model. Two or three days are compared as they were; a day is 24 hours, so a change to daylight saving time in between shifts
//! the hours by one.
//!
//! Worked example: the requests of front-end rose from 212 to 388 a second. At the same hours of yesterday they rose from 205 to 379. Both levels are within a
//! quarter of today's (53 and 97), and 174 is more than half of 176: the same move.

mod compare_with;

use std::sync::Arc;

pub use compare_with::{CompareWith, MAX_DAYS, MAX_DAYS_BACK};

use crate::frame::MetricFrame;
use crate::stats::{Level, finite};
use crate::time::{Interval, Timestamp};

/// A day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;
/// A level is the same if it is within this share of the larger one.
const SAME_LEVEL: f64 = 0.25;
/// A move is the same if it has at least this share of the size.
const SAME_MOVE: f64 = 0.5;
/// A level of an earlier day is computed over at least this time around the same hour: nothing begins at the same second every day.
const MIN_LEVEL_MS: i64 = 300_000;
/// Fewest samples of a level, and the share of a window that must be observed.
const MIN_SAMPLES: usize = 4;
const MIN_OBSERVED: f64 = 0.5;
/// Longest span of today that is compared with earlier days: longer ones include other hours themselves.
pub const MAX_SPAN_MS: i64 = DAY_MS / 2;
/// Most cells (series × times) of today's frame that are compared with earlier days, so that a capture can hold these as well.
pub const MAX_CELLS_PER_DAY: usize = 2_500_000;

/// One earlier day.
#[derive(Clone, Debug)]
pub struct EarlierDay {
    /// How many days before.
    pub days_back: u32,
    /// What was observed of it.
    pub metrics: DayMetrics,
}

/// What was observed of an earlier day.
#[derive(Clone, Debug)]
pub enum DayMetrics {
    /// Its metrics, at the times of that day.
    Observed(Arc<MetricFrame>),
    /// Nothing, and why: the day may or may not have been calm.
    NotObserved(String),
}

/// A request to a source for an earlier day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedDay {
    /// How many days before.
    pub days_back: u32,
    /// The time of today whose counterpart is wanted.
    pub window: Interval,
    /// Distance between samples.
    pub step_ms: i64,
}

impl WantedDay {
    /// The counterpart of a frame, with a margin: a level near its end is computed from both sides. `ahead_ms` adds time of that day that is still to
    /// come today.
    pub fn beside(frame: &MetricFrame, days_back: u32, ahead_ms: i64) -> Self {
        let Interval { start, end } = frame.span();
        let end = end.plus_ms(MIN_LEVEL_MS / 2 + ahead_ms);
        Self { days_back, window: Interval { start, end }, step_ms: frame.step_ms() }
    }

    /// The time of that day.
    pub fn interval(&self) -> Interval {
        shifted(self.window, self.days_back)
    }
}

impl EarlierDay {
    /// A day of which nothing was observed.
    pub fn not_observed(days_back: u32, reason: impl Into<String>) -> Self {
        Self { days_back, metrics: DayMetrics::NotObserved(reason.into()) }
    }

    /// A day with its metrics.
    pub fn observed(days_back: u32, frame: MetricFrame) -> Self {
        Self { days_back, metrics: DayMetrics::Observed(Arc::new(frame)) }
    }

    /// Its metrics; `None` if nothing was observed.
    pub fn frame(&self) -> Option<&MetricFrame> {
        match &self.metrics {
            DayMetrics::Observed(frame) => Some(frame),
            DayMetrics::NotObserved(_) => None,
        }
    }

    /// The same with series derived from both ends of calls.
    pub(crate) fn with_network_gaps(&self) -> Self {
        match self.frame() {
            Some(frame) => Self::observed(self.days_back, frame.with_network_gaps()),
            None => self.clone(),
        }
    }

    /// How a series moved on that day between the counterparts of two windows of today, by the same `level`; `None` if either was not observed.
    pub(crate) fn moved(&self, name: SeriesName<'_>, [from, to]: [Interval; 2], level: Level) -> Option<Move> {
        let frame = self.frame()?;
        let peer = match name.peer {
            Some(peer) => Some(frame.find(peer)?),
            None => None,
        };
        let series = frame.get(frame.find(name.service)?, name.metric, peer)?;
        let at = |window: Interval| {
            let window = shifted(at_least(window), self.days_back);
            let rows = |t: Timestamp| frame.times().partition_point(|x| *x < t);
            let values = &series.values[rows(window.start)..rows(window.end)];
            let wanted = window.len_ms() as f64 / frame.step_ms() as f64;
            let seen = finite(values);
            let is_enough = seen.len() >= MIN_SAMPLES && seen.len() as f64 >= MIN_OBSERVED * wanted;
            is_enough.then(|| level.of(&seen))
        };
        Some(Move { from: at(from)?, to: at(to)? })
    }
}

/// The name of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeriesName<'a> {
    pub(crate) service: &'a str,
    pub(crate) metric: &'a str,
    pub(crate) peer: Option<&'a str>,
}

/// A level in the baseline and in the incident, or at the same hours of an earlier day.
///
/// ```
/// use automap_core::time_of_day::Move;
///
/// let today = Move { from: 212.0, to: 388.0 };
/// assert!(today.is_like(&Move { from: 205.0, to: 379.0 }, 0.2));
/// assert!(!today.is_like(&Move { from: 350.0, to: 388.0 }, 0.2), "the hour before was busy, too");
/// assert!(!today.is_like(&Move { from: 212.0, to: 250.0 }, 0.2), "a smaller rise");
/// assert!(!today.is_like(&Move { from: 388.0, to: 212.0 }, 0.2), "the other direction");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// Level in the baseline.
    pub from: f64,
    /// Level in the incident.
    pub to: f64,
}

impl Move {
    /// Whether another day made the same move: both levels within a quarter, or within the practical `floor`, in the same direction, and at least
    /// half as far. A series that did not move is like none.
    pub fn is_like(&self, other: &Self, floor: f64) -> bool {
        let is_same = |a: f64, b: f64| {
            let tolerance = (SAME_LEVEL * a.abs().max(b.abs())).max(floor);
            (a - b).abs() <= tolerance
        };
        let moved = self.to - self.from;
        let follows = (other.to - other.from) * moved.signum() >= SAME_MOVE * moved.abs();
        moved != 0.0 && is_same(self.from, other.from) && is_same(self.to, other.to) && follows
    }
}

/// The words for a day: `yesterday`, `a week ago`.
pub fn day_words(days_back: u32) -> String {
    match days_back {
        1 => "yesterday".to_owned(),
        7 => "a week ago".to_owned(),
        14 => "two weeks ago".to_owned(),
        days => format!("{days} days ago"),
    }
}

fn shifted(window: Interval, days_back: u32) -> Interval {
    let by = -i64::from(days_back) * DAY_MS;
    Interval { start: window.start.plus_ms(by), end: window.end.plus_ms(by) }
}

/// The window, or a longer one around the same middle.
fn at_least(window: Interval) -> Interval {
    let more = (MIN_LEVEL_MS - window.len_ms()).max(0) / 2;
    Interval { start: window.start.plus_ms(-more), end: window.end.plus_ms(more) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};

    const NAME: SeriesName<'_> = SeriesName { service: "web", metric: "throughput_rps", peer: None };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_ms(20 * DAY_MS + minute * 60_000)
    }

    /// Yesterday, a sample a minute for an hour: 100 up to minute 29, 200 from minute 30 on, with gaps where asked for.
    fn yesterday(is_gap: impl Fn(i64) -> bool) -> EarlierDay {
        let times: Vec<_> = (0..60).map(|i| at(i).plus_ms(-DAY_MS)).collect();
        let points = (0..60).filter(|i| !is_gap(*i)).map(|i| (times[i as usize], if i < 30 { 100.0 } else { 200.0 }));
        let raw =
            RawSeries { service: "web".into(), metric: "throughput_rps".into(), peer: None, points: points.collect() };
        EarlierDay::observed(1, assemble(vec![raw], times).unwrap().0)
    }

    fn window(from: i64, to: i64) -> Interval {
        Interval::new(at(from), at(to)).unwrap()
    }

    #[test]
    fn the_same_hours_are_compared() {
        let windows = [window(0, 30), window(30, 60)];
        let of = |day: &EarlierDay| day.moved(NAME, windows, Level::Median);
        assert_eq!(of(&yesterday(|_| false)), Some(Move { from: 100.0, to: 200.0 }));
        assert_eq!(of(&yesterday(|i| i >= 42)), None, "12 of 30 samples are no level");
        assert_eq!(of(&EarlierDay::not_observed(1, "gone")), None);
        assert_eq!(
            yesterday(|_| false).moved(SeriesName { metric: "cpu_cores", ..NAME }, windows, Level::Median),
            None
        );
        let short = yesterday(|_| false).moved(NAME, [window(0, 20), window(29, 30)], Level::Mean).unwrap();
        assert_eq!(short.to, 140.0, "five samples around the minute, 27 to 31: three of 100 and two of 200");
    }

    #[test]
    fn small_levels_are_the_same_within_what_matters() {
        let (today, other) = (Move { from: 2.0, to: 4.0 }, Move { from: 1.2, to: 3.2 });
        assert!(today.is_like(&other, 1.0), "0.8 ms are nothing");
        assert!(!today.is_like(&other, 0.0));
        assert!(!Move { from: 5.0, to: 5.0 }.is_like(&Move { from: 5.0, to: 5.0 }, 1.0), "what did not move");
    }
}
