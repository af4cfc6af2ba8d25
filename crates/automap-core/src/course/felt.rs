//! How far from normal the system is at each sample, as its users feel it.
//!
//! Users feel the latency, the failures and the lost requests of the services that they reach: the entries of the call graph. Where no entry is
//! measured, or none shows anything, the symptoms of all services are added up instead. Resources are left out: nobody feels memory.
//!
//! Worked example: an entry's mean latency is 24 ± 1 ms. Its spread counts as 2.4 ms (a tenth of the level at least), so 60 ms is
//! (60 − 24) / 2.4 = 15 spreads. The score of a sample is the largest such deviation over the entries' symptoms.

use crate::anomaly::practical_floor;
use crate::frame::{MetricFrame, Series};
use crate::metric::{Family, LATENCY_MS, Side, Unit};
use crate::stats::{finite, mad, median, median_of};
use crate::topology::CallGraph;

/// Fewest reference samples that say what is normal.
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

/// Whose symptoms are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The largest deviation of the services at which users enter.
    Entries,
    /// The sum over all services, in spreads of that sum.
    All,
}

/// The score of every row: 0 is normal, `NaN` where nothing was observed. `None` where the scope has nothing to judge by. `reference` are the rows
/// taken as normal; up to half of them may be bad. O(series × rows).
pub(super) fn scores(frame: &MetricFrame, calls: &CallGraph, scope: Scope, reference: &[usize]) -> Option<Vec<f64>> {
    let felt = series(frame, calls, scope);
    let deviations: Vec<Vec<f64>> = felt.iter().filter_map(|s| deviations(s, reference)).collect();
    if deviations.is_empty() {
        return None;
    }
    let rows = 0..frame.times().len();
    let at = |row: usize| finite(&deviations.iter().map(|d| d[row]).collect::<Vec<_>>());
    match scope {
        Scope::Entries => Some(rows.map(|row| at(row).into_iter().fold(f64::NAN, f64::max)).collect()),
        Scope::All => {
            let sums: Vec<f64> = rows.map(|row| added_up(&at(row))).collect();
            let normal: Vec<f64> = reference.iter().map(|&i| sums[i]).collect();
            let centre = median(&normal);
            let spread = mad(&normal, centre).max(SUM_FLOOR);
            (!centre.is_nan()).then(|| sums.iter().map(|v| ((v - centre) / spread).max(0.0)).collect())
        }
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
    let level =
        |s: &Series, rows: &mut dyn Iterator<Item = usize>| median(&rows.map(|i| s.values[i]).collect::<Vec<_>>());
    let of = |s: &'a Series| {
        let deviation = median(&deviations(s, reference)?[rows.clone()]);
        let index = frame.series().iter().position(|other| std::ptr::eq(other, s))?;
        let (from, to) = (level(s, &mut reference.iter().copied()), level(s, &mut rows.clone()));
        (!deviation.is_nan()).then_some((deviation, (index, from, to)))
    };
    let all = series(frame, calls, scope).into_iter().filter_map(of);
    all.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.0.cmp(&a.1.0))).map(|(_, found)| found)
}

/// The symptoms of the scope.
fn series<'a>(frame: &'a MetricFrame, calls: &CallGraph, scope: Scope) -> Vec<&'a Series> {
    let entries = match scope {
        Scope::Entries => frame.entries(calls),
        Scope::All => Vec::new(),
    };
    let is_mean_known = |service| frame.get(service, LATENCY_MS, None).is_some();
    let is_felt = |s: &&Series| match scope {
        // The mean of many requests is steadier than a quantile, which a single slow one may lift.
        Scope::Entries => {
            let is_second =
                s.metric.family == Family::Latency && s.metric.name != LATENCY_MS && is_mean_known(s.service);
            s.metric.side == Side::Own && entries.contains(&s.service) && !is_second
        }
        Scope::All => matches!(s.metric.side, Side::Own | Side::Client) && s.metric.family.is_symptom(),
    };
    // Without a unit, a change that matters cannot be told from one that does not.
    let is_known = |s: &&Series| {
        let is_kind = matches!(s.metric.family, Family::Latency | Family::Error | Family::Throughput);
        is_kind && s.metric.unit != Unit::Unknown
    };
    frame.series().iter().filter(is_known).filter(is_felt).collect()
}

/// Deviations of one series in the direction that users feel, in spreads and not below 0; the median of three neighbours, so that a single wild
/// sample is nothing.
fn deviations(series: &Series, reference: &[usize]) -> Option<Vec<f64>> {
    let normal = finite(&series.values_at(reference));
    if normal.len() < MIN_REFERENCE {
        return None;
    }
    let centre = median(&normal);
    let is_fall = series.metric.is_availability || series.metric.family == Family::Throughput;
    let sign = if is_fall { -1.0 } else { 1.0 };
    let spread = mad(&normal, centre).max(floor(series, centre)?);
    let raw: Vec<f64> = series
        .values
        .iter()
        .map(|v| (sign * (v - centre) / spread).max(if v.is_nan() { f64::NAN } else { 0.0 }))
        .collect();
    Some((0..raw.len()).map(|i| of_three(&raw, i)).collect())
}

/// The smallest spread that matters; `None` where a fall cannot be judged.
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
    if values[i].is_nan() {
        return f64::NAN;
    }
    let near = finite(&values[i.saturating_sub(1)..(i + 2).min(values.len())]);
    match near.len() {
        // At an edge or a gap the lower of two: one sample alone is not believed.
        2 => near[0].min(near[1]),
        _ => median_of(near),
    }
}

fn added_up(deviations: &[f64]) -> f64 {
    if deviations.is_empty() {
        return f64::NAN;
    }
    deviations.iter().map(|d| LINEAR_SPREADS * (d / LINEAR_SPREADS).ln_1p()).sum()
}
