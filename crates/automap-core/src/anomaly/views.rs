//! Measures a change in three ways: shift of the mean, shift of the median, and pulse, each in spreads of the baseline.
//!
//! Medians work best on noisy one-second data, means on few samples, pulses on bursts shorter than the window. Each alone fails on data
//! sets where the others succeed, so evidence combines all three (journal 0001).
//!
//! Worked example: baseline 9, 11, 9, 11 and incident 15, 15, 15, 15. The mean rises by 5 with a standard deviation of 1, so by 5 spreads; the median
//! by 5 with a MAD of 1.4826, so by 3.37 spreads.

use std::collections::BTreeMap;

use super::rows::Column;
use super::shape::{Shape, Workplace};
use super::{AnomalyOptions, MIN_BASELINE_SAMPLES, MIN_INCIDENT_SAMPLES, Rows, practical_floor};
use crate::metric::Family;
use crate::stats::{Middle, median, quantile, signed_log};

/// If the median service is below this share of the busy ones, most services are idle: its level is then no measure of what matters, and an idle
/// service that wakes up would exceed one that takes a whole core.
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
    pub(super) fn new(columns: &[Column], usual: &[Option<Usual>], options: &AnomalyOptions) -> Self {
        let levels = levels(columns, usual);
        let scales: BTreeMap<&str, (f64, f64)> =
            levels.iter().map(|(metric, levels)| (*metric, (median(levels), quantile(levels, HIGH)))).collect();
        let scale = |(column, usual): (&Column, &Option<Usual>)| {
            let usual = usual.as_ref().filter(|usual| usual.shape.is_some())?;
            let (middle, high) = scales.get(column.metric.name.as_str()).copied().unwrap_or((1.0, 1.0));
            let practical = if options.practical_floors { practical_floor(column.metric.unit) } else { 0.0 };
            let typical = if middle < IDLE_SHARE * high { high } else { middle };
            let relative = (options.relative_floor * usual.median().abs()).max(options.typical_floor * typical);
            let floor = relative.max(practical).max(1e-12);
            let log_offset = (LOG_OFFSET * middle).max(practical / options.log_floor).max(1e-9);
            Some(Scale { floor, log_offset })
        };
        Self(columns.iter().zip(usual).map(scale).collect())
    }

    /// Scale of one column; `None` if it has too few samples.
    pub(super) fn of(&self, column: usize) -> Option<Scale> {
        self.0[column]
    }
}

/// A column that has enough samples in the baseline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    /// The middle of its baseline.
    pub(super) middle: Middle,
    /// How it changed; `None` with too few samples in the incident.
    pub(super) shape: Option<Shape>,
}

impl Usual {
    /// `None` with too few samples in the baseline. O(rows).
    pub(super) fn of(column: &Column, rows: &Rows, picked: &mut Picked) -> Option<Self> {
        let Picked { normal, incident, place } = picked;
        let observed = |values: &[f64]| values.iter().filter(|v| !v.is_nan()).count();
        column.pick_into(&rows.baseline, normal);
        column.pick_into(&rows.incident, incident);
        if observed(normal) < MIN_BASELINE_SAMPLES {
            return None;
        }
        let middle = place.selection.middle(normal.iter().copied())?;
        let is_enough = observed(incident) >= MIN_INCIDENT_SAMPLES;
        Some(Self { middle, shape: is_enough.then(|| Shape::of(normal, incident, middle, place)) })
    }

    fn median(&self) -> f64 {
        self.middle.median()
    }
}

/// Reusable buffers for the values of one column in both windows.
#[derive(Debug, Default)]
pub(super) struct Picked {
    normal: Vec<f64>,
    incident: Vec<f64>,
    place: Workplace,
}

/// Each metric's baseline levels over all services, without services at zero.
fn levels<'a>(columns: &'a [Column], usual: &[Option<Usual>]) -> BTreeMap<&'a str, Vec<f64>> {
    let mut levels: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (column, usual) in columns.iter().zip(usual) {
        if let Some(level) = usual.as_ref().map(Usual::median).filter(|median| *median != 0.0) {
            levels.entry(column.metric.name.as_str()).or_default().push(level.abs());
        }
    }
    levels
}

/// The three measures, in spreads of the baseline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Views {
    pub(super) mean: f64,
    pub(super) median: f64,
    pub(super) pulse_up: f64,
    pub(super) pulse_down: f64,
}

impl Views {
    /// Combines them into one number: level counts twice, pulse once. For families where only a rise or only a fall is evidence, the other direction
    /// does not count.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn views(values: &[f64], rows: &Rows, floor: f64) -> Views {
        let pick = |rows: &[usize]| rows.iter().map(|&i| values[i]).collect::<Vec<f64>>();
        let (normal, incident, mut place) = (pick(&rows.baseline), pick(&rows.incident), Workplace::default());
        let middle = place.selection.middle(normal.iter().copied()).unwrap();
        Shape::of(&normal, &incident, middle, &mut place).views(floor)
    }

    #[test]
    fn views_are_in_spreads_of_the_baseline() {
        let values = [9.0, 11.0, 9.0, 11.0, 15.0, 15.0, 15.0, 15.0];
        let rows = Rows { baseline: vec![0, 1, 2, 3], incident: vec![4, 5, 6, 7] };
        let views = views(&values, &rows, 0.1);
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
            views(&values, &rows, 0.04).evidence(&Family::Consumers)
        };
        assert!(evidence(0.0) > 3.0 && evidence(4.0) < 0.0, "{} {}", evidence(0.0), evidence(4.0));
    }

    #[test]
    fn the_floor_keeps_a_constant_series_finite() {
        let values = [1.0, 1.0, 1.0, 1.0, 3.0, 3.0];
        let rows = Rows { baseline: vec![0, 1, 2, 3], incident: vec![4, 5] };
        assert_eq!(views(&values, &rows, 0.02).mean, 100.0);
    }
}
