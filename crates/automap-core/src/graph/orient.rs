//! Directs the edges of a skeleton: prior knowledge, colliders, Meek's rules.
//!
//! If `i` and `l` are independent, or separated by a set without `j`, but both are connected with `j`, then `i → j ← l` (a *collider*): the
//! data shows the direction. Meek (1995) derives further directions from the absence of other colliders and of cycles. Edges that remain
//! ambiguous stay undirected.
//!
//! Worked example: the call `orders → payment` is known, so `payment → orders` is a cause-effect edge. The data adds `orders — front-end`, and
//! payment and front-end are not connected. `front-end → orders` would make a new collider at orders, so rule 1 gives `orders → front-end`.

use std::collections::{BTreeMap, BTreeSet};

use super::skeleton::Skeleton;

/// Which colliders `i → j ← l` are accepted. A separating set of `i` and `l` that does not contain `j` indicates one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colliders {
    /// A majority of the metrics that show both edges must indicate it. Default: the literal rule makes nearly every triple a collider, since a
    /// metric that shows neither edge separates the ends by the empty set, which never contains `j`.
    #[default]
    Voted,
    /// One metric that separates the ends without `j` suffices, as later papers state the rule.
    Literal,
}

/// Directed and undirected edges between numbered services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    /// `i → j`; an undirected edge is stored both ways.
    arrows: BTreeSet<(usize, usize)>,
}

impl Orientation {
    /// Whether `i → j` is possible: directed that way, or undirected.
    pub fn leads(&self, i: usize, j: usize) -> bool {
        self.arrows.contains(&(i, j))
    }

    /// Whether the edge is directed `i → j`.
    pub fn is_directed(&self, i: usize, j: usize) -> bool {
        self.leads(i, j) && !self.leads(j, i)
    }

    /// All arrows, in order; an undirected edge appears both ways.
    pub fn arrows(&self) -> impl Iterator<Item = (usize, usize)> {
        self.arrows.iter().copied()
    }

    fn is_adjacent(&self, i: usize, j: usize) -> bool {
        self.leads(i, j) || self.leads(j, i)
    }

    fn is_undirected(&self, i: usize, j: usize) -> bool {
        self.leads(i, j) && self.leads(j, i)
    }

    /// Directs undirected edges. Those that `directions` contains both ways stay undirected, in whatever order they appear. Returns whether
    /// anything changed.
    fn direct(&mut self, directions: &BTreeSet<(usize, usize)>) -> bool {
        let mut changed = false;
        for &(i, j) in directions.iter().filter(|&&(i, j)| !directions.contains(&(j, i))) {
            changed |= self.is_undirected(i, j) && self.arrows.remove(&(j, i));
        }
        changed
    }
}

/// Directs the union of the metrics' skeletons.
///
/// `known` are directed edges `cause → effect` that override the data. An edge with contradictory directions stays undirected.
/// Cost: O(Σ degree²) for the colliders and for each round of the rules.
///
/// ```
/// use automap_core::graph::skeleton::{SkeletonOptions, skeleton};
/// use automap_core::graph::{Colliders, orient};
/// use automap_core::independence::{CiOptions, Scores, Tester};
/// use automap_core::random::Rng;
///
/// // Two independent causes 0 and 1 of one effect 2.
/// let mut rng = Rng::new(1);
/// let a: Vec<f64> = (0..300).map(|_| rng.normal()).collect();
/// let b: Vec<f64> = (0..300).map(|_| rng.normal()).collect();
/// let c: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + b + rng.normal()).collect();
/// let tester = Tester::new(&Scores::new(&[a, b, c]), &CiOptions::default());
/// let skeleton = skeleton(&tester, 3, &SkeletonOptions::default());
/// let directed = orient(&[skeleton], &[].into(), Colliders::Voted);
/// assert!(directed.is_directed(0, 2) && directed.is_directed(1, 2), "a collider at 2");
/// ```
pub fn orient(skeletons: &[Skeleton], known: &BTreeSet<(usize, usize)>, colliders: Colliders) -> Orientation {
    let mut graph = Orientation::default();
    for (i, j) in skeletons.iter().flat_map(Skeleton::edges).chain(known.iter().copied()) {
        graph.arrows.extend([(i, j), (j, i)]);
    }
    graph.direct(known);
    graph.direct(&directions_by_colliders(&graph, skeletons, colliders));
    let neighbours = neighbours(&graph);
    // Every round directs at least one edge.
    while graph.direct(&directions_by_rules(&graph, &neighbours)) {}
    graph
}

fn neighbours(graph: &Orientation) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut out: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (i, j) in graph.arrows() {
        out.entry(i).or_default().insert(j);
        out.entry(j).or_default().insert(i);
    }
    out
}

