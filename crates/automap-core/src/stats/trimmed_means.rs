//! Yuen's test: do two groups have the same trimmed mean (Yuen 1974)?
//!
//! Complements Mann–Whitney, which cannot distinguish a jump of a hundred spreads from one of two: here the size of the jump counts, while
//! trimming removes single outliers.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::finite;

/// Share of the values trimmed at each end: the usual choice (Wilcox 2012), and more than the ramp at an incident's start.
const TRIM: f64 = 0.2;

/// A group's trimmed mean and how much it varies.
struct Trimmed {
    mean: f64,
    /// Winsorized variance of one value.
    variance: f64,
    /// Number of values left after trimming.
    left: f64,
}

/// Two-sided p-value for equal trimmed means, 0–1.
///
/// # Arguments
/// - `phi`: persistence of the samples (see [`super::persistence`]), 0 for independent values.
/// - `least_spread`: variances are not taken below its square; in the unit of the values.
///
/// `NaN` is skipped; `None` with fewer than two values left in a group. The variance of a mean grows by `(1 + φ)/(1 − φ)`; the degrees of
/// freedom, which are those of a variance, shrink only by `(1 − φ²)/(1 + φ²)` (Bayley and Hammersley 1946). O(n·log n).
///
/// ```
/// use automap_core::stats::trimmed_means_p_value;
///
/// let (before, after) = ([3.1, 2.9, 3.4, 3.0, 2.7, 3.3, 9.0, 3.2], [4.1, 3.9, 4.4, 4.0, 3.7, 4.3, 0.5, 4.2]);
/// let p = trimmed_means_p_value(&before, &after, 0.0, 0.0).expect("enough values");
/// assert!(p < 0.01, "the outliers 9.0 and 0.5 are trimmed away: {p}");
/// assert!(trimmed_means_p_value(&before, &after, 0.8, 0.0).expect("enough values") > p, "repetition costs certainty");
/// ```
pub fn trimmed_means_p_value(first: &[f64], second: &[f64], phi: f64, least_spread: f64) -> Option<f64> {
    let (a, b) = (Trimmed::of(first)?, Trimmed::of(second)?);
    let error = |t: &Trimmed| t.variance.max(least_spread * least_spread) / t.left * (1.0 + phi) / (1.0 - phi);
    let degrees = |t: &Trimmed| (t.left - 1.0) * (1.0 - phi * phi) / (1.0 + phi * phi);
    let (va, vb) = (error(&a), error(&b));
    if va + vb <= 0.0 {
        return Some(if a.mean == b.mean { 1.0 } else { 0.0 });
    }
    let t = (b.mean - a.mean) / (va + vb).sqrt();
    let welch = (va + vb).powi(2) / (va * va / degrees(&a) + vb * vb / degrees(&b));
    StudentsT::new(0.0, 1.0, welch).ok().map(|student| 2.0 * student.sf(t.abs()))
}

impl Trimmed {
    fn of(values: &[f64]) -> Option<Self> {
        let mut values = finite(values);
        values.sort_unstable_by(f64::total_cmp);
        let cut = (TRIM * values.len() as f64) as usize;
        let kept = values.get(cut..values.len() - cut).filter(|kept| kept.len() >= 2)?;
        let (low, high) = (kept[0], kept[kept.len() - 1]);
        let left = kept.len() as f64;
        let winsorized = values.iter().map(|v| v.clamp(low, high));
        let centre = winsorized.clone().sum::<f64>() / values.len() as f64;
        let squares: f64 = winsorized.map(|v| (v - centre).powi(2)).sum();
        Some(Self { mean: kept.iter().sum::<f64>() / left, variance: squares / (left - 1.0), left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 10] = [3.1, 2.9, 3.4, 3.0, 2.7, 3.3, 9.0, 3.2, 2.8, 3.05];
    const B: [f64; 8] = [4.1, 3.9, 4.4, 4.0, f64::NAN, 3.7, 4.3, 0.5];

    /// `scipy.stats.ttest_ind(a, b, trim=0.2, equal_var=False).pvalue` = 0.0008301155504495011 (scipy 1.17.1).
    #[test]
    fn agrees_with_scipy_on_independent_values() {
        let p = trimmed_means_p_value(&A, &B, 0.0, 0.0).unwrap();
        assert!((p - 0.000_830_115_550_449_501_1).abs() < 1e-12, "{p}");
    }

    #[test]
    fn memory_and_a_least_spread_cost_certainty() {
        let p = |phi, least| trimmed_means_p_value(&A, &B, phi, least).unwrap();
        assert!(p(0.5, 0.0) > 5.0 * p(0.0, 0.0));
        assert!(p(0.0, 10.0) > 0.5);
        assert_eq!(trimmed_means_p_value(&[1.0; 8], &[1.0; 8], 0.9, 0.0), Some(1.0));
        assert_eq!(trimmed_means_p_value(&[1.0], &A, 0.0, 0.0), None);
    }
}
