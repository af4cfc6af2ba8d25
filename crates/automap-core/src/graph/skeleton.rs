//! Finds the pairs that stay dependent under every conditioning set: the undirected part of the PC algorithm.
//!
//! PC-stable (Colombo and Maathuis 2014): all tests of a level use the neighbours from before that level. Among the conditioning sets of a
//! level, the one that leaves the weakest dependence decides; with equal samples it is the one with the largest p-value (Ramsey 2016), so the
//! result does not depend on the order of the services. The share of false edges is bounded by Benjamini and Hochberg's procedure (1995) on
//! each edge's largest p-value (Strobl et al. 2019), at the start and at the end. Directions are found in `orient`.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::independence::{Outcome, Tester, ordered, place};

/// Options for keeping edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SkeletonOptions {
    /// Significance level of one test, 0–1. Default 0.05.
    pub alpha: f64,
    /// Accepted share of false edges among all edges, 0–1; 1 switches the control off. Default 0.1. Without it, 91 pairs of 14 independent
    /// services would have four or five false edges at a level of 0.05.
    pub false_discovery_rate: f64,
    /// Largest number of conditions. Default 2: with three, a few hundred autocorrelated samples have no power left.
    pub max_conditions: usize,
    /// How many of a service's neighbours, the most dependent first, are conditioned on. Default 8: bounds the tests of a hub.
    pub max_neighbours: usize,
}

impl Default for SkeletonOptions {
    fn default() -> Self {
        Self { alpha: 0.05, false_discovery_rate: 0.1, max_conditions: 2, max_neighbours: 8 }
    }
}

/// Result for a pair of series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// Dependent under every conditioning set.
    Edge,
    /// Independent given a set of others, which may be empty.
    Separated,
    /// Significant on its own but not among this many tests: no edge, and no separating set either.
    Pruned,
    /// Too few samples to tell.
    Insufficient,
}

/// The undirected result of PC for one metric.
#[derive(Clone, Debug)]
pub struct Skeleton {
    series: usize,
    /// Result for every pair: the upper triangle, row by row.
    pairs: Vec<Pair>,
    /// Separating sets, without the empty ones.
    separating: BTreeMap<(usize, usize), Vec<usize>>,
    /// Edges with their largest p-value and their unconditional strength.
    edges: BTreeMap<(usize, usize), (f64, f64)>,
}

impl Skeleton {
    /// Result for a pair.
    pub fn pair(&self, i: usize, j: usize) -> Pair {
        self.pairs[place(self.series, i, j)]
    }

    /// The set that separates a pair; `None` if it is not separated.
    pub fn separating_set(&self, i: usize, j: usize) -> Option<&[usize]> {
        let set = || self.separating.get(&ordered(i, j)).map_or(&[][..], Vec::as_slice);
        (self.pair(i, j) == Pair::Separated).then(set)
    }

    /// All edges `(i, j)` with `i < j`, in order.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        self.edges.keys().copied()
    }

    /// Strength of an edge, 0–1: |correlation| or Cramér's V without conditions. `None` if there is no edge.
    pub fn strength(&self, i: usize, j: usize) -> Option<f64> {
        self.edges.get(&ordered(i, j)).map(|(_, strength)| *strength)
    }

    /// How many pairs have this result.
    pub fn count(&self, state: Pair) -> usize {
        self.pairs.iter().filter(|p| **p == state).count()
    }
}

