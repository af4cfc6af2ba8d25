//! Removes the shared movement from a series and returns what is left, on the log scale.
//!
//! There are two predictors: the leave-one-out median of the same metric over the *other* services, since a load swing lifts them all, and, for
//! resources, the service's own load. Slopes are fitted by ridge regression on the baseline only, between 0 and 1.5; a few dozen
//! autocorrelated samples support no more. They are shrunk towards their prior values: 0, or 1 if the metric is a cost of every request. A
//! baseline of steady load cannot show that twice the requests mean twice the bytes; without that prior the first incident that changes the
//! load would look like a network fault of every service.
//!
//! Worked example: all latencies rise by 50 % with the evening's load, that of one service by 200 %. Relative to the median of the others its
//! residual is at most ln(3) and, with a slope of 1, ln(3) − ln(1.5) = 0.69.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Rows;
use super::load::{follows_in_its_own_way, is_own_load};
use super::rows::Column;
use super::shape::{Shape, Workplace};
use super::views::{Scales, Usual, Views};
use crate::frame::ServiceIdx;
use crate::metric::Family;
use crate::stats::{Middle, key, of_key};

/// Fewest services with a metric for their median to represent a common movement.
const MIN_PEERS: usize = 5;
/// Strength of the shrinkage, in variances of the series.
const RIDGE: f64 = 4.0;
/// Largest slope: a consequence hardly outgrows its cause.
const SLOPE_MAX: f64 = 1.5;
/// Prior slope on the service's own load for metrics that are a cost of every request.
const PER_REQUEST: f64 = 1.0;
/// Coordinate descent on two slopes converges in a handful of rounds.
const ROUNDS: usize = 30;

/// The views of the residual of every column; `None` if a logarithm makes no sense (errors, negative values) or there are too few samples.
///
/// Only the residuals of one metric are held at a time, since all of them would be as large as the frame, and only the rows of both windows: first
/// the baseline, then the incident. O(series × samples).
pub(super) fn views(
    columns: &[Column],
    rows: &Rows,
    (usual, scales): (&[Option<Usual>], &Scales),
    floor: f64,
) -> Vec<Option<Views>> {
    let (base, length) = (rows.baseline.len(), rows.baseline.len() + rows.incident.len());
    let log_levels = |j: usize, out: &mut [f64]| {
        let (Some(usual), Some(scale)) = (&usual[j], scales.of(j)) else { return };
        log_levels(&columns[j], rows, (usual.middle, scale.log_offset), out);
    };
    let own_loads: Vec<usize> =
        (0..columns.len()).filter(|&j| is_own_load(&columns[j]) && scales.of(j).is_some()).collect();
    let load = |&j: &usize| {
        let mut levels = vec![0.0; length];
        log_levels(j, &mut levels);
        (columns[j].service, LoadLevels::new(levels, base))
    };
    let loads: BTreeMap<ServiceIdx, LoadLevels> =
        own_loads.par_iter().map(load).collect::<Vec<_>>().into_iter().collect();
    let takes_part = |j: &usize| {
        scales.of(*j).is_some() && columns[*j].metric.family != Family::Error && never_negative(&columns[*j])
    };
    let mut by_metric: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for j in (0..columns.len()).into_par_iter().filter(takes_part).collect::<Vec<_>>() {
        by_metric.entry(columns[j].metric.name.as_str()).or_default().push(j);
    }

    let mut out: Vec<Option<Views>> = vec![None; columns.len()];
    let mut levels = Vec::new();
    for members in by_metric.into_values() {
        levels.clear();
        levels.resize(members.len() * length, 0.0);
        levels.par_chunks_mut(length).zip(&members).for_each(|(levels, &j)| log_levels(j, levels));
        let common = (members.len() >= MIN_PEERS).then(|| middles(&levels, length));
        let residual = |place: &mut Residual, (&j, level): (&usize, &[f64])| {
            let family = &columns[j].metric.family;
            let load = family.follows_load().then(|| loads.get(&columns[j].service)).flatten();
            // Loads outside the baseline's range are already explained (`load`).
            let load = load.map(|load| (load, follows_in_its_own_way(family)));
            place.predict(level, common.as_deref(), load);
            let priors = [0.0, if is_cost_per_request(family) { PER_REQUEST } else { 0.0 }];
            (j, place.views(level, base, priors, floor))
        };
        let found: Vec<(usize, Option<Views>)> =
            members.par_iter().zip(levels.par_chunks(length)).map_init(Residual::default, residual).collect();
        found.into_iter().for_each(|(j, views)| out[j] = views);
    }
    out
}

fn never_negative(column: &Column) -> bool {
    column.values.iter().all(|v| v.is_nan() || *v >= 0.0)
}

