//! Independence test by partial correlation with Fisher's z-transform (Fisher 1924).
//!
//! The correlation of `i` and `j` with the linear influence of the conditions taken out is `r`; `atanh(r)·√(n − |given| − 3)` is standard
//! normal if the two are independent. Here `n` counts effective samples. Golden values are from pingouin, scipy and causal-learn
//! (`tests/golden.rs`).
//!
//! Worked example: correlations of 0.6 (i, j), 0.7 (i, k) and 0.8 (j, k) leave (0.6 − 0.7 · 0.8) / √((1 − 0.49)(1 − 0.64)) = 0.093 between i
//! and j given k. With 50 effective samples z = 0.0936 · √46 = 0.63 and p = 0.53: independent given k.

use rayon::prelude::*;
use statrs::function::erf::erfc;

use super::effective::{autocorrelation, dot, effective_samples, effective_samples_of};
use super::{CiOptions, Outcome, Scores, place};

/// If less than this share of its variance is left, the conditions determine a series and the test is undefined.
const MIN_REST: f64 = 1e-9;
/// Above this share of variance the closed form for two conditions is accurate enough.
const NEAR: f64 = 1e-3;

/// Correlations and effective sample sizes of all pairs.
#[derive(Debug)]
pub struct FisherZ {
    series: usize,
    /// Samples of the longest row.
    length: usize,
    /// Pearson correlation of the scores of every pair; `NaN` if it shares too few samples.
    correlation: Vec<f64>,
    /// Effective samples of every pair.
    samples: Vec<f64>,
    /// The scores, for the residuals of conditional tests; empty if all samples count.
    rows: Vec<Vec<f64>>,
    min_degrees: f64,
}

impl FisherZ {
    /// Computes all correlations. Cost: O(series² × (samples + lags)), in parallel; memory: 16 bytes per pair.
    pub fn new(scores: &Scores, options: &CiOptions) -> Self {
        let n = scores.len();
        let lags: Vec<Vec<f64>> = match options.effective_samples {
            true => scores.rows.par_iter().map(|row| autocorrelation(row)).collect(),
            false => vec![Vec::new(); n],
        };
        let unit: Vec<Vec<f64>> = scores.rows.par_iter().map(|row| unit_length(row)).collect();
        let pair = |i: usize, j: usize| {
            if !scores.is_testable(i) || !scores.is_testable(j) {
                return (f64::NAN, 0.0);
            }
            let (r, shared) = if scores.has_gaps[i] || scores.has_gaps[j] {
                correlation_with_gaps(&scores.rows[i], &scores.rows[j])
            } else {
                (dot(&unit[i], &unit[j]), unit[i].len())
            };
            (r.clamp(-1.0, 1.0), effective_samples(shared, &lags[i], &lags[j]))
        };
        let pairs_of = |i: usize| (i + 1..n).map(|j| pair(i, j)).unzip();
        let rows: Vec<(Vec<f64>, Vec<f64>)> = (0..n).into_par_iter().map(pairs_of).collect();
        let (correlation, samples): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let (correlation, samples) = (correlation.concat(), samples.concat());
        let rows = if options.effective_samples { scores.rows.clone() } else { Vec::new() };
        let length = scores.rows.iter().map(Vec::len).max().unwrap_or(0);
        Self { series: n, length, correlation, samples, rows, min_degrees: options.min_degrees }
    }

    /// Pearson correlation of two series' scores, −1 to 1; `NaN` if it is undetermined.
    pub fn correlation(&self, i: usize, j: usize) -> f64 {
        if i == j { 1.0 } else { self.correlation[place(self.series, i, j)] }
    }

    /// |Partial correlation|; `None` if it is undetermined or the conditions determine `i` or `j`.
    pub(super) fn strength(&self, i: usize, j: usize, given: &[usize]) -> Option<f64> {
        let r = partial_correlation(|a, b| self.correlation(a, b), i, j, given);
        (!r.is_nan()).then(|| r.abs())
    }

    /// Tests whether `i` and `j` are independent given `given`: `Z = atanh(r)·√(n_eff − |given| − 3)` is standard normal if they are.
    ///
    /// The effective samples of a conditional test are those of the residuals, since the residuals may vary more slowly or faster than the load
    /// that the services share. Cost: O(|given|³ + samples · (|given|² + lags)).
    pub fn test(&self, i: usize, j: usize, given: &[usize]) -> Outcome {
        let Some(strength) = self.strength(i, j, given) else { return Outcome::Insufficient };
        let degrees = self.effective_samples(i, j, given) - given.len() as f64 - 3.0;
        if degrees < self.min_degrees {
            return Outcome::Insufficient;
        }
        Outcome::Tested { p_value: p_value(strength, degrees), strength }
    }

