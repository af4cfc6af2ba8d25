//! Mann–Whitney test: are the values of one group larger than those of another (Mann and Whitney 1947)?
//!
//! Compares ranks, so that outliers and units do not matter. For autocorrelated samples a variant counts only effective samples; it is what
//! `compare` uses. It does not estimate by how much the groups differ, in units.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use statrs::function::gamma::ln_gamma;

use super::{average_ranks, finite};

/// Two groups compared by ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the second group's value is larger; ties count half. Range 0 to `n·m`.
    pub u: f64,
    /// Observed values of the first group.
    pub n: usize,
    /// Observed values of the second group.
    pub m: usize,
    /// Factor by which ties reduce the variance, 0 (all values equal) to 1 (no ties).
    tie_factor: f64,
}

/// Compares two groups. `NaN` is skipped; `None` if a group has no observed value. O((n + m)·log(n + m)).
///
/// ```
/// use automap_core::stats::mann_whitney;
///
/// let before = [3.1, 4.7, 2.2, 5.0, 4.7, 3.9];
/// let after = [6.1, 4.7, 5.5, 7.2, 8.0];
/// let test = mann_whitney(&before, &after).expect("both groups have values");
/// // 27 of 30 pairs rise and two are tied.
/// assert_eq!(test.u, 28.0);
/// assert!((test.delta() - 26.0 / 30.0).abs() < 1e-12);
/// assert!((test.p_value() - 0.0166).abs() < 1e-4, "as scipy.stats.mannwhitneyu");
/// ```
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Option<MannWhitney> {
    let (mut all, second) = (finite(first), finite(second));
    let (n, m) = (all.len(), second.len());
    if n == 0 || m == 0 {
        return None;
    }
    all.extend(second);
    let ranks = average_ranks(&all);
    let larger: f64 = ranks[n..].iter().sum();
    let u = larger - (m * (m + 1)) as f64 / 2.0;
    Some(MannWhitney { u, n, m, tie_factor: tie_factor(all) })
}

/// `1 − Σ(t³ − t) / (N³ − N)` over groups of `t` equal values.
fn tie_factor(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let cube = |n: usize| (n as f64).powi(3) - n as f64;
    let whole = cube(values.len());
    let tied: f64 = values.chunk_by(|a, b| a == b).map(|run| cube(run.len())).sum();
    if whole == 0.0 { 0.0 } else { 1.0 - tied / whole }
}

impl MannWhitney {
    /// Probability that a value of the second group is larger than one of the first, 0–1; ties count half. 0.5 is no difference.
    pub fn superiority(&self) -> f64 {
        self.u / (self.n * self.m) as f64
    }

    /// Cliff's delta, `2·superiority − 1`: −1 (all smaller) to 1 (all larger).
    pub fn delta(&self) -> f64 {
        2.0 * self.superiority() - 1.0
    }

    /// Two-sided p-value of the normal approximation with tie correction and without continuity correction, 0–1. Valid for independent samples;
    /// 1 if all values are equal.
    pub fn p_value(&self) -> f64 {
        let z2 = self.z_squared(self.n as f64, self.m as f64);
        if z2.is_nan() { 1.0 } else { 2.0 * Normal::standard().sf(z2.sqrt()) }
    }

    /// Two-sided p-value if the groups are worth only `n` and `m` independent samples, 0–1.
    ///
    /// The z of that many samples with the same superiority is turned into Student's t of their ranks (Conover and Iman 1981). Never below the
    /// smallest p-value that a permutation of that many samples can reach; 1 with three samples or fewer in all.
    pub fn p_value_of_effective(&self, n: f64, m: f64) -> f64 {
        let (n, m) = (n.clamp(1.0, self.n as f64), m.clamp(1.0, self.m as f64));
        let total = n + m;
        let z2 = self.z_squared(n, m);
        if total <= 3.0 || z2.is_nan() {
            return 1.0;
        }
        let left = total - 1.0 - z2;
        let p = match StudentsT::new(0.0, 1.0, total - 2.0) {
            Ok(t) if left > 0.0 => 2.0 * t.sf((z2 * (total - 2.0) / left).sqrt()),
            _ => 0.0,
        };
        let arrangements = ln_gamma(total + 1.0) - ln_gamma(n + 1.0) - ln_gamma(m + 1.0);
        p.max(2.0 * (-arrangements).exp()).min(1.0)
    }

    /// `NaN` if all values are equal.
    fn z_squared(&self, n: f64, m: f64) -> f64 {
        if self.tie_factor <= 0.0 {
            return f64::NAN;
        }
        self.delta().powi(2) * 3.0 * n * m / ((n + m + 1.0) * self.tie_factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// a, b = [3.1, 4.7, 2.2, 5.0, 4.7, 3.9], [6.1, 4.7, 5.5, 7.2, 8.0]
    /// scipy.stats.mannwhitneyu(b, a, method="asymptotic", use_continuity=False)  # U 28, p 0.016604953895188956
    /// ```
    #[test]
    fn agrees_with_scipy() {
        let (a, b) = ([3.1, 4.7, 2.2, f64::NAN, 5.0, 4.7, 3.9], [6.1, 4.7, 5.5, 7.2, 8.0]);
        let test = mann_whitney(&a, &b).unwrap();
        assert_eq!((test.u, test.n, test.m), (28.0, 6, 5));
        assert!((test.p_value() - 0.016_604_953_895_188_956).abs() < 1e-12, "{}", test.p_value());
        assert!((test.superiority() - 28.0 / 30.0).abs() < 1e-12);
        assert!((test.delta() - 26.0 / 30.0).abs() < 1e-12);
    }

    #[test]
    fn the_other_way_round_is_the_mirror_image() {
        let (a, b) = ([1.0, 2.0, 3.0, 9.0], [2.0, 4.0, 8.0]);
        let (there, back) = (mann_whitney(&a, &b).unwrap(), mann_whitney(&b, &a).unwrap());
        assert_eq!(there.delta(), -back.delta());
        assert!((there.p_value() - back.p_value()).abs() < 1e-15);
    }

    /// Five against five, all larger: 2 of C(10, 5) = 252 arrangements are as extreme.
    #[test]
    fn few_effective_samples_prove_little() {
        let low: Vec<f64> = (0..50).map(f64::from).collect();
        let high: Vec<f64> = (50..100).map(f64::from).collect();
        let test = mann_whitney(&low, &high).unwrap();
        assert!(test.p_value() < 1e-12);
        assert!((test.p_value_of_effective(5.0, 5.0) - 2.0 / 252.0).abs() < 1e-9);
        assert_eq!(test.p_value_of_effective(1.5, 1.5), 1.0);
        assert!(test.p_value_of_effective(500.0, 500.0) < 1e-12, "capped at the samples there are");
    }

    #[test]
    fn equal_values_are_no_difference_and_nothing_observed_is_no_answer() {
        let same = mann_whitney(&[2.0; 9], &[2.0; 9]).unwrap();
        assert_eq!((same.delta(), same.p_value(), same.p_value_of_effective(9.0, 9.0)), (0.0, 1.0, 1.0));
        assert_eq!(mann_whitney(&[f64::NAN], &[1.0]), None);
    }
}
