//! Accuracy of rankings: AC@k and Avg@k, as in Pham et al., "Root Cause Analysis for Microservice Systems: How Far Are
//! We?", ASE 2024, and the mean reciprocal rank; what chance would reach; and how far the numbers can be believed.

pub mod bootstrap;
pub mod calibration;

use std::ops::{Add, Mul, Sub};

use serde::Serialize;

/// Accuracy of one answer, or the mean over answers or sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Accuracy {
    /// AC@1: share of the causes among the first one; the cause ranked first, where there is one cause.
    pub ac1: f64,
    /// AC@3.
    pub ac3: f64,
    /// AC@5.
    pub ac5: f64,
    /// Mean of AC@1 to AC@5.
    pub avg5: f64,
    /// One over the rank of the first true cause; 0 where none is ranked.
    pub mrr: f64,
}

impl Accuracy {
    /// One answer, from the ranks of its true causes (1 the best, `None` not ranked): `AC@k = |first k ∩ causes| / min(k, |causes|)`.
    /// No causes: all 0.
    pub fn of_answer(ranks: &[Option<usize>]) -> Self {
        let within = |k: usize| ranks.iter().filter(|r| r.is_some_and(|r| r <= k)).count() as f64;
        let best = ranks.iter().flatten().min();
        Self::from_hits(|k| within(k) / k.min(ranks.len()).max(1) as f64, best.map_or(0.0, |r| 1.0 / *r as f64))
    }

    /// What a uniformly random ranking of `candidates`, of which `causes` are right, is expected to reach. None right: all 0.
    pub fn of_chance(candidates: usize, causes: usize) -> Self {
        let first = Self::of_first_by_chance(candidates, causes);
        let at = |k: usize| (k.min(candidates) * causes) as f64 / (candidates * k.min(causes)).max(1) as f64;
        Self::from_hits(at, first.mrr)
    }

    /// The same where the first right one is all that counts, so that AC@k is the chance that the first `k` hold a right one.
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

    /// The mean: of answers over a set, or of sets, each counting once however many answers it has. Nothing: all 0.
    pub fn mean(all: &[Self]) -> Self {
        let sum = all.iter().fold(Self::default(), |sum, one| sum + *one);
        sum * (1.0 / all.len().max(1) as f64)
    }

    /// To six digits: beyond them is the rounding of sums.
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
    fn worked_by_hand() {
        let answers = [Some(1), Some(3), Some(6), None].map(|rank| Accuracy::of_answer(&[rank]));
        let want = Accuracy { ac1: 0.25, ac3: 0.5, ac5: 0.5, avg5: 0.4, mrr: 0.375 };
        assert!(near(Accuracy::mean(&answers), want));
        assert_eq!(Accuracy::mean(&[]), Accuracy::default());
    }

    /// Two causes at ranks 2 and 4: AC@1 0/1, AC@2 1/2, AC@3 1/2, AC@4 2/2, AC@5 2/2.
    #[test]
    fn two_causes_by_hand() {
        let want = Accuracy { ac1: 0.0, ac3: 0.5, ac5: 1.0, avg5: 0.6, mrr: 0.5 };
        assert!(near(Accuracy::of_answer(&[Some(4), Some(2)]), want));
    }

    #[test]
    fn small_sets_weigh_as_much_as_large_ones() {
        let (all, none) = (Accuracy::of_answer(&[Some(1)]), Accuracy::mean(&[Accuracy::of_answer(&[None]); 99]));
        assert_eq!(Accuracy::mean(&[all, none]).ac1, 0.5);
    }

    /// One of four: AC@k = k/4 up to 1, Avg@5 = (.25 + .5 + .75 + 1 + 1)/5; MRR = (1 + 1/2 + 1/3 + 1/4)/4. Two of three: the mean
    /// over the three pairs of ranks (1,2), (1,3), (2,3).
    #[test]
    fn chance_by_hand() {
        let want = Accuracy { ac1: 0.25, ac3: 0.75, ac5: 1.0, avg5: 0.7, mrr: 25.0 / 48.0 };
        assert!(near(Accuracy::of_chance(4, 1), want));
        let pairs = [[1, 2], [1, 3], [2, 3]].map(|pair| Accuracy::of_answer(&pair.map(Some)));
        assert!(near(Accuracy::of_chance(3, 2), Accuracy::mean(&pairs)));
        assert_eq!(Accuracy::of_chance(4, 0), Accuracy::default());
        // Two right ones of three, the first counts: never later than second.
        let want = Accuracy { ac1: 2.0 / 3.0, ac3: 1.0, ac5: 1.0, avg5: (2.0 / 3.0 + 4.0) / 5.0, mrr: 5.0 / 6.0 };
        assert!(near(Accuracy::of_first_by_chance(3, 2), want));
    }
}
