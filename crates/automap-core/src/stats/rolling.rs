//! Rolling means of several widths over one series with gaps.
//!
//! The running sums are computed once and give the means of any width in linear time; the anomaly stage asks for three widths.

/// Running sums of a series, from which rolling means of any width follow.
///
/// ```
/// use automap_core::stats::RollingSums;
///
/// let sums = RollingSums::new(&[1.0, 3.0, f64::NAN, 5.0]);
/// assert_eq!(sums.means(2), [2.0, 3.0, 5.0], "a gap is left out of the mean");
/// ```
#[derive(Clone, Debug)]
pub struct RollingSums(Vec<(f64, usize)>);

impl RollingSums {
    /// Adds up the series; `NaN` is a gap. O(n).
    pub fn new(values: &[f64]) -> Self {
        let mut sums = Vec::with_capacity(values.len() + 1);
        let (mut sum, mut count) = (0.0, 0usize);
        sums.push((sum, count));
        for v in values {
            if !v.is_nan() {
                sum += v;
                count += 1;
            }
            sums.push((sum, count));
        }
        Self(sums)
    }

    /// Means of every `width` neighbouring samples, `n − width + 1` of them; `NaN` where fewer than half are observed. Empty if `width` is 0 or
    /// larger than `n`. O(n).
    pub fn means(&self, width: usize) -> Vec<f64> {
        let sums = &self.0;
        if width == 0 || width >= sums.len() {
            return Vec::new();
        }
        let enough = (0.5 * width as f64).max(1.0);
        sums.iter()
            .zip(&sums[width..])
            .map(|(a, b)| {
                let n = (b.1 - a.1) as f64;
                if n >= enough { (b.0 - a.0) / n } else { f64::NAN }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_observed_is_enough_and_less_is_a_gap() {
        let gap = f64::NAN;
        let rolling_mean = |values: &[f64], width| RollingSums::new(values).means(width);
        assert_eq!(rolling_mean(&[1.0, 3.0, gap, 5.0], 2), [2.0, 3.0, 5.0]);
        assert!(rolling_mean(&[gap, gap, 2.0], 2)[0].is_nan());
        assert!(rolling_mean(&[1.0], 2).is_empty());
    }
}
