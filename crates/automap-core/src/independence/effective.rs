//! Effective sample size: how many independent samples two autocorrelated series are worth for their correlation (Bartlett 1935).
//!
//! The product of both autocorrelations matters: a slow series paired with a fast one is worth nearly all its samples.

/// Longest lag used, as a share of the samples.
const MAX_LAG_SHARE: f64 = 1.0 / 3.0;
/// Longest lag used.
const MAX_LAG: usize = 64;

/// Autocorrelation of a centred series at lags 1, 2, … up to a third of its length and at most 64; gaps are left out and the sum
/// over the shared samples is scaled up. Empty for a constant series.
pub(super) fn autocorrelation(row: &[f64]) -> Vec<f64> {
    let lagged = Lagged::of(row);
    (1..=lagged.longest()).map(|lag| lagged.at(lag)).collect()
}

/// Computes the autocorrelation of a series lag by lag.
struct Lagged<'a> {
    row: &'a [f64],
    observed: usize,
    energy: f64,
}

impl<'a> Lagged<'a> {
    fn of(row: &'a [f64]) -> Self {
        let observed = row.iter().filter(|v| !v.is_nan()).count();
        let energy = row.iter().filter(|v| !v.is_nan()).map(|v| v * v).sum();
        Self { row, observed, energy }
    }

    fn longest(&self) -> usize {
        let varies = self.observed > 0 && self.energy > 0.0;
        if varies { ((self.row.len() as f64 * MAX_LAG_SHARE) as usize).min(MAX_LAG) } else { 0 }
    }

    fn at(&self, lag: usize) -> f64 {
        let (row, n) = (self.row, self.observed);
        if n == row.len() {
            return dot(&row[..n - lag], &row[lag..]) / self.energy;
        }
        let (mut sum, mut pairs) = (0.0, 0usize);
        for (a, b) in row.iter().zip(&row[lag..]) {
            let product = a * b;
            if !product.is_nan() {
                sum += product;
                pairs += 1;
            }
        }
        // Without gaps, the usual biased estimate: the sum over n − lag products, divided by n.
        let expected = n as f64 * (row.len() - lag) as f64 / row.len() as f64;
        if pairs == 0 { 0.0 } else { sum / pairs as f64 * expected / self.energy }
    }
}

/// [`effective_samples`] of two centred series over the same rows. Computes no more lags than needed, often two or three.
pub(super) fn effective_samples_of(x: &[f64], y: &[f64]) -> f64 {
    let shared = x.iter().zip(y).filter(|(a, b)| !a.is_nan() && !b.is_nan()).count();
    let (x, y) = (Lagged::of(x), Lagged::of(y));
    let lags = 1..=x.longest().min(y.longest());
    let (a, b): (Vec<f64>, Vec<f64>) = lags.map(|lag| (x.at(lag), y.at(lag))).take_while(|(a, b)| a * b > 0.0).unzip();
    effective_samples(shared, &a, &b)
}

/// Sum of products. Eight partial sums let the compiler use vector instructions and keep the order of additions fixed.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f64>() + tail
}

/// Effective number of samples for the correlation of two series, at most `n`.
///
/// `n` is the number of shared samples, `x` and `y` are the autocorrelations at lags 1, 2, …. The result is
/// `n / (1 + 2 Σ (1 − j/n)·ρx(j)·ρy(j))`, where the sum ends at the first product that is not positive (Bartlett 1935). O(lags).
///
/// ```
/// use automap_core::independence::effective_samples;
///
/// // Both repeat half of themselves at lag 1: 10 / (1 + 2 · 0.9 · 0.25) = 6.9.
/// assert!((effective_samples(10, &[0.5, 0.0], &[0.5, 0.3]) - 6.897).abs() < 1e-3);
/// assert_eq!(effective_samples(10, &[], &[0.5]), 10.0);
/// ```
pub fn effective_samples(n: usize, x: &[f64], y: &[f64]) -> f64 {
    let n = n as f64;
    let products = x.iter().zip(y).map(|(a, b)| a * b).take_while(|product| *product > 0.0);
    let sum: f64 = products.enumerate().map(|(i, product)| (1.0 - (i + 1) as f64 / n).max(0.0) * product).sum();
    n / (1.0 + 2.0 * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// −1, 1, −1, 1: lag 1 is −3/4, and 4/3 of a length of 4 leaves one lag. By hand.
    #[test]
    fn autocorrelation_by_hand() {
        assert_eq!(autocorrelation(&[-1.0, 1.0, -1.0, 1.0]), [-0.75]);
        assert!(autocorrelation(&[0.0; 6]).is_empty());
    }

    /// ρ = 0.5 at lag 1 for both: 10 / (1 + 2 · 0.9 · 0.25) = 6.897.
    #[test]
    fn repetition_costs_samples_and_its_absence_none() {
        assert!((effective_samples(10, &[0.5, 0.0], &[0.5, 0.3]) - 10.0 / 1.45).abs() < 1e-12);
        assert_eq!(effective_samples(10, &[-0.5], &[0.5]), 10.0);
        assert_eq!(effective_samples(10, &[], &[0.5]), 10.0);
    }

    #[test]
    fn both_ways_to_ask_agree() {
        let x: Vec<f64> = (0..90).map(|i| (f64::from(i) / 7.0).sin()).collect();
        let y: Vec<f64> = (0..90).map(|i| (f64::from(i) / 9.0).cos()).collect();
        let want = effective_samples(90, &autocorrelation(&x), &autocorrelation(&y));
        assert_eq!(effective_samples_of(&x, &y), want);
        assert_eq!(effective_samples_of(&[0.0; 9], &[0.0; 9]), 9.0);
    }

    #[test]
    fn a_gap_is_left_out() {
        let whole: Vec<f64> = (0..60).map(|i| f64::from(i % 6) - 2.5).collect();
        let mut holed = whole.clone();
        holed[30] = f64::NAN;
        let (a, b) = (autocorrelation(&whole), autocorrelation(&holed));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 0.06), "{a:?} {b:?}");
    }
}
