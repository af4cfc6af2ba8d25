//! Distinguishes a step from a slow change: two levels fit the windows much better than a line.
//!
//! A step in the middle of the data also rises "significantly", but a slope per day fitted through it would be wrong.
//!
//! Worked example: the levels 24, 25, 24, 25, 300, 301, 300, 301. Two levels, 24.5 and 300.5, leave a squared error of 2; the best line leaves more than
//! ten thousand. So it is a step at the fifth window.

use crate::stats::{finite, mad, mean, median};

/// Fewest windows with a level on each side.
const MIN_SIDE: usize = 2;
/// Two levels must leave less than this share of the line's squared error.
const MUCH_BETTER: f64 = 0.5;
/// Smallest step in spreads around the two levels.
const MIN_SPREADS: f64 = 4.0;

/// The first window of the new level, the old level and the new one; `None` if a line or one level fits. `line_error` is the squared error of the
/// line. O(windows²).
pub(super) fn step(levels: &[f64], line_error: f64, floor: f64) -> Option<(usize, f64, f64)> {
    let observed: Vec<usize> = (0..levels.len()).filter(|i| !levels[*i].is_nan()).collect();
    let error = |side: &[f64]| {
        let centre = mean(side);
        side.iter().filter(|v| !v.is_nan()).map(|v| (v - centre).powi(2)).sum::<f64>()
    };
    let splits = observed.get(MIN_SIDE..(observed.len() + 1).saturating_sub(MIN_SIDE))?;
    let cost = |at: usize| error(&levels[..at]) + error(&levels[at..]);
    let best = splits.iter().copied().min_by(|a, b| cost(*a).total_cmp(&cost(*b)))?;
    let (before, after) = levels.split_at(best);
    let (from, to) = (median(before), median(after));
    let residuals =
        finite(before).iter().map(|v| v - from).chain(finite(after).iter().map(|v| v - to)).collect::<Vec<_>>();
    let is_clear = (to - from).abs() >= MIN_SPREADS * mad(&residuals, 0.0).max(floor);
    (is_clear && cost(best) < MUCH_BETTER * line_error).then_some((best, from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_no_line_and_a_line_is_no_step() {
        let stepped = [24., 25., 24., 25., 300., 301., 300., 301.];
        assert_eq!(step(&stepped, 16_000.0, 1.0), Some((4, 24.5, 300.5)));
        let line: Vec<f64> = (0..8).map(|i| 100.0 + 10.0 * f64::from(i)).collect();
        assert_eq!(step(&line, 0.0, 1.0), None);
        assert_eq!(step(&[5.0; 8], 0.0, 1.0), None);
    }
}
