//! The heights of vertices in ordered columns (Brandes & Köpf 2001): each is aligned with the median of its neighbours, four times (from the left or
//! right, upper or lower median first); the mean of the middle two of the four keeps straight chains straight.

use std::collections::BTreeSet;

use super::compact;
use super::geometry::Spacing;
use super::layered_graph::{LayeredGraph, distance};

/// How much higher than its fullest column a drawing may become to keep lines straight.
const MAX_STRETCH: f64 = 1.6;

/// The y of every vertex; in a column, at least half their heights plus the spacing apart. O(vertices + steps, sorted).
pub(crate) fn heights(graph: &LayeredGraph, columns: &[Vec<usize>], spacing: &Spacing) -> Vec<f64> {
    let crossing = lines_that_cross_passages(graph, columns);
    let mut layouts: Vec<Vec<f64>> = Vec::with_capacity(4);
    for from_right in [false, true] {
        for from_bottom in [false, true] {
            let mut turned: Vec<Vec<usize>> = columns.to_vec();
            if from_right {
                turned.reverse();
            }
            if from_bottom {
                turned.iter_mut().for_each(|c| c.reverse());
            }
            let near = neighbours(graph, from_right);
            let root = align(graph.vertices.len(), &turned, &near, &crossing);
            let mut y = compact(graph, &turned, &root, spacing);
            if from_bottom {
                y.iter_mut().for_each(|v| *v = -*v);
            }
            layouts.push(y);
        }
    }
    let straight = balance(layouts);
    // Many crossing long lines, all straight, push boxes far apart.
    let high = extent(&straight);
    let room =
        columns.iter().map(|c| c.windows(2).map(|w| distance(graph, spacing, w[0], w[1])).sum()).fold(0.0, f64::max);
    if high.1 - high.0 > MAX_STRETCH * room { compact::heights(graph, columns, spacing) } else { straight }
}

