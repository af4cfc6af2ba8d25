//! Measures a change in three ways: shift of the mean, shift of the median, and pulse, each in spreads of the baseline.
//!
//! Medians are best on noisy one-second data, means on few samples, pulses on bursts shorter than the window. Each of them alone fails on data
//! sets where the others succeed, so evidence combines all three (journal 0001).
//!
//! Worked example: baseline 9, 11, 9, 11 and incident 15, 15, 15, 15. The mean rises by 5 over a standard deviation of 1, so by 5 spreads; the
//! median by 5 over a MAD of 1.4826, so by 3.37 spreads.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::rows::Column;
use super::{AnomalyOptions, MIN_BASELINE_SAMPLES, MIN_INCIDENT_SAMPLES, Rows, practical_floor};
use crate::metric::Family;
use crate::stats::{RollingSums, finite, mad, mean, median, median_of, quantile, sd, signed_log};

/// Widths of pulses, as shares of the incident's length.
const PULSE_SHARES: [f64; 3] = [1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0];

/// Where the median service is below this share of the busy ones, most services idle: then its level is no measure of what matters, and an idle service
/// that wakes up would exceed one that takes a whole core.
const IDLE_SHARE: f64 = 0.1;
/// Quantile over services of a metric's level that stands for the busy ones.
const HIGH: f64 = 0.9;

/// Share of a metric's median level over services that is added to a value before its logarithm.
const LOG_OFFSET: f64 = 0.02;

/// Scale of a column: its smallest spread, raw and on the log scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) floor: f64,
    /// Added to a value before its logarithm, so that a change from zero by the smallest spread is one smallest spread of the log residual.
    pub(super) log_offset: f64,
}

/// The scales of all columns.
pub(super) struct Scales(Vec<Option<Scale>>);

impl Scales {
    pub(super) fn new(columns: &[Column], rows: &Rows, options: &AnomalyOptions) -> Self {
        let usual: Vec<Usual> = columns.par_iter().map(|c| Usual::of(c, rows)).collect();
        let levels = levels(columns, &usual);
        let of_metric = |pick: &dyn Fn(&[f64]) -> f64| -> BTreeMap<&str, f64> {
            levels.iter().map(|(metric, levels)| (*metric, pick(levels))).collect()
        };
        let (middle, high) = (of_metric(&median), of_metric(&|levels| quantile(levels, HIGH)));
        let level = |levels: &BTreeMap<&str, f64>, metric: &str| levels.get(metric).copied().unwrap_or(1.0);
        let scale = |j: usize, column: &Column| {
            let incident = rows.incident.iter().filter(|&&i| !column.values[i].is_nan()).count();
            if usual[j].samples < MIN_BASELINE_SAMPLES || incident < MIN_INCIDENT_SAMPLES {
                return None;
            }
            let (middle, high) = (level(&middle, &column.metric.name), level(&high, &column.metric.name));
            let practical = if options.practical_floors { practical_floor(column.metric.unit) } else { 0.0 };
            let typical = if middle < IDLE_SHARE * high { high } else { middle };
            let relative = (options.relative_floor * usual[j].median.abs()).max(options.typical_floor * typical);
            let floor = relative.max(practical).max(1e-12);
            let log_offset = (LOG_OFFSET * middle).max(practical / options.log_floor).max(1e-9);
            Some(Scale { floor, log_offset })
        };
        Self(columns.iter().enumerate().map(|(j, c)| scale(j, c)).collect())
    }

    /// Scale of one column; `None` if it has too few samples.
    pub(super) fn of(&self, column: usize) -> Option<Scale> {
        self.0[column]
    }
}

/// A column in the baseline.
struct Usual {
    /// Observed samples.
    samples: usize,
    /// Their median.
    median: f64,
}

impl Usual {
    fn of(column: &Column, rows: &Rows) -> Self {
        let observed = finite(&column.pick(&rows.baseline));
        Self { samples: observed.len(), median: median_of(observed) }
    }
}

/// Each metric's baseline levels over all services, without services at zero.
fn levels<'a>(columns: &'a [Column], usual: &[Usual]) -> BTreeMap<&'a str, Vec<f64>> {
    let mut levels: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (column, usual) in columns.iter().zip(usual) {
        if usual.samples >= MIN_BASELINE_SAMPLES && usual.median != 0.0 {
            levels.entry(column.metric.name.as_str()).or_default().push(usual.median.abs());
        }
    }
    levels
}

