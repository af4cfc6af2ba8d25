//! What BARO, NSigma, PRISM and TORAI share: the largest departure of the incident from the baseline's centre, in units of its spread. The first two count
//! rises only, the other two both directions.

use automap_core::frame::Series;
use automap_core::stats::{mean, sd};

use super::common::{BaselineInput, BaselineScores, candidates, is_constant, windows};

/// Scores each series by the largest signed `(sample − centre) / spread` during the incident.
///
/// `normal` computes centre and spread from the baseline. A spread of 0 counts as 1, as in scikit-learn's scalers. A series that is
/// constant in the baseline scores −∞, because the published tools drop it.
pub(super) fn largest_rise(input: &BaselineInput, normal: impl Fn(&[f64]) -> (f64, f64)) -> BaselineScores {
    BaselineScores::of_series(input.frame, largest(input, normal, |departure| departure))
}

/// Each series that can be judged, with the largest distance of a sample of the incident from the baseline's mean, in either direction and in the
/// baseline's standard deviations (divisor n). Constant series and a deviation of 0 count as in [`largest_rise`].
pub(super) fn largest_distances<'a>(input: &BaselineInput<'a>) -> Vec<(&'a Series, f64)> {
    largest(input, |normal| (mean(normal), sd(normal)), f64::abs).collect()
}

fn largest<'a>(
    input: &BaselineInput<'a>,
    normal: impl Fn(&[f64]) -> (f64, f64),
    counted: impl Fn(f64) -> f64,
) -> impl Iterator<Item = (&'a Series, f64)> {
    candidates(input.frame).filter_map(move |(_, series)| {
        let (before, during) = windows(series, input.rows)?;
        if is_constant(&before) {
            return Some((series, f64::NEG_INFINITY));
        }
        let (centre, spread) = normal(&before);
        let spread = if spread == 0.0 { 1.0 } else { spread };
        let largest = during.iter().map(|v| counted((v - centre) / spread)).fold(f64::NEG_INFINITY, f64::max);
        Some((series, largest))
    })
}
