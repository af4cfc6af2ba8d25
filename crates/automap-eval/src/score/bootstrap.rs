//! Confidence intervals of scores by the bootstrap (Efron & Tibshirani, 1993): how far would a score move with other incidents?
//!
//! Repetitions of a scenario (the same fault in the same service) tend to succeed or fail together, so whole scenarios are drawn with
//! replacement, not single cases. Each data set keeps its number of scenarios: the sets are fixed, their incidents are the sample.
//!
//! # Example
//!
//! Two scenarios with two repetitions each. All of the first are right and all of the second wrong, so the interval is as wide as it can be.
//! Counting the four cases as independent would promise a narrower one.
//!
//! ```
//! use automap_eval::score::{Accuracy, bootstrap::confidence_intervals};
//!
//! let (right, wrong) = (Accuracy::of_answer(&[Some(1)]), Accuracy::of_answer(&[None]));
//! let set = vec![("carts cpu", right), ("carts cpu", right), ("user delay", wrong), ("user delay", wrong)];
//! let (of_sets, over_sets) = confidence_intervals(&[set], 1);
//! assert_eq!((over_sets.low.ac1, over_sets.high.ac1), (0.0, 1.0));
//! assert_eq!(of_sets, [over_sets]);
//! ```

use std::collections::BTreeMap;

use serde::Serialize;

use super::Accuracy;
use automap_core::random::Rng;

/// Number of resamples. 2.5 % of them, 50, lie beyond each end of a 95 % interval.
const DRAWS: usize = 2000;

/// A 95 % interval of every measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AccuracyInterval {
    /// Lower end: 2.5 % of the resamples lie below.
    pub low: Accuracy,
    /// Upper end: 2.5 % of the resamples lie above.
    pub high: Accuracy,
}

/// The scenario of a case, and its score or, for a paired comparison of two engines, the difference of their scores.
pub type ScenarioScore<'a> = (&'a str, Accuracy);

/// Intervals of the mean of each data set, and of the mean over data sets.
///
/// The scenarios drawn depend on the seed and the scenarios' names only, not on the scores. Two engines with the same cases therefore
/// get the same resamples.
pub fn confidence_intervals(sets: &[Vec<ScenarioScore<'_>>], seed: u64) -> (Vec<AccuracyInterval>, AccuracyInterval) {
    let clusters: Vec<Vec<(Accuracy, usize)>> = sets.iter().map(|cases| by_scenario(cases)).collect();
    let mut random = Rng::new(seed);
    let mut of_sets = vec![Vec::with_capacity(DRAWS); sets.len()];
    let mut over_sets = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let drawn: Vec<Accuracy> = clusters.iter().map(|c| resample(c, &mut random)).collect();
        over_sets.push(Accuracy::mean(&drawn));
        of_sets.iter_mut().zip(drawn).for_each(|(all, one)| all.push(one));
    }
    (of_sets.iter().map(|draws| middle_95_percent(draws)).collect(), middle_95_percent(&over_sets))
}

fn by_scenario(cases: &[ScenarioScore<'_>]) -> Vec<(Accuracy, usize)> {
    let mut sums: BTreeMap<&str, (Accuracy, usize)> = BTreeMap::new();
    for (scenario, score) in cases {
        let slot = sums.entry(scenario).or_default();
        *slot = (slot.0 + *score, slot.1 + 1);
    }
    sums.into_values().collect()
}

fn resample(clusters: &[(Accuracy, usize)], random: &mut Rng) -> Accuracy {
    let drawn = (0..clusters.len()).map(|_| clusters[random.below(clusters.len())]);
    let (sum, n) = drawn.fold((Accuracy::default(), 0), |(sum, n), (one, of)| (sum + one, n + of));
    sum * (1.0 / n.max(1) as f64)
}

fn middle_95_percent(draws: &[Accuracy]) -> AccuracyInterval {
    let at = |share: f64| {
        let of = |f: fn(&Accuracy) -> f64| {
            let mut values: Vec<f64> = draws.iter().map(f).collect();
            values.sort_unstable_by(f64::total_cmp);
            let last = values.len().saturating_sub(1);
            values.get((share * last as f64).round() as usize).copied().unwrap_or(0.0)
        };
        Accuracy {
            ac1: of(|a| a.ac1),
            ac3: of(|a| a.ac3),
            ac5: of(|a| a.ac5),
            avg5: of(|a| a.avg5),
            mrr: of(|a| a.mrr),
        }
    };
    AccuracyInterval { low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(scenarios: &[(&'static str, bool)]) -> Vec<ScenarioScore<'static>> {
        scenarios.iter().map(|(name, hit)| (*name, Accuracy::of_answer(&[hit.then_some(1)]))).collect()
    }

    #[test]
    fn repetitions_of_a_scenario_do_not_narrow_the_interval() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let apart: Vec<(&str, bool)> = (0..100).map(|i| (names[i / 10], (i / 10) % 2 == 0)).collect();
        let (_, clustered) = confidence_intervals(&[hits(&apart)], 1);
        // Ten coins: a standard error of √(¼/10) = .158, so some .5 ± .31; a hundred would give ± .10.
        assert!((clustered.low.ac1 - 0.2).abs() < 0.051 && (clustered.high.ac1 - 0.8).abs() < 0.051, "{clustered:?}");
    }

    #[test]
    fn sets_are_resampled_separately_and_reproducibly() {
        let (sure, coin) = (hits(&[("a", true), ("b", true)]), hits(&[("a", true), ("b", false)]));
        let (of_sets, over) = confidence_intervals(&[sure.clone(), coin.clone()], 7);
        assert_eq!((of_sets[0].low.ac1, of_sets[0].high.ac1), (1.0, 1.0));
        assert_eq!((of_sets[1].low.ac1, of_sets[1].high.ac1), (0.0, 1.0));
        assert_eq!((over.low.ac1, over.high.ac1), (0.5, 1.0));
        assert_eq!(confidence_intervals(&[sure, coin], 7), (of_sets, over));
        assert_eq!(confidence_intervals(&[], 7).1, AccuracyInterval::default());
    }
}