/// The three measures, in spreads of the baseline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Views {
    pub(super) mean: f64,
    median: f64,
    pulse_up: f64,
    pulse_down: f64,
}

impl Views {
    pub(super) fn new(values: &[f64], rows: &Rows, floor: f64) -> Self {
        let pick = |rows: &[usize]| -> Vec<f64> { rows.iter().map(|&i| values[i]).collect() };
        let (normal, incident) = (pick(&rows.baseline), pick(&rows.incident));
        let centre = median(&normal);
        let (pulse_up, pulse_down) = pulses(&normal, &incident, floor);
        Self {
            mean: (mean(&incident) - mean(&normal)) / sd(&normal).max(floor),
            median: (median(&incident) - centre) / mad(&normal, centre).max(floor),
            pulse_up,
            pulse_down,
        }
    }

    /// Combines them into one number: level counts twice, pulse once. For families where only a rise or only a fall is evidence, nothing else counts.
    pub(super) fn evidence(&self, family: &Family) -> f64 {
        let level = 0.5 * (signed_log(self.mean) + signed_log(self.median));
        let (level, pulse) = if family.rises_only() {
            (level, self.pulse_up)
        } else if family.falls_only() {
            (-level, self.pulse_down)
        } else {
            (level.abs(), self.pulse_up.max(self.pulse_down))
        };
        (2.0 * level + signed_log(pulse.max(0.0))) / 3.0
    }
}

/// How far the extreme rolling mean of the incident exceeds that of the baseline, upwards and downwards, in spreads.
fn pulses(normal: &[f64], incident: &[f64], floor: f64) -> (f64, f64) {
    let mut widths: Vec<usize> =
        PULSE_SHARES.iter().map(|s| ((incident.len() as f64 * s).round_ties_even() as usize).max(1)).collect();
    widths.dedup();
    let (normal_sums, incident_sums) = (RollingSums::new(normal), RollingSums::new(incident));
    let (mut up, mut down) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for width in widths.into_iter().filter(|w| *w < normal.len()) {
        let (n, x) = (normal_sums.means(width), incident_sums.means(width));
        let spread = sd(&n).max(floor);
        up = up.max((highest(&x) - highest(&n)) / spread);
        down = down.max((lowest(&n) - lowest(&x)) / spread);
    }
    let or_zero = |v: f64| if v.is_finite() { v } else { 0.0 };
    (or_zero(up), or_zero(down))
}

/// Largest value; `NaN` if nothing was observed (`f64::max` skips `NaN`).
fn highest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::max)
}

fn lowest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_in_spreads_of_the_baseline() {
        let values = [9.0, 11.0, 9.0, 11.0, 15.0, 15.0, 15.0, 15.0];
        let rows = Rows { baseline: vec![0, 1, 2, 3], incident: vec![4, 5, 6, 7] };
        let views = Views::new(&values, &rows, 0.1);
        assert_eq!(views.mean, 5.0);
        assert!((views.median - 5.0 / 1.4826).abs() < 1e-12);
        assert_eq!(views.pulse_up, (15.0 - 10.0) / 0.1, "width 2: normal rolling means are all 10");
        assert_eq!(views.pulse_down, -6.0, "width 1: (9 − 15) over a spread of 1");
    }

    #[test]
    fn consumers_count_as_they_leave_and_not_as_they_come() {
        let rows = Rows { baseline: vec![0, 1, 2, 3], incident: vec![4, 5, 6, 7] };
        let evidence = |after: f64| {
            let values = [2.0, 2.0, 2.0, 2.0, after, after, after, after];
            Views::new(&values, &rows, 0.04).evidence(&Family::Consumers)
        };
        assert!(evidence(0.0) > 3.0 && evidence(4.0) < 0.0, "{} {}", evidence(0.0), evidence(4.0));
    }

    #[test]
    fn the_floor_keeps_a_constant_series_finite() {
        let values = [1.0, 1.0, 1.0, 1.0, 3.0, 3.0];
        let rows = Rows { baseline: vec![0, 1, 2, 3], incident: vec![4, 5] };
        assert_eq!(Views::new(&values, &rows, 0.02).mean, 100.0);
    }
}
