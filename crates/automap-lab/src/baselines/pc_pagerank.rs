//! PC and PageRank, as benchmarks combine them: a causal graph of all metrics learnt by the PC algorithm (Fisher's z, level 0.05) from normal and
//! faulty time together, then PageRank from effects to causes, damping 0.85.
//!
//! RCAEval's version pairs the names of *all* metrics with the scores of the *connected* ones, so that one isolated metric shifts every name behind
//! it, and ranks columns in file order where anything fails; here a metric keeps its score. The graph comes from this project's PC-stable,
//! textbook tests, at most two conditions. That the pooled windows make everything dependent that shifted is the method's own weakness.

use std::collections::BTreeSet;

use automap_core::graph::skeleton::{SkeletonOptions, skeleton};
use automap_core::graph::{Colliders, orient};
use automap_core::independence::{CiOptions, Scores as NormalScores, Tester};
use automap_core::rank::walk::{Solver, Transitions, WalkOptions, visits};

use super::{Input, Scores, candidates, windows};

/// Probability of jumping anywhere: one minus PageRank's damping.
const RESTART: f64 = 0.15;
/// Most series of a graph. Beyond it the densest test level alone takes minutes; the series that vary most against their level are kept by none
/// of the published tools, so neither does this: it gives no answer.
const TEXTBOOK: SkeletonOptions =
    SkeletonOptions { alpha: 0.05, false_discovery_rate: 1.0, max_conditions: 2, max_neighbours: 8 };

pub(super) fn score(input: &Input) -> Scores {
    let series: Vec<_> = candidates(input.frame).filter(|(_, s)| windows(s, input.rows).is_some()).collect();
    let rows: Vec<usize> = input.rows.baseline.iter().chain(&input.rows.incident).copied().collect();
    let columns: Vec<Vec<f64>> = series.iter().map(|(_, s)| rows.iter().map(|&i| s.values[i]).collect()).collect();
    let plain = CiOptions { effective_samples: false, ..CiOptions::default() };
    let tester = Tester::new(&NormalScores::new(&columns), &plain);
    let found = skeleton(&tester, columns.len(), &TEXTBOOK);
    let oriented = orient(&[found], &BTreeSet::new(), Colliders::Literal);
    let mut effects_to_causes: Vec<Vec<(usize, f64)>> = vec![Vec::new(); columns.len()];
    oriented.arrows().for_each(|(cause, effect)| effects_to_causes[effect].push((cause, 1.0)));
    let anywhere = vec![1.0; columns.len()];
    let walk = Transitions::new(effects_to_causes, &anywhere);
    let options = WalkOptions { restart: RESTART, solver: Solver::Exact, ..WalkOptions::default() };
    let visited = visits(&walk, &anywhere, &options);
    // Nine digits: what differs by the rounding of sums alone is equal.
    let scored = series.iter().zip(visited).map(|((_, s), v)| (*s, (v * 1e9).round()));
    Scores::of_series(input.frame, scored)
}

#[cfg(test)]
mod tests {
    use automap_core::topology::CallGraph;

    use super::super::{Baseline, samples};
    use crate::shop::rng::Rng;

    /// Two independent causes of one effect are a collider, which PC orients: causes → effect. An isolated metric has the plain share:
    /// with n = 4, π_isolated = ¼ of what jumps; the causes gain from the effect, which gains from nobody.
    #[test]
    fn causes_of_a_common_effect_come_first() {
        let mut random = Rng::new(5);
        let mut noise = || (0..300).map(|_| random.unit() - 0.5).collect::<Vec<f64>>();
        let (a, b, alone, e) = (noise(), noise(), noise(), noise());
        let effect = (0..300).map(|i| a[i] + b[i] + 0.2 * e[i]).collect();
        let frame =
            samples::frame(&[("a", "cpu", a), ("b", "cpu", b), ("effect", "latency", effect), ("isolated", "cpu", alone)]);
        let scores = samples::score(Baseline::PcPageRank, &frame, 250, &CallGraph::new()).services;
        assert!(scores["a"] > scores["effect"] && scores["b"] > scores["effect"], "{scores:?}");
        assert!((scores["a"] - scores["b"]).abs() <= 1.0, "{scores:?}");
        assert!(scores["isolated"] <= scores["a"], "{scores:?}");
    }
}
