//! Theil–Sen regression: a slope that is robust against outliers (Theil 1950, Sen 1968).
//!
//! Up to 29 % of the points may be outliers. The Mann–Kendall test shows whether there is a trend at all; its variance also gives the
//! confidence interval here.

use super::median_of;

/// A line fitted by the median of all pairwise slopes.
#[derive(Clone, Debug, PartialEq)]
pub struct TheilSen {
    /// Change of y per unit of x.
    pub slope: f64,
    /// `median(y) − slope·median(x)`.
    pub intercept: f64,
    /// The slopes of all pairs with different x, ascending.
    slopes: Vec<f64>,
}

/// Fits a line. Points with a `NaN` are skipped; `None` without two points of different x. O(n²) time and memory.
///
/// ```
/// use automap_core::stats::theil_sen;
///
/// // Five points on y = 2·x, the last one wild: six of ten slopes are 2.
/// let line = theil_sen(&[0.0, 1.0, 2.0, 3.0, 4.0], &[0.0, 2.0, 4.0, 6.0, 1e9]).expect("five points");
/// assert_eq!((line.slope, line.intercept), (2.0, 0.0));
/// ```
pub fn theil_sen(x: &[f64], y: &[f64]) -> Option<TheilSen> {
    let points: Vec<(f64, f64)> =
        x.iter().copied().zip(y.iter().copied()).filter(|(x, y)| !x.is_nan() && !y.is_nan()).collect();
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (i, (x0, y0)) in points.iter().enumerate() {
        slopes.extend(points[i + 1..].iter().filter(|(x1, _)| x1 != x0).map(|(x1, y1)| (y1 - y0) / (x1 - x0)));
    }
    if slopes.is_empty() {
        return None;
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let slope = median_of(slopes.clone());
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
    Some(TheilSen { slope, intercept: median_of(ys) - slope * median_of(xs), slopes })
}

impl TheilSen {
    /// Sen's confidence interval: the slopes `z·√variance` positions to both sides of the median, where `variance` is that of Kendall's S (see
    /// [`super::MannKendall`]) and `z` the normal quantile, 1.96 for 95 %.
    pub fn interval(&self, variance: f64, z: f64) -> (f64, f64) {
        let (pairs, reach) = (self.slopes.len() as f64, z * variance.max(0.0).sqrt());
        let last = self.slopes.len() - 1;
        let low = ((pairs - reach) / 2.0).round_ties_even().max(1.0) as usize - 1;
        let high = ((pairs + reach) / 2.0).round_ties_even() as usize;
        (self.slopes[low.min(last)], self.slopes[high.min(last)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::mann_kendall;

    /// ```python
    /// x = [0, 1, 2, 3, 4, 6, 7, 8, 9, 11]; y = [1.0, 2.3, 1.9, 3.7, 3.7, 5.1, 4.0, 6.6, 7.0, 9.9]
    /// scipy.stats.theilslopes(y, x, 0.95)  # 0.7, 0.35, 0.4666666666666668, 0.8857142857142858
    /// ```
    #[test]
    fn agrees_with_scipy() {
        let x = [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 11.0];
        let y = [1.0, 2.3, 1.9, 3.7, 3.7, 5.1, 4.0, 6.6, 7.0, 9.9];
        let line = theil_sen(&x, &y).unwrap();
        assert!((line.slope - 0.7).abs() < 1e-12 && (line.intercept - 0.35).abs() < 1e-12, "{line:?}");
        let (low, high) = line.interval(mann_kendall(&y).unwrap().variance, 1.959_963_984_540_054);
        assert!((low - 0.466_666_666_666_666_8).abs() < 1e-12 && (high - 0.885_714_285_714_285_8).abs() < 1e-12);
    }

    /// Slopes 2, 2, 2 and three wild ones: the median stays 2.
    #[test]
    fn one_wild_point_changes_nothing_and_gaps_are_skipped() {
        let line = theil_sen(&[0.0, 1.0, 2.0, 3.0, 4.0], &[0.0, 2.0, f64::NAN, 6.0, 1e9]).unwrap();
        assert!(line.slope >= 2.0 && line.slope < 1e9);
        assert_eq!(theil_sen(&[0.0, 1.0, 2.0, 3.0, 4.0], &[0.0, 2.0, 4.0, 6.0, 1e9]).unwrap().slope, 2.0);
        assert_eq!(theil_sen(&[1.0, 1.0], &[1.0, 2.0]), None);
    }
}
