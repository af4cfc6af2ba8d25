//! Dates the change of one series as a 90 % interval.
//!
//! A rate looks back over several samples, so a sudden fault appears as a short ramp, and noise hides where the ramp begins. Both are handled
//! by one model: a level, a ramp of at most [`LOOK_BACK_STEPS`] samples, another level. Each possible first sample gets the likelihood of the
//! best ramp that starts there, and the interval holds all samples whose likelihood is close enough to the best (Hansen, Econometrica 68,
//! 2000). [`crate::propagation`] compares the intervals of several services.

use super::of_series;
use crate::stats::{finite, mad, median_of, signed_log};

/// Longest ramp, in samples: rates look back over about as many.
pub const LOOK_BACK_STEPS: usize = 5;
/// Share of cases in which the interval contains the change.
pub const LEVEL: f64 = 0.9;
/// How much twice the log-likelihood may fall short of that of the best onset. For a change point this converges to
/// `max(2·W(r) − |r|)` of a two-sided Brownian motion, with `P(≤ x) = (1 − exp(−x/2))²`: 5.94 at 90 % (Hansen, Econometrica 68,
/// 2000, table I). That is an upper bound for whole samples and clear changes; 4.5 holds 90 % in
/// every case of the simulation below.
const LIKELIHOOD_BOUND: f64 = 4.5;
/// Fewest observed samples before an onset.
const MIN_BEFORE: usize = 4;
/// Fewest observed samples from an onset on.
const MIN_AFTER: usize = 2;
/// Movements below this many spreads stay linear, larger ones are compressed, so that the foot of a large ramp counts.
const LINEAR_SPREADS: f64 = 3.0;
/// Smallest variance of the compressed values.
const VARIANCE_FLOOR: f64 = 0.1;
/// This many normal samples in a row end the change; later samples do not affect its onset.
const BACK_TO_NORMAL: usize = 5;

/// The onset of a series and its bounds, as rows of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnsetRows {
    /// Best estimate of the first sample that shows the change: the first of two in a row outside the normal band if that lies within the
    /// bounds, else the likeliest.
    pub row: usize,
    /// Earliest sample that may be the first.
    pub earliest: usize,
    /// Latest sample that may be the first.
    pub latest: usize,
}

/// Dates the clearest change of a series, as an interval that contains the first changed sample in 90 of 100 cases.
///
/// # Arguments
/// - `values`: the whole series; `NaN` is a gap and is skipped.
/// - `rows`: the rows to consider, baseline first, then everything up to the incident's end.
/// - `baseline`: the rows of the baseline.
/// - `floor`: the smallest spread that matters, in the series' unit.
/// - `rises_only`: whether a fall is ignored, as for latency and errors.
///
/// Autocorrelated noise widens the interval. `None` with fewer than 4 + 2 observed samples or if nothing changed. O(rows · look-back²).
///
/// ```
/// use automap_core::onset::interval_of_series;
///
/// let mut values = vec![1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0];
/// values.extend([9.0, 9.1, 8.9, 9.0, 9.1]);
/// let (rows, baseline): (Vec<usize>, Vec<usize>) = ((0..15).collect(), (0..8).collect());
/// let onset = interval_of_series(&values, &rows, &baseline, 0.1, true);
/// assert_eq!(onset.map(|o| (o.earliest, o.row, o.latest)), Some((10, 10, 10)));
/// ```
pub fn interval_of_series(
    values: &[f64],
    rows: &[usize],
    baseline: &[usize],
    floor: f64,
    rises_only: bool,
) -> Option<OnsetRows> {
    let normal = finite(&baseline.iter().map(|&i| values[i]).collect::<Vec<_>>());
    if normal.len() < MIN_BEFORE {
        return None;
    }
    let centre = median_of(normal.clone());
    let scale = Scale { centre, spread: mad(&normal, centre).max(floor) };
    let from = baseline.last().map_or(0, |last| last + 1).min(*rows.last()?);
    let band = of_series(values, baseline, from.saturating_sub(BACK_TO_NORMAL), floor);
    let end = band.map_or(usize::MAX, |row| end_of_effect(values, rows, row, &scale));
    let observed: Vec<(usize, f64)> =
        rows.iter().filter(|&&i| i < end && !values[i].is_nan()).map(|&i| (i, scale.compress(values[i]))).collect();
    let fit = Fit::new(&observed, rises_only)?;
    let (earliest, latest) = (observed[fit.earliest].0, observed[fit.latest].0);
    let row = band.filter(|row| (earliest..=latest).contains(row)).unwrap_or(observed[fit.best].0);
    Some(OnsetRows { row, earliest, latest })
}

