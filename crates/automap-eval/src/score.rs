//! Measures of accuracy for rankings: AC@k, Avg@k and the mean reciprocal rank (MRR).
//!
//! An engine ranks the services of an incident; some of them, usually one, really caused it.
//!
//! - **AC@k** (accuracy at k) of one answer is the share of the true causes among the first k services:
//!   `AC@k = |first k ∩ causes| / min(k, |causes|)`. With a single cause it is 1 if the cause is among the first k, otherwise 0.
//! - **Avg@k** is the mean of AC@1 to AC@k. It rewards a cause that just misses the first place.
//! - **Reciprocal rank** is one over the rank of the first true cause: 1 for first place, 1/2 for second, 0 if it is not ranked.
//! - The score of a data set is the mean over its answers; for the reciprocal rank this is the MRR. Several data sets are averaged
//!   with equal weight, however many incidents they hold.
//!
//! AC@k and Avg@k are defined as in Pham et al., "Root Cause Analysis for Microservice Systems: How Far Are We?", ASE 2024.
//!
//! # Example
//!
//! Four incidents with one cause each. The engine ranks the cause first, third, sixth, and not at all:
//!
//! ```
//! use automap_eval::score::Accuracy;
//!
//! let answers = [Some(1), Some(3), Some(6), None].map(|rank| Accuracy::of_answer(&[rank]));
//! let mean = Accuracy::mean(&answers);
//! assert_eq!(mean.ac1, 0.25); // one of four is first
//! assert_eq!(mean.ac3, 0.5); // two of four are among the first three
//! assert_eq!(mean.ac5, 0.5); // rank 6 is still too far down
//! assert_eq!(mean.avg5, 0.4); // (0.25 + 0.25 + 0.5 + 0.5 + 0.5) / 5
//! assert_eq!(mean.mrr, 0.375); // (1 + 1/3 + 1/6 + 0) / 4
//! ```
//!
//! [`bootstrap`] shows how far a score would move with other incidents, [`calibration`] whether a confidence can be trusted, [`paths`] whether the
//! path to the users is right.

pub mod bootstrap;
pub mod calibration;
pub mod paths;

use std::ops::{Add, Mul, Sub};

use serde::Serialize;

/// The measures of one answer, or their mean over answers or data sets. All are 0 (worst) to 1; differences are −1 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Accuracy {
    /// AC@1: 1 if a true cause is ranked first.
    pub ac1: f64,
    /// AC@3: share of the true causes among the first three.
    pub ac3: f64,
    /// AC@5: share of the true causes among the first five.
    pub ac5: f64,
    /// Avg@5: mean of AC@1 to AC@5.
    pub avg5: f64,
    /// Reciprocal rank of the first true cause; 0 if none is ranked.
    pub mrr: f64,
}

impl Accuracy {
    /// The score of one answer.
    ///
    /// # Arguments
    /// - `ranks`: the rank of every true cause, in any order; 1 is the best, `None` is not ranked. Empty: all measures are 0.
    ///
    /// ```
    /// use automap_eval::score::Accuracy;
    ///
    /// // Two causes at ranks 2 and 4.
    /// let score = Accuracy::of_answer(&[Some(2), Some(4)]);
    /// assert_eq!((score.ac1, score.ac3, score.ac5), (0.0, 0.5, 1.0));
    /// assert_eq!(score.avg5, 0.6); // (0/1 + 1/2 + 1/2 + 2/2 + 2/2) / 5
    /// assert_eq!(score.mrr, 0.5);
    /// ```
    pub fn of_answer(ranks: &[Option<usize>]) -> Self {
        let within = |k: usize| ranks.iter().filter(|r| r.is_some_and(|r| r <= k)).count() as f64;
        let best = ranks.iter().flatten().min();
        Self::from_hits(|k| within(k) / k.min(ranks.len()).max(1) as f64, best.map_or(0.0, |r| 1.0 / *r as f64))
    }

    /// The expected score of a uniformly random ranking of `candidates` services, `causes` of which are true causes. Without causes
    /// all measures are 0.
    ///
    /// ```
    /// use automap_eval::score::Accuracy;
    ///
    /// let chance = Accuracy::of_chance(10, 1);
    /// assert!((chance.ac1 - 0.1).abs() < 1e-12 && (chance.ac5 - 0.5).abs() < 1e-12);
    /// ```
    pub fn of_chance(candidates: usize, causes: usize) -> Self {
        let first = Self::of_first_by_chance(candidates, causes);
        let at = |k: usize| (k.min(candidates) * causes) as f64 / (candidates * k.min(causes)).max(1) as f64;
        Self::from_hits(at, first.mrr)
    }