/// Learns which of `series` series depend on each other directly.
///
/// Cost: O(series²) unconditional tests and, for every edge, at most `2·(max_neighbours choose level)` tests per level, in parallel. The result
/// does not depend on the number of threads.
///
/// ```
/// use automap_core::graph::skeleton::{SkeletonOptions, skeleton};
/// use automap_core::independence::{CiOptions, Scores, Tester};
/// use automap_core::random::Rng;
///
/// // A chain a → b → c.
/// let mut rng = Rng::new(1);
/// let a: Vec<f64> = (0..300).map(|_| rng.normal()).collect();
/// let b: Vec<f64> = a.iter().map(|a| a + rng.normal()).collect();
/// let c: Vec<f64> = b.iter().map(|b| b + rng.normal()).collect();
/// let tester = Tester::new(&Scores::new(&[a, b, c]), &CiOptions::default());
/// let found = skeleton(&tester, 3, &SkeletonOptions::default());
/// assert_eq!(found.edges().collect::<Vec<_>>(), [(0, 1), (1, 2)]);
/// assert_eq!(found.separating_set(0, 2), Some(&[1][..]), "a and c are independent given b");
/// ```
pub fn skeleton(tester: &Tester, series: usize, options: &SkeletonOptions) -> Skeleton {
    let mut found = test_pairs(tester, series, options);
    let deepest = options.max_conditions.min(tester.max_conditions());
    for level in 1..=deepest {
        let neighbours = neighbours(&found);
        if neighbours.iter().all(|list| list.len() <= level) {
            break;
        }
        condition(tester, &mut found, &neighbours, level, options);
    }
    discard_false_discoveries(&mut found, options.false_discovery_rate);
    found
}

/// Tests every pair without conditions.
fn test_pairs(tester: &Tester, n: usize, options: &SkeletonOptions) -> Skeleton {
    let row = |i: usize| (i + 1..n).map(|j| tester.test(i, j, &[])).collect::<Vec<_>>();
    let outcomes: Vec<Outcome> = (0..n).into_par_iter().map(row).collect::<Vec<_>>().concat();
    let tested: Vec<f64> = outcomes.iter().filter_map(|o| o.p_value()).collect();
    let limit = discovery_limit(&tested, tested.len(), options.false_discovery_rate);
    let (mut pairs, mut edges) = (Vec::with_capacity(outcomes.len()), Vec::new());
    let names = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    for (pair, outcome) in names.zip(outcomes) {
        pairs.push(match outcome {
            Outcome::Insufficient => Pair::Insufficient,
            Outcome::Tested { p_value, .. } if p_value > options.alpha => Pair::Separated,
            Outcome::Tested { p_value, .. } if p_value > limit => Pair::Pruned,
            Outcome::Tested { p_value, strength } => {
                edges.push((pair, (p_value, strength)));
                Pair::Edge
            }
        });
    }
    Skeleton { series: n, pairs, separating: BTreeMap::new(), edges: edges.into_iter().collect() }
}

/// The neighbours of every series, the most dependent first.
fn neighbours(found: &Skeleton) -> Vec<Vec<usize>> {
    let mut lists: Vec<Vec<(f64, usize)>> = vec![Vec::new(); found.series];
    for (&(i, j), &(_, strength)) in &found.edges {
        lists[i].push((strength, j));
        lists[j].push((strength, i));
    }
    let sorted = |mut list: Vec<(f64, usize)>| {
        list.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        list.into_iter().map(|(_, k)| k).collect()
    };
    lists.into_iter().map(sorted).collect()
}

/// Reusable buffers for the conditioning sets of an edge.
#[derive(Default)]
struct Place {
    /// Neighbours of one end.
    list: Vec<usize>,
    /// The set that leaves the weakest dependence.
    weakest: Vec<usize>,
}

/// Removes the edges that some set of `level` neighbours separates.
fn condition(
    tester: &Tester,
    found: &mut Skeleton,
    neighbours: &[Vec<usize>],
    level: usize,
    options: &SkeletonOptions,
) {
    let edges: Vec<(usize, usize)> = found.edges.keys().copied().collect();
    let best: Vec<Option<(f64, Vec<usize>)>> = edges
        .par_iter()
        .map_init(Place::default, |place, &(i, j)| {
            let Place { list, weakest } = place;
            let mut least = None;
            for (end, other) in [(i, j), (j, i)] {
                list.clear();
                list.extend(neighbours[end].iter().copied().filter(|&k| k != other).take(options.max_neighbours));
                list.sort_unstable();
                for_each_subset(list, level, |set| {
                    if let Some(strength) = tester.strength(i, j, set)
                        && least.is_none_or(|known| strength < known)
                    {
                        least = Some(strength);
                        weakest.clear();
                        weakest.extend_from_slice(set);
                    }
                });
            }
            let (strength, set) = (least?, weakest.clone());
            if tester.is_surely_insignificant(strength, level, options.alpha) {
                return Some((1.0, set));
            }
            Some((tester.test(i, j, &set).p_value()?, set))
        })
        .collect();
    for (&(i, j), best) in edges.iter().zip(best) {
        let Some((p, set)) = best else { continue };
        if p > options.alpha {
            found.edges.remove(&(i, j));
            found.pairs[place(found.series, i, j)] = Pair::Separated;
            found.separating.insert((i, j), set);
        } else if let Some((largest, _)) = found.edges.get_mut(&(i, j)) {
            *largest = largest.max(p);
        }
    }
}