    /// Whether a partial correlation of this strength would not be significant at `alpha` even if every sample counted. There are never more
    /// effective samples than that, so the outcome of [`Self::test`] is known without its cost. False allows no conclusion.
    pub(super) fn is_surely_insignificant(&self, strength: f64, conditions: usize, alpha: f64) -> bool {
        let degrees = self.length as f64 - conditions as f64 - 3.0;
        degrees > 0.0 && p_value(strength, degrees) > alpha
    }

    fn effective_samples(&self, i: usize, j: usize, given: &[usize]) -> f64 {
        if given.is_empty() || self.rows.is_empty() {
            return self.samples[place(self.series, i, j)];
        }
        let given = orthogonal(&self.rows, given);
        // The smaller position first, so that the result is bit-identical for (i, j) and (j, i).
        effective_samples_of(&residual(&self.rows[i.min(j)], &given), &residual(&self.rows[i.max(j)], &given))
    }
}

/// Probability of a correlation at least this strong between independent series.
fn p_value(strength: f64, degrees: f64) -> f64 {
    two_sided(strength.min(1.0 - 1e-15).atanh() * degrees.sqrt())
}

/// Probability that a standard normal value is at least this far from 0.
pub(super) fn two_sided(z: f64) -> f64 {
    erfc(z / std::f64::consts::SQRT_2)
}

/// Correlation of `i` and `j` with the linear influence of the series in `given` removed from both, −1 to 1.
///
/// Computed from plain correlations by eliminating the conditions one after the other. `NaN` if a correlation is `NaN` or the conditions
/// determine `i` or `j` (perfect collinearity); conditions that determine each other count once. O(|given|³).
///
/// ```
/// use automap_core::independence::partial_correlation;
///
/// // Both depend on series 2, which accounts for nearly all of their correlation of 0.6.
/// let r = [[1.0, 0.6, 0.7], [0.6, 1.0, 0.8], [0.7, 0.8, 1.0]];
/// let given_2 = partial_correlation(|a, b| r[a][b], 0, 1, &[2]);
/// assert!((given_2 - 0.0934).abs() < 1e-4, "(0.6 − 0.7 · 0.8) / √((1 − 0.49)(1 − 0.64)) = {given_2}");
/// ```
pub fn partial_correlation(correlation: impl Fn(usize, usize) -> f64, i: usize, j: usize, given: &[usize]) -> f64 {
    match *given {
        // Closed forms for one and two conditions, which nearly all tests have.
        [k] => return given_one(correlation(i, j), correlation(i, k), correlation(j, k)),
        [k, l] => {
            let [ik, jk, kl] = [correlation(i, k), correlation(j, k), correlation(k, l)];
            let [il, jl] = [correlation(i, l), correlation(j, l)];
            let (rest_i, rest_j, rest_l) = (1.0 - ik * ik, 1.0 - jk * jk, 1.0 - kl * kl);
            // Only far from every limit; near one, the general method decides whether a series counts as determined.
            if rest_i.min(rest_j).min(rest_l) > NEAR {
                let [ij, il, jl] = [given_one(correlation(i, j), ik, jk), given_one(il, ik, kl), given_one(jl, jk, kl)];
                if (1.0 - il * il).min(1.0 - jl * jl) > NEAR {
                    return given_one(ij, il, jl);
                }
            }
        }
        _ => {}
    }
    let names: Vec<usize> = given.iter().copied().chain([i, j]).collect();
    let n = names.len();
    let mut m: Vec<f64> =
        names.iter().flat_map(|&a| names.iter().map(move |&b| (a, b))).map(|(a, b)| correlation(a, b)).collect();
    for k in 0..given.len() {
        let pivot = m[k * n + k];
        // This condition is determined by an earlier one.
        if pivot < MIN_REST {
            continue;
        }
        for a in k + 1..n {
            let factor = m[a * n + k] / pivot;
            for b in k + 1..n {
                m[a * n + b] -= factor * m[k * n + b];
            }
        }
    }
    let (ii, jj, ij) = (m[(n - 2) * n + n - 2], m[(n - 1) * n + n - 1], m[(n - 2) * n + n - 1]);
    if ii < MIN_REST || jj < MIN_REST { f64::NAN } else { (ij / (ii * jj).sqrt()).clamp(-1.0, 1.0) }
}

