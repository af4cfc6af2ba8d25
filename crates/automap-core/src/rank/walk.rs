//! The heuristic random walk of AutoMAP and its relatives: forward from effects to causes, sometimes back, sometimes staying.
//!
//! Services that are visited often are likely causes. Visit frequencies are computed by power iteration, not sampled: the stationary distribution
//! with restarts, or the accumulated one without. A seeded Monte-Carlo walk is available for comparison with the published methods
//! (MonitorRank, CloudRanger and AutoMAP sample). [`super::automap`] computes the arrows and scores.

use serde::{Deserialize, Serialize};

use crate::random::Rng;

/// Options of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WalkOptions {
    /// ρ, weight of a step back from cause to effect, 0–1. Default 0.2, as in MonitorRank (SIGMETRICS 2013) and the code of CloudRanger.
    pub backward: f64,
    /// β of the second-order walk (CloudRanger, CCGRID 2018), 0–1: the previous step counts with `1 − β`. Default 1, a first-order walk.
    pub second_order: f64,
    /// Probability of a restart before each step, 0–1. Default 0.5: walks of two steps on average, as long as most call chains; longer walks lose
    /// track of the evidence. 0 is the paper's uninterrupted walk.
    pub restart: f64,
    /// Steps of a walk without restarts and of the Monte-Carlo walk. Default 1000.
    pub steps: usize,
    /// Whether visits are computed or sampled.
    pub solver: Solver,
}

/// How visit frequencies are obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Solver {
    /// By power iteration: exact.
    Exact,
    /// By ten walks with a seeded generator: the same result for the same seed.
    MonteCarlo {
        /// Seed.
        seed: u64,
    },
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self { backward: 0.2, second_order: 1.0, restart: 0.5, steps: 1000, solver: Solver::Exact }
    }
}

/// Walks per Monte-Carlo estimate, as in the published methods.
const WALKS: usize = 10;
/// Power iteration ends when the distribution changes by less than this (sum of absolute differences).
const TOLERANCE: f64 = 1e-12;
/// Limit of iterations; a restart probability of 0.5 needs about 40.
const MAX_ITERATIONS: usize = 10_000;

/// Transition probabilities, row by row. From a row without any, the walk jumps according to `teleport`.
#[derive(Clone, Debug, PartialEq)]
pub struct Transitions {
    rows: Vec<Vec<(usize, f64)>>,
    teleport: Vec<f64>,
}

impl Transitions {
    /// Normalises non-negative weights so that every row sums to 1, and `teleport` as well; a `teleport` of zeros becomes uniform.
    pub fn new(mut rows: Vec<Vec<(usize, f64)>>, teleport: &[f64]) -> Self {
        for row in &mut rows {
            row.retain(|(_, weight)| *weight > 0.0);
            let sum: f64 = row.iter().map(|(_, weight)| weight).sum();
            row.iter_mut().for_each(|(_, weight)| *weight /= sum);
        }
        Self { rows, teleport: distribution(teleport) }
    }

