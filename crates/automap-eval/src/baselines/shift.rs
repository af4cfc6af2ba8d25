//! What BARO and NSigma share: the largest rise of the incident above normal time, in units of normal spread.

use super::{Input, Scores, candidates, is_constant, windows};

/// Largest `(sample − centre) / spread` of the incident, signed, where `normal` gives centre and spread; a spread of 0 counts as 1, as in
/// the scalers of scikit-learn. A series that is constant in normal time comes last: both published tools drop it.
pub(super) fn largest_rise(input: &Input, normal: impl Fn(&[f64]) -> (f64, f64)) -> Scores {
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
    Scores::of_series(input.frame, scored)
}
