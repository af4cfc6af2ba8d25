//! What BARO and NSigma share: the largest rise of the incident above the baseline, in units of the baseline's spread. And what PRISM and TORAI
//! share: the largest distance in either direction, in standard deviations.

use automap_core::stats::{mean, sd};

use super::common::{BaselineInput, BaselineScores, candidates, is_constant, windows};

/// Scores each series by the largest signed `(sample − centre) / spread` during the incident.
///
/// `normal` computes centre and spread from the baseline. A spread of 0 counts as 1, as in scikit-learn's scalers. A series that is
/// constant in the baseline scores −∞, because the published tools drop it.
pub(super) fn largest_rise(input: &BaselineInput, normal: impl Fn(&[f64]) -> (f64, f64)) -> BaselineScores {
    let scored = candidates(input.frame).filter_map(|(_, series)| {
        let (before, during) = windows(series, input.rows)?;
        if is_constant(&before) {
            return Some((series, f64::NEG_INFINITY));
        }
        let (centre, spread) = normal(&before);
        let spread = if spread == 0.0 { 1.0 } else { spread };
        let largest = during.iter().map(|v| (v - centre) / spread).fold(f64::NEG_INFINITY, f64::max);
        Some((series, largest))
    });
    BaselineScores::of_series(input.frame, scored)
}

/// The largest distance of a sample of the incident from the baseline's mean, in the baseline's standard deviations (divisor n); −∞ if the
/// baseline is constant. A deviation of 0 counts as 1, as above.
pub(super) fn largest_distance(before: &[f64], during: &[f64]) -> f64 {
    if is_constant(before) {
        return f64::NEG_INFINITY;
    }
    let (centre, spread) = (mean(before), sd(before));
    let spread = if spread == 0.0 { 1.0 } else { spread };
    during.iter().map(|v| (v - centre).abs() / spread).fold(f64::NEG_INFINITY, f64::max)
}