fn discard_false_discoveries(found: &mut Skeleton, rate: f64) {
    let tested = found.pairs.len() - found.count(Pair::Insufficient);
    let values: Vec<f64> = found.edges.values().map(|(p, _)| *p).collect();
    let limit = discovery_limit(&values, tested, rate);
    let n = found.series;
    let (pairs, edges) = (&mut found.pairs, &mut found.edges);
    edges.retain(|&(i, j), (p, _)| {
        let keep = *p <= limit;
        if !keep {
            pairs[place(n, i, j)] = Pair::Pruned;
        }
        keep
    });
}

/// The largest p-value that Benjamini and Hochberg's procedure accepts among `tests` tests, of which `values` are the smallest; −1 if none.
fn discovery_limit(values: &[f64], tests: usize, rate: f64) -> f64 {
    if rate >= 1.0 {
        return 1.0;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let accepted = |(i, p): &(usize, &f64)| **p <= (i + 1) as f64 / tests.max(1) as f64 * rate;
    sorted.iter().enumerate().rfind(accepted).map_or(-1.0, |(_, p)| *p)
}

/// Calls `visit` with every subset of `size` elements, in lexicographic order.
fn for_each_subset(list: &[usize], size: usize, mut visit: impl FnMut(&[usize])) {
    if size > list.len() {
        return;
    }
    let mut at: Vec<usize> = (0..size).collect();
    let mut set: Vec<usize> = at.iter().map(|&i| list[i]).collect();
    loop {
        visit(&set);
        // The last position that can still advance.
        let Some(k) = (0..size).rev().find(|&k| at[k] < list.len() - size + k) else { return };
        at[k] += 1;
        set[k] = list[at[k]];
        for later in k + 1..size {
            at[later] = at[later - 1] + 1;
            set[later] = list[at[later]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::independence::{CiOptions, Scores};

    #[test]
    fn all_subsets_in_order() {
        let mut visited = Vec::new();
        for_each_subset(&[4, 6, 9], 2, |set| visited.push(set.to_vec()));
        assert_eq!(visited, [vec![4, 6], vec![4, 9], vec![6, 9]]);
        for_each_subset(&[1], 2, |_| panic!("there is none"));
    }

    /// Benjamini & Hochberg by hand: four tests, rate 0.2: limits .05 .10 .15 .20; .01 .11 .14 .9 accepts three.
    #[test]
    fn discoveries_by_hand() {
        assert_eq!(discovery_limit(&[0.9, 0.14, 0.01, 0.11], 4, 0.2), 0.14);
        assert_eq!(discovery_limit(&[0.9, 0.8], 2, 0.2), -1.0);
        assert_eq!(discovery_limit(&[0.9], 1, 1.0), 1.0);
    }

    /// a → b → c: a and c are dependent, but not given b.
    #[test]
    fn a_chain_loses_its_shortcut() {
        let mut state = 7u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 31) - 0.5
        };
        let a: Vec<f64> = (0..300).map(|_| noise()).collect();
        let b: Vec<f64> = a.iter().map(|x| x + 0.5 * noise()).collect();
        let c: Vec<f64> = b.iter().map(|x| x + 0.5 * noise()).collect();
        let tester = Tester::new(&Scores::new(&[a, b, c, vec![1.0; 300]]), &CiOptions::default());
        let found = skeleton(&tester, 4, &SkeletonOptions::default());
        assert_eq!(found.edges().collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        assert_eq!(found.separating_set(0, 2), Some(&[1][..]));
        assert_eq!(found.pair(0, 3), Pair::Insufficient);
        assert_eq!(found.separating_set(0, 3), None);
    }
}
