//! Heights for crowded drawings: every vertex near the mean of its neighbours, columns no longer than necessary.
//!
//! Sweeps over the columns; in each, the least squares heights that keep order and distances are those of an isotonic regression
//! (pool adjacent violators), which is exact and linear.

use super::geometry::Spacing;
use super::layered_graph::{LayeredGraph, distance};

/// Sweeps there and back.
const SWEEPS: usize = 24;
/// Between two passages a long line should be straight.
const PASSAGE_PULL: f64 = 6.0;

/// As [`super::coordinates::heights`], with less straight lines in less space.
pub(crate) fn heights(graph: &LayeredGraph, columns: &[Vec<usize>], spacing: &Spacing) -> Vec<f64> {
    let n = graph.vertices.len();
    let (mut left, mut right) = (vec![Vec::new(); n], vec![Vec::new(); n]);
    for &(a, b, weight) in &graph.steps {
        let inner = graph.vertices[a].is_passage && graph.vertices[b].is_passage;
        let pull = f64::from(weight) * if inner { PASSAGE_PULL } else { 1.0 };
        right[a].push((b, pull));
        left[b].push((a, pull));
    }
    // Distance of each vertex from the top of its column when all are as close as possible.
    let mut offset = vec![0.0; n];
    let mut y = vec![0.0; n];
    for column in columns {
        for w in column.windows(2) {
            offset[w[1]] = offset[w[0]] + distance(graph, spacing, w[0], w[1]);
        }
        let middle = column.last().map_or(0.0, |&v| offset[v]) / 2.0;
        column.iter().for_each(|&v| y[v] = offset[v] - middle);
    }
    for sweep in 0..SWEEPS {
        let rightwards = sweep % 2 == 0;
        let order: Vec<usize> =
            if rightwards { (0..columns.len()).collect() } else { (0..columns.len()).rev().collect() };
        for c in order {
            let wish = |v: usize| {
                // The side that the sweep comes from counts, and the other side a little, to prevent drift.
                let (near, far) = if rightwards { (&left[v], &right[v]) } else { (&right[v], &left[v]) };
                let pulls = near.iter().copied().chain(far.iter().map(|(u, p)| (*u, 0.3 * p)));
                let (sum, total) = pulls.fold((0.0, 0.0), |(s, t), (u, p)| (s + p * y[u], t + p));
                if total > 0.0 { (sum / total, total) } else { (y[v], 0.1) }
            };
            let wishes: Vec<(f64, f64)> = columns[c].iter().map(|&v| wish(v)).collect();
            let shifted: Vec<(f64, f64)> =
                wishes.iter().zip(&columns[c]).map(|((w, p), &v)| (w - offset[v], *p)).collect();
            for (fitted, &v) in rising(&shifted).into_iter().zip(&columns[c]) {
                y[v] = fitted + offset[v];
            }
        }
    }
    y
}

/// The rising sequence closest to the weighted target values, in the least squares sense.
fn rising(wishes: &[(f64, f64)]) -> Vec<f64> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for &(wish, weight) in wishes {
        let mut pool = (wish, weight, 1);
        while let Some(&(before, w, count)) = pools.last().filter(|p| p.0 > pool.0) {
            let total = w + pool.1;
            pool = ((before * w + pool.0 * pool.1) / total, total, count + pool.2);
            pools.pop();
        }
        pools.push(pool);
    }
    pools.into_iter().flat_map(|(mean, _, count)| std::iter::repeat_n(mean, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::layered_graph::Vertex;
    use super::*;

    #[test]
    fn neighbours_in_the_wrong_order_meet_in_the_middle() {
        // 3 and 1 weigh 1 and 3: (3 + 3) / 4 = 1.5.
        assert_eq!(rising(&[(0.0, 1.0), (3.0, 1.0), (1.0, 3.0), (5.0, 1.0)]), [0.0, 1.5, 1.5, 5.0]);
    }

    #[test]
    fn distances_hold_and_a_chain_is_straight() {
        let spacing = Spacing { boxes: 10.0, lines: 4.0, columns: 50.0, parts: 30.0, bundles: true };
        let vertex = |layer| Vertex { layer, height: 20.0, is_passage: false };
        let graph =
            LayeredGraph { vertices: [0, 1, 1, 2].map(vertex).to_vec(), steps: vec![(0, 1, 1), (0, 2, 1), (1, 3, 1)] };
        let y = heights(&graph, &[vec![0], vec![1, 2], vec![3]], &spacing);
        assert!(y[2] - y[1] >= 30.0 - 1e-9, "{y:?}");
        assert!((y[1] - y[3]).abs() < 1.0, "{y:?}");
    }
}