    /// Transitions of the heuristic walk over arrows `effect → cause`.
    ///
    /// `scores[i] ≥ 0` is how much service `i` attracts the walk. From `i` it moves forward to a cause `j` with weight `S_j`, back to an effect
    /// with weight `ρ·S_i`, and stays with weight `max(0, S_i − max_j P_ij)`, except at `entry`, where the walk starts.
    pub fn heuristic(arrows: &[(usize, usize)], scores: &[f64], backward: f64, entry: Option<usize>) -> Self {
        let mut weights: Vec<std::collections::BTreeMap<usize, f64>> = vec![Default::default(); scores.len()];
        for &(effect, cause) in arrows {
            weights[effect].insert(cause, scores[cause]);
        }
        for &(effect, cause) in arrows {
            weights[cause].entry(effect).or_insert(backward * scores[cause]);
        }
        for (i, row) in weights.iter_mut().enumerate().filter(|(i, _)| Some(*i) != entry) {
            let largest = row.values().copied().fold(0.0, f64::max);
            row.insert(i, (scores[i] - largest).max(0.0));
        }
        Self::new(weights.into_iter().map(|row| row.into_iter().collect()).collect(), scores)
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    /// One step of a distribution.
    fn step(&self, from: &[f64]) -> Vec<f64> {
        let mut to = vec![0.0; self.len()];
        let mut lost = 0.0;
        for (row, mass) in self.rows.iter().zip(from) {
            if row.is_empty() {
                lost += mass;
            }
            row.iter().for_each(|(j, p)| to[*j] += mass * p);
        }
        to.iter_mut().zip(&self.teleport).for_each(|(t, u)| *t += lost * u);
        to
    }
}

/// Normalises values ≥ 0 to probabilities; uniform if all are 0.
pub fn distribution(values: &[f64]) -> Vec<f64> {
    let sum: f64 = values.iter().sum();
    let uniform = 1.0 / values.len().max(1) as f64;
    values.iter().map(|v| if sum > 0.0 { v / sum } else { uniform }).collect()
}

/// Computes how often each service is visited by a walk that starts, and restarts, at `start`. The result sums to 1; empty without services.
///
/// Cost: O(arrows × iterations), for a second-order walk O(Σ in-degree × out-degree × iterations).
///
/// ```
/// use automap_core::rank::walk::{Transitions, WalkOptions, visits};
///
/// // Front-end 0 waits for 1, which waits for 2; service 2 shows most evidence.
/// let scores = [1.0, 2.0, 4.0];
/// let walk = Transitions::heuristic(&[(0, 1), (1, 2)], &scores, 0.5, Some(0));
/// let endless = WalkOptions { restart: 0.0, steps: 20_000, ..WalkOptions::default() };
/// // In balance 1/14, 5/14 and 8/14 of the time.
/// let share = visits(&walk, &[1.0, 0.0, 0.0], &endless);
/// assert!((share[2] - 8.0 / 14.0).abs() < 1e-3, "{share:?}");
/// ```
pub fn visits(transitions: &Transitions, start: &[f64], options: &WalkOptions) -> Vec<f64> {
    if transitions.len() == 0 {
        return Vec::new();
    }
    let start = distribution(start);
    match options.solver {
        Solver::MonteCarlo { seed } => sample_visits(transitions, &start, options, seed),
        Solver::Exact if options.second_order < 1.0 => {
            let walk = SecondOrder::new(transitions, options.second_order);
            accumulate(
                initial_state(&start, transitions),
                |state| walk.step(state),
                |state| walk.places(state),
                &start,
                options,
                |s| initial_state(s, transitions),
            )
        }
        Solver::Exact => accumulate(
            start.clone(),
            |state| transitions.step(state),
            <[f64]>::to_vec,
            &start,
            options,
            <[f64]>::to_vec,
        ),
    }
}

/// The initial second-order state: a distribution over services, without a previous step.
fn initial_state(start: &[f64], transitions: &Transitions) -> Vec<f64> {
    let arrows: usize = transitions.rows.iter().map(Vec::len).sum();
    start.iter().copied().chain(std::iter::repeat_n(0.0, arrows)).collect()
}

/// Iterates a distribution over states: to the stationary one with restarts, or accumulated over `steps` without.
fn accumulate(
    first: Vec<f64>,
    mut step: impl FnMut(&[f64]) -> Vec<f64>,
    places: impl Fn(&[f64]) -> Vec<f64>,
    start: &[f64],
    options: &WalkOptions,
    begin: impl Fn(&[f64]) -> Vec<f64>,
) -> Vec<f64> {
    let mut state = first;
    if options.restart > 0.0 {
        let restarted = begin(start);
        for _ in 0..MAX_ITERATIONS {
            let mut next = step(&state);
            next.iter_mut().zip(&restarted).for_each(|(n, a)| *n = (1.0 - options.restart) * *n + options.restart * a);
            let change: f64 = next.iter().zip(&state).map(|(a, b)| (a - b).abs()).sum();
            state = next;
            if change < TOLERANCE {
                break;
            }
        }
        return distribution(&places(&state));
    }
    let mut sum = vec![0.0; places(&state).len()];
    for _ in 0..options.steps.max(1) {
        state = step(&state);
        sum.iter_mut().zip(places(&state)).for_each(|(s, p)| *s += p);
    }
    distribution(&sum)
}

/// A second-order walk. Its states are every service without a previous step, then every arrow just taken.
struct SecondOrder<'a> {
    transitions: &'a Transitions,
    beta: f64,
    /// Index of the first state that belongs to each row's arrows.
    first_arrow: Vec<usize>,
}

