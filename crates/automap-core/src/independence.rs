//! Do two series depend on each other, given others? Tests that know how little a few autocorrelated samples say.
//!
//! A rate over a minute, sampled every five seconds, repeats eleven twelfths of itself in the next sample: two hundred samples are
//! worth some twenty. Tests that count them all find dependence in a quarter to three quarters of independent pairs.
//! Every test here counts *effective* samples, and says [`Outcome::Insufficient`] where they are too few to tell.

mod change;
mod effective;
mod fisher_z;
mod g_square;
mod scores;

pub use change::correlation_change;
pub use effective::effective_samples;
pub use fisher_z::{FisherZ, partial_correlation};
pub use g_square::GSquare;
pub use scores::Scores;

/// Which test decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CiTest {
    /// Partial correlation of normal scores with Fisher's z transform (Fisher 1924): monotone relations, few samples.
    FisherZ,
    /// G-test on quantile bins (Sokal & Rohlf 1981): any shape of relation, many samples; conditions on one series at most.
    GSquare {
        /// Bins of each series, 2 or 3.
        bins: usize,
    },
}

/// How a test is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CiOptions {
    /// The test.
    pub test: CiTest,
    /// Count effective samples instead of all. Default true; false reproduces the textbook test.
    pub effective_samples: bool,
    /// Fewest degrees of freedom (effective samples − conditions − 3) at which a test is done at all. Default 5: there a
    /// correlation must exceed 0.70 to be seen at the 5 % level; below it nothing but identity would be.
    pub min_degrees: f64,
}

impl Default for CiOptions {
    fn default() -> Self {
        Self { test: CiTest::FisherZ, effective_samples: true, min_degrees: 5.0 }
    }
}

/// What a test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The test was done.
    Tested {
        /// Probability of data at least this dependent if the two were independent, 0 to 1.
        p_value: f64,
        /// Strength of the dependence, 0 to 1: |partial correlation| or Cramér's V.
        strength: f64,
    },
    /// Too few effective samples, a constant series, or conditions that determine one of the two.
    Insufficient,
}

impl Outcome {
    /// The p-value; `None` where the data is insufficient.
    pub fn p_value(self) -> Option<f64> {
        match self {
            Self::Tested { p_value, .. } => Some(p_value),
            Self::Insufficient => None,
        }
    }
}

/// Tests over one set of series, made ready once and asked many times.
#[derive(Debug)]
pub enum Tester {
    /// See [`CiTest::FisherZ`].
    FisherZ(FisherZ),
    /// See [`CiTest::GSquare`].
    GSquare(GSquare),
}

impl Tester {
    /// Makes the series ready. Cost: O(series² × samples), in parallel.
    pub fn new(scores: &Scores, options: &CiOptions) -> Self {
        match options.test {
            CiTest::FisherZ => Self::FisherZ(FisherZ::new(scores, options)),
            CiTest::GSquare { bins } => Self::GSquare(GSquare::new(scores, bins, options)),
        }
    }

    /// Are series `i` and `j` independent given the series in `given`? `i`, `j` and `given` are distinct positions.
    pub fn test(&self, i: usize, j: usize, given: &[usize]) -> Outcome {
        match self {
            Self::FisherZ(test) => test.test(i, j, given),
            Self::GSquare(test) => test.test(i, j, given),
        }
    }

    /// How strongly `i` and `j` depend on each other given `given`, 0 to 1, without the question whether that is significant: much
    /// cheaper than [`Self::test`] for conditional Fisher-z tests. `None` where it cannot be told.
    pub fn strength(&self, i: usize, j: usize, given: &[usize]) -> Option<f64> {
        match self {
            Self::FisherZ(test) => test.strength(i, j, given),
            Self::GSquare(test) => match test.test(i, j, given) {
                Outcome::Tested { strength, .. } => Some(strength),
                Outcome::Insufficient => None,
            },
        }
    }

    /// Whether a dependence this weak, as [`Self::strength`] measured it given so many series, cannot be significant at `alpha`,
    /// whatever [`Self::test`] would say of its samples. False says nothing. O(1).
    pub fn is_beyond_significance(&self, strength: f64, conditions: usize, alpha: f64) -> bool {
        match self {
            Self::FisherZ(test) => test.is_beyond_significance(strength, conditions, alpha),
            Self::GSquare(_) => false,
        }
    }

    /// The most conditions that make sense.
    pub fn max_conditions(&self) -> usize {
        match self {
            Self::FisherZ(_) => usize::MAX,
            Self::GSquare(_) => 1,
        }
    }
}
