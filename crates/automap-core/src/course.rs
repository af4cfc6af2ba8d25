//! Separates the incidents in an observation: which one to diagnose, when it ended, what came before it, and whether the system had just started.
//!
//! [`Course::of`] finds the stretches in which users felt something. [`Course::plan`] chooses the one to diagnose: the one at a given start, else the
//! one that is still going on, else the latest. The others are excluded from the baseline. An incident that no user feels has no stretch; the windows
//! are then chosen as if nothing were known. Causes are not decided here.
//!
//! Worked example, data from 14:00 to 15:00: errors at 14:41–14:43 and again at 14:52–14:54. Without a given start the second is diagnosed, "over since
//! 14:54"; its baseline is 14:00–14:52 without the first, which is listed as earlier. With a given start of 14:42 it is the other way round.

mod felt;
mod notes;
mod pulses;
mod stretch;

use std::ops::Range;

use crate::frame::MetricFrame;
use crate::onset::LOOK_BACK_STEPS;
use crate::time::{Interval, Timestamp, WindowHint};
use crate::topology::CallGraph;
use felt::Scope;

/// Fewest rows in which to look for stretches.
const MIN_ROWS: usize = 20;
/// Fewest rows before a given start that serve as reference on their own.
const MIN_REFERENCE_ROWS: usize = 12;
/// An incident that ended longer ago than this, ten minutes, may not be the one that the user means.
const RECENT_MS: i64 = 600_000;
/// Fewest calm rows before a stretch.
const MIN_BEFORE: usize = 6;
/// How many times the found stretches are removed from the reference.
const ROUNDS: usize = 2;
/// The system has just started if this share of the series begins within [`SAME_START_MS`] of each other.
const FRESH_SHARE: f64 = 0.8;
const SAME_START_MS: i64 = 60_000;
/// Time after a fresh start that is not judged: caches are cold and pods become ready. A stretch that begins in it belongs to it if it ends within
/// [`LONGEST_WARM_UP_MS`].
const WARM_UP_MS: i64 = 60_000;
const LONGEST_WARM_UP_MS: i64 = 300_000;
/// Rows left out of the baseline on both sides of another incident: rates look back over a few.
const MARGIN_ROWS: usize = 2;

/// A stretch of time in which users felt something: one incident, possibly in several pulses.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// From the first bad row to the first calm one, or to the end of the data.
    pub rows: Range<usize>,
    /// Its pulses, at least one; the pauses between them are calm.
    pub pulses: Vec<Range<usize>>,
    /// Its worst symptom, as position in [`MetricFrame::series`], with the normal level and the level in the stretch.
    pub symptom: Option<(usize, f64, f64)>,
}

/// All stretches of an observation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// In order of time.
    pub stretches: Vec<Stretch>,
    /// The first row that can be judged after a fresh start of the system; 0 if it did not just start.
    pub warm_from: usize,
}

/// What is diagnosed, and what is excluded from its baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The stretch that is diagnosed; `None` if nothing was felt.
    pub current: Option<Stretch>,
    /// Since when it is over; `None` while it goes on, and if the end was given or nothing was felt.
    pub over_since: Option<Timestamp>,
    /// The other stretches, in order of time.
    pub others: Vec<Stretch>,
    /// Until when the system was starting; `None` if it did not just start.
    pub warm_until: Option<Timestamp>,
    /// Time that is excluded from baselines: other stretches and the start of the system.
    pub disturbed: Vec<Interval>,
    /// The hint, completed by the detected end, and by the detected start if the given one is after that end.
    pub hint: WindowHint,
    /// Whether the start in `hint` is an earlier one than given.
    pub is_start_moved: bool,
}

