//! The order of the boxes in every column, for few crossings: barycentres in sweeps, then swaps of neighbours; the best is kept.

use std::collections::BTreeMap;

use super::layered_graph::LayeredGraph;

/// Sweeps there and back, at most.
const SWEEPS: usize = 24;
/// Sweeps without a gain before stopping.
const PATIENCE: usize = 5;
/// Rounds of swapping neighbours.
const SWAP_ROUNDS: usize = 6;

/// The columns from left to right, each with its vertices from top to bottom.
pub(crate) fn order(graph: &LayeredGraph) -> Vec<Vec<usize>> {
    let near = Neighbours::new(graph);
    let mut columns = near.first_order(graph);
    let mut best = (near.crossings(&columns), columns.clone());
    let mut stale = 0;
    for sweep in 0..SWEEPS {
        if best.0 == 0 || stale >= PATIENCE {
            break;
        }
        near.sweep(&mut columns, sweep % 2 == 0);
        let crossings = near.crossings(&columns);
        stale += 1;
        if crossings < best.0 {
            best = (crossings, columns.clone());
            stale = 0;
        }
    }
    let mut columns = best.1;
    near.swap_neighbours(&mut columns);
    columns
}

struct Neighbours {
    left: Vec<Vec<usize>>,
    right: Vec<Vec<usize>>,
    /// The weight of each step in a barycentre: heavy lines stay level.
    weights: BTreeMap<(usize, usize), f64>,
}

impl Neighbours {
    fn new(graph: &LayeredGraph) -> Self {
        let n = graph.vertices.len();
        let (mut left, mut right) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        for &(a, b, _) in &graph.steps {
            right[a].push(b);
            left[b].push(a);
        }
        left.iter_mut().chain(&mut right).for_each(|l| l.sort_unstable());
        let weights = graph.steps.iter().map(|&(a, b, w)| ((a.min(b), a.max(b)), f64::from(w))).collect();
        Self { left, right, weights }
    }

    /// Connected boxes stay together: each start's callees before the next start.
    fn first_order(&self, graph: &LayeredGraph) -> Vec<Vec<usize>> {
        let vertices = &graph.vertices;
        let count = vertices.iter().map(|v| v.layer + 1).max().unwrap_or(0);
        let mut columns = vec![Vec::new(); count];
        let mut starts: Vec<usize> = (0..vertices.len()).filter(|&v| self.left[v].is_empty()).collect();
        starts.sort_by_key(|&v| (vertices[v].layer, v));
        let mut seen = vec![false; vertices.len()];
        for start in starts {
            let mut stack = vec![start];
            while let Some(v) = stack.pop() {
                if !std::mem::replace(&mut seen[v], true) {
                    columns[vertices[v].layer].push(v);
                    stack.extend(self.right[v].iter().rev().copied());
                }
            }
        }
        columns
    }

    fn sweep(&self, columns: &mut [Vec<usize>], rightwards: bool) {
        let mut place = self.places(columns);
        let order: Vec<usize> =
            if rightwards { (0..columns.len()).collect() } else { (0..columns.len()).rev().collect() };
        for c in order {
            let near = if rightwards { &self.left } else { &self.right };
            let weight = |u: usize, v: usize| self.weights.get(&(u.min(v), u.max(v))).copied().unwrap_or(1.0);
            let wish = |v: usize| {
                let pulls = near[v].iter().map(|&u| (place[u] as f64, weight(u, v)));
                let (sum, total) = pulls.fold((0.0, 0.0), |(s, t), (x, w)| (s + x * w, t + w));
                if total > 0.0 { sum / total } else { place[v] as f64 }
            };
            let mut wishes: Vec<(f64, usize)> = columns[c].iter().map(|&v| (wish(v), v)).collect();
            // A stable sort: nothing moves without a reason.
            wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
            columns[c] = wishes.into_iter().map(|(_, v)| v).collect();
            for (i, &v) in columns[c].iter().enumerate() {
                place[v] = i;
            }
        }
    }