fn extent(y: &[f64]) -> (f64, f64) {
    let low = y.iter().copied().fold(f64::INFINITY, f64::min);
    (low, y.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

/// For each vertex the neighbours that it may align with: the heaviest of its lines on one side.
fn neighbours(graph: &LayeredGraph, right: bool) -> Vec<Vec<usize>> {
    let mut near: Vec<Vec<(u32, usize)>> = vec![Vec::new(); graph.vertices.len()];
    for &(a, b, weight) in &graph.steps {
        let (at, other) = if right { (a, b) } else { (b, a) };
        near[at].push((weight, other));
    }
    let heaviest = |all: Vec<(u32, usize)>| {
        let most = all.iter().map(|(w, _)| *w).max();
        all.into_iter().filter(|(w, _)| Some(*w) == most).map(|(_, v)| v).collect()
    };
    near.into_iter().map(heaviest).collect()
}

/// Steps that cross a long line between two of its passages: the long line stays straight, and these yield.
fn lines_that_cross_passages(graph: &LayeredGraph, columns: &[Vec<usize>]) -> BTreeSet<(usize, usize)> {
    let mut place = vec![0; graph.vertices.len()];
    columns.iter().for_each(|c| c.iter().enumerate().for_each(|(i, &v)| place[v] = i));
    let mut left: Vec<Vec<usize>> = vec![Vec::new(); place.len()];
    graph.steps.iter().for_each(|&(a, b, _)| left[b].push(a));
    let passage = |v: usize| graph.vertices[v].is_passage;
    let mut found = BTreeSet::new();
    for pair in columns.windows(2) {
        let (mut lowest, mut scanned) = (0, 0);
        for (i, &v) in pair[1].iter().enumerate() {
            let inner = left[v].iter().copied().find(|&u| passage(v) && passage(u));
            if inner.is_none() && i + 1 < pair[1].len() {
                continue;
            }
            let highest = inner.map_or(pair[0].len(), |u| place[u]);
            for &w in &pair[1][scanned..=i] {
                let outside = |&u: &usize| (place[u] < lowest || place[u] > highest) && !(passage(u) && passage(w));
                found.extend(left[w].iter().copied().filter(outside).map(|u| (u.min(w), u.max(w))));
            }
            (scanned, lowest) = (i + 1, highest);
        }
    }
    found
}

/// Chains of vertices that get one height; returns the first of each vertex's chain.
fn align(
    vertices: usize,
    columns: &[Vec<usize>],
    near: &[Vec<usize>],
    crossing: &BTreeSet<(usize, usize)>,
) -> Vec<usize> {
    let mut place = vec![0; vertices];
    columns.iter().for_each(|c| c.iter().enumerate().for_each(|(i, &v)| place[v] = i));
    let mut root: Vec<usize> = (0..vertices).collect();
    for column in columns {
        // Alignments must not cross: the next one is below the last.
        let mut last: Option<usize> = None;
        for &v in column {
            let mut others = near[v].clone();
            others.sort_by_key(|&u| place[u]);
            let Some(end) = others.len().checked_sub(1) else { continue };
            for m in [end / 2, end.div_ceil(2)] {
                let u = others[m];
                let free = last.is_none_or(|l| l < place[u]);
                if root[v] == v && free && !crossing.contains(&(u.min(v), u.max(v))) {
                    root[v] = root[u];
                    last = Some(place[u]);
                }
            }
        }
    }
    root
}

/// The closest heights that keep the distances, chain by chain; then closes the gaps that a chain can close.
fn compact(graph: &LayeredGraph, columns: &[Vec<usize>], root: &[usize], spacing: &Spacing) -> Vec<f64> {
    let n = root.len();
    let (mut above, mut below) = (vec![Vec::new(); n], vec![Vec::new(); n]);
    for column in columns {
        for pair in column.windows(2) {
            let (u, v, d) = (root[pair[0]], root[pair[1]], distance(graph, spacing, pair[0], pair[1]));
            above[v].push((u, d));
            below[u].push((v, d));
        }
    }
    let order = sorted_blocks(&above, &below, root);
    let mut y = vec![0.0_f64; n];
    for &b in &order {
        y[b] = above[b].iter().map(|&(u, d)| y[u] + d).fold(0.0, f64::max);
    }
    for &b in order.iter().rev() {
        let room = below[b].iter().map(|&(v, d)| y[v] - d).fold(f64::INFINITY, f64::min);
        if room.is_finite() {
            y[b] = y[b].max(room);
        }
    }
    (0..n).map(|v| y[root[v]]).collect()
}

/// Chains, upper before lower.
fn sorted_blocks(above: &[Vec<(usize, f64)>], below: &[Vec<(usize, f64)>], root: &[usize]) -> Vec<usize> {
    let mut open: Vec<usize> = above.iter().map(Vec::len).collect();
    let mut ready: Vec<usize> = (0..root.len()).filter(|&v| root[v] == v && open[v] == 0).collect();
    let mut order = Vec::with_capacity(root.len());
    while let Some(b) = ready.pop() {
        order.push(b);
        for &(next, _) in &below[b] {
            open[next] -= 1;
            if open[next] == 0 {
                ready.push(next);
            }
        }
    }
    order
}

/// Moves the four layouts over the smallest one and takes the mean of the middle two for every vertex. Distances hold, since they hold in all four.
fn balance(mut layouts: Vec<Vec<f64>>) -> Vec<f64> {
    let extents: Vec<(f64, f64)> = layouts.iter().map(|y| extent(y)).collect();
    let width = |e: &&(f64, f64)| e.1 - e.0;
    let Some(&smallest) = extents.iter().min_by(|a, b| width(a).total_cmp(&width(b))) else { return Vec::new() };
    for (i, (y, own)) in layouts.iter_mut().zip(&extents).enumerate() {
        // Odd ones were packed from the bottom.
        let shift = if i % 2 == 0 { smallest.0 - own.0 } else { smallest.1 - own.1 };
        y.iter_mut().for_each(|v| *v += shift);
    }
    let middle = |v: usize| {
        let mut four: Vec<f64> = layouts.iter().map(|y| y[v]).collect();
        four.sort_by(f64::total_cmp);
        f64::midpoint(four[1], four[2])
    };
    (0..layouts[0].len()).map(middle).collect()
}

#[cfg(test)]
mod tests {
    use super::super::layered_graph::Vertex;
    use super::*;

    const SPACING: Spacing = Spacing { boxes: 10.0, lines: 4.0, columns: 50.0, parts: 30.0, bundles: false };

    #[test]
    fn a_chain_is_straight_and_a_fan_is_centred() {
        let vertex = |layer| Vertex { layer, height: 20.0, is_passage: false };
        // 0 → 1 → {2, 3, 4}
        let graph = LayeredGraph {
            vertices: [0, 1, 2, 2, 2].map(vertex).to_vec(),
            steps: vec![(0, 1, 1), (1, 2, 1), (1, 3, 1), (1, 4, 1)],
        };
        let y = heights(&graph, &[vec![0], vec![1], vec![2, 3, 4]], &SPACING);
        assert_eq!([y[0], y[1], y[3]], [y[0]; 3]);
        assert_eq!([y[3] - y[2], y[4] - y[3]], [30.0, 30.0]);
    }

    #[test]
    fn the_heavy_line_is_the_straight_one() {
        let vertex = |layer| Vertex { layer, height: 20.0, is_passage: false };
        let graph = LayeredGraph { vertices: [0, 1, 1].map(vertex).to_vec(), steps: vec![(0, 1, 1), (0, 2, 9)] };
        let y = heights(&graph, &[vec![0], vec![1, 2]], &SPACING);
        assert_eq!((y[0], y[2] - y[1]), (y[2], 30.0));
    }
}
