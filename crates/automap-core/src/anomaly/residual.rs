//! Removes the shared movement from a series and returns what is left, on the log scale.
//!
//! There are two predictors: the leave-one-out median of the same metric over the *other* services, since a load swing lifts them all, and, for
//! resources, the service's own load. Slopes are fitted by ridge regression on the baseline only, between 0 and 1.5; a few dozen
//! autocorrelated samples support no more. They are shrunk towards their prior values: 0, or 1 if the metric is a cost of every request. A
//! baseline of steady load cannot show that twice the requests mean twice the bytes, and without that prior the first incident that changes the
//! load would look like a network fault of every service.
//!
//! Worked example: all latencies rise by 50 % with the evening's load, that of one service by 200 %. Relative to the median of the others its
//! residual is at most ln(3) and, with a slope of 1, ln(3) − ln(1.5) = 0.69.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Rows;
use super::load::{baseline_range, follows_in_its_own_way, is_own_load};
use super::rows::Column;
use super::views::Scales;
use crate::frame::ServiceIdx;
use crate::metric::Family;
use crate::stats::median;

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

/// What `judge` says of the residual of every column; `None` if a logarithm makes no sense (errors, negative values) or there are too few samples.
///
/// Residuals of one metric exist at a time, since those of all are as large as the frame. O(series × samples).
pub(super) fn judged<T: Clone + Send>(
    columns: &[Column],
    rows: &Rows,
    scales: &Scales,
    judge: impl Fn(&[f64]) -> T + Sync,
) -> Vec<Option<T>> {
    let logs = |j: usize| scales.of(j).map(|scale| log_levels(&columns[j], rows, scale.log_offset));
    let own_loads = (0..columns.len()).filter(|&j| is_own_load(&columns[j]));
    let loads: BTreeMap<ServiceIdx, Vec<f64>> =
        own_loads.filter_map(|j| Some((columns[j].service, gaps_as_normal(logs(j)?)))).collect();
    let takes_part = |j: &usize| {
        scales.of(*j).is_some() && columns[*j].metric.family != Family::Error && never_negative(&columns[*j])
    };
    let mut by_metric: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for j in (0..columns.len()).filter(takes_part) {
        by_metric.entry(columns[j].metric.name.as_str()).or_default().push(j);
    }

    let mut out: Vec<Option<T>> = vec![None; columns.len()];
    for members in by_metric.into_values() {
        let levels: Vec<Vec<f64>> = members.par_iter().filter_map(|&j| logs(j)).collect();
        let common = (members.len() >= MIN_PEERS).then(|| middles(&levels));
        let residual = |(&j, level): (&usize, &Vec<f64>)| {
            let family = &columns[j].metric.family;
            let own_load = family.follows_load().then(|| loads.get(&columns[j].service)).flatten();
            let others = common.as_ref().map(|c| c.iter().zip(level).map(|(m, own)| m.without(*own)).collect());
            // What lies beyond the loads of the baseline has been explained before (`load`).
            let own_load =
                own_load.map(|l| if follows_in_its_own_way(family) { within_baseline(l, rows) } else { l.clone() });
            let predictors = [others, own_load];
            let priors = [0.0, if is_cost_per_request(family) { PER_REQUEST } else { 0.0 }];
            (j, judge(&without(level, &predictors, priors, rows)))
        };
        let found: Vec<(usize, T)> = members.par_iter().zip(&levels).map(residual).collect();
        found.into_iter().for_each(|(j, judged)| out[j] = Some(judged));
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

fn log_levels(column: &Column, rows: &Rows, offset: f64) -> Vec<f64> {
    let level = |v: f64| if v.is_nan() { f64::NAN } else { (v.max(0.0) + offset).ln() };
    centred(column.values.iter().map(|&v| level(v)).collect(), &rows.baseline)
}

/// Subtracts the baseline median, so that 0 means "as usual" and can stand in for a gap.
fn centred(mut values: Vec<f64>, baseline: &[usize]) -> Vec<f64> {
    let centre = median(&baseline.iter().map(|&i| values[i]).collect::<Vec<_>>());
    values.iter_mut().for_each(|v| *v -= centre);
    values
}

/// The same within the range that the baseline showed.
fn within_baseline(values: &[f64], rows: &Rows) -> Vec<f64> {
    match baseline_range(values, rows) {
        Some((low, high)) => values.iter().map(|v| v.clamp(low, high)).collect(),
        None => values.to_vec(),
    }
}

fn gaps_as_normal(mut values: Vec<f64>) -> Vec<f64> {
    values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = 0.0);
    values
}

/// The middle values of all series in one row, from which the median without any one series follows. A gap counts as "as usual" (0).
struct Middle {
    /// Candidates for the lower middle value of the others; `upper` likewise.
    lower: [f64; 2],
    upper: [f64; 2],
}

impl Middle {
    /// Finds them among at least three values. O(n).
    fn of(mut values: Vec<f64>) -> Self {
        let (low, is_even) = ((values.len() - 2) / 2, values.len().is_multiple_of(2));
        let (_, first, above) = values.select_nth_unstable_by(low, f64::total_cmp);
        let (_, second, above) = above.select_nth_unstable_by(0, f64::total_cmp);
        let lower = [*first, *second];
        let third = above.iter().copied().min_by(f64::total_cmp).unwrap_or(*second);
        Self { lower, upper: if is_even { lower } else { [*second, third] } }
    }

    /// The median of all values except one.
    fn without(&self, own: f64) -> f64 {
        let own = if own.is_nan() { 0.0 } else { own };
        let pick = |[below, above]: [f64; 2]| if own.total_cmp(&below).is_gt() { below } else { above };
        0.5 * (pick(self.lower) + pick(self.upper))
    }
}

/// The middle values of every row. O(series × rows).
fn middles(levels: &[Vec<f64>]) -> Vec<Middle> {
    let at = |t: usize| levels.iter().map(|l| if l[t].is_nan() { 0.0 } else { l[t] }).collect();
    (0..levels[0].len()).into_par_iter().map(|t| Middle::of(at(t))).collect()
}

/// Returns `level − Σ slope·predictor`, centred on its baseline median. Slopes are fitted on the baseline by ridge regression towards `priors`.
fn without(level: &[f64], predictors: &[Option<Vec<f64>>; 2], priors: [f64; 2], rows: &Rows) -> Vec<f64> {
    let on_baseline = |x: &[f64]| {
        let x: Vec<f64> = rows.baseline.iter().map(|&i| if x[i].is_nan() { 0.0 } else { x[i] }).collect();
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        x.into_iter().map(|v| v - mean).collect::<Vec<f64>>()
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let y = on_baseline(level);
    let q = predictors.each_ref().map(|p| p.as_deref().map(on_baseline).unwrap_or_else(|| vec![0.0; y.len()]));
    let ridge = RIDGE * (dot(&y, &y) / y.len() as f64).max(1e-4);
    let (cross, gram, target) =
        (dot(&q[0], &q[1]), [dot(&q[0], &q[0]), dot(&q[1], &q[1])], [dot(&q[0], &y), dot(&q[1], &y)]);
    let mut slopes = [0.0f64; 2];
    for _ in 0..ROUNDS {
        for k in 0..2 {
            let from_data = target[k] - cross * slopes[1 - k];
            slopes[k] = ((from_data + ridge * priors[k]) / (gram[k] + ridge)).clamp(0.0, SLOPE_MAX);
        }
    }
    let explained =
        |t: usize| -> f64 { predictors.iter().zip(slopes).filter_map(|(p, b)| Some(b * p.as_ref()?[t])).sum() };
    centred(level.iter().enumerate().map(|(t, v)| v - explained(t)).collect(), &rows.baseline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leave_one_out_median_leaves_the_series_itself_out() {
        let medians = |values: &[f64]| {
            let levels: Vec<Vec<f64>> = values.iter().map(|v| vec![*v]).collect();
            let middle = &middles(&levels)[0];
            values.iter().map(|v| middle.without(*v)).collect::<Vec<f64>>()
        };
        assert_eq!(medians(&[1.0, 2.0, 3.0, 100.0]), [3.0, 3.0, 2.0, 2.0]);
        assert_eq!(medians(&[100.0, 4.0, 1.0, 3.0, 2.0]), [2.5, 2.5, 3.5, 3.0, 3.5]);
    }

    #[test]
    fn a_movement_that_all_share_leaves_no_residual() {
        let wave: Vec<f64> = (0..60).map(|i| (i as f64 / 5.0).sin()).collect();
        let rows = Rows { baseline: (0..40).collect(), incident: (40..60).collect() };
        let left = without(&wave, &[Some(wave.clone()), None], [0.0; 2], &rows);
        let (before, after) = (crate::stats::sd(&wave), crate::stats::sd(&left));
        assert!(after < 0.2 * before, "{after} of {before}");
    }

    /// Load and bytes are constant before and double together (ln 2 on the log scale): the data does not determine the slope,
    /// the prior is 1.
    #[test]
    fn bytes_that_double_with_the_requests_leave_no_residual() {
        let doubled: Vec<f64> = (0..20).map(|i| if i < 12 { 0.0 } else { 2f64.ln() }).collect();
        let rows = Rows { baseline: (0..12).collect(), incident: (12..20).collect() };
        let predictors = [None, Some(doubled.clone())];
        assert!(without(&doubled, &predictors, [0.0, PER_REQUEST], &rows).iter().all(|v| v.abs() < 1e-12));
        assert!((without(&doubled, &predictors, [0.0; 2], &rows)[19] - 2f64.ln()).abs() < 1e-12);
    }
}