impl Course {
    /// Finds the stretches. Up to half of the time may be bad, more if a start is given. O(series × rows).
    ///
    /// ```
    /// use automap_core::course::Course;
    /// use automap_core::frame::{RawSeries, assemble};
    /// use automap_core::time::{Timestamp, WindowHint};
    /// use automap_core::topology::CallGraph;
    ///
    /// // One latency: 10 or 11 ms, but 80 ms from row 20 to row 29 and, more than ten minutes later, from row 100 to row 107.
    /// let times: Vec<Timestamp> = (0..130).map(|i| Timestamp::from_ms(i * 10_000)).collect();
    /// let value = |i: usize| if (20..30).contains(&i) || (100..108).contains(&i) { 80.0 } else { 10.0 + (i % 2) as f64 };
    /// let points = times.iter().enumerate().map(|(i, t)| (*t, value(i))).collect();
    /// let raw = RawSeries { service: "web".into(), metric: "latency_ms".into(), peer: None, points };
    /// let (frame, _) = assemble(vec![raw], times.clone())?;
    ///
    /// let course = Course::of(&frame, &CallGraph::new(), &WindowHint::default());
    /// assert_eq!(course.stretches.iter().map(|s| s.rows.clone()).collect::<Vec<_>>(), [20..30, 100..108]);
    /// let plan = course.plan(&frame, &WindowHint::default());
    /// assert_eq!((plan.current.unwrap().rows, plan.over_since), (100..108, Some(times[108])));
    /// assert_eq!(plan.others[0].rows, 20..30);
    /// # Ok::<(), automap_core::frame::FrameError>(())
    /// ```
    pub fn of(frame: &MetricFrame, calls: &CallGraph, hint: &WindowHint) -> Self {
        let warm_from = warm_from(frame);
        let rows = frame.times().len();
        if rows - warm_from < MIN_ROWS {
            return Self { stretches: Vec::new(), warm_from };
        }
        Self::found(frame, calls, &reference(frame, hint, warm_from), warm_from)
    }

    /// Like [`Course::of`], with rows that are known to be normal, for data that is mostly bad.
    pub fn with_reference(frame: &MetricFrame, calls: &CallGraph, reference: &[usize]) -> Self {
        let warm_from = warm_from(frame);
        if reference.len() < MIN_REFERENCE_ROWS {
            return Self { stretches: Vec::new(), warm_from };
        }
        Self::found(frame, calls, reference, warm_from)
    }

    /// The stretches at the entries, or else those of all services together.
    fn found(frame: &MetricFrame, calls: &CallGraph, reference: &[usize], warm_from: usize) -> Self {
        let of = |scope| segments(frame, calls, scope, reference, warm_from);
        let mut found = [Scope::Entries, Scope::All].into_iter().map(of);
        let mut course = Self { stretches: found.find(|found| !found.is_empty()).unwrap_or_default(), warm_from };
        course.absorb_warm_up(frame);
        course
    }

    /// A stretch that begins with the system and passes is part of its start.
    fn absorb_warm_up(&mut self, frame: &MetricFrame) {
        let times = frame.times();
        let Some(first) = self.stretches.first().filter(|_| self.warm_from > 0) else { return };
        let begins = first.rows.start <= self.warm_from + LOOK_BACK_STEPS;
        let passes = times.get(first.rows.end).is_some_and(|end| {
            end.ms() - times[self.warm_from].ms() <= LONGEST_WARM_UP_MS - WARM_UP_MS
                && frame.times().len() - first.rows.end >= MIN_ROWS
        });
        if begins && passes {
            self.warm_from = self.stretches.remove(0).rows.end;
        }
    }

    /// Chooses what is diagnosed. O(stretches).
    pub fn plan(&self, frame: &MetricFrame, hint: &WindowHint) -> Plan {
        let times = frame.times();
        let row_at = |t: Timestamp| times.partition_point(|x| *x < t);
        let end_of = |rows: &Range<usize>| times.get(rows.end).copied();
        let chosen = self.chosen(frame, hint);
        let current = chosen.map(|i| self.stretches[i].clone());
        let end = current.as_ref().and_then(|s| end_of(&s.rows));
        let over_since = end.filter(|_| hint.incident_end.is_none());
        // A stretch that begins after a given end, or overlaps the given start, is neither baseline nor another incident.
        let given = hint.incident_start.map(row_at);
        let is_other = |(i, s): &(usize, &Stretch)| match (chosen, given) {
            (Some(chosen), _) => *i != chosen,
            (None, Some(start)) => s.rows.end <= start || s.rows.start > start,
            (None, None) => false,
        };
        let others: Vec<Stretch> = self.stretches.iter().enumerate().filter(is_other).map(|(_, s)| s.clone()).collect();
        let warm_until = (self.warm_from > 0).then(|| times[self.warm_from.min(times.len() - 1)]);
        let limit = given.or(current.as_ref().map(|s| s.rows.start)).unwrap_or(times.len());
        let mut disturbed: Vec<Interval> =
            warm_until.and_then(|until| Interval::new(times[0], until)).into_iter().collect();
        disturbed.extend(others.iter().filter(|s| s.rows.start < limit).filter_map(|s| around(frame, s, limit)));
        // An alert after the end refers to the incident before it.
        let is_too_late = |start: &Timestamp| over_since.is_some_and(|end| *start >= end);
        let late = hint.incident_start.filter(is_too_late).and(current.as_ref().map(|s| times[s.rows.start]));
        let hint = WindowHint {
            incident_start: late.or(hint.incident_start),
            incident_end: hint.incident_end.or(over_since),
            ..*hint
        };
        Plan { current, over_since, others, warm_until, disturbed, hint, is_start_moved: late.is_some() }
    }

