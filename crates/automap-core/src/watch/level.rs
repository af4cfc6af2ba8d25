//! The level since the open incidents, as the baseline for what comes after them.
//!
//! Compared with normal time, the larger of two faults hides the smaller one. So the data is cut as if the first fault had always been there: series
//! that it moved are compared with their new level, and all others with the whole history. `beside` decides whether what then stands out is a
//! separate problem.
//!
//! Worked example: since 14:00 `payment` is slow and `front-end` with it, 15 → 215 ms each. At 14:05 the rows from 13:59:30 to 14:01:30, in which
//! the levels moved, are cut out; before them, the latencies of `payment` and `front-end` become gaps, and those of `catalogue` stay. When
//! `catalogue` turns slow and `front-end` goes to 315 ms, both are judged: `catalogue` against an hour, `front-end` against the 215 ms since 14:01:30.

use super::model::WatchOptions;
use super::open_incident::OpenIncident;
use super::quiet::{MIN_NOW_ROWS, PreparedInput};
use crate::anomaly::practical_floor;
use crate::frame::{MetricFrame, Series};
use crate::stats::{finite, mad, median};
use crate::time::{Interval, Timestamp};

/// Spreads from the level before by which an incident moved a series.
const MOVED_SPREADS: f64 = 3.0;
/// Smallest spread as a share of the level.
const RELATIVE_FLOOR: f64 = 0.05;
/// Fewest rows to determine the level before and after.
const MIN_ROWS: usize = 3;

/// The data with the effects of these open incidents as its baseline. `None` while one of them is still spreading, or began or ended so recently that
/// the level since is unknown. O(series × rows).
pub(super) fn in_force(
    prepared: &PreparedInput,
    open: &[&OpenIncident],
    options: &WatchOptions,
) -> Option<PreparedInput> {
    let frame = &prepared.observation.frame;
    let spans: Vec<Interval> = open.iter().filter_map(|o| moving(o, options)).collect();
    let settled = spans.iter().map(|s| s.end).max()?;
    let since = frame.times().partition_point(|t| *t < settled);
    if frame.times().len() - since < MIN_NOW_ROWS {
        return None;
    }
    let gone: Vec<(Timestamp, Vec<bool>)> =
        open.iter().filter(|o| !o.is_recovering()).map(|o| moved(frame, o, &spans, options)).collect();
    let level_since = |series: usize| gone.iter().filter(|(_, moved)| moved[series]).map(|(until, _)| *until).max();
    let frame = frame.with_gaps_before(level_since).without(&spans).ok()?;
    Some(prepared.with_frame(frame, options))
}

/// The time in which the levels moved: until the incident had spread or, if it is over, all of its time.
fn moving(open: &OpenIncident, options: &WatchOptions) -> Option<Interval> {
    let spread = open.began.plus_ms(options.spread_ms);
    Interval::new(open.began.plus_ms(-options.now_ms), open.recovered().unwrap_or(spread))
}

/// The series that an incident moved, and since when they have been at their new level.
fn moved(
    frame: &MetricFrame,
    open: &OpenIncident,
    spans: &[Interval],
    options: &WatchOptions,
) -> (Timestamp, Vec<bool>) {
    let times = frame.times();
    let row_at = |t: Timestamp| times.partition_point(|x| *x < t);
    let (from, until) = (open.began.plus_ms(-options.now_ms), open.began.plus_ms(options.spread_ms));
    let end = row_at(from);
    // A series that an earlier incident moved is compared with its level since then.
    let settled = spans.iter().map(|s| row_at(s.end)).filter(|row| *row + MIN_ROWS <= end).max().unwrap_or(0);
    let half = row_at(open.began.plus_ms(options.spread_ms / 2));
    let after = half..row_at(until).max(half + MIN_ROWS).min(times.len());
    let is_moved = |s: &Series| {
        let before = finite(&s.values[settled.min(end)..end]);
        let (old, new) = (median(&before), median(&finite(&s.values[after.clone()])));
        let spread = mad(&before, old).max(RELATIVE_FLOOR * old.abs()).max(practical_floor(s.metric.unit));
        // A series without a level after the incident counts as moved: it has no other baseline.
        !old.is_nan() && (new.is_nan() || (new - old).abs() > MOVED_SPREADS * spread)
    };
    (until, frame.series().iter().map(is_moved).collect())
}
