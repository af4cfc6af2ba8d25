//! Mann–Kendall test for a monotone trend (Mann 1945, Kendall 1975), with the variance of Hamed and Rao (1998) for autocorrelated data.
//!
//! The test counts rising and falling pairs, so that neither outliers nor the shape of the trend matter. The Theil–Sen slope shows how steep
//! the trend is.

use statrs::distribution::{ContinuousCDF, Normal};

use super::finite;

/// Kendall's S of a series against its own order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannKendall {
    /// Rising pairs minus falling pairs. Range `±n(n−1)/2`.
    pub s: f64,
    /// Variance of `s` for independent values, with ties taken into account; 0 if all values are equal.
    pub variance: f64,
    /// Observed values.
    pub n: usize,
}

/// Counts rising and falling pairs of a series. `NaN` is skipped; `None` with fewer than three observed values. O(n²).
///
/// ```
/// use automap_core::stats::mann_kendall;
///
/// // Nine of the ten pairs rise and one falls: S = 8. Variance 5·4·15/18 = 16.67, z = 7/4.08 = 1.71.
/// let test = mann_kendall(&[1.0, 2.0, 4.0, 3.0, 5.0]).expect("five values");
/// assert_eq!(test.s, 8.0);
/// assert!((test.p_value(1.0) - 0.086).abs() < 0.001);
/// ```
pub fn mann_kendall(values: &[f64]) -> Option<MannKendall> {
    let values = finite(values);
    let n = values.len();
    if n < 3 {
        return None;
    }
    let sign = |a: f64, b: f64| {
        if b > a {
            1.0
        } else if b < a {
            -1.0
        } else {
            0.0
        }
    };
    let s = (0..n).map(|i| values[i + 1..].iter().map(|v| sign(values[i], *v)).sum::<f64>()).sum();
    let term = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let mut sorted = values;
    sorted.sort_unstable_by(f64::total_cmp);
    let tied: f64 = sorted.chunk_by(|a, b| a == b).map(|run| term(run.len() as f64)).sum();
    Some(MannKendall { s, variance: (term(n as f64) - tied) / 18.0, n })
}

impl MannKendall {
    /// Two-sided p-value of the normal approximation with continuity correction, 0–1. The variance is multiplied by `inflation`, which is 1 for
    /// independent values and comes from [`hamed_rao_inflation`] otherwise. 1 if all values are equal.
    pub fn p_value(&self, inflation: f64) -> f64 {
        let spread = (self.variance * inflation).sqrt();
        if spread > 0.0 { 2.0 * Normal::standard().sf((self.s.abs() - 1.0).max(0.0) / spread) } else { 1.0 }
    }
}

/// Factor by which the variance of S grows with autocorrelation `rho[0]`, `rho[1]`, … at lags 1, 2, … (Hamed and Rao 1998):
/// `1 + 2/(n(n−1)(n−2)) · Σ (n−i)(n−i−1)(n−i−2)·ρ(i)`. Lags from `n − 2` on have no weight.
pub fn hamed_rao_inflation(n: usize, rho: impl IntoIterator<Item = f64>) -> f64 {
    let weight = |left: f64| (left * (left - 1.0) * (left - 2.0)).max(0.0);
    let n = n as f64;
    let whole = weight(n);
    if whole == 0.0 {
        return 1.0;
    }
    let lags = (1..).map(f64::from).take_while(|lag| n - lag > 2.0);
    1.0 + 2.0 / whole * lags.zip(rho).map(|(lag, rho)| weight(n - lag) * rho).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{average_ranks, theil_sen};

    /// ```python
    /// z = [1.0, 2.3, 1.9, 3.7, 3.7, 5.1, 4.0, 6.6, 7.0, 6.2]
    /// pymannkendall.original_test(z)  # s 36, var_s 124, p 0.001671728396484884
    /// ```
    #[test]
    fn agrees_with_pymannkendall() {
        let test = mann_kendall(&[1.0, 2.3, 1.9, 3.7, f64::NAN, 3.7, 5.1, 4.0, 6.6, 7.0, 6.2]).unwrap();
        assert_eq!((test.s, test.variance, test.n), (36.0, 124.0, 10));
        assert!((test.p_value(1.0) - 0.001_671_728_396_484_884).abs() < 1e-12);
    }

    /// The significant autocorrelations of the ranks after the slope is taken off, as Hamed & Rao do it:
    /// ```python
    /// w = [2, 3, 5, 4, 6, 9, 8, 7, 5, 4, 3, 5, 8, 11, 12, 12, 10, 9, 8, 7, 9, 12, 14, 15, 13]
    /// pymannkendall.original_test(w)                  # s 175, var_s 1815.6666666666667
    /// pymannkendall.hamed_rao_modification_test(w)    # s 175, var_s 783.6972205586316
    /// ```
    #[test]
    fn the_inflation_agrees_with_pymannkendall() {
        let w = [2, 3, 5, 4, 6, 9, 8, 7, 5, 4, 3, 5, 8, 11, 12, 12, 10, 9, 8, 7, 9, 12, 14, 15, 13].map(f64::from);
        let x: Vec<f64> = (0..25).map(f64::from).collect();
        let slope = theil_sen(&x, &w).unwrap().slope;
        let ranks = average_ranks(&w.iter().zip(&x).map(|(w, x)| w - slope * (x + 1.0)).collect::<Vec<_>>());
        let dot = |lag: usize| ranks.iter().zip(&ranks[lag..]).map(|(a, b)| (a - 13.0) * (b - 13.0)).sum::<f64>();
        let rho = (1..25).map(|lag| dot(lag) / dot(0));
        let significant = rho.map(|r| if r.abs() > 1.96 / 5.0 { r } else { 0.0 });
        let test = mann_kendall(&w).unwrap();
        let variance = test.variance * hamed_rao_inflation(25, significant);
        assert_eq!(test.s, 175.0);
        assert!((variance - 783.697_220_558_631_6).abs() < 1e-6, "{variance}");
    }

    #[test]
    fn nothing_moves_and_too_little_is_no_trend() {
        assert_eq!(mann_kendall(&[4.0; 9]).unwrap().p_value(1.0), 1.0);
        assert_eq!(mann_kendall(&[4.0, 5.0]), None);
        assert_eq!(hamed_rao_inflation(2, [0.9]), 1.0);
    }
}
