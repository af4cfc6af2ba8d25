//! Tests whether the correlation of two series is the same in two windows.
//!
//! Used to find the edges in which two behaviour graphs really differ: a missing edge may only have lacked samples.

use super::fisher_z::{correlation_with_gaps, two_sided};
use super::{CiOptions, Scores, effective};

/// Two-sided p-value, 0–1, for equal correlations in two windows.
///
/// `(atanh r₁ − atanh r₂) / √(1/(n₁ − 3) + 1/(n₂ − 3))` is standard normal if they are equal (Fisher 1921), with the effective samples of each
/// window. The correlations are those of normal scores, so that any increasing transform gives the same answer. `None` if one of the windows
/// has too few samples. Cost: O(samples · log samples).
///
/// ```
/// use automap_core::independence::{CiOptions, correlation_change};
///
/// let up: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 40)).collect();
/// let down: Vec<f64> = up.iter().map(|v| -v).collect();
/// let options = CiOptions { effective_samples: false, ..CiOptions::default() };
/// let p = correlation_change([&up, &up], [&up, &down], &options).expect("enough samples");
/// assert!(p < 1e-6, "a correlation of 1 became −1: {p}");
/// assert_eq!(correlation_change([&up, &up], [&up, &up], &options), Some(1.0));
/// ```
pub fn correlation_change(first: [&[f64]; 2], second: [&[f64]; 2], options: &CiOptions) -> Option<f64> {
    let (a, b) = (correlation(first, options)?, correlation(second, options)?);
    Some(two_sided((a.z - b.z).abs() / (1.0 / a.degrees + 1.0 / b.degrees).sqrt()))
}

/// A correlation on Fisher's scale, and its degrees of freedom.
struct Correlation {
    z: f64,
    degrees: f64,
}

fn correlation([x, y]: [&[f64]; 2], options: &CiOptions) -> Option<Correlation> {
    let scores = Scores::new(&[x.to_vec(), y.to_vec()]);
    let [a, b] = &scores.rows[..] else { return None };
    let (r, shared) = correlation_with_gaps(a, b);
    let samples = if options.effective_samples { effective::effective_samples_of(a, b) } else { shared as f64 };
    let degrees = samples - 3.0;
    let limit = 1.0 - 1e-15;
    let is_known = degrees >= options.min_degrees && !r.is_nan();
    is_known.then(|| Correlation { z: r.clamp(-limit, limit).atanh(), degrees })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: CiOptions =
        CiOptions { test: super::super::CiTest::FisherZ, effective_samples: false, min_degrees: 5.0 };

    fn wave(n: usize, step: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * step) % n) as f64).collect()
    }

    /// r = 1 of a series against itself (capped at 1 − 10⁻¹⁵, z = 17.6), and −1 against its mirror; 16 degrees each, so
    /// 35.2/√(2/16) is far beyond any doubt.
    #[test]
    fn a_dependence_that_turns_round_has_changed_and_one_that_stays_has_not() {
        let (x, mirror) = (wave(19, 7), wave(19, 7).iter().map(|v| -v).collect::<Vec<f64>>());
        let p = correlation_change([&x, &x], [&x, &mirror], &PLAIN).unwrap();
        assert!(p < 1e-12, "{p}");
        assert_eq!(correlation_change([&x, &x], [&x, &x], &PLAIN), Some(1.0));
    }

    /// r = 0.5 of 50 and 0.1 of 60 samples differ with z = (0.549306 − 0.100335)/√(1/47 + 1/57) = 2.278697, p = 0.022685.
    #[test]
    fn fishers_formula_by_hand() {
        let z = (0.5_f64.atanh() - 0.1_f64.atanh()) / (1.0_f64 / 47.0 + 1.0 / 57.0).sqrt();
        assert!((two_sided(z) - 0.022_685).abs() < 1e-6, "{}", two_sided(z));
    }

    #[test]
    fn too_few_samples_and_series_that_never_moved_tell_nothing() {
        let (long, short) = (wave(19, 7), wave(7, 3));
        assert_eq!(correlation_change([&long, &long], [&short, &short], &PLAIN), None);
        let (gaps, still) = (vec![f64::NAN; 19], vec![3.0; 19]);
        assert_eq!(correlation_change([&long, &long], [&long, &gaps], &PLAIN), None);
        assert_eq!(correlation_change([&long, &long], [&long, &still], &PLAIN), None);
    }
}
