//! How far from normal the system is at each sample, as its users feel it.
//!
//! Users feel the latency, the failures and the lost requests of the services that they reach: the entries of the call graph. If no entry is
//! measured, or none shows anything, the symptoms of all services are added up instead. Resources are left out: users do not feel memory.
//!
//! Worked example: an entry's mean latency is 24 ± 1 ms. Its spread counts as 2.4 ms (a tenth of the level at least), so 60 ms is
//! (60 − 24) / 2.4 = 15 spreads. The score of a sample is the largest such deviation over the entries' symptoms.

use rayon::prelude::*;

use crate::anomaly::practical_floor;
use crate::frame::{MetricFrame, Series};
use crate::metric::{Family, LATENCY_MS, Side, Unit};
use crate::stats::{Selection, mad, median};
use crate::topology::CallGraph;

/// Fewest reference samples that determine what is normal.
const MIN_REFERENCE: usize = 8;
/// Smallest spread of a latency, as a share of its level: with five spreads as threshold, half as long again is bad.
const LATENCY_FLOOR: f64 = 0.1;
/// Smallest spread of a failure share: one request in a hundred is bad.
const FAILURE_FLOOR: f64 = 0.002;
/// Smallest spread of a request rate, as a share of its level: four of five requests must be lost to be bad.
const TRAFFIC_FLOOR: f64 = 0.16;
/// Smallest spread of other failures, such as connections, as a share of their level.
const OTHER_FLOOR: f64 = 0.1;
/// Deviations beyond this many spreads are compressed before they are added up over services.
const LINEAR_SPREADS: f64 = 3.0;
/// Smallest spread of the sum over all services.
const SUM_FLOOR: f64 = 1.0;

/// Number of series whose deviations are held at a time.
const CHUNK: usize = 1024;

/// Which services' symptoms are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The largest deviation of the services at which users enter.
    Entries,
    /// The sum over all services, in spreads of that sum.
    All,
}

/// The score of every row: 0 is normal, `NaN` where nothing was observed. `None` if the scope has no series to judge by. `reference` are the rows
/// taken as normal; up to half of them may be bad. O(series × rows).
pub(super) fn scores(frame: &MetricFrame, calls: &CallGraph, scope: Scope, reference: &[usize]) -> Option<Vec<f64>> {
    let felt = series(frame, calls, scope);
    let mut rows = vec![Row::default(); frame.times().len()];
    let mut is_judged = false;
    for series in felt.chunks(CHUNK) {
        let of = |selection: &mut Selection, (_, series): &(usize, &Series)| {
            let mut found = deviations(series, reference, selection)?;
            if scope == Scope::All {
                found.iter_mut().for_each(|d| *d = LINEAR_SPREADS * (*d / LINEAR_SPREADS).ln_1p());
            }
            Some(found)
        };
        let found: Vec<Option<Vec<f64>>> = series.par_iter().map_init(Selection::default, of).collect();
        for deviations in found.into_iter().flatten() {
            is_judged = true;
            rows.iter_mut().zip(deviations).filter(|(_, d)| !d.is_nan()).for_each(|(row, d)| row.add(d));
        }
    }
    if !is_judged {
        return None;
    }
    match scope {
        Scope::Entries => Some(rows.iter().map(|row| row.largest).collect()),
        Scope::All => {
            let normal: Vec<f64> = reference.iter().map(|&i| rows[i].sum()).collect();
            let centre = median(&normal);
            let spread = mad(&normal, centre).max(SUM_FLOOR);
            (!centre.is_nan()).then(|| rows.iter().map(|row| ((row.sum() - centre) / spread).max(0.0)).collect())
        }
    }
}

/// The deviations of all series in one row.
#[derive(Clone)]
struct Row {
    sum: f64,
    largest: f64,
}

impl Default for Row {
    fn default() -> Self {
        Self { sum: 0.0, largest: f64::NAN }
    }
}

impl Row {
    fn add(&mut self, deviation: f64) {
        self.sum += deviation;
        self.largest = self.largest.max(deviation);
    }

    /// `NaN` where nothing was observed.
    fn sum(&self) -> f64 {
        if self.largest.is_nan() { f64::NAN } else { self.sum }
    }
}

