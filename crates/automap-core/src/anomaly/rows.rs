//! Selects the rows of baseline and incident, and prepares the columns for scoring.
//!
//! Preparation removes two sources of false evidence: availability is turned into a failure share, so that floors and directions are those of
//! errors, and exporter glitches become gaps.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{Metric, Side};
use crate::time::Interval;

/// A value this many times the largest baseline value is an exporter glitch, such as a timestamp instead of a value.
const GLITCH_FACTOR: f64 = 1e6;

/// Rows of a frame's time axis that belong to baseline and incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Baseline rows, in order.
    pub baseline: Vec<usize>,
    /// Incident rows, in order.
    pub incident: Vec<usize>,
}

impl Rows {
    /// The rows inside two windows. O(rows).
    pub fn inside(frame: &MetricFrame, baseline: Interval, incident: Interval) -> Self {
        let pick = |window: Interval| {
            let rows = frame.times().iter().enumerate();
            rows.filter(|(_, t)| window.contains(**t)).map(|(i, _)| i).collect()
        };
        Self { baseline: pick(baseline), incident: pick(incident) }
    }

    /// All rows before `row` as baseline, all rows from it on as incident.
    pub fn split(frame: &MetricFrame, row: usize) -> Self {
        Self { baseline: (0..row).collect(), incident: (row..frame.times().len()).collect() }
    }

    /// Whether a series has a sample in both windows. O(rows).
    pub fn is_observed(&self, values: &[f64]) -> bool {
        [&self.baseline, &self.incident].iter().all(|rows| rows.iter().any(|&row| values[row].is_finite()))
    }
}

/// One series, with availability turned into a failure share and glitches turned into gaps. Most series need neither, and are borrowed: a frame may
/// hold hundreds of megabytes.
#[derive(Clone, Debug)]
pub(super) struct Column<'a> {
    pub(super) series: usize,
    pub(super) service: ServiceIdx,
    pub(super) peer: Option<ServiceIdx>,
    pub(super) metric: &'a Metric,
    pub(super) values: Cow<'a, [f64]>,
}

impl Column<'_> {
    pub(super) fn pick(&self, rows: &[usize]) -> Vec<f64> {
        rows.iter().map(|&i| self.values[i]).collect()
    }

    /// Like [`Column::pick`], but replaces the contents of `picked`.
    pub(super) fn pick_into(&self, rows: &[usize], picked: &mut Vec<f64>) {
        let values = &*self.values;
        picked.clear();
        picked.extend(rows.iter().map(|&i| values[i]));
    }
}

pub(super) fn prepare<'a>(frame: &'a MetricFrame, rows: &Rows) -> Vec<Column<'a>> {
    let series = frame.series().par_iter().enumerate();
    series
        .filter(|(_, s)| s.metric.side != Side::Outside)
        .map(|(i, s)| {
            let mut values = Cow::Borrowed(&*s.values);
            if s.metric.is_availability {
                as_failures(values.to_mut());
            }
            drop_glitches(&mut values, &rows.baseline);
            Column { series: i, service: s.service, peer: s.peer, metric: &s.metric, values }
        })
        .collect()
}

/// Turns a success share into a failure share: a fall from 100 % to 98 % is small as a level but large as a failure share.
fn as_failures(values: &mut [f64]) {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let full = if largest > 1.5 { 100.0 } else { 1.0 };
    for v in values {
        if !v.is_nan() {
            *v = (full - *v).max(0.0);
        }
    }
}

fn drop_glitches(values: &mut Cow<'_, [f64]>, baseline: &[usize]) {
    let largest = baseline.iter().map(|&i| values[i].abs()).fold(0.0, f64::max);
    let is_glitch = |v: &f64| v.abs() > GLITCH_FACTOR * largest;
    if largest > 0.0 && values.iter().any(is_glitch) {
        values.to_mut().iter_mut().filter(|v| is_glitch(v)).for_each(|v| *v = f64::NAN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn availability_in_percent_or_share_becomes_a_failure_share() {
        let mut percent = [100.0, 98.0, f64::NAN];
        as_failures(&mut percent);
        assert_eq!(percent[..2], [0.0, 2.0]);
        assert!(percent[2].is_nan());
        let mut share = [1.0, 0.9];
        as_failures(&mut share);
        assert!((share[1] - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_timestamp_in_place_of_a_value_is_a_gap() {
        let mut values = Cow::Borrowed(&[0.2, 0.3, 1.658e9, 0.4][..]);
        drop_glitches(&mut values, &[0, 1]);
        assert!(values[2].is_nan() && values[3] == 0.4);
        let mut usual = Cow::Borrowed(&[0.2, 0.3, 0.9][..]);
        drop_glitches(&mut usual, &[0, 1]);
        assert!(matches!(usual, Cow::Borrowed(_)), "nothing is copied for nothing");
    }
}
