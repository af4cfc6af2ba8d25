//! Scores every row as the possible start of a change of the whole system, by two statistics that fail on different incidents.
//!
//! For each row, every series is split there and the gain of describing it by two parts instead of one is added up over all series. Which
//! rows become candidates is decided in the parent module.
//!
//! Worked example: a series scaled to 0, 0, 0, 0, 0, 0, 4, 4 has n·ln(variance + 0.05) = 8·ln(3.05) = 8.92 as a whole; split at row 6 it has
//! 6·ln(0.05) + 2·ln(0.05) = −23.97. Half the difference, 16.4, is the gain, of which what exceeds 16 counts.

use std::ops::Range;

use rayon::prelude::*;

use crate::frame::{MetricFrame, Series};
use crate::metric::{Family, Side};
use crate::stats::{median, signed_log};

/// Candidates closer to the ends than this have too few samples on one side.
const MIN_BEFORE: usize = 6;
const MIN_AFTER: usize = 2;
/// Weight of load metrics: they change all day and say little about when an incident began.
const LOAD_VOTE: f64 = 0.3;
/// Added to every variance, so that a constant series does not outvote the rest.
const VARIANCE_FLOOR: f64 = 0.05;
/// Movements below this many usual steps stay linear, larger ones are compressed.
const LINEAR_STEPS: f64 = 3.0;
/// Log-likelihood that a split gains from noise alone, since rates over overlapping windows are autocorrelated. Only what a series gains
/// beyond it counts; otherwise a hundred quiet series would outvote the few that changed.
const NOISE_GAIN: f64 = 16.0;
/// The same for the shift of the mean, `ln(1 + |t|)`: nothing below t = 6.4 counts.
const NOISE_SHIFT: f64 = 2.0;
/// A little less than the t below which nothing counts, so that few logarithms are computed.
const LEAST_SHIFT: f64 = 6.38;
/// Series added up at a time. Fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 256;

/// What a split at every candidate row gains, added up over all series.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The first candidate.
    pub(crate) first: usize,
    /// Log-likelihood that two levels and spreads describe a series better than one. Sees bursts, which move the spread;
    /// prefers the middle of a series of them to its beginning.
    pub(crate) split: Vec<f64>,
    /// Shift of the mean in standard errors of the time *before* it, compressed. Wants a calm time before; is blind to what leaves
    /// the mean as it was.
    pub(crate) shift: Vec<f64>,
}

impl Change {
    /// Scores the rows before `end`. O(series × rows).
    ///
    /// Every series is scaled by its own movement from one sample to the next (which a level shift barely touches) and
    /// compressed; what lies beyond noise is added up over all series.
    pub(crate) fn new(frame: &MetricFrame, end: usize) -> Self {
        let first = MIN_BEFORE.max(end / 10);
        let candidates = first..(end + 1).saturating_sub(MIN_AFTER);
        let chunks: Vec<Vec<[f64; 2]>> =
            frame.series().par_chunks(CHUNK).map(|series| sum(series, end, &candidates)).collect();
        let total = |which: usize| (0..candidates.len()).map(|k| chunks.iter().map(|c| c[k][which]).sum()).collect();
        Self { first, split: total(0), shift: total(1) }
    }
}

fn sum(series: &[Series], end: usize, candidates: &Range<usize>) -> Vec<[f64; 2]> {
    let mut total = vec![[0.0; 2]; candidates.len()];
    for s in series {
        add_gains(s, end, candidates, &mut total);
    }
    total
}