/// True for bytes and system calls. CPU time is not proportional to requests in general (garbage collection, spinning pools).
fn is_cost_per_request(family: &Family) -> bool {
    matches!(family, Family::Network | Family::Syscall)
}

/// The logarithms of a column in both windows, less the baseline's median, so that 0 means "as usual" and can stand in for a gap. A logarithm keeps
/// the order, so that its median follows from the column's middle.
fn log_levels(column: &Column, rows: &Rows, (middle, offset): (Middle, f64), out: &mut [f64]) {
    let log = |v: f64| (v.max(0.0) + offset).ln();
    let (centre, values) = (middle.map(log).median(), &*column.values);
    for (level, &row) in out.iter_mut().zip(rows.baseline.iter().chain(&rows.incident)) {
        let value = values[row];
        *level = if value.is_nan() { f64::NAN } else { log(value) - centre };
    }
}

/// A service's own load as a predictor.
struct LoadLevels {
    /// Gaps count as normal.
    levels: Vec<f64>,
    /// The lowest and the highest in the baseline.
    range: (f64, f64),
}

impl LoadLevels {
    fn new(mut levels: Vec<f64>, base: usize) -> Self {
        levels.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = 0.0);
        let baseline = levels[..base].iter().copied();
        let range = (baseline.clone().fold(f64::INFINITY, f64::min), baseline.fold(f64::NEG_INFINITY, f64::max));
        Self { levels, range }
    }
}

/// The middle values of all series in one row, from which the median without any one series follows. A gap counts as "as usual" (0).
#[derive(Clone, Copy, Debug)]
struct LeftOut {
    /// Candidates for the lower middle value of the others; `upper` likewise.
    lower: [f64; 2],
    upper: [f64; 2],
}

impl LeftOut {
    /// Finds them among at least three values. O(n).
    fn of(keys: &mut [i64]) -> Self {
        let (low, is_even) = ((keys.len() - 2) / 2, keys.len().is_multiple_of(2));
        let (_, first, above) = keys.select_nth_unstable(low);
        let (_, second, above) = above.select_nth_unstable(0);
        let (first, second) = (of_key(*first), of_key(*second));
        let third = above.iter().copied().min().map_or(second, of_key);
        let lower = [first, second];
        Self { lower, upper: if is_even { lower } else { [second, third] } }
    }

    /// The median of all values except one.
    fn without(&self, own: f64) -> f64 {
        let own = if own.is_nan() { 0.0 } else { own };
        let pick = |[below, above]: [f64; 2]| if own.total_cmp(&below).is_gt() { below } else { above };
        0.5 * (pick(self.lower) + pick(self.upper))
    }
}

/// The middle values of every row, for series stored one after the other. O(series × rows).
fn middles(levels: &[f64], length: usize) -> Vec<LeftOut> {
    // Neighbouring rows of a series are neighbours in memory.
    const ROWS: usize = 8;
    let of_rows = |place: &mut [Vec<i64>; ROWS], block: usize| {
        let rows = block * ROWS..((block + 1) * ROWS).min(length);
        place.iter_mut().for_each(Vec::clear);
        for level in levels.chunks_exact(length) {
            for (keys, v) in place.iter_mut().zip(&level[rows.clone()]) {
                keys.push(key(if v.is_nan() { 0.0 } else { *v }));
            }
        }
        place[..rows.len()].iter_mut().map(|keys| LeftOut::of(keys)).collect::<Vec<_>>()
    };
    let blocks = (0..length.div_ceil(ROWS)).into_par_iter().map_init(Default::default, of_rows);
    blocks.collect::<Vec<_>>().concat()
}

/// Reusable buffers in which each series' residual is computed.
#[derive(Default)]
struct Residual {
    /// The movement of the others and the own load; 0 where unknown.
    predictors: [Vec<f64>; 2],
    rest: Vec<f64>,
    place: Workplace,
}

impl Residual {
    /// Sets the predictors of a series. The load may be clamped to the baseline's range.
    fn predict(&mut self, level: &[f64], common: Option<&[LeftOut]>, load: Option<(&LoadLevels, bool)>) {
        let [others, own_load] = &mut self.predictors;
        others.clear();
        match common {
            Some(common) => others.extend(common.iter().zip(level).map(|(m, own)| m.without(*own))),
            None => others.resize(level.len(), 0.0),
        }
        own_load.clear();
        match load {
            Some((LoadLevels { levels, range: (low, high) }, true)) => {
                own_load.extend(levels.iter().map(|v| v.clamp(*low, *high)));
            }
            Some((load, false)) => own_load.extend_from_slice(&load.levels),
            None => own_load.resize(level.len(), 0.0),
        }
    }

