//! Controls the share of false findings when many tests are done at once (Benjamini and Hochberg 1995).
//!
//! Of a thousand series without any change, fifty have a p-value below 0.05. The q-value computed here is the share of false findings among
//! all findings if every test up to this one counts as one.

/// Computes the q-value of each p-value: the smallest false discovery rate, 0–1, at which it counts as a finding.
///
/// `NaN` (not tested) stays `NaN` and does not count as a test. O(n·log n).
///
/// ```
/// use automap_core::stats::false_discovery_rates;
///
/// // Ordered .01, .02, .04: .01·3/1 = .03, .02·3/2 = .03, .04·3/3 = .04.
/// let q = false_discovery_rates(&[0.04, 0.01, f64::NAN, 0.02]);
/// assert!((q[0] - 0.04).abs() < 1e-12 && (q[1] - 0.03).abs() < 1e-12 && q[2].is_nan());
/// ```
pub fn false_discovery_rates(p: &[f64]) -> Vec<f64> {
    false_discovery_rates_among(p, 0)
}

/// Like [`false_discovery_rates`], for at least `tests` tests in total; the unlisted ones found nothing.
pub fn false_discovery_rates_among(p: &[f64], tests: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let tests = order.len().max(tests) as f64;
    let mut rates = vec![f64::NAN; p.len()];
    let mut smallest: f64 = 1.0;
    for (place, &i) in order.iter().enumerate().rev() {
        smallest = smallest.min(p[i] * tests / (place + 1) as f64);
        rates[i] = smallest;
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.false_discovery_control([.01, .04, .03, .005, .8])` = .025 .05 .05 .025 .8
    #[test]
    fn agrees_with_scipy_and_skips_what_was_not_tested() {
        let rates = false_discovery_rates(&[0.01, 0.04, f64::NAN, 0.03, 0.005, 0.8]);
        for (rate, expected) in rates.iter().zip([0.025, 0.05, f64::NAN, 0.05, 0.025, 0.8]) {
            assert!((rate - expected).abs() < 1e-12 || (rate.is_nan() && expected.is_nan()), "{rates:?}");
        }
    }

    /// The two of ten that are worth listing: the smallest of ten counts ten times, the next five times.
    #[test]
    fn what_found_nothing_counts_as_a_test() {
        assert_eq!(false_discovery_rates_among(&[0.004, 0.001], 10), [0.02, 0.01]);
        assert_eq!(false_discovery_rates_among(&[0.5], 10), [1.0]);
    }
}