/// Adds what one series gains by a split at every candidate.
fn add_gains(series: &Series, end: usize, candidates: &Range<usize>, total: &mut [[f64; 2]]) {
    if matches!(series.metric.side, Side::Outside | Side::Served) {
        return;
    }
    let weight = match series.metric.family {
        Family::Throughput | Family::Network | Family::Syscall => LOAD_VOTE,
        _ => 1.0,
    };
    let Some(scaled) = scaled(series, end) else { return };
    let mut before = Running::default();
    let mut after = Running::default();
    scaled.iter().for_each(|v| after.add(*v, 1.0));
    let whole = after.clone();
    let whole_cost = whole.cost();
    for (i, v) in scaled.iter().enumerate() {
        let enough = before.n >= MIN_BEFORE as f64 && after.n >= MIN_AFTER as f64;
        if enough && candidates.contains(&i) {
            let slot = &mut total[i - candidates.start];
            if most_gained(&whole, [&before, &after]) > NOISE_GAIN {
                let split = 0.5 * (whole_cost - before.cost() - after.cost());
                slot[0] += weight * (split - NOISE_GAIN).max(0.0);
            }
            let t = (after.mean() - before.mean()).abs() / (before.variance() + VARIANCE_FLOOR).sqrt()
                * (before.n * after.n / whole.n).sqrt();
            if t > LEAST_SHIFT {
                slot[1] += weight * (t.ln_1p() - NOISE_SHIFT).max(0.0);
            }
        }
        before.add(*v, 1.0);
        after.add(*v, -1.0);
    }
}

/// At least what a split gains, without a logarithm: for most rows of most series that is less than noise gains, and they need no exact answer.
///
/// The gain is half the sum of `n·ln(whole / part)` over both parts, and `ln x` is at most `(x − 1)/√x` from 1 on and `2·(x − 1)/(x + 1)` below. A
/// thousandth more covers the rounding.
fn most_gained(whole: &Running, parts: [&Running; 2]) -> f64 {
    let spread = whole.variance() + VARIANCE_FLOOR;
    let most = |part: &Running| {
        let x = spread / (part.variance() + VARIANCE_FLOOR);
        part.n * if x >= 1.0 { (x - 1.0) / x.sqrt() } else { 2.0 * (x - 1.0) / (x + 1.0) }
    };
    0.5 * (most(parts[0]) + most(parts[1])) + 1e-3
}

/// In units of the usual movement from one sample to the next, compressed; latencies on a log scale.
fn scaled(series: &Series, end: usize) -> Option<Vec<f64>> {
    let is_log = series.metric.family == Family::Latency;
    let log = |v: f64| if v.is_nan() { v } else { (v.max(0.0) + 1e-9).ln() };
    let values: Vec<f64> = series.values[..end].iter().map(|v| if is_log { log(*v) } else { *v }).collect();
    let centre = median(&values);
    if centre.is_nan() {
        return None;
    }
    let steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    let floor = if is_log { 0.02 } else { (0.02 * centre.abs()).max(1e-12) };
    let scale = (median(&steps) / 0.954).max(floor);
    Some(values.iter().map(|v| signed_log((v - centre) / (LINEAR_STEPS * scale))).collect())
}

/// Sums for mean and spread; gaps are skipped.
#[derive(Clone, Default)]
struct Running {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Running {
    fn add(&mut self, value: f64, sign: f64) {
        if !value.is_nan() {
            self.n += sign;
            self.sum += sign * value;
            self.squares += sign * value * value;
        }
    }

    fn mean(&self) -> f64 {
        self.sum / self.n.max(1.0)
    }

    fn variance(&self) -> f64 {
        (self.squares / self.n.max(1.0) - self.mean() * self.mean()).max(0.0)
    }

    /// `n·ln(variance)`: twice the negative log-likelihood of a normal distribution, up to a constant.
    fn cost(&self) -> f64 {
        self.n * (self.variance() + VARIANCE_FLOOR).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    /// The bound decides only whether the gain is computed, so it must never be below it.
    #[test]
    fn no_split_gains_more_than_its_bound() {
        let mut random = Rng::new(7);
        for case in 0..2_000 {
            let (n, at) = (8 + case % 200, 6);
            let jump = [0.0, 0.5, 4.0, 1e3][case % 4];
            let values: Vec<f64> =
                (0..n).map(|i| random.normal() * [0.0, 1.0][case % 2] + if i > n / 2 { jump } else { 0.0 }).collect();
            let of = |values: &[f64]| {
                let mut sums = Running::default();
                values.iter().for_each(|v| sums.add(*v, 1.0));
                sums
            };
            let (whole, before, after) = (of(&values), of(&values[..at]), of(&values[at..]));
            let gain = 0.5 * (whole.cost() - before.cost() - after.cost());
            assert!(gain <= most_gained(&whole, [&before, &after]), "case {case}: {gain}");
        }
    }
}
