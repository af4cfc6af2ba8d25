//! The statistic that shows how a series moved: its median, or its mean if only that moved.

use super::{mean, median};

/// How many times as far as the median the mean must move to be used instead.
const MEAN_TELLS: f64 = 2.0;

/// How a level is computed.
///
/// ```
/// use automap_core::stats::Level;
///
/// let (calm, slow, pulse) = ([1.0, 1.0, 1.0, 1.0, 1.0], [3.0, 3.0, 3.0, 3.0, 3.0], [1.0, 1.0, 1.0, 9.0, 9.0]);
/// assert_eq!(Level::telling(&calm, &slow), Level::Median, "both moved by 2");
/// assert_eq!(Level::telling(&calm, &pulse), Level::Mean, "it moved by 3.2, and the median did not");
/// assert_eq!(Level::Mean.of(&pulse), 4.2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The median.
    Median,
    /// The mean, if only that moved: a pulse, or a part of the requests.
    Mean,
}

impl Level {
    /// The one that shows how values moved. O(n).
    pub fn telling(before: &[f64], during: &[f64]) -> Self {
        let size = |level: Self| (level.of(during) - level.of(before)).abs();
        if size(Self::Mean) > MEAN_TELLS * size(Self::Median) { Self::Mean } else { Self::Median }
    }

    /// The level of the observed values; `NaN` if there are none. O(n).
    pub fn of(self, values: &[f64]) -> f64 {
        match self {
            Self::Median => median(values),
            Self::Mean => mean(values),
        }
    }
}
