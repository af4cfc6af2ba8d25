//! Tests whether two series depend on each other, given others, on few autocorrelated samples.
//!
//! A rate over a minute, sampled every five seconds, repeats eleven twelfths of itself in the next sample: two hundred samples are worth
//! about twenty. Tests that count all of them find dependence in a quarter to three quarters of independent pairs. All tests here count
//! *effective* samples and return [`Outcome::Insufficient`] if there are too few. [`crate::graph`] decides which pairs are tested, and what
//! follows for the graph.

mod change;
mod effective;
mod fisher_z;
mod g_square;
mod pairs;
mod scores;

pub use change::correlation_change;
pub use effective::effective_samples;
pub use fisher_z::{FisherZ, partial_correlation};
pub use g_square::GSquare;
pub(crate) use pairs::{ordered, place};
pub use scores::Scores;

/// The independence test to use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CiTest {
    /// Partial correlation of normal scores with Fisher's z-transform (Fisher 1924). For monotone relations and few samples.
    FisherZ,
    /// G-test on quantile bins (Sokal and Rohlf 1981). For relations of any shape and many samples; conditions on one series at most.
    GSquare {
        /// Bins of each series, 2 or 3.
        bins: usize,
    },
}

/// Options of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CiOptions {
    /// The test.
    pub test: CiTest,
    /// Whether effective samples are counted instead of all. Default true; false gives the textbook test.
    pub effective_samples: bool,
    /// Fewest degrees of freedom (effective samples − conditions − 3) for a test. Default 5, where a correlation must exceed 0.70 to be
    /// significant at 5 %; with fewer, only near identity could be.
    pub min_degrees: f64,
}

impl Default for CiOptions {
    fn default() -> Self {
        Self { test: CiTest::FisherZ, effective_samples: true, min_degrees: 5.0 }
    }
}

/// Result of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The test was done.
    Tested {
        /// Probability of data at least this dependent if the two were independent, 0–1.
        p_value: f64,
        /// Strength of the dependence, 0–1: |partial correlation| or Cramér's V.
        strength: f64,
    },
    /// Too few effective samples, a constant series, or conditions that determine one of the two.
    Insufficient,
}

impl Outcome {
    /// The p-value; `None` if the data is insufficient.
    pub fn p_value(self) -> Option<f64> {
        match self {
            Self::Tested { p_value, .. } => Some(p_value),
            Self::Insufficient => None,
        }
    }
}

/// Tests over one set of series: prepared once, then used for many pairs.
///
/// ```
/// use automap_core::independence::{CiOptions, Scores, Tester};
/// use automap_core::random::Rng;
///
/// // A chain a → b → c: a and c depend on each other, but not given b.
/// let mut rng = Rng::new(1);
/// let a: Vec<f64> = (0..300).map(|_| rng.normal()).collect();
/// let b: Vec<f64> = a.iter().map(|a| a + rng.normal()).collect();
/// let c: Vec<f64> = b.iter().map(|b| b + rng.normal()).collect();
/// let tester = Tester::new(&Scores::new(&[a, b, c]), &CiOptions::default());
/// assert!(tester.test(0, 2, &[]).p_value().expect("enough samples") < 1e-6);
/// assert!(tester.test(0, 2, &[1]).p_value().expect("enough samples") > 0.05);
/// ```
#[derive(Debug)]
pub enum Tester {
    /// See [`CiTest::FisherZ`].
    FisherZ(FisherZ),
    /// See [`CiTest::GSquare`].
    GSquare(GSquare),
}

impl Tester {
    /// Prepares the series. Cost: O(series² × samples), in parallel.
    pub fn new(scores: &Scores, options: &CiOptions) -> Self {
        match options.test {
            CiTest::FisherZ => Self::FisherZ(FisherZ::new(scores, options)),
            CiTest::GSquare { bins } => Self::GSquare(GSquare::new(scores, bins, options)),
        }
    }

    /// Tests whether series `i` and `j` are independent given the series in `given`. All positions must be distinct.
    pub fn test(&self, i: usize, j: usize, given: &[usize]) -> Outcome {
        match self {
            Self::FisherZ(test) => test.test(i, j, given),
            Self::GSquare(test) => test.test(i, j, given),
        }
    }

    /// Strength of the dependence of `i` and `j` given `given`, 0–1, without testing its significance: much cheaper than [`Self::test`] for
    /// conditional Fisher z tests. `None` if it is undetermined.
    pub fn strength(&self, i: usize, j: usize, given: &[usize]) -> Option<f64> {
        match self {
            Self::FisherZ(test) => test.strength(i, j, given),
            Self::GSquare(test) => match test.test(i, j, given) {
                Outcome::Tested { strength, .. } => Some(strength),
                Outcome::Insufficient => None,
            },
        }
    }

    /// Whether a dependence of this [`Self::strength`], given this many series, is certainly not significant at `alpha`, so that
    /// [`Self::test`] need not be called. False allows no conclusion. O(1).
    pub fn is_surely_insignificant(&self, strength: f64, conditions: usize, alpha: f64) -> bool {
        match self {
            Self::FisherZ(test) => test.is_surely_insignificant(strength, conditions, alpha),
            Self::GSquare(_) => false,
        }
    }

    /// The largest number of conditions that the test supports.
    pub fn max_conditions(&self) -> usize {
        match self {
            Self::FisherZ(_) => usize::MAX,
            Self::GSquare(_) => 1,
        }
    }
}