    /// The stretch that a given start refers to: the last one that began before it (an alert is late) or a few samples after it, and that lasted
    /// until at most the tolerance before it. Without a start, the last one before a given end.
    fn chosen(&self, frame: &MetricFrame, hint: &WindowHint) -> Option<usize> {
        let times = frame.times();
        let time_of = |row: usize| times.get(row).copied().unwrap_or(frame.span().end);
        let is_meant = |s: &Stretch| match hint.incident_start {
            Some(start) => {
                let tolerance = hint.tolerance_ms();
                let blur = LOOK_BACK_STEPS as i64 * frame.step_ms();
                time_of(s.rows.start) <= start.plus_ms(blur.max(SAME_START_MS))
                    && time_of(s.rows.end) > start.plus_ms(-tolerance)
            }
            None => hint.incident_end.is_none_or(|end| time_of(s.rows.start) < end),
        };
        self.stretches.iter().rposition(is_meant)
    }
}

impl Plan {
    /// Whether the incident was detected and ended so long ago that the user may mean something else.
    pub fn has_long_been_over(&self, frame: &MetricFrame) -> bool {
        let ended = self.over_since.filter(|_| self.hint.incident_start.is_none());
        ended.is_some_and(|end| frame.span().end.ms() - end.ms() > RECENT_MS)
    }

    /// Whether the diagnosed stretch begins within a minute, or a rate's look-back, of a time.
    pub fn begins_near(&self, frame: &MetricFrame, at: Timestamp) -> bool {
        let near_ms = SAME_START_MS.max(LOOK_BACK_STEPS as i64 * frame.step_ms());
        let start = self.current.as_ref().map(|s| frame.times()[s.rows.start]);
        start.is_some_and(|start| (start.ms() - at.ms()).abs() <= near_ms)
    }

    /// The plan for what is going on now without users feeling it: every stretch is another incident.
    pub fn of_now(&self, frame: &MetricFrame) -> Self {
        let mut now = self.clone();
        let Some(current) = now.current.take() else { return now };
        (now.over_since, now.hint.incident_end) = (None, None);
        now.disturbed.extend(around(frame, &current, frame.times().len()));
        now.others.push(current);
        now.others.sort_by_key(|s| s.rows.start);
        now
    }

    /// The rows of a baseline that are not disturbed.
    pub fn quiet(&self, frame: &MetricFrame, rows: &[usize]) -> Vec<usize> {
        let times = frame.times();
        let is_quiet = |i: &usize| !self.disturbed.iter().any(|span| span.contains(times[*i]));
        rows.iter().copied().filter(is_quiet).collect()
    }

    /// The rows of an incident that are not disturbed, without the pauses between its pulses.
    pub fn bad(&self, frame: &MetricFrame, rows: &[usize]) -> Vec<usize> {
        let Some(current) = &self.current else { return self.quiet(frame, rows) };
        let is_pause = |i: &usize| current.rows.contains(i) && !current.pulses.iter().any(|p| p.contains(i));
        self.quiet(frame, rows).into_iter().filter(|i| !is_pause(i)).collect()
    }