impl<'a> SecondOrder<'a> {
    fn new(transitions: &'a Transitions, beta: f64) -> Self {
        let mut next = transitions.len();
        let first_arrow = transitions.rows.iter().map(|row| {
            let first = next;
            next += row.len();
            first
        });
        Self { first_arrow: first_arrow.collect(), transitions, beta }
    }

    /// `P(k → i → j) ∝ (1 − β)·P_ki + β·P_ij`.
    fn step(&self, state: &[f64]) -> Vec<f64> {
        let (n, rows) = (self.transitions.len(), &self.transitions.rows);
        let mut next = vec![0.0; state.len()];
        let mut lost = 0.0;
        let mut leave = |at: usize, mass: f64, before: f64| {
            let row = &rows[at];
            if row.is_empty() {
                lost += mass;
                return;
            }
            let total = (1.0 - self.beta) * before * row.len() as f64 + self.beta;
            for (a, (_, p)) in row.iter().enumerate() {
                next[self.first_arrow[at] + a] += mass * ((1.0 - self.beta) * before + self.beta * p) / total;
            }
        };
        for (at, mass) in state[..n].iter().enumerate().filter(|(_, m)| **m > 0.0) {
            leave(at, *mass, 0.0);
        }
        for (k, row) in rows.iter().enumerate() {
            for (a, (i, p)) in row.iter().enumerate() {
                leave(*i, state[self.first_arrow[k] + a], *p);
            }
        }
        next[..n].iter_mut().zip(&self.transitions.teleport).for_each(|(t, u)| *t += lost * u);
        next
    }

    fn places(&self, state: &[f64]) -> Vec<f64> {
        let n = self.transitions.len();
        let mut at = state[..n].to_vec();
        for (k, row) in self.transitions.rows.iter().enumerate() {
            for (a, (i, _)) in row.iter().enumerate() {
                at[*i] += state[self.first_arrow[k] + a];
            }
        }
        at
    }
}

fn sample_visits(transitions: &Transitions, start: &[f64], options: &WalkOptions, seed: u64) -> Vec<f64> {
    let mut rng = Rng::new(seed);
    let dense = |p: &[f64]| p.iter().copied().enumerate().collect::<Vec<_>>();
    let (start, teleport) = (dense(start), dense(&transitions.teleport));
    let mut count = vec![0.0; transitions.len()];
    for _ in 0..WALKS {
        let (mut at, mut before) = (pick(&mut rng, &start), 0.0);
        for _ in 0..options.steps.max(1) {
            if options.restart > 0.0 && rng.unit() < options.restart {
                (at, before) = (pick(&mut rng, &start), 0.0);
            } else if transitions.rows[at].is_empty() {
                (at, before) = (pick(&mut rng, &teleport), 0.0);
            } else {
                let blend = |p: f64| (1.0 - options.second_order) * before + options.second_order * p;
                let row: Vec<(usize, f64)> = transitions.rows[at].iter().map(|(j, p)| (*j, blend(*p))).collect();
                let next = pick(&mut rng, &row);
                before = transitions.rows[at].iter().find(|(j, _)| *j == next).map_or(0.0, |(_, p)| *p);
                at = next;
            }
            count[at] += 1.0;
        }
    }
    distribution(&count)
}