/// The series of the scope in which a stretch of rows is worst, with its normal level and the level in these rows.
pub(super) fn worst<'a>(
    frame: &'a MetricFrame,
    calls: &CallGraph,
    scope: Scope,
    reference: &[usize],
    rows: std::ops::Range<usize>,
) -> Option<(usize, f64, f64)> {
    let of = |selection: &mut Selection, (index, s): &(usize, &'a Series)| {
        let found = deviations(s, reference, selection)?;
        let deviation = selection.median(found[rows.clone()].iter().copied());
        let from = selection.median(reference.iter().map(|&i| s.values[i]));
        let to = selection.median(s.values[rows.clone()].iter().copied());
        (!deviation.is_nan()).then_some((deviation, (*index, from, to)))
    };
    let all: Vec<_> = series(frame, calls, scope).par_iter().map_init(Selection::default, of).collect();
    let worst = all.into_iter().flatten().max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.0.cmp(&a.1.0)));
    worst.map(|(_, found)| found)
}

/// The symptoms of the scope, each with its position in the frame.
fn series<'a>(frame: &'a MetricFrame, calls: &CallGraph, scope: Scope) -> Vec<(usize, &'a Series)> {
    let mut is_entry = vec![false; frame.services().len()];
    if scope == Scope::Entries {
        frame.entries(calls).into_iter().for_each(|entry| is_entry[entry.0] = true);
    }
    // The mean of many requests is steadier than a quantile, which a single slow one may lift.
    let is_second = |s: &Series| {
        let is_other = s.metric.family == Family::Latency && s.metric.name != LATENCY_MS;
        is_other && frame.get(s.service, LATENCY_MS, None).is_some()
    };
    let is_felt = |s: &Series| match scope {
        Scope::Entries => s.metric.side == Side::Own && is_entry[s.service.0] && !is_second(s),
        Scope::All => matches!(s.metric.side, Side::Own | Side::Client) && s.metric.family.is_symptom(),
    };
    // Without a unit, it is unknown whether a change matters.
    let is_known = |s: &Series| {
        let is_kind = matches!(s.metric.family, Family::Latency | Family::Error | Family::Throughput);
        is_kind && s.metric.unit != Unit::Unknown
    };
    frame.series().iter().enumerate().filter(|(_, s)| is_known(s) && is_felt(s)).collect()
}

/// Deviations of one series in the direction that users feel, in spreads and at least 0; the median of three neighbours, so that a single outlier
/// does not count.
fn deviations(series: &Series, reference: &[usize], selection: &mut Selection) -> Option<Vec<f64>> {
    let normal = || reference.iter().map(|&i| series.values[i]).filter(|v| !v.is_nan());
    if normal().take(MIN_REFERENCE).count() < MIN_REFERENCE {
        return None;
    }
    let centre = selection.median(normal());
    let is_fall = series.metric.is_availability || series.metric.family == Family::Throughput;
    let sign = if is_fall { -1.0 } else { 1.0 };
    let spread = selection.mad(normal(), centre).max(floor(series, centre)?);
    let raw: Vec<f64> = series
        .values
        .iter()
        .map(|v| (sign * (v - centre) / spread).max(if v.is_nan() { f64::NAN } else { 0.0 }))
        .collect();
    Some((0..raw.len()).map(|i| of_three(&raw, i)).collect())
}

/// The smallest spread that matters; `None` if a fall cannot be judged.
fn floor(series: &Series, centre: f64) -> Option<f64> {
    let level = centre.abs();
    Some(match (&series.metric.family, series.metric.unit) {
        (Family::Throughput, _) => Some(TRAFFIC_FLOOR * level).filter(|floor| *floor > 0.0)?,
        (Family::Error, Unit::Ratio) => FAILURE_FLOOR,
        (Family::Latency, unit) => (LATENCY_FLOOR * level).max(practical_floor(unit)),
        (_, unit) => (OTHER_FLOOR * level).max(practical_floor(unit)),
    })
}

fn of_three(values: &[f64], i: usize) -> f64 {
    let own = values[i];
    if own.is_nan() {
        return own;
    }
    let beside = |i: Option<usize>| i.and_then(|i| values.get(i)).copied().filter(|v| !v.is_nan());
    match (beside(i.checked_sub(1)), beside(Some(i + 1))) {
        (Some(before), Some(after)) => before.max(own).min(before.min(own).max(after)),
        // At an edge or a gap, the lower of two: a single sample is not trusted.
        (Some(other), None) | (None, Some(other)) => own.min(other),
        (None, None) => own,
    }
}
