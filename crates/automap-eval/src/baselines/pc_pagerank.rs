//! PC and PageRank, as benchmarks such as RCAEval combine them: learn a causal graph of all metrics with the PC algorithm (Fisher's z-test,
//! level 0.05) from baseline and incident together, then run PageRank (damping 0.85) from effects to causes.
//!
//! Differences from RCAEval's code: it pairs the names of *all* metrics with the scores of the *connected* ones, so that one isolated
//! metric shifts every name behind it, and it falls back to the order of columns when anything fails; here every metric keeps its own score.
//! The graph comes from this project's PC-stable with textbook tests and at most two conditions.
//!
//! A weakness of the method itself is kept: pooling both windows makes all metrics dependent that changed with the incident.

use std::collections::BTreeSet;

use automap_core::graph::skeleton::{SkeletonOptions, skeleton};
use automap_core::graph::{Colliders, orient};
use automap_core::independence::{CiOptions, Scores as NormalScores, Tester};
use automap_core::rank::walk::{Solver, Transitions, WalkOptions, visits};

use super::common::{BaselineInput, BaselineScores, candidates, windows};

/// Probability of jumping anywhere: one minus PageRank's damping.
const RESTART: f64 = 0.15;
/// The benchmarks' defaults: level 0.05, no control of false discoveries. At most two conditions, from eight neighbours, bound the time.
const TEXTBOOK: SkeletonOptions =
    SkeletonOptions { alpha: 0.05, false_discovery_rate: 1.0, max_conditions: 2, max_neighbours: 8 };

pub(super) fn score(input: &BaselineInput) -> BaselineScores {
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
    // Rounded to nine digits: scores that differ only by rounding errors are ties.
    let scored = series.iter().zip(visited).map(|((_, s), v)| (*s, (v * 1e9).round()));
    BaselineScores::of_series(input.frame, scored)
}

#[cfg(test)]
mod tests {
    use automap_core::topology::CallGraph;

    use super::super::{Baseline, test_frames};

    /// Two causes of one effect, all waves orthogonal, are a collider: a → effect ← b. PageRank by hand: the isolated metric and the effect get t,
    /// a and b get t and half of .85 t from the effect; 4.85 t = 1.
    #[test]
    fn causes_of_a_common_effect_worked_by_hand() {
        let wave =
            |period: usize| (0..64).map(|i| if i % period < period / 2 { 1.0 } else { -1.0 }).collect::<Vec<f64>>();
        let (a, b, alone, rest) = (wave(2), wave(4), wave(8), wave(16));
        let effect = (0..64).map(|i| 2.0 * a[i] + 2.0 * b[i] + rest[i]).collect();
        let frame = test_frames::frame(&[
            ("a", "cpu", a),
            ("b", "cpu", b),
            ("effect", "latency", effect),
            ("isolated", "cpu", alone),
        ]);
        let scores = test_frames::score(Baseline::PcPageRank, &frame, 48, &CallGraph::new()).services;
        let (t, cause) = ((1e9f64 / 4.85).round(), (1.425e9f64 / 4.85).round());
        assert_eq!(scores.into_values().collect::<Vec<_>>(), [cause, cause, t, t]);
    }
}