/// One of several weighted choices; `choices` is not empty. Where all weights are 0, the first.
fn pick(rng: &mut Rng, choices: &[(usize, f64)]) -> usize {
    let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.unit() * total;
    for (choice, weight) in choices {
        left -= weight;
        if left < 0.0 {
            return *choice;
        }
    }
    choices.iter().rev().find(|(_, weight)| *weight > 0.0).map_or(choices[0].0, |(choice, _)| *choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDLESS: WalkOptions =
        WalkOptions { backward: 0.2, second_order: 1.0, restart: 0.0, steps: 20_000, solver: Solver::Exact };

    /// Front-end 0 waits for 1, which waits for 2. Scores 1, 2, 4, ρ = ½. Rows by hand:
    /// 0: to 1 with 2 → 1. 1: on to 2 with 4, back to 0 with ½·2 = 1, staying max(0, 2 − 4) = 0 → ⅘, ⅕. 2: back ½·4 = 2, staying
    /// 4 − 2 = 2 → ½, ½.
    #[test]
    fn the_three_moves_by_hand() {
        let t = Transitions::heuristic(&[(0, 1), (1, 2)], &[1.0, 2.0, 4.0], 0.5, Some(0));
        assert_eq!(t.rows, [vec![(1, 1.0)], vec![(0, 0.2), (2, 0.8)], vec![(1, 0.5), (2, 0.5)]]);
        // Balance: π0 = π1/5, π1 = π0 + π2/2, so π2 = 8/5·π1; the sum of 1/5 + 1 + 8/5 is 14/5.
        let pi = visits(&t, &[1.0, 0.0, 0.0], &ENDLESS);
        for (got, want) in pi.iter().zip([1.0 / 14.0, 5.0 / 14.0, 8.0 / 14.0]) {
            assert!((got - want).abs() < 1e-3, "{pi:?}");
        }
    }

    #[test]
    fn a_dead_end_is_left_by_a_jump_and_nothing_is_ever_lost() {
        let t = Transitions::new(vec![vec![(1, 1.0)], vec![], vec![]], &[1.0, 1.0, 2.0]);
        for options in [ENDLESS, WalkOptions::default(), WalkOptions { second_order: 0.4, ..ENDLESS }] {
            let pi = visits(&t, &[1.0, 0.0, 0.0], &options);
            assert!((pi.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{pi:?}");
            assert!(pi.iter().all(|p| *p > 0.0), "{pi:?}");
        }
        let nothing = Transitions::heuristic(&[], &[0.0, 0.0], 0.2, None);
        assert_eq!(visits(&nothing, &[0.0, 0.0], &WalkOptions::default()), [0.5, 0.5]);
        assert!(visits(&Transitions::new(vec![], &[]), &[], &WalkOptions::default()).is_empty());
    }

    #[test]
    fn sampling_agrees_with_computing() {
        let arrows = [(0, 1), (0, 2), (1, 3), (2, 3), (3, 1)];
        let t = Transitions::heuristic(&arrows, &[0.3, 0.8, 0.5, 1.0], 0.3, Some(0));
        for second_order in [1.0, 0.3] {
            for restart in [0.0, 0.2] {
                let exact = WalkOptions { second_order, restart, ..ENDLESS };
                let sampled = WalkOptions { solver: Solver::MonteCarlo { seed: 7 }, ..exact };
                let (a, b) = (visits(&t, &[1.0, 0.0, 0.0, 0.0], &exact), visits(&t, &[1.0, 0.0, 0.0, 0.0], &sampled));
                // 200,000 correlated steps: a standard error of some 0.002.
                assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 0.01), "{second_order} {restart}: {a:?} {b:?}");
                assert_eq!(b, visits(&t, &[1.0, 0.0, 0.0, 0.0], &sampled), "the same seed, the same walk");
            }
        }
    }

    #[test]
    fn a_beta_of_one_is_the_first_order_walk() {
        let arrows = [(0, 1), (1, 2), (2, 0), (0, 2)];
        let t = Transitions::heuristic(&arrows, &[0.3, 0.8, 0.5], 0.3, None);
        let nearly = WalkOptions { second_order: 1.0 - 1e-12, ..WalkOptions::default() };
        let (a, b) = (visits(&t, &[1.0, 0.0, 0.0], &WalkOptions::default()), visits(&t, &[1.0, 0.0, 0.0], &nearly));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?} {b:?}");
    }
}
