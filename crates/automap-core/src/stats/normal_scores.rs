//! Ranks and normal scores, which make correlations robust against outliers.
//!
//! Only the order of the values counts, so that any increasing transform (another unit, a logarithm) gives the same scores.

use statrs::distribution::{ContinuousCDF, Normal};

use super::key;

/// Returns ranks from 1; ties share their mean rank. `NaN` stays `NaN` and takes no rank. O(n log n).
///
/// ```
/// use automap_core::stats::average_ranks;
///
/// assert_eq!(average_ranks(&[30.0, 10.0, 30.0, 20.0]), [3.5, 1.0, 3.5, 2.0]);
/// ```
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    let observed = values.iter().enumerate().filter(|(_, v)| !v.is_nan());
    let mut order: Vec<(i64, usize)> = observed.map(|(i, v)| (key(*v), i)).collect();
    order.sort_unstable();
    let mut ranks = vec![f64::NAN; values.len()];
    let mut start = 0;
    while start < order.len() {
        let first = values[order[start].1];
        let same = order[start..].iter().take_while(|(_, i)| values[*i] == first).count();
        let rank = start as f64 + (same as f64 + 1.0) / 2.0;
        order[start..start + same].iter().for_each(|(_, i)| ranks[*i] = rank);
        start += same;
    }
    ranks
}

/// Returns normal scores `Φ⁻¹((rank − 3/8) / (n + 1/4))` (Blom 1958): the order of the values on the scale of a standard normal distribution.
///
/// `NaN` stays `NaN`. Ties share a score, so a constant series scores 0 everywhere. O(n log n).
///
/// ```
/// use automap_core::stats::normal_scores;
///
/// let scores = normal_scores(&[10.0, 1e9, 20.0]);
/// assert!((scores[0] + 0.869).abs() < 1e-3 && (scores[1] - 0.869).abs() < 1e-3 && scores[2].abs() < 1e-12);
/// ```
pub fn normal_scores(values: &[f64]) -> Vec<f64> {
    let ranks = average_ranks(values);
    let n = ranks.iter().filter(|r| !r.is_nan()).count() as f64;
    let normal = Normal::standard();
    let score = |rank: f64| if rank.is_nan() { rank } else { normal.inverse_cdf((rank - 0.375) / (n + 0.25)) };
    ranks.into_iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank_and_gaps_take_none() {
        assert_eq!(average_ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        let ranks = average_ranks(&[2.0, f64::NAN, 1.0]);
        assert!(ranks[1].is_nan() && ranks[0] == 2.0 && ranks[2] == 1.0);
        assert!(average_ranks(&[]).is_empty());
    }

    /// `scipy.stats.norm.ppf((np.array([1, 2, 3]) - .375) / 3.25)` = −0.8694, 0, 0.8694.
    #[test]
    fn scores_are_symmetric_and_only_the_order_counts() {
        let scores = normal_scores(&[10.0, 1e9, 20.0]);
        assert!((scores[0] + 0.869_423_6).abs() < 1e-6 && scores[2].abs() < 1e-12, "{scores:?}");
        assert!((scores[1] + scores[0]).abs() < 1e-12);
        assert!(normal_scores(&[4.0; 5]).iter().all(|s| s.abs() < 1e-12));
    }
}