/// The row from which the series is back in its band for [`BACK_TO_NORMAL`] samples.
fn end_of_effect(values: &[f64], rows: &[usize], onset: usize, scale: &Scale) -> usize {
    let later: Vec<usize> = rows.iter().copied().filter(|&i| i > onset && !values[i].is_nan()).collect();
    let is_calm = |i: &usize| (values[*i] - scale.centre).abs() <= LINEAR_SPREADS * scale.spread;
    later.windows(BACK_TO_NORMAL).find(|run| run.iter().all(is_calm)).map_or(usize::MAX, |run| run[0])
}

/// Spreads from normal, linear near it and logarithmic far away.
struct Scale {
    centre: f64,
    spread: f64,
}

impl Scale {
    fn compress(&self, value: f64) -> f64 {
        LINEAR_SPREADS * signed_log((value - self.centre) / self.spread / LINEAR_SPREADS)
    }
}

/// The inverse of [`Scale::compress`], in spreads.
fn expand(compressed: f64) -> f64 {
    LINEAR_SPREADS * compressed.signum() * (compressed.abs() / LINEAR_SPREADS).exp_m1()
}

/// Positions among the observed samples.
struct Fit {
    best: usize,
    earliest: usize,
    latest: usize,
}

impl Fit {
    fn new(observed: &[(usize, f64)], rises_only: bool) -> Option<Self> {
        let y: Vec<f64> = observed.iter().map(|(_, v)| *v).collect();
        let sums = Sums::new(&y);
        let n = y.len();
        let costs: Vec<(usize, f64, usize)> = (MIN_BEFORE..(n + 1).saturating_sub(MIN_AFTER))
            .filter_map(|k| {
                let ramps = (0..=LOOK_BACK_STEPS).filter(|w| k + w + MIN_AFTER <= n);
                let cost = |w| sums.residual(&y, k, w, rises_only).map(|rss| (rss, w));
                let (rss, w) = ramps.filter_map(cost).min_by(|a, b| a.0.total_cmp(&b.0))?;
                Some((k, n as f64 * (rss / n as f64).max(VARIANCE_FLOOR).ln(), w))
            })
            .collect();
        let &(best, lowest, ramp) = costs.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let bound = lowest + LIKELIHOOD_BOUND * inflation(&sums.residuals(&y, best, ramp));
        if costs.len() > 1 && n as f64 * (sums.rss(0, n) / n as f64).max(VARIANCE_FLOOR).ln() <= bound {
            return None;
        }
        let mut close = costs.iter().filter(|(_, cost, _)| *cost <= bound).map(|(k, _, _)| *k);
        let earliest = close.next().unwrap_or(best);
        Some(Self { best, earliest, latest: close.next_back().unwrap_or(earliest) })
    }
}

/// How much more a sum of these residuals varies than a sum of independent ones: `(1 + ρ) / (1 − ρ)`, 1 to the look-back.
fn inflation(residuals: &[f64]) -> f64 {
    let energy: f64 = residuals.iter().map(|e| e * e).sum();
    let lagged: f64 = residuals.windows(2).map(|w| w[0] * w[1]).sum();
    let rho = if energy > 0.0 { (lagged / energy).clamp(0.0, 0.9) } else { 0.0 };
    ((1.0 + rho) / (1.0 - rho)).min(LOOK_BACK_STEPS as f64)
}

