//! Scores every row as the possible start of a change of the whole system, by two statistics that fail on different incidents.
//!
//! For each row, every series is split there, and the gain of describing it by two parts instead of one is summed over all series. The parent module
//! decides which rows become candidates.
//!
//! Worked example: a series scaled to 0, 0, 0, 0, 0, 0, 4, 4 has n·ln(variance + 0.05) = 8·ln(3.05) = 8.92 as a whole; split at row 6 it has
//! 6·ln(0.05) + 2·ln(0.05) = −23.97. The gain is half the difference, 16.4; only the part above 16 counts.

use std::ops::Range;

use rayon::prelude::*;

use crate::frame::{MetricFrame, Series};
use crate::metric::{Family, Side};
use crate::stats::{Selection, signed_log};

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
/// Slightly less than the t below which nothing counts, so that few logarithms are computed.
const LEAST_SHIFT: f64 = 6.38;
const NOTABLE_SHIFT: f64 = LEAST_SHIFT * LEAST_SHIFT;
/// Number of series summed per chunk. Fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 256;

/// The gain of a split at every candidate row, summed over all series.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The first candidate.
    pub(crate) first: usize,
    /// Log-likelihood gain of describing a series by two levels and spreads instead of one. Detects bursts, which move the spread, but prefers the
    /// middle of a series of bursts to its beginning.
    pub(crate) split: Vec<f64>,
    /// Shift of the mean in standard errors of the time *before* it, compressed. Needs a calm time before; does not see changes that keep the mean.
    pub(crate) shift: Vec<f64>,
}

impl Change {
    /// Scores those of `rows` before `end` that have enough samples on both sides. O(series × `end`).
    ///
    /// Every series is scaled by its own movement from one sample to the next (which a level shift barely touches) and
    /// compressed; the excess over noise is summed over all series.
    pub(crate) fn new(frame: &MetricFrame, end: usize, rows: Range<usize>) -> Self {
        let (least, past) = (MIN_BEFORE.max(end / 10), (end + 1).saturating_sub(MIN_AFTER));
        let first = rows.start.max(least);
        let candidates = first..rows.end.min(past).max(first);
        let chunks: Vec<Vec<[f64; 2]>> =
            frame.series().par_chunks(CHUNK).map(|series| sum(series, end, &candidates)).collect();
        let total = |which: usize| (0..candidates.len()).map(|k| chunks.iter().map(|c| c[k][which]).sum()).collect();
        Self { first, split: total(0), shift: total(1) }
    }
}

fn sum(series: &[Series], end: usize, candidates: &Range<usize>) -> Vec<[f64; 2]> {
    let mut total = vec![[0.0; 2]; candidates.len()];
    let mut place = Place::default();
    for s in series {
        add_gains(s, end, candidates, &mut place, &mut total);
    }
    total
}

/// Adds the gain of one series for a split at every candidate.
fn add_gains(series: &Series, end: usize, candidates: &Range<usize>, place: &mut Place, total: &mut [[f64; 2]]) {
    if matches!(series.metric.side, Side::Outside | Side::Served) {
        return;
    }
    let weight = match series.metric.family {
        Family::Throughput | Family::Network | Family::Syscall => LOAD_VOTE,
        _ => 1.0,
    };
    if !place.scale(series, end) {
        return;
    }
    let mut before = Running::default();
    let mut after = Running::default();
    place.scaled.iter().for_each(|v| after.add(*v, 1.0));
    let whole = after.clone();
    let whole_cost = whole.cost();
    for (i, v) in place.scaled.iter().enumerate().take(candidates.end) {
        let enough = before.n >= MIN_BEFORE as f64 && after.n >= MIN_AFTER as f64;
        if enough && candidates.contains(&i) {
            let [about_before, about_after] = [About::of(&before), About::of(&after)];
            let slot = &mut total[i - candidates.start];
            if most_gained(whole_cost, [(&before, &about_before), (&after, &about_after)]) > NOISE_GAIN {
                let split = 0.5 * (whole_cost - before.cost() - after.cost());
                slot[0] += weight * (split - NOISE_GAIN).max(0.0);
            }
            let apart = about_after.mean - about_before.mean;
            // Compares the square of the shift, which avoids roots and divisions for the many rows without a shift.
            if apart * apart * before.n * after.n > NOTABLE_SHIFT * about_before.spread * whole.n {
                let t = (after.mean() - before.mean()).abs() / (before.variance() + VARIANCE_FLOOR).sqrt()
                    * (before.n * after.n / whole.n).sqrt();
                slot[1] += weight * (t.ln_1p() - NOISE_SHIFT).max(0.0);
            }
        }
        before.add(*v, 1.0);
        after.add(*v, -1.0);
    }
}

/// Mean and spread of a part up to rounding: enough to see that it gains nothing.
struct About {
    mean: f64,
    /// The variance, with [`VARIANCE_FLOOR`].
    spread: f64,
}

impl About {
    fn of(part: &Running) -> Self {
        let each = 1.0 / part.n;
        let mean = part.sum * each;
        Self { mean, spread: (part.squares * each - mean * mean).max(0.0) + VARIANCE_FLOOR }
    }
}

