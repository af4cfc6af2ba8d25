//! How many independent samples two autocorrelated series are worth.

/// Longest lag looked at, as a share of the samples.
const MAX_LAG_SHARE: f64 = 1.0 / 3.0;
/// Longest lag looked at.
const MAX_LAG: usize = 64;

/// Autocorrelation of a centred series at lags 1, 2, … up to a third of its length and at most 64; gaps are left out and what is
/// shared is scaled up. Empty for a constant series.
pub(super) fn autocorrelation(row: &[f64]) -> Vec<f64> {
    let observed = |v: &&f64| !v.is_nan();
    let n = row.iter().filter(observed).count();
    let energy: f64 = row.iter().filter(observed).map(|v| v * v).sum();
    if n == 0 || energy <= 0.0 {
        return Vec::new();
    }
    let longest = ((row.len() as f64 * MAX_LAG_SHARE) as usize).min(MAX_LAG);
    let at = |lag: usize| {
        let (mut sum, mut pairs) = (0.0, 0usize);
        for (a, b) in row.iter().zip(&row[lag..]) {
            let product = a * b;
            if !product.is_nan() {
                sum += product;
                pairs += 1;
            }
        }
        // The usual biased estimate where nothing is missing: the sum over n − lag products, divided by n.
        let expected = n as f64 * (row.len() - lag) as f64 / row.len() as f64;
        if pairs == 0 { 0.0 } else { sum / pairs as f64 * expected / energy }
    };
    (1..=longest).map(at).collect()
}

/// Effective number of samples for the correlation of two series, from `n` shared samples and their autocorrelations at lag 1, 2, …:
/// `n / (1 + 2 Σ (1 − j/n)·ρx(j)·ρy(j))`, the sum ending at the first product that is not positive (Bartlett 1935). At most `n`.
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
    fn a_gap_is_left_out() {
        let whole: Vec<f64> = (0..60).map(|i| f64::from(i % 6) - 2.5).collect();
        let mut holed = whole.clone();
        holed[30] = f64::NAN;
        let (a, b) = (autocorrelation(&whole), autocorrelation(&holed));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 0.06), "{a:?} {b:?}");
    }
}