fn directions_by_colliders(graph: &Orientation, skeletons: &[Skeleton], rule: Colliders) -> BTreeSet<(usize, usize)> {
    let mut directions = BTreeSet::new();
    for (&j, around) in &neighbours(graph) {
        for &i in around {
            for &l in around.range(i + 1..) {
                if !graph.is_adjacent(i, l) && is_collider(skeletons, i, j, l, rule) {
                    directions.extend([(i, j), (l, j)]);
                }
            }
        }
    }
    directions
}

fn is_collider(skeletons: &[Skeleton], i: usize, j: usize, l: usize, rule: Colliders) -> bool {
    let shows_both = |s: &&Skeleton| s.strength(i, j).is_some() && s.strength(j, l).is_some();
    let without_j = |s: &Skeleton| s.separating_set(i, l).map(|set| !set.contains(&j));
    match rule {
        Colliders::Literal => skeletons.iter().filter_map(without_j).any(|lacks_j| lacks_j),
        Colliders::Voted => {
            let votes: Vec<bool> = skeletons.iter().filter(shows_both).filter_map(without_j).collect();
            2 * votes.iter().filter(|lacks_j| **lacks_j).count() > votes.len()
        }
    }
}

/// Meek (1995), rules 1 to 4: what follows if there are no further colliders and no cycles.
fn directions_by_rules(graph: &Orientation, neighbours: &BTreeMap<usize, BTreeSet<usize>>) -> BTreeSet<(usize, usize)> {
    let around = |i: usize| neighbours.get(&i).into_iter().flatten().copied();
    let follows = |i: usize, l: usize| {
        // 1: k → i, k and l apart: l → i would be a new collider.
        let rule_1 = || around(i).any(|k| graph.is_directed(k, i) && k != l && !graph.is_adjacent(k, l));
        // 2: i → k → l: l → i would close a cycle.
        let rule_2 = || around(i).any(|k| graph.is_directed(i, k) && graph.is_directed(k, l));
        // 3: i − j → l and i − k → l, j and k apart: l → i would force one of the two colliders.
        let rule_3 = || {
            let into: Vec<usize> =
                around(i).filter(|&k| graph.is_undirected(i, k) && graph.is_directed(k, l)).collect();
            into.iter().enumerate().any(|(n, &j)| into[n + 1..].iter().any(|&k| !graph.is_adjacent(j, k)))
        };
        // 4, needed with background knowledge: i − k → m → l, k and l apart, i and m adjacent.
        let rule_4 = || {
            around(i).any(|m| {
                graph.is_directed(m, l)
                    && around(m).any(|k| {
                        k != i
                            && k != l
                            && graph.is_directed(k, m)
                            && graph.is_undirected(i, k)
                            && !graph.is_adjacent(k, l)
                    })
            })
        };
        rule_1() || rule_2() || rule_3() || rule_4()
    };
    graph.arrows().filter(|&(i, l)| graph.is_undirected(i, l) && follows(i, l)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(arrows: &[(usize, usize)], lines: &[(usize, usize)]) -> Orientation {
        let both = lines.iter().flat_map(|&(i, j)| [(i, j), (j, i)]);
        Orientation { arrows: arrows.iter().copied().chain(both).collect() }
    }

    fn closed(mut g: Orientation) -> Orientation {
        let around = neighbours(&g);
        while g.direct(&directions_by_rules(&g, &around)) {}
        g
    }

    /// The four pictures of Meek's paper.
    #[test]
    fn meeks_rules_one_by_one() {
        assert!(closed(graph(&[(0, 1)], &[(1, 2)])).is_directed(1, 2), "1");
        assert!(closed(graph(&[(0, 1), (1, 2)], &[(0, 2)])).is_directed(0, 2), "2");
        assert!(closed(graph(&[(1, 3), (2, 3)], &[(0, 1), (0, 2), (0, 3)])).is_directed(0, 3), "3");
        assert!(closed(graph(&[(2, 3), (3, 1)], &[(0, 1), (0, 2), (0, 3)])).is_directed(0, 1), "4");
    }

    #[test]
    fn an_isolated_edge_and_a_contradiction_stay_undirected() {
        let line = graph(&[], &[(0, 1)]);
        assert_eq!(closed(line.clone()), line);
        let mut open = line.clone();
        assert!(!open.direct(&[(0, 1), (1, 0)].into()));
        assert_eq!(open, line);
    }

    #[test]
    fn known_directions_spread_by_the_rules() {
        // 0 → 1 is known; with 1 − 2 from data and no way from 0 to 2, 1 → 2 follows.
        let mut g = graph(&[], &[(0, 1), (1, 2)]);
        g.direct(&[(0, 1)].into());
        assert!(closed(g).is_directed(1, 2));
    }
}