    /// As for [`Self::of_chance`], if finding any one of the `right` candidates is enough: AC@k is then the probability that the first k contain at
    /// least one of them.
    pub fn of_first_by_chance(candidates: usize, right: usize) -> Self {
        let (mut within, mut none_before, mut reciprocal) = ([0.0; 5], 1.0, 0.0);
        for rank in 1..=candidates {
            let hit = none_before * (right as f64 / (candidates + 1 - rank) as f64).min(1.0);
            none_before -= hit;
            reciprocal += hit / rank as f64;
            within.iter_mut().skip(rank - 1).for_each(|w| *w += hit);
        }
        Self::from_hits(|k| within[k - 1], reciprocal)
    }

    fn from_hits(at: impl Fn(usize) -> f64, mrr: f64) -> Self {
        Self { ac1: at(1), ac3: at(3), ac5: at(5), avg5: (1..=5).map(&at).sum::<f64>() / 5.0, mrr }
    }

    /// The mean over the answers of a data set, or over data sets with equal weight. All 0 for an empty slice.
    pub fn mean(all: &[Self]) -> Self {
        let sum = all.iter().fold(Self::default(), |sum, one| sum + *one);
        sum * (1.0 / all.len().max(1) as f64)
    }

    /// Rounded to six decimal places, which hides the rounding errors of sums.
    pub fn rounded(self) -> Self {
        self.zip(self, |a, _| (a * 1e6).round() / 1e6)
    }

    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            ac1: f(self.ac1, other.ac1),
            ac3: f(self.ac3, other.ac3),
            ac5: f(self.ac5, other.ac5),
            avg5: f(self.avg5, other.avg5),
            mrr: f(self.mrr, other.mrr),
        }
    }
}

impl Add for Accuracy {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

impl Sub for Accuracy {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
}

impl Mul<f64> for Accuracy {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        self.zip(self, |a, _| a * factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Accuracy, b: Accuracy) -> bool {
        let d = a - b;
        [d.ac1, d.ac3, d.ac5, d.avg5, d.mrr].iter().all(|v| v.abs() < 1e-12)
    }

    /// Ranks 1, 3, 6 and a miss: AC@1 1/4, AC@2 1/4, AC@3 2/4, AC@4 2/4, AC@5 2/4, so Avg@5 = 2/5; MRR (1 + 1/3 + 1/6)/4.
    #[test]
    fn one_cause_for_each_answer_worked_by_hand() {
        let answers = [Some(1), Some(3), Some(6), None].map(|rank| Accuracy::of_answer(&[rank]));
        let want = Accuracy { ac1: 0.25, ac3: 0.5, ac5: 0.5, avg5: 0.4, mrr: 0.375 };
        assert!(near(Accuracy::mean(&answers), want));
        assert_eq!(Accuracy::mean(&[]), Accuracy::default());
    }

    /// Two causes at ranks 2 and 4: AC@1 0/1, AC@2 1/2, AC@3 1/2, AC@4 2/2, AC@5 2/2.
    #[test]
    fn two_causes_of_one_answer_worked_by_hand() {
        let want = Accuracy { ac1: 0.0, ac3: 0.5, ac5: 1.0, avg5: 0.6, mrr: 0.5 };
        assert!(near(Accuracy::of_answer(&[Some(4), Some(2)]), want));
    }

    #[test]
    fn data_sets_have_equal_weight_whatever_their_size() {
        let (all, none) = (Accuracy::of_answer(&[Some(1)]), Accuracy::mean(&[Accuracy::of_answer(&[None]); 99]));
        assert_eq!(Accuracy::mean(&[all, none]).ac1, 0.5);
    }

    /// One of four: AC@k = k/4 up to 1, Avg@5 = (.25 + .5 + .75 + 1 + 1)/5; MRR = (1 + 1/2 + 1/3 + 1/4)/4. Two of three: the mean
    /// over the three pairs of ranks (1,2), (1,3), (2,3).
    #[test]
    fn chance_worked_by_hand() {
        let want = Accuracy { ac1: 0.25, ac3: 0.75, ac5: 1.0, avg5: 0.7, mrr: 25.0 / 48.0 };
        assert!(near(Accuracy::of_chance(4, 1), want));
        let pairs = [[1, 2], [1, 3], [2, 3]].map(|pair| Accuracy::of_answer(&pair.map(Some)));
        assert!(near(Accuracy::of_chance(3, 2), Accuracy::mean(&pairs)));
        assert_eq!(Accuracy::of_chance(4, 0), Accuracy::default());
        // With two right ones of three, the first counts: never later than second.
        let want = Accuracy { ac1: 2.0 / 3.0, ac3: 1.0, ac5: 1.0, avg5: (2.0 / 3.0 + 4.0) / 5.0, mrr: 5.0 / 6.0 };
        assert!(near(Accuracy::of_first_by_chance(3, 2), want));
    }
}