/// Running sums, for means and spreads of any range.
struct Sums {
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl Sums {
    fn new(y: &[f64]) -> Self {
        let running = |f: fn(f64) -> f64| {
            let mut total = 0.0;
            let tail = y.iter().map(|v| {
                total += f(*v);
                total
            });
            std::iter::once(0.0).chain(tail).collect()
        };
        Self { sum: running(|v| v), squares: running(|v| v * v) }
    }

    fn mean(&self, from: usize, to: usize) -> f64 {
        (self.sum[to] - self.sum[from]) / (to - from) as f64
    }

    /// Sum of squared distances from the mean.
    fn rss(&self, from: usize, to: usize) -> f64 {
        let sum = self.sum[to] - self.sum[from];
        (self.squares[to] - self.squares[from] - sum * sum / (to - from) as f64).max(0.0)
    }

    /// Squared residuals of a level before `k`, a ramp over `w` samples, and a level from there on.
    fn residual(&self, y: &[f64], k: usize, w: usize, rises_only: bool) -> Option<f64> {
        let (a, b) = (self.mean(0, k), self.mean(k + w, y.len()));
        if rises_only && b <= a {
            return None;
        }
        let ramp: f64 = (0..w).map(|i| (y[k + i] - on_ramp(a, b, i, w)).powi(2)).sum();
        Some(self.rss(0, k) + ramp + self.rss(k + w, y.len()))
    }

    fn residuals(&self, y: &[f64], k: usize, w: usize) -> Vec<f64> {
        let (a, b) = (self.mean(0, k), self.mean(k + w, y.len()));
        let model = |i: usize| match i {
            i if i < k => a,
            i if i < k + w => on_ramp(a, b, i - k, w),
            _ => b,
        };
        y.iter().enumerate().map(|(i, v)| v - model(i)).collect()
    }
}

/// The compressed value at the `i`-th of `w` samples of a ramp that is straight before compression.
fn on_ramp(a: f64, b: f64, i: usize, w: usize) -> f64 {
    let (a, b) = (expand(a), expand(b));
    let at = a + (b - a) * (i + 1) as f64 / (w + 1) as f64;
    LINEAR_SPREADS * signed_log(at / LINEAR_SPREADS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    /// One level, then `shift` spreads more from row `at` on; every sample the mean of the last `window`; `ar` is the share of the
    /// noise that carries over.
    fn simulate(rng: &mut Rng, (n, at): (usize, usize), shift: f64, window: usize, ar: f64) -> Vec<f64> {
        const WARM_UP: usize = 10;
        let mut noise = 0.0;
        let raw: Vec<f64> = (0..WARM_UP + n)
            .map(|i| {
                noise = ar * noise + (1.0 - ar * ar).sqrt() * rng.normal();
                noise + if i >= WARM_UP + at { shift } else { 0.0 }
            })
            .collect();
        (WARM_UP..WARM_UP + n).map(|i| raw[i + 1 - window..=i].iter().sum::<f64>() / window as f64).collect()
    }

    /// Share of 400 simulated series whose interval holds the first changed row, and the median width in rows.
    fn coverage(size: (usize, usize), shift: f64, window: usize, ar: f64) -> (f64, usize) {
        let mut rng = Rng::new(7);
        let (rows, baseline): (Vec<usize>, Vec<usize>) = ((0..size.0).collect(), (0..size.1 - 5).collect());
        let mut widths = Vec::new();
        let mut hits = 0;
        for _ in 0..400 {
            let values = simulate(&mut rng, size, shift, window, ar);
            if let Some(found) = interval_of_series(&values, &rows, &baseline, 1e-9, false) {
                hits += usize::from((found.earliest..=found.latest).contains(&size.1));
                widths.push(found.latest - found.earliest);
            }
        }
        widths.sort_unstable();
        (hits as f64 / widths.len() as f64, widths[widths.len() / 2])
    }

    /// Steps and rates, white and sluggish noise, faint to huge, a long incident and one of 16 samples.
    #[test]
    fn nine_of_ten_intervals_hold_the_change() {
        for size in [(90, 60), (46, 30)] {
            for shift in [2.0, 4.0, 10.0, 100.0] {
                for (window, ar) in [(1, 0.0), (1, 0.6), (4, 0.0), (5, 0.5)] {
                    let (share, width) = coverage(size, shift, window, ar);
                    assert!(share >= 0.9, "{size:?} shift {shift} window {window} ar {ar}: {share} of width {width}");
                }
            }
        }
    }

    #[test]
    fn clear_changes_have_narrow_intervals() {
        assert_eq!(coverage((90, 60), 10.0, 1, 0.0).1, 0);
        assert!(coverage((90, 60), 10.0, 5, 0.0).1 <= 2);
        assert!(coverage((90, 60), 100.0, 5, 0.5).1 <= 1);
        assert!(coverage((90, 60), 2.0, 1, 0.0).1 >= 3, "and faint ones are honest");
    }

    fn of(values: &[f64], normal: usize) -> Option<OnsetRows> {
        let (rows, baseline): (Vec<usize>, Vec<usize>) = ((0..values.len()).collect(), (0..normal).collect());
        interval_of_series(values, &rows, &baseline, 0.1, true)
    }

    #[test]
    fn by_hand() {
        let mut values = vec![1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 9.0, 9.1, 8.9, 9.0, 9.1];
        assert_eq!(of(&values, 8), Some(OnsetRows { row: 10, earliest: 10, latest: 10 }));
        values[9] = f64::NAN;
        assert_eq!(of(&values, 8), Some(OnsetRows { row: 10, earliest: 10, latest: 10 }), "a gap is no change");
        let fall: Vec<f64> = values.iter().map(|v| 10.0 - v).collect();
        assert_eq!(of(&fall, 8), None, "a latency that falls is no symptom");
        assert_eq!(of(&[1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1], 8), None, "nothing changed");
        assert_eq!(of(&[1.0, 1.0, 1.0], 3), None, "too few samples");
    }

    #[test]
    fn a_burst_that_ends_keeps_its_beginning() {
        let mut values: Vec<f64> = (0..60).map(|i| 1.0 + 0.1 * f64::from(i % 3)).collect();
        values[30..36].fill(9.0);
        assert_eq!(of(&values, 25), Some(OnsetRows { row: 30, earliest: 30, latest: 30 }));
    }
}
