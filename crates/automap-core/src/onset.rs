//! Finds when a change began, for the whole system and for a single series.
//!
//! [`candidates`] and [`in_stretches`] look for the row at which most series change at once, for [`crate::windows`]. [`of_series`] and
//! [`interval_of_series`] date the change of one series, the latter with a 90 % interval, for evidence and propagation. Nothing here
//! decides what caused the change.

mod change;
mod interval;

use std::ops::Range;

pub use interval::{LEVEL, LOOK_BACK_STEPS, OnsetRows, interval_of_series};

use change::Change;

use crate::frame::MetricFrame;
use crate::stats::{mad, median};

/// A second peak of the likelihood is a candidate if it gains at least this share of the best one.
const RIVAL_SHARE: f64 = 0.5;
/// It must also be at least this share of the samples away from the best one, at least three samples.
const RIVAL_DISTANCE: f64 = 0.05;
const MIN_RIVAL_DISTANCE: usize = 3;

/// Returns the rows before `end` at which the system may have changed, the likeliest first; empty if nothing changed.
///
/// These are the best two splits by likelihood and the largest shift of the mean. The two statistics fail on different incidents, and a
/// ranking averaged over both is better than one based on either. O(series × samples).
///
/// ```
/// use automap_core::frame::{RawSeries, assemble};
/// use automap_core::onset;
/// use automap_core::time::Timestamp;
///
/// // One latency, 10 or 11 ms up to row 39 and 80 ms from row 40 on.
/// let times: Vec<Timestamp> = (0..60).map(|i| Timestamp::from_ms(i * 5_000)).collect();
/// let value = |i: usize| if i < 40 { 10.0 + (i % 2) as f64 } else { 80.0 };
/// let points = times.iter().enumerate().map(|(i, t)| (*t, value(i))).collect();
/// let raw = RawSeries { service: "web".into(), metric: "latency_ms".into(), peer: None, points };
/// let (frame, _) = assemble(vec![raw], times)?;
/// assert_eq!(onset::candidates(&frame, 60), [40]);
/// # Ok::<(), automap_core::frame::FrameError>(())
/// ```
pub fn candidates(frame: &MetricFrame, end: usize) -> Vec<usize> {
    let change = Change::new(frame, end, 0..end);
    let Some(best) = highest(&change.split, 0..change.split.len()).filter(|k| change.split[*k] > 0.0) else {
        return Vec::new();
    };
    let mut found = vec![best];
    let apart = ((RIVAL_DISTANCE * end as f64) as usize).max(MIN_RIVAL_DISTANCE);
    let peaks = peaks(&change.split).filter(|k| k.abs_diff(best) >= apart);
    let rival = peaks.max_by(|a, b| change.split[*a].total_cmp(&change.split[*b]).then(b.cmp(a)));
    found.extend(rival.filter(|k| change.split[*k] >= RIVAL_SHARE * change.split[best]));
    found.extend(highest(&change.shift, 0..change.shift.len()).filter(|k| change.shift[*k] > 0.0));
    let mut rows: Vec<usize> = Vec::with_capacity(found.len());
    for row in found.into_iter().map(|k| change.first + k) {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

/// Returns the likeliest row of a change in each of several stretches of rows before `end`, or the middle of a stretch in which nothing
/// changes. O(series × samples).
pub fn in_stretches(frame: &MetricFrame, end: usize, stretches: &[Range<usize>]) -> Vec<usize> {
    let from = stretches.iter().map(|s| s.start).min().unwrap_or(end);
    let to = stretches.iter().map(|s| s.end).max().unwrap_or(end);
    let change = Change::new(frame, end, from..to);
    let (first, past) = (change.first, change.first + change.split.len());
    let likeliest = |stretch: &Range<usize>| {
        let inside = stretch.start.clamp(first, past) - first..stretch.end.clamp(first, past) - first;
        let best = highest(&change.split, inside).filter(|k| change.split[*k] > 0.0);
        best.map_or((stretch.start + stretch.end) / 2, |k| first + k)
    };
    stretches.iter().map(likeliest).collect()
}

/// Position of the largest value in a range, the first of equals.
fn highest(values: &[f64], inside: Range<usize>) -> Option<usize> {
    inside.max_by(|a, b| values[*a].total_cmp(&values[*b]).then(b.cmp(a)))
}

/// Positions of local maxima: no neighbour is larger.
fn peaks(values: &[f64]) -> impl Iterator<Item = usize> {
    let below = |k: usize, neighbour: Option<&f64>| neighbour.is_none_or(|v| *v <= values[k]);
    let is_peak =
        move |k: &usize| below(*k, k.checked_sub(1).and_then(|i| values.get(i))) && below(*k, values.get(k + 1));
    (0..values.len()).filter(is_peak)
}

/// Returns the first row from `from` on at which a series leaves its normal band for two samples in a row.
///
/// The band is the median of the `baseline` rows ± 4 spreads, a spread being their MAD but at least `floor` (in the series' unit). The
/// result is for display, not for ranking: with a few samples, noise decides which series was first. `None` if the series never leaves the
/// band that long; gaps count as inside. O(samples).
///
/// ```
/// use automap_core::onset::of_series;
///
/// let values = [1.0, 1.1, 0.9, 1.0, 9.0, 1.0, 9.0, 9.0, 9.0];
/// let baseline = [0, 1, 2, 3];
/// assert_eq!(of_series(&values, &baseline, 4, 0.1), Some(6), "the single peak at row 4 is no onset");
/// ```
pub fn of_series(values: &[f64], baseline: &[usize], from: usize, floor: f64) -> Option<usize> {
    const SPREADS: f64 = 4.0;
    let normal: Vec<f64> = baseline.iter().map(|&i| values[i]).collect();
    let centre = median(&normal);
    let band = SPREADS * mad(&normal, centre).max(floor);
    let outside = |v: f64| (v - centre).abs() > band;
    (from..values.len().saturating_sub(1)).find(|&i| outside(values[i]) && outside(values[i + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};
    use crate::time::Timestamp;

    fn frame(change_at: Option<usize>) -> MetricFrame {
        let times: Vec<_> = (0..100).map(|i| Timestamp::from_ms(i * 5000)).collect();
        let series = |s: usize| RawSeries {
            service: format!("s{s}"),
            metric: "latency_ms".into(),
            peer: None,
            points: times
                .iter()
                .enumerate()
                .map(|(i, t)| {
                    let wobble = ((i * 7919 + s * 104_729) % 101) as f64 / 101.0;
                    let fault = if s == 0 && change_at.is_some_and(|c| i >= c) { 8.0 } else { 1.0 };
                    (*t, 10.0 * fault * (1.0 + 0.2 * wobble))
                })
                .collect(),
        };
        assemble((0..4).map(series).collect(), times).unwrap().0
    }

    #[test]
    fn the_change_is_found_where_it_is() {
        for at in [20, 60, 95] {
            assert_eq!(candidates(&frame(Some(at)), 100), [at]);
        }
    }

    #[test]
    fn noise_is_no_onset() {
        assert!(candidates(&frame(None), 100).is_empty());
    }

    #[test]
    fn a_single_spike_is_no_onset_of_a_series() {
        let mut values = vec![1.0; 30];
        values[12] = 9.0;
        values[20..].fill(9.0);
        let baseline: Vec<usize> = (0..10).collect();
        assert_eq!(of_series(&values, &baseline, 10, 0.1), Some(20));
    }
}