    fn places(&self, columns: &[Vec<usize>]) -> Vec<usize> {
        let mut place = vec![0; self.left.len()];
        for column in columns {
            for (i, &v) in column.iter().enumerate() {
                place[v] = i;
            }
        }
        place
    }

    /// Crossings of all neighbouring columns, by counting inversions in a Fenwick tree: O(steps · log).
    fn crossings(&self, columns: &[Vec<usize>]) -> usize {
        let place = self.places(columns);
        let mut total = 0;
        for pair in columns.windows(2) {
            let mut tree = vec![0_usize; pair[1].len() + 1];
            let mut added = 0;
            for &u in &pair[0] {
                let mut ends: Vec<usize> = self.right[u].iter().map(|&v| place[v]).collect();
                ends.sort_unstable();
                for &end in &ends {
                    let mut i = end + 1;
                    let mut not_above = 0;
                    while i > 0 {
                        not_above += tree[i];
                        i &= i - 1;
                    }
                    total += added - not_above;
                }
                for end in ends {
                    added += 1;
                    let mut i = end + 1;
                    while i < tree.len() {
                        tree[i] += 1;
                        i += i & i.wrapping_neg();
                    }
                }
            }
        }
        total
    }

    /// Swaps neighbours in a column while that reduces crossings.
    fn swap_neighbours(&self, columns: &mut [Vec<usize>]) {
        let mut place = self.places(columns);
        for _ in 0..SWAP_ROUNDS {
            let mut gained = false;
            for column in columns.iter_mut() {
                for i in 1..column.len() {
                    let (a, b) = (column[i - 1], column[i]);
                    let both = [&self.left, &self.right];
                    let cost = |a: usize, b: usize| both.iter().map(|n| pairs(&n[a], &n[b], &place)).sum::<usize>();
                    if cost(b, a) < cost(a, b) {
                        column.swap(i - 1, i);
                        place.swap(a, b);
                        gained = true;
                    }
                }
            }
            if !gained {
                break;
            }
        }
    }
}

/// Crossings of the lines of `above` with those of `below`, towards one side.
fn pairs(above: &[usize], below: &[usize], place: &[usize]) -> usize {
    let sorted = |near: &[usize]| {
        let mut places: Vec<usize> = near.iter().map(|&v| place[v]).collect();
        places.sort_unstable();
        places
    };
    let (above, below) = (sorted(above), sorted(below));
    let mut smaller = 0;
    let mut total = 0;
    for a in above {
        while below.get(smaller).is_some_and(|b| *b < a) {
            smaller += 1;
        }
        total += smaller;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::super::layered_graph::Vertex;
    use super::*;

    fn graph(layers: &[usize], steps: &[(usize, usize)]) -> LayeredGraph {
        let vertex = |&layer: &usize| Vertex { layer, height: 10.0, is_passage: false };
        LayeredGraph {
            vertices: layers.iter().map(vertex).collect(),
            steps: steps.iter().map(|&(a, b)| (a, b, 1)).collect(),
        }
    }

    #[test]
    fn crossings_are_counted() {
        // 0 and 1 left, 2, 3 and 4 right: 0→4 crosses 1→2 and 1→3; 0→3 crosses 1→2.
        let p = graph(&[0, 0, 1, 1, 1], &[(0, 4), (0, 3), (1, 2), (1, 3)]);
        assert_eq!(Neighbours::new(&p).crossings(&[vec![0, 1], vec![2, 3, 4]]), 3);
        assert_eq!(Neighbours::new(&p).crossings(&[vec![1, 0], vec![2, 3, 4]]), 0);
    }

    #[test]
    fn a_graph_that_can_be_drawn_without_crossings_is() {
        let p = graph(&[0, 1, 1, 1, 2, 2, 2], &[(0, 1), (0, 2), (0, 3), (1, 6), (2, 5), (3, 4)]);
        let columns = order(&p);
        assert_eq!(Neighbours::new(&p).crossings(&columns), 0, "{columns:?}");
        let mut all: Vec<usize> = columns.concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
    }
}