    /// The share of the time before the incident that is disturbed by other incidents, 0–1; the start of the system does not count.
    pub fn disturbed_share(&self, frame: &MetricFrame, before: Timestamp) -> f64 {
        let times = frame.times();
        let first = self.warm_until.map_or(0, |warm| times.partition_point(|t| *t < warm));
        let past = times.partition_point(|t| *t < before);
        let bad: usize = self.others.iter().map(|s| s.rows.end.min(past).saturating_sub(s.rows.start.max(first))).sum();
        bad as f64 / past.saturating_sub(first).max(1) as f64
    }
}

/// A stretch with a margin, up to a row.
fn around(frame: &MetricFrame, stretch: &Stretch, limit: usize) -> Option<Interval> {
    let times = frame.times();
    let past = (stretch.rows.end + MARGIN_ROWS).min(limit);
    Interval::new(
        times[stretch.rows.start.saturating_sub(MARGIN_ROWS)],
        times.get(past).copied().unwrap_or(frame.span().end),
    )
}

/// The rows taken as normal before anything is found: those before a given start, or all.
fn reference(frame: &MetricFrame, hint: &WindowHint, warm_from: usize) -> Vec<usize> {
    let times = frame.times();
    let before = hint.incident_start.map(|start| times.partition_point(|t| *t < start.plus_ms(-hint.tolerance_ms())));
    let of_baseline = hint.baseline.map(|b| (0..times.len()).filter(|i| b.contains(times[*i])).collect::<Vec<_>>());
    match (of_baseline, before) {
        (Some(rows), _) if rows.len() >= MIN_REFERENCE_ROWS => rows,
        (_, Some(past)) if past >= warm_from + MIN_REFERENCE_ROWS => (warm_from..past).collect(),
        _ => (warm_from..times.len()).collect(),
    }
}

/// The stretches of one scope, found again after removing them from the reference.
fn segments(
    frame: &MetricFrame,
    calls: &CallGraph,
    scope: Scope,
    reference: &[usize],
    warm_from: usize,
) -> Vec<Stretch> {
    let mut normal = reference.to_vec();
    let mut found: Vec<Range<usize>> = Vec::new();
    for _ in 0..ROUNDS {
        let Some(mut scores) = felt::scores(frame, calls, scope, &normal) else { return Vec::new() };
        scores[..warm_from].fill(f64::NAN);
        found = stretch::stretches(&scores, frame.step_ms());
        let quiet: Vec<usize> = reference.iter().copied().filter(|i| !found.iter().any(|s| s.contains(i))).collect();
        if found.is_empty() || quiet.len() < MIN_REFERENCE_ROWS {
            break;
        }
        normal = quiet;
    }
    // If the data begins bad, there is nothing to compare with: a later change may as well be the recovery.
    found.retain(|rows| rows.start >= warm_from + MIN_BEFORE);
    let stretch = |pulses: Vec<Range<usize>>| {
        let rows = pulses.first()?.start..pulses.last()?.end;
        let longest = pulses.iter().max_by_key(|p| p.len())?.clone();
        Some(Stretch { rows, symptom: felt::worst(frame, calls, scope, &normal, longest), pulses })
    };
    pulses::incidents(frame, found, &normal).into_iter().filter_map(stretch).collect()
}

/// The first row to judge if the system has just started: most series begin together, after the beginning of the data.
fn warm_from(frame: &MetricFrame) -> usize {
    let times = frame.times();
    let mut first: Vec<usize> =
        frame.series().iter().filter_map(|s| s.values.iter().position(|v| !v.is_nan())).collect();
    if first.is_empty() {
        return 0;
    }
    first.sort_unstable();
    let middle = first[first.len() / 2];
    let is_near = |row: &&usize| (times[**row].ms() - times[middle].ms()).abs() <= SAME_START_MS;
    let near = first.iter().filter(is_near).count();
    // A few series may reach further back: a node's, or a counter of the scrape itself.
    if middle < LOOK_BACK_STEPS || (near as f64) < FRESH_SHARE * first.len() as f64 {
        return 0;
    }
    let warm = times.partition_point(|t| *t < times[middle].plus_ms(WARM_UP_MS)).max(middle + LOOK_BACK_STEPS);
    // At least half of the time since the start is judged.
    warm.min(middle + (times.len() - middle) / 2)
}
