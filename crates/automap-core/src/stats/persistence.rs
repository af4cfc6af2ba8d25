//! Estimates how strongly neighbouring samples resemble each other, and how many independent samples they are worth.
//!
//! A rate over one minute, sampled every five seconds, repeats most of itself in the next sample. Tests that treat such samples as independent
//! find changes everywhere.

use super::average_ranks;

/// Largest persistence: above it a few dozen samples cannot distinguish a slow series from a drifting one.
const MOST: f64 = 0.98;
/// Smallest sample count used by the bias correction, which would otherwise divide by almost zero.
const FEWEST: f64 = 5.0;

/// Estimates the persistence `φ` of a first-order autoregression, 0 to 0.98, pooled over stretches that share it.
///
/// Ranks inside each stretch are used, so that outliers and a shift between stretches have no influence. `NaN` is skipped; 0 if nothing
/// varies. `fitted` is the number of parameters fitted to each stretch and subtracted beforehand: 1 for a mean, 2 for a line. The raw estimate
/// is corrected for its bias: subtracting the mean lowers it by about `(1 + 4φ)/n` (Marriott and Pope 1954), a fitted slope by another `1/n`.
/// O(n·log n).
///
/// ```
/// use automap_core::stats::{effective_samples, persistence};
///
/// let alternating: Vec<f64> = (0..40).map(|i| f64::from(i % 2)).collect();
/// assert_eq!(persistence(&[&alternating], 1), 0.0);
/// let slow: Vec<f64> = (0..60).map(|i| f64::from((i / 10) % 2)).collect();
/// assert!(persistence(&[&slow], 1) > 0.7);
/// assert_eq!(effective_samples(60, 0.5), 20.0, "60 · (1 − 0.5) / (1 + 0.5)");
/// ```
pub fn persistence(stretches: &[&[f64]], fitted: usize) -> f64 {
    let (mut sum, mut samples, mut used) = (0.0, 0.0, 0.0);
    for stretch in stretches {
        if let Some((n, r)) = lag_one(stretch) {
            sum += n * r;
            samples += n;
            used += 1.0;
        }
    }
    if used == 0.0 {
        return 0.0;
    }
    let n = (samples / used).max(FEWEST);
    ((sum / samples + fitted as f64 / n) / (1.0 - 4.0 / n)).clamp(0.0, MOST)
}

/// Number of observed samples and the lag-one autocorrelation of their ranks; `None` for a constant stretch.
fn lag_one(values: &[f64]) -> Option<(f64, f64)> {
    let mut ranks = average_ranks(values);
    let n = ranks.iter().filter(|r| !r.is_nan()).count() as f64;
    let centre = (n + 1.0) / 2.0;
    ranks.iter_mut().for_each(|r| *r -= centre);
    let energy: f64 = ranks.iter().filter(|r| !r.is_nan()).map(|r| r * r).sum();
    if n < 3.0 || energy <= 0.0 {
        return None;
    }
    let shared: f64 = ranks.windows(2).map(|w| w[0] * w[1]).filter(|p| !p.is_nan()).sum();
    Some((n, shared / energy))
}

/// Number of independent samples that `n` samples of persistence `phi` are worth for estimating a mean: `n·(1 − φ)/(1 + φ)`, at least 1.
pub fn effective_samples(n: usize, phi: f64) -> f64 {
    (n as f64 * (1.0 - phi) / (1.0 + phi)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranks 1 2 3 4 5 centred: −2 −1 0 1 2; products 2 0 0 2 = 4 of 10. (0.4 + 1/5) / (1 − 4/5) = 3, at most 0.98.
    #[test]
    fn a_ramp_remembers_all_and_alternation_nothing() {
        assert_eq!(lag_one(&[1.0, 2.0, 30.0, 400.0, 500.0]), Some((5.0, 0.4)));
        assert_eq!(persistence(&[&[1.0, 2.0, 30.0, 400.0, 500.0]], 1), MOST);
        let flip: Vec<f64> = (0..40).map(|i| f64::from(i % 2)).collect();
        assert_eq!(persistence(&[&flip], 1), 0.0);
    }

    #[test]
    fn constant_stretches_have_no_say() {
        let wave: Vec<f64> = (0..60).map(|i| f64::from((i / 3) % 2)).collect();
        let alone = persistence(&[&wave], 1);
        assert!(alone > 0.3, "{alone}");
        assert_eq!(persistence(&[&wave, &[7.0; 60]], 1), alone);
        assert_eq!(persistence(&[&[7.0; 60]], 1), 0.0);
    }

    #[test]
    fn memory_costs_samples() {
        assert_eq!(effective_samples(60, 0.0), 60.0);
        assert_eq!(effective_samples(60, 0.5), 20.0);
        assert_eq!(effective_samples(3, 0.98), 1.0);
    }
}