/// Upper bound of a split's gain, without a logarithm: for most rows of most series it is below the gain of noise, so they need no exact value. A
/// margin of a thousandth covers rounding.
fn most_gained(whole_cost: f64, parts: [(&Running, &About); 2]) -> f64 {
    let least = |(part, about): (&Running, &About)| part.n * least_ln(about.spread);
    0.5 * (whole_cost - least(parts[0]) - least(parts[1])) + 1e-3
}

/// A lower bound of the logarithm of a positive number, at most 0.014 too low: its exponent, and between two powers of two a parabola through both
/// ends.
fn least_ln(x: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    let exponent = (x.to_bits() >> 52) as i64 - 1023;
    let part = f64::from_bits(x.to_bits() & FRACTION | 1.0f64.to_bits()) - 1.0;
    std::f64::consts::LN_2 * (exponent as f64 + part + 0.2786 * part * (1.0 - part))
}

/// Reusable buffer in which each series is scaled.
#[derive(Default)]
struct Place {
    scaled: Vec<f64>,
    selection: Selection,
}

impl Place {
    /// In units of the usual movement from one sample to the next, compressed; latencies on a log scale. False if nothing was observed.
    fn scale(&mut self, series: &Series, end: usize) -> bool {
        let is_log = series.metric.family == Family::Latency;
        let log = |v: f64| if v.is_nan() { v } else { (v.max(0.0) + 1e-9).ln() };
        let values = &mut self.scaled;
        values.clear();
        values.extend(series.values[..end].iter().map(|v| if is_log { log(*v) } else { *v }));
        let centre = self.selection.median(values.iter().copied());
        if centre.is_nan() {
            return false;
        }
        let steps = self.selection.median(values.windows(2).map(|w| (w[1] - w[0]).abs()));
        let floor = if is_log { 0.02 } else { (0.02 * centre.abs()).max(1e-12) };
        let scale = (steps / 0.954).max(floor);
        values.iter_mut().for_each(|v| *v = signed_log((*v - centre) / (LINEAR_STEPS * scale)));
        true
    }
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
    use crate::frame::{RawSeries, assemble};
    use crate::random::Rng;
    use crate::time::Timestamp;

    #[test]
    fn some_rows_score_as_they_do_among_all() {
        let times: Vec<_> = (0..40).map(|i| Timestamp::from_ms(i * 1000)).collect();
        let mut random = Rng::new(5);
        let points = times.iter().map(|t| (*t, random.normal() + if t.ms() < 25_000 { 0.0 } else { 50.0 })).collect();
        let (service, metric) = ("a".to_owned(), "cpu_cores".to_owned());
        let raw = RawSeries { service, metric, peer: None, points };
        let frame = assemble(vec![raw], times).unwrap().0;
        let all = Change::new(&frame, 40, 0..40);
        assert!(all.split[25 - all.first] > 0.0 && all.shift[25 - all.first] > 0.0);
        let some = Change::new(&frame, 40, 20..30);
        assert_eq!((some.first, &some.split[..]), (20, &all.split[20 - all.first..30 - all.first]));
        assert_eq!(some.shift, all.shift[20 - all.first..30 - all.first]);
        let outside = Change::new(&frame, 40, 39..40);
        assert!(outside.split.is_empty() && Change::new(&frame, 3, 0..3).split.is_empty());
    }

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
            let parts = [(&before, &About::of(&before)), (&after, &About::of(&after))];
            assert!(gain <= most_gained(whole.cost(), parts), "case {case}: {gain}");
        }
    }

    /// Samples that rest at 100 and end at 112: if nothing moves between samples, the usual step is taken as 2 % of the level, and 112 is two times
    /// three of them away.
    #[test]
    fn a_series_at_rest_moves_by_a_part_of_its_level() {
        let values: Vec<f64> = (0..12).map(|i| if i < 9 { 100.0 } else { 112.0 }).collect();
        let of = |name: &str| {
            let metric = crate::metric::Metric::parse(name);
            let series =
                Series { service: crate::frame::ServiceIdx(0), metric, peer: None, values: values.clone().into() };
            let mut place = Place::default();
            assert!(place.scale(&series, 12));
            place.scaled[11]
        };
        assert!((of("cpu_cores") - signed_log(2.0)).abs() < 1e-12, "{}", of("cpu_cores"));
        // A latency moves by a part of itself at any level.
        let logs = 1.12_f64.ln() / (LINEAR_STEPS * 0.02);
        assert!((of("latency_ms") - signed_log(logs)).abs() < 1e-6, "{}", of("latency_ms"));
    }

    #[test]
    fn the_short_logarithm_is_a_little_less_than_the_exact_one() {
        for i in 1..4_000 {
            let x = 0.0007 * f64::from(i) * f64::from(i);
            let missing = x.ln() - least_ln(x);
            assert!((-1e-12..0.014).contains(&missing), "{x}: {missing}");
        }
    }
}
