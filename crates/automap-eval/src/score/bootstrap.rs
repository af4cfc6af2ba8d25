//! How far a score would move had other incidents happened: the bootstrap over scenarios (Efron & Tibshirani 1993).
//!
//! Repetitions of one scenario (the same fault of the same service) stand or fall together, so whole scenarios are drawn, not cases;
//! every set keeps its number of scenarios, since the sets are fixed and the incidents are what varies.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Accuracy;
use automap_core::random::Rng;

/// Draws. The ends of a 95 % interval are then estimated from 50 draws each.
const DRAWS: usize = 2000;

/// The middle 95 % of what other incidents would have given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Interval {
    /// 2.5 % lie below.
    pub low: Accuracy,
    /// 2.5 % lie above.
    pub high: Accuracy,
}

/// One case's scenario and score; or the difference of two scores, for a paired comparison.
pub type Scored<'a> = (&'a str, Accuracy);

/// Intervals of every set's mean and of the mean over sets. The same seed and sets draw the same scenarios, whatever the scores.
pub fn intervals(sets: &[Vec<Scored<'_>>], seed: u64) -> (Vec<Interval>, Interval) {
    let clusters: Vec<Vec<(Accuracy, usize)>> = sets.iter().map(|cases| by_scenario(cases)).collect();
    let mut random = Rng::new(seed);
    let mut of_sets = vec![Vec::with_capacity(DRAWS); sets.len()];
    let mut over_sets = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let drawn: Vec<Accuracy> = clusters.iter().map(|c| draw(c, &mut random)).collect();
        over_sets.push(Accuracy::mean(&drawn));
        of_sets.iter_mut().zip(drawn).for_each(|(all, one)| all.push(one));
    }
    (of_sets.iter().map(|draws| middle(draws)).collect(), middle(&over_sets))
}

fn by_scenario(cases: &[Scored<'_>]) -> Vec<(Accuracy, usize)> {
    let mut sums: BTreeMap<&str, (Accuracy, usize)> = BTreeMap::new();
    for (scenario, score) in cases {
        let slot = sums.entry(scenario).or_default();
        *slot = (slot.0 + *score, slot.1 + 1);
    }
    sums.into_values().collect()
}

fn draw(clusters: &[(Accuracy, usize)], random: &mut Rng) -> Accuracy {
    let drawn = (0..clusters.len()).map(|_| clusters[random.below(clusters.len())]);
    let (sum, n) = drawn.fold((Accuracy::default(), 0), |(sum, n), (one, of)| (sum + one, n + of));
    sum * (1.0 / n.max(1) as f64)
}

fn middle(draws: &[Accuracy]) -> Interval {
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
    Interval { low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(scenarios: &[(&'static str, bool)]) -> Vec<Scored<'static>> {
        scenarios.iter().map(|(name, hit)| (*name, Accuracy::of_answer(&[hit.then_some(1)]))).collect()
    }

    #[test]
    fn repetitions_of_a_scenario_say_nothing_new() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let apart: Vec<(&str, bool)> = (0..100).map(|i| (names[i / 10], (i / 10) % 2 == 0)).collect();
        let (_, clustered) = intervals(&[hits(&apart)], 1);
        // Ten coins: a standard error of √(¼/10) = .158, so some .5 ± .31; a hundred would give ± .10.
        assert!((clustered.low.ac1 - 0.2).abs() < 0.051 && (clustered.high.ac1 - 0.8).abs() < 0.051, "{clustered:?}");
    }

    #[test]
    fn the_mean_over_sets_is_drawn_set_by_set_and_the_same_every_time() {
        let (sure, coin) = (hits(&[("a", true), ("b", true)]), hits(&[("a", true), ("b", false)]));
        let (of_sets, over) = intervals(&[sure.clone(), coin.clone()], 7);
        assert_eq!((of_sets[0].low.ac1, of_sets[0].high.ac1), (1.0, 1.0));
        assert_eq!((of_sets[1].low.ac1, of_sets[1].high.ac1), (0.0, 1.0));
        assert_eq!((over.low.ac1, over.high.ac1), (0.5, 1.0));
        assert_eq!(intervals(&[sure, coin], 7), (of_sets, over));
        assert_eq!(intervals(&[], 7).1, Interval::default());
    }
}
