//! Mean and standard deviation, and their robust counterparts, median and MAD.
//!
//! The robust ones tolerate up to half of the samples being outliers, but ignore bursts shorter than half a window; so the anomaly stage
//! uses both.

use super::{Middle, Selection, key, of_key};

/// Returns the observed values, in order. (Frames hold no infinities, so "finite" and "observed" are the same.)
pub fn finite(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|v| !v.is_nan()).collect()
}

/// Arithmetic mean of the observed values; `NaN` if there are none. O(n).
pub fn mean(values: &[f64]) -> f64 {
    let (sum, n) = values.iter().filter(|v| !v.is_nan()).fold((0.0, 0usize), |(s, n), v| (s + v, n + 1));
    if n == 0 { f64::NAN } else { sum / n as f64 }
}

/// Population standard deviation (divisor n) of the observed values; `NaN` if there are none. O(n).
pub fn sd(values: &[f64]) -> f64 {
    let centre = mean(values);
    let (sum, n) =
        values.iter().filter(|v| !v.is_nan()).fold((0.0, 0usize), |(s, n), v| (s + (v - centre).powi(2), n + 1));
    if n == 0 { f64::NAN } else { (sum / n as f64).sqrt() }
}

/// Median of the observed values, the mean of the two middle ones for an even count; `NaN` if there are none. O(n).
///
/// ```
/// use automap_core::stats::{mad, mean, median};
///
/// let latency_ms = [1.0, 2.0, f64::NAN, 3.0, 4.0, 100.0];
/// assert_eq!(median(&latency_ms), 3.0);
/// assert_eq!(mean(&latency_ms), 22.0, "one wild value moves the mean");
/// // Deviations from 3 are 2, 1, 0, 1 and 97; their median is 1.
/// assert_eq!(mad(&latency_ms, 3.0), 1.4826);
/// assert!(median(&[f64::NAN]).is_nan());
/// ```
pub fn median(values: &[f64]) -> f64 {
    Selection::default().median(values.iter().copied())
}

/// Like [`median`], for values that are all observed. O(n).
pub fn median_of(values: Vec<f64>) -> f64 {
    Selection::default().middle_of_all(values).map_or(f64::NAN, Middle::median)
}

/// The `p`-quantile, 0 to 1, interpolated linearly between the two nearest values as numpy does. `NaN` values are skipped; `NaN` without
/// observations. O(n).
///
/// ```
/// use automap_core::stats::quantile;
///
/// assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.9), 4.6);
/// ```
pub fn quantile(values: &[f64], p: f64) -> f64 {
    let mut keys: Vec<i64> = values.iter().filter(|v| !v.is_nan()).map(|v| key(*v)).collect();
    let Some(last) = keys.len().checked_sub(1) else { return f64::NAN };
    let at = p.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    let (_, lower, above) = keys.select_nth_unstable(below);
    let lower = *lower;
    let (lower, upper) = (of_key(lower), of_key(above.iter().copied().min().unwrap_or(lower)));
    lower + (at - below as f64) * (upper - lower)
}

/// Median absolute deviation from `centre`, times 1.4826, so that it estimates the standard deviation of normally distributed values
/// (Hampel 1974). Up to half of the samples may be outliers. `NaN` without observations. O(n).
pub fn mad(values: &[f64], centre: f64) -> f64 {
    Selection::default().mad(values.iter().copied().filter(|v| !v.is_nan()), centre)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand: 1, 2, 3, 4, 100 → mean 22, median 3, deviations 2, 1, 0, 1, 97 → MAD 1.
    #[test]
    fn textbook_values_with_a_gap() {
        let x = [1.0, 2.0, f64::NAN, 3.0, 4.0, 100.0];
        assert_eq!(mean(&x), 22.0);
        assert_eq!(median(&x), 3.0);
        assert_eq!(mad(&x, 3.0), 1.4826);
        assert!((sd(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]) - 2.0).abs() < 1e-12);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
    }

    #[test]
    fn nothing_observed_gives_nan_and_not_zero() {
        for f in [mean, sd, median] {
            assert!(f(&[]).is_nan() && f(&[f64::NAN]).is_nan());
        }
    }
}
