//! The layered graph of one connected part: its boxes and the passages of its long lines, joined by steps between neighbouring columns.
//!
//! [`cut`] builds it from boxes that already have columns; other modules find the order inside the columns and the heights.

use std::collections::BTreeMap;

use super::geometry::{Line, Size, Spacing};

/// A vertex of the layered graph: a box, or the passage of a long line through a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vertex {
    pub(crate) layer: usize,
    /// Height; 0 for a passage.
    pub(crate) height: f64,
    pub(crate) is_passage: bool,
}

/// Vertices and the steps between neighbouring columns, as `(left, right, weight)`.
#[derive(Debug)]
pub(crate) struct LayeredGraph {
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) steps: Vec<(usize, usize, u32)>,
}

/// The steps of one line.
pub(super) struct Chain {
    pub(super) line: usize,
    /// From the left box over the passages to the right one.
    pub(super) vertices: Vec<usize>,
    /// Whether the line runs against the columns.
    pub(super) reversed: bool,
}

impl Chain {
    /// The left and the right box.
    pub(super) fn ends(&self) -> (usize, usize) {
        (self.vertices[0], self.vertices[self.vertices.len() - 1])
    }
}

/// Cuts the `routed` lines that are longer than one column into steps. With [`Spacing::bundles`], long lines of one box share their passages, at the end that has more of
/// them; a line heavier than others keeps its own.
pub(super) fn cut(
    sizes: &[Size],
    layer: &[usize],
    own: &[(usize, Line)],
    forward: &[(usize, usize)],
    reversed: &[bool],
    routed: &[bool],
    spacing: &Spacing,
) -> (LayeredGraph, Vec<Chain>) {
    let real = |(s, l): (&Size, &usize)| Vertex { layer: *l, height: s.height, is_passage: false };
    let mut vertices: Vec<Vertex> = sizes.iter().zip(layer).map(real).collect();
    let is_long = |&(a, b): &(usize, usize)| layer[b] > layer[a] + 1;
    let (mut leaving, mut arriving) = (vec![0; sizes.len()], vec![0; sizes.len()]);
    for &(a, b) in forward.iter().filter(|ab| is_long(ab)) {
        leaving[a] += 1;
        arriving[b] += 1;
    }
    let lightest = own.iter().map(|(_, l)| l.weight).min();
    let mut shared: BTreeMap<(usize, bool, usize), usize> = BTreeMap::new();
    let mut steps: BTreeMap<(usize, usize), u32> = BTreeMap::new();
    let mut chains = Vec::new();
    let lines = own.iter().zip(forward).zip(reversed).zip(routed).filter(|(_, routed)| **routed);
    for ((((line, l), &(a, b)), &reversed), _) in lines {
        let from_a = leaving[a] >= arriving[b];
        let bundle = spacing.bundles && Some(l.weight) == lightest;
        let mut chain = vec![a];
        for column in layer[a] + 1..layer[b] {
            let mut passage = || {
                vertices.push(Vertex { layer: column, height: 0.0, is_passage: true });
                vertices.len() - 1
            };
            let end = if from_a { a } else { b };
            chain.push(if bundle { *shared.entry((end, from_a, column)).or_insert_with(passage) } else { passage() });
        }
        chain.push(b);
        for w in chain.windows(2) {
            let weight = steps.entry((w[0], w[1])).or_default();
            *weight = (*weight).max(l.weight);
        }
        chains.push(Chain { line: *line, vertices: chain, reversed });
    }
    (LayeredGraph { vertices, steps: steps.into_iter().map(|((a, b), w)| (a, b, w)).collect() }, chains)
}

/// Least distance between the centres of two neighbours in a column.
pub(crate) fn distance(graph: &LayeredGraph, spacing: &Spacing, u: usize, v: usize) -> f64 {
    let (a, b) = (graph.vertices[u], graph.vertices[v]);
    let gap = match (a.is_passage, b.is_passage) {
        (true, true) => spacing.lines,
        (false, false) => spacing.boxes,
        _ => spacing.boxes.min(spacing.lines.max(0.75 * spacing.boxes)),
    };
    gap + a.height / 2.0 + b.height / 2.0
}