    /// The views of `level − Σ slope·predictor`, centred on its baseline median.
    fn views(&mut self, level: &[f64], base: usize, priors: [f64; 2], floor: f64) -> Option<Views> {
        let slopes = self.slopes(&level[..base], priors);
        let [others, own_load] = &self.predictors;
        self.rest.clear();
        let explained = others.iter().zip(own_load).map(|(p, q)| slopes[0] * p + slopes[1] * q);
        self.rest.extend(level.iter().zip(explained).map(|(v, explained)| v - explained));
        let middle = self.place.selection.middle(self.rest[..base].iter().copied())?;
        let centre = middle.median();
        self.rest.iter_mut().for_each(|v| *v -= centre);
        let (normal, incident) = self.rest.split_at(base);
        Some(Shape::of(normal, incident, middle.map(|v| v - centre), &mut self.place).views(floor))
    }

    /// Fitted on the baseline by ridge regression towards `priors`. All sums are accumulated in one pass, in sample order.
    fn slopes(&self, level: &[f64], priors: [f64; 2]) -> [f64; 2] {
        let or_usual = |v: f64| if v.is_nan() { 0.0 } else { v };
        let rows =
            || level.iter().zip(&self.predictors[0]).zip(&self.predictors[1]).map(|((y, p), q)| [or_usual(*y), *p, *q]);
        let mut means = [0.0; 3];
        rows().for_each(|row| means.iter_mut().zip(row).for_each(|(sum, v)| *sum += v));
        means.iter_mut().for_each(|sum| *sum /= level.len() as f64);
        let (mut gram, mut target, mut cross, mut own) = ([0.0; 2], [0.0; 2], 0.0, 0.0);
        for row in rows() {
            let [y, p, q] = [row[0] - means[0], row[1] - means[1], row[2] - means[2]];
            own += y * y;
            gram[0] += p * p;
            gram[1] += q * q;
            target[0] += p * y;
            target[1] += q * y;
            cross += p * q;
        }
        let ridge = RIDGE * (own / level.len() as f64).max(1e-4);
        let mut slopes = [0.0f64; 2];
        for _ in 0..ROUNDS {
            let before = slopes;
            for k in 0..2 {
                let from_data = target[k] - cross * slopes[1 - k];
                slopes[k] = ((from_data + ridge * priors[k]) / (gram[k] + ridge)).clamp(0.0, SLOPE_MAX);
            }
            if slopes == before {
                break;
            }
        }
        slopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A series minus the known predictors.
    fn without(level: &[f64], predictors: [Option<&[f64]>; 2], priors: [f64; 2], base: usize) -> Vec<f64> {
        let predictors = predictors.map(|p| p.map_or_else(|| vec![0.0; level.len()], <[f64]>::to_vec));
        let mut place = Residual { predictors, ..Residual::default() };
        place.views(level, base, priors, 0.03).unwrap();
        place.rest
    }

    #[test]
    fn leave_one_out_median_leaves_the_series_itself_out() {
        let medians = |values: &[f64]| {
            let middle = &middles(values, 1)[0];
            values.iter().map(|v| middle.without(*v)).collect::<Vec<f64>>()
        };
        assert_eq!(medians(&[1.0, 2.0, 3.0, 100.0]), [3.0, 3.0, 2.0, 2.0]);
        assert_eq!(medians(&[100.0, 4.0, 1.0, 3.0, 2.0]), [2.5, 2.5, 3.5, 3.0, 3.5]);
    }

    #[test]
    fn a_movement_that_all_share_leaves_no_residual() {
        let wave: Vec<f64> = (0..60).map(|i| (i as f64 / 5.0).sin()).collect();
        let left = without(&wave, [Some(&wave), None], [0.0; 2], 40);
        let (before, after) = (crate::stats::sd(&wave), crate::stats::sd(&left));
        assert!(after < 0.2 * before, "{after} of {before}");
    }

    /// Load and bytes are constant before and double together (ln 2 on the log scale): the data does not determine the slope,
    /// the prior is 1.
    #[test]
    fn bytes_that_double_with_the_requests_leave_no_residual() {
        let doubled: Vec<f64> = (0..20).map(|i| if i < 12 { 0.0 } else { 2f64.ln() }).collect();
        let predictors = [None, Some(&*doubled)];
        assert!(without(&doubled, predictors, [0.0, PER_REQUEST], 12).iter().all(|v| v.abs() < 1e-12));
        assert!((without(&doubled, predictors, [0.0; 2], 12)[19] - 2f64.ln()).abs() < 1e-12);
    }
}
