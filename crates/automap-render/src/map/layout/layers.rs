//! Assigns columns to boxes: callees right of their callers, short lines, no column much longer than the screen.

use std::collections::BTreeSet;

/// Rounds that shorten lines.
const ROUNDS: usize = 8;

/// Columns from 0, none empty; every arrow points to a higher column. `arrows` must not contain a cycle. A column holds at most `rows` boxes (more
/// columns are made), not counting lines that pass. O(rounds · (boxes + arrows) · log).
pub(crate) fn assign(boxes: usize, arrows: &[(usize, usize)], rows: usize) -> Vec<usize> {
    let graph = Graph::new(boxes, arrows);
    let mut layer = graph.longest_paths();
    graph.shorten(&mut layer);
    bound(&graph, &mut layer, rows);
    let used: BTreeSet<usize> = layer.iter().copied().collect();
    layer.iter().map(|l| used.range(..l).count()).collect()
}

struct Graph {
    ins: Vec<Vec<usize>>,
    outs: Vec<Vec<usize>>,
    /// Callers before callees, ties by index.
    sorted: Vec<usize>,
}

impl Graph {
    fn new(boxes: usize, arrows: &[(usize, usize)]) -> Self {
        let (mut ins, mut outs) = (vec![Vec::new(); boxes], vec![Vec::new(); boxes]);
        for &(a, b) in arrows {
            outs[a].push(b);
            ins[b].push(a);
        }
        let mut open: Vec<usize> = ins.iter().map(Vec::len).collect();
        let mut ready: BTreeSet<usize> = (0..boxes).filter(|&v| open[v] == 0).collect();
        let mut sorted = Vec::with_capacity(boxes);
        while let Some(v) = ready.pop_first() {
            sorted.push(v);
            for &next in &outs[v] {
                open[next] -= 1;
                if open[next] == 0 {
                    ready.insert(next);
                }
            }
        }
        Self { ins, outs, sorted }
    }

    fn longest_paths(&self) -> Vec<usize> {
        let mut layer = vec![0; self.ins.len()];
        for &v in &self.sorted {
            layer[v] = self.ins[v].iter().map(|&u| layer[u] + 1).max().unwrap_or(0);
        }
        layer
    }

    /// Moves boxes between their callers and callees to where their lines are shorter. Entries with few dependents are placed beside their callees
    /// instead of at the far left.
    fn shorten(&self, layer: &mut [usize]) {
        let main = self.main_entries();
        for round in 0..ROUNDS {
            let before = layer.to_vec();
            let forth = self.sorted.iter();
            let order: Vec<usize> =
                if round % 2 == 0 { forth.rev().copied().collect() } else { forth.copied().collect() };
            for v in order {
                let lowest = self.ins[v].iter().map(|&u| layer[u] + 1).max().unwrap_or(0);
                let Some(highest) = self.outs[v].iter().map(|&w| layer[w] - 1).min() else {
                    layer[v] = lowest;
                    continue;
                };
                if main.contains(&v) {
                    continue;
                }
                match self.outs[v].len().cmp(&self.ins[v].len()) {
                    std::cmp::Ordering::Greater => layer[v] = highest,
                    std::cmp::Ordering::Less => layer[v] = lowest,
                    std::cmp::Ordering::Equal => layer[v] = layer[v].clamp(lowest, highest),
                }
            }
            if before == layer {
                break;
            }
        }
    }

    /// Entries that reach more than half as many boxes as the one that reaches most.
    fn main_entries(&self) -> BTreeSet<usize> {
        let entries = self.sorted.iter().filter(|&&v| self.ins[v].is_empty());
        let reach: Vec<(usize, usize)> = entries.map(|&v| (v, self.reach(v))).collect();
        let most = reach.iter().map(|(_, r)| *r).max().unwrap_or(0);
        reach.into_iter().filter(|(_, r)| 2 * r > most).map(|(v, _)| v).collect()
    }

    fn reach(&self, from: usize) -> usize {
        let mut seen = vec![false; self.outs.len()];
        let mut queue = vec![from];
        let mut count = 0;
        while let Some(v) = queue.pop() {
            if !std::mem::replace(&mut seen[v], true) {
                count += 1;
                queue.extend(self.outs[v].iter().copied());
            }
        }
        count
    }
}

/// Moves the excess of a column into the next: boxes with the longest chain of callees behind them stay first (Coffman & Graham 1972, without their
/// labels).
fn bound(graph: &Graph, layer: &mut [usize], rows: usize) {
    let mut behind = vec![0; layer.len()];
    for &v in graph.sorted.iter().rev() {
        behind[v] = graph.outs[v].iter().map(|&w| behind[w] + 1).max().unwrap_or(0);
    }
    let mut order = graph.sorted.clone();
    order.sort_by_key(|&v| (layer[v], std::cmp::Reverse(behind[v]), v));
    let mut held: Vec<usize> = Vec::new();
    for v in order {
        let lowest = graph.ins[v].iter().map(|&u| layer[u] + 1).max().unwrap_or(0);
        let mut at = layer[v].max(lowest);
        while held.get(at).is_some_and(|h| *h >= rows) {
            at += 1;
        }
        held.resize(held.len().max(at + 1), 0);
        held[at] += 1;
        layer[v] = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_follow_the_calls() {
        // 0 → 1 → 2 → 3, and 0 → 3.
        assert_eq!(assign(4, &[(0, 1), (1, 2), (2, 3), (0, 3)], 9), [0, 1, 2, 3]);
    }

    #[test]
    fn a_small_entry_stands_beside_what_it_calls() {
        // The worker 4 calls only 3, which the chain reaches in column 3.
        assert_eq!(assign(5, &[(0, 1), (1, 2), (2, 3), (4, 3)], 9), [0, 1, 2, 3, 2]);
    }

    #[test]
    fn a_full_column_spills_and_arrows_still_point_right() {
        let arrows: Vec<(usize, usize)> = (1..8).map(|leaf| (0, leaf)).chain([(1, 8)]).collect();
        let layer = assign(9, &arrows, 3);
        assert!(arrows.iter().all(|&(a, b)| layer[a] < layer[b]), "{layer:?}");
        assert!((0..4).all(|l| layer.iter().filter(|&&x| x == l).count() <= 3), "{layer:?}");
        // The box with a callee chain keeps its place.
        assert_eq!(layer[1], 1);
    }
}
