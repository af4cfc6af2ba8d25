//! Prepares series for testing: normal scores, gaps kept.
//!
//! Scores make the tests independent of units and outliers. Series that are constant or hardly observed are marked as not testable, so that
//! no test has to handle them.

use rayon::prelude::*;

use crate::stats::normal_scores;

/// Fewest observed samples of a testable series.
const MIN_SAMPLES: usize = 8;

/// Normal scores of several series over the same rows.
#[derive(Clone, Debug)]
pub struct Scores {
    /// One row per series. `NaN` is a gap; an empty row is a series that cannot be tested (constant, or hardly observed).
    pub(super) rows: Vec<Vec<f64>>,
    /// Whether a row has gaps.
    pub(super) has_gaps: Vec<bool>,
}

impl Scores {
    /// Computes scores from raw values, all of the same length; `NaN` is a gap. Only the order counts. O(series × samples · log samples).
    pub fn new(series: &[Vec<f64>]) -> Self {
        let ready = |values: &Vec<f64>| {
            let mut observed = values.iter().filter(|v| !v.is_nan());
            let first = observed.next();
            let varies = observed.clone().any(|v| Some(v) != first);
            if varies && observed.count() + 1 >= MIN_SAMPLES { centred(normal_scores(values)) } else { Vec::new() }
        };
        Self::from_rows(series.par_iter().map(ready).collect())
    }

    /// Uses the values as they are, with their mean taken off. For golden tests and for correlations in original units.
    pub fn plain(series: &[Vec<f64>]) -> Self {
        Self::from_rows(series.iter().cloned().map(centred).collect())
    }

    fn from_rows(rows: Vec<Vec<f64>>) -> Self {
        let has_gaps = rows.iter().map(|row| row.iter().any(|v| v.is_nan())).collect();
        Self { rows, has_gaps }
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no series.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a series can be tested.
    pub fn is_testable(&self, series: usize) -> bool {
        !self.rows[series].is_empty()
    }
}

fn centred(mut row: Vec<f64>) -> Vec<f64> {
    let mean = crate::stats::mean(&row);
    row.iter_mut().for_each(|v| *v -= mean);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_and_hardly_observed_series_are_not_testable() {
        let rising: Vec<f64> = (0..10).map(f64::from).collect();
        let mut sparse = vec![f64::NAN; 10];
        sparse[..7].copy_from_slice(&rising[..7]);
        let scores = Scores::new(&[rising, vec![3.0; 10], sparse]);
        assert_eq!([0, 1, 2].map(|i| scores.is_testable(i)), [true, false, false]);
    }
}
