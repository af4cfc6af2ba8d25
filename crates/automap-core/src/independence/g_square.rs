//! Independence test on quantile bins: the G-test (Sokal and Rohlf 1981).
//!
//! Detects relations of any shape, such as a V, that a correlation misses, but needs many samples: five per cell of the table. Conditions on at
//! most one series. Golden values are from scipy (`tests/golden.rs`).
//!
//! Worked example: two series in two bins each with counts 10, 20 / 30, 20. `G = 2 Σ O·ln(O/E)` with expected counts 15, 15 / 25, 25 is 5.41;
//! χ² with one degree of freedom exceeds that in 2 % of cases.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::effective::{autocorrelation, effective_samples};
use super::{CiOptions, Outcome, Scores};
use crate::stats::average_ranks;

/// Effective samples needed for each cell of a table (Cochran 1954).
const SAMPLES_PER_CELL: f64 = 5.0;
/// More bins would need more samples than an incident has.
const MAX_BINS: usize = 3;

/// Series cut into bins of equal counts.
#[derive(Debug)]
pub struct GSquare {
    bins: usize,
    /// Bin of every sample; `None` is a gap. Empty for a series that cannot be tested.
    cells: Vec<Vec<Option<u8>>>,
    lags: Vec<Vec<f64>>,
}

impl GSquare {
    /// Cuts the series into bins. `bins` is clamped to 2–3. Cost: O(series × samples log samples).
    pub fn new(scores: &Scores, bins: usize, options: &CiOptions) -> Self {
        let bins = bins.clamp(2, MAX_BINS);
        let lags = scores.rows.iter().map(|row| if options.effective_samples { autocorrelation(row) } else { vec![] });
        Self { bins, cells: scores.rows.iter().map(|row| quantile_bins(row, bins)).collect(), lags: lags.collect() }
    }

    /// Tests whether `i` and `j` are independent given `given`.
    ///
    /// `G = 2 Σ O ln(O/E)`, scaled to the effective samples, is χ² with `(bins−1)²·bins^|given|` degrees of freedom if they are. Needs 5 effective
    /// samples per cell; more than one condition is [`Outcome::Insufficient`]. O(samples).
    pub fn test(&self, i: usize, j: usize, given: &[usize]) -> Outcome {
        let strata = self.bins.pow(given.len().min(2) as u32);
        let (a, b) = (&self.cells[i], &self.cells[j]);
        if given.len() > 1 || a.is_empty() || b.is_empty() || given.iter().any(|&k| self.cells[k].is_empty()) {
            return Outcome::Insufficient;
        }
        let bins = self.bins;
        let mut table = vec![0.0; strata * bins * bins];
        let mut n = 0usize;
        for t in 0..a.len() {
            let stratum = match given.first() {
                Some(&k) => self.cells[k][t],
                None => Some(0),
            };
            if let (Some(x), Some(y), Some(s)) = (a[t], b[t], stratum) {
                table[(s as usize * bins + x as usize) * bins + y as usize] += 1.0;
                n += 1;
            }
        }
        let effective = effective_samples(n, &self.lags[i], &self.lags[j]);
        if effective < SAMPLES_PER_CELL * (bins * bins * strata) as f64 {
            return Outcome::Insufficient;
        }
        let g: f64 = table.chunks(bins * bins).map(|t| g_of_table(t, bins)).sum();
        let freedom = ((bins - 1) * (bins - 1) * strata) as f64;
        let Ok(chi) = ChiSquared::new(freedom) else { return Outcome::Insufficient };
        let strength = (g / (n as f64 * (bins - 1) as f64)).sqrt().min(1.0);
        Outcome::Tested { p_value: chi.sf((g * effective / n as f64).max(0.0)), strength }
    }
}

/// `2 Σ O ln(O/E)` of one square table.
fn g_of_table(table: &[f64], bins: usize) -> f64 {
    let total: f64 = table.iter().sum();
    let row = |x: usize| table[x * bins..(x + 1) * bins].iter().sum::<f64>();
    let column = |y: usize| (0..bins).map(|x| table[x * bins + y]).sum::<f64>();
    let term = |x: usize, y: usize| match table[x * bins + y] {
        0.0 => 0.0,
        o => 2.0 * o * (o * total / (row(x) * column(y))).ln(),
    };
    (0..bins).flat_map(|x| (0..bins).map(move |y| (x, y))).map(|(x, y)| term(x, y)).sum()
}

/// Bins of equal counts; tied values stay together.
fn quantile_bins(row: &[f64], bins: usize) -> Vec<Option<u8>> {
    let ranks = average_ranks(row);
    let n = ranks.iter().filter(|r| !r.is_nan()).count() as f64;
    let bin = |rank: &f64| (!rank.is_nan()).then(|| (((rank - 0.5) / n * bins as f64) as usize).min(bins - 1) as u8);
    ranks.iter().map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table 10 20 / 30 20: `scipy.stats.chi2_contingency([[10, 20], [30, 20]], correction=False,
    /// lambda_="log-likelihood")` has statistic 5.41153.
    #[test]
    fn a_table_by_scipy() {
        assert!((g_of_table(&[10.0, 20.0, 30.0, 20.0], 2) - 5.411_532).abs() < 1e-5);
        assert!(g_of_table(&[10.0, 20.0, 5.0, 10.0], 2).abs() < 1e-12, "the same shares in both rows");
    }

    #[test]
    fn bins_hold_equal_counts_and_keep_ties_together() {
        let bins = quantile_bins(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3);
        assert_eq!(bins, [0, 0, 1, 1, 2, 2].map(Some));
        assert_eq!(quantile_bins(&[1.0, 1.0, 1.0, f64::NAN, 9.0], 2)[..4], [Some(0), Some(0), Some(0), None]);
    }

    #[test]
    fn a_v_shape_without_correlation_is_detected() {
        let x: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 199) - 99.0).collect();
        let y: Vec<f64> = x.iter().map(|v| v.abs()).collect();
        let options = CiOptions { effective_samples: false, ..CiOptions::default() };
        let scores = Scores::new(&[x, y]);
        assert!(GSquare::new(&scores, 3, &options).test(0, 1, &[]).p_value().is_some_and(|p| p < 1e-6));
        assert_eq!(GSquare::new(&scores, 3, &options).test(0, 1, &[0, 1]), Outcome::Insufficient);
    }
}