/// Correlation given one condition, from the three plain ones; `NaN` if it determines one of the two.
fn given_one(ij: f64, ik: f64, jk: f64) -> f64 {
    let (rest_i, rest_j) = (1.0 - ik * ik, 1.0 - jk * jk);
    if rest_i < MIN_REST || rest_j < MIN_REST {
        return f64::NAN;
    }
    ((ij - ik * jk) / (rest_i * rest_j).sqrt()).clamp(-1.0, 1.0)
}

fn unit_length(row: &[f64]) -> Vec<f64> {
    let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
    row.iter().map(|v| v / length).collect()
}

/// The residual of a row after regression on `given`; `NaN` where the row or a condition was not observed. O(samples · |given|).
///
/// `given` is made orthogonal first, see [`orthogonal`].
fn residual(row: &[f64], given: &[Vec<f64>]) -> Vec<f64> {
    let mut rest = row.to_vec();
    for z in given {
        let factor = observed_dot(&rest, z) / observed_dot(z, z);
        rest.iter_mut().zip(z).for_each(|(r, z)| *r -= factor * z);
    }
    rest
}

/// The conditions, each with the influence of the earlier ones removed (Gram & Schmidt); those with nothing left are dropped.
fn orthogonal(rows: &[Vec<f64>], given: &[usize]) -> Vec<Vec<f64>> {
    let mut out: Vec<Vec<f64>> = Vec::with_capacity(given.len());
    for &k in given {
        let rest = residual(&rows[k], &out);
        if observed_dot(&rest, &rest) > MIN_REST * observed_dot(&rows[k], &rows[k]) {
            out.push(rest);
        }
    }
    out
}

fn observed_dot(a: &[f64], b: &[f64]) -> f64 {
    let sum = dot(a, b);
    if !sum.is_nan() {
        return sum;
    }
    a.iter().zip(b).map(|(x, y)| x * y).filter(|v| !v.is_nan()).sum()
}

/// Pearson correlation over the rows in which both are observed, and the number of these rows.
pub(super) fn correlation_with_gaps(a: &[f64], b: &[f64]) -> (f64, usize) {
    let shared: Vec<(f64, f64)> =
        a.iter().zip(b).filter(|(x, y)| !x.is_nan() && !y.is_nan()).map(|(x, y)| (*x, *y)).collect();
    let n = shared.len() as f64;
    let (sum_x, sum_y) = shared.iter().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x, sy + y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in &shared {
        let (dx, dy) = (x - sum_x / n, y - sum_y / n);
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    let r = if xx > 0.0 && yy > 0.0 { xy / (xx * yy).sqrt() } else { f64::NAN };
    (r, shared.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r12 = .5, r13 = .6, r23 = .7: (.5 − .42) / √((1 − .36)(1 − .49)) = .08 / .5713 = .1400. By hand.
    #[test]
    fn one_condition_by_hand_and_by_elimination() {
        let r = |a: usize, b: usize| [[1.0, 0.5, 0.6], [0.5, 1.0, 0.7], [0.6, 0.7, 1.0]][a][b];
        let one = partial_correlation(r, 0, 1, &[2]);
        assert!((one - 0.08 / 0.3264_f64.sqrt()).abs() < 1e-12);
        // The same condition twice changes nothing and does not blow up.
        let twice = partial_correlation(|a, b| r(a.min(2), b.min(2)), 0, 1, &[2, 3]);
        assert!((one - twice).abs() < 1e-9);
    }

    #[test]
    fn a_condition_that_determines_a_series_leaves_nothing_to_say() {
        let identical = |a: usize, b: usize| if a == b || a + b == 2 { 1.0 } else { 0.4 };
        assert!(partial_correlation(identical, 0, 1, &[2]).is_nan());
        let a: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 11)).collect();
        let b: Vec<f64> = (0..40).map(|i| f64::from(i * 5 % 13)).collect();
        let test = FisherZ::new(&Scores::new(&[a.clone(), b, a]), &CiOptions::default());
        assert_eq!(test.test(0, 1, &[2]), Outcome::Insufficient);
    }

    #[test]
    fn few_samples_and_constants_are_insufficient_and_identity_is_certain() {
        let a: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 11)).collect();
        let test = FisherZ::new(&Scores::new(&[a.clone(), a.clone(), vec![1.0; 40]]), &CiOptions::default());
        assert!(test.test(0, 1, &[]).p_value().is_some_and(|p| p < 1e-9));
        assert_eq!(test.test(0, 2, &[]), Outcome::Insufficient);
        let short = FisherZ::new(&Scores::plain(&[a[..7].to_vec(), a[..7].to_vec()]), &CiOptions::default());
        assert_eq!(short.test(0, 1, &[]), Outcome::Insufficient);
    }
}
