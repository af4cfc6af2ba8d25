//! Mean rates, latencies and failure shares of services and calls in both windows, as sums by block so that they can be resampled.
//!
//! A mean latency is weighted by its requests; rows in which either is missing are left out. Only metrics under automap's own names are used,
//! since foreign tables do not say what their means are over. Where only the callee times a call, because one of the two reporters
//! is switched off, its time stands in for the caller's, and the network counts as the caller's own time (`stand_ins`).
//!
//! Worked example: 10 requests/s at 20 ms and 30 requests/s at 40 ms have a mean of (10·20 + 30·40) / 40 = 35 ms.

use std::cell::OnceCell;

use rayon::prelude::*;

use super::place::Place;
use super::stand_ins::{self, CallSeries};
use crate::anomaly::Rows;
use crate::frame::{MetricFrame, ServiceIdx};
use crate::metric::{ERROR_RATIO, HUNG_UP_RATIO, LATENCY_MS, THROUGHPUT_RPS};

/// Blocks that a window is cut into.
const BLOCKS: usize = 12;

/// A value in the baseline and in the incident; NaN where it was not observed.
pub(super) type Pair = [f64; 2];

/// One mean: sums of value and weight, by window and block.
type Sums = [[(f64, f64); BLOCKS]; 2];

/// Whether it was observed in both windows.
pub(super) fn is_known(pair: Pair) -> bool {
    pair.iter().all(|v| v.is_finite())
}

/// How often each block counts, by window.
pub(super) type Counts = [Vec<f64>; 2];

/// What is measured of one service.
struct NodeSums {
    rate: Option<Sums>,
    latency: Option<Sums>,
    failing: Option<Sums>,
    hung_up: Option<Sums>,
}

/// What is measured of one call.
struct EdgeSums {
    rate: Option<Sums>,
    latency: Option<Sums>,
    served: Option<Sums>,
    failing: Option<Sums>,
}

/// Everything that the decomposition needs, before blocks are drawn.
pub(super) struct Measured {
    nodes: Vec<NodeSums>,
    edges: Vec<EdgeSums>,
    /// Caller and callee of each measured call.
    pub(super) ends: Vec<(ServiceIdx, ServiceIdx)>,
    /// Calls that only the callee times.
    pub(super) one_sided: Vec<(ServiceIdx, ServiceIdx)>,
    /// Positions in `ends` by caller.
    pub(super) from: Vec<Vec<usize>>,
    /// Positions in `ends` by callee.
    pub(super) to: Vec<Vec<usize>>,
    blocks: [usize; 2],
}

/// Means of services and calls for one selection of samples, computed lazily: most of a large system is far from what users feel.
pub(super) struct Levels<'a> {
    measured: &'a Measured,
    counts: Counts,
    nodes: Vec<OnceCell<NodeLevel>>,
    edges: Vec<OnceCell<EdgeLevel>>,
}

#[derive(Clone, Copy)]
pub(super) struct NodeLevel {
    /// Requests per second.
    pub(super) rate: Pair,
    /// Milliseconds.
    pub(super) latency: Pair,
    /// Share of failed requests.
    pub(super) failing: Pair,
    /// Share of requests whose client hung up before the answer.
    pub(super) hung_up: Pair,
}

/// A call.
#[derive(Clone, Copy)]
pub(super) struct EdgeLevel {
    /// Calls per second.
    pub(super) rate: Pair,
    /// Milliseconds at the caller, or at the callee if the caller does not report.
    pub(super) latency: Pair,
    /// Milliseconds at the callee.
    pub(super) served: Pair,
    /// Share of failed calls at the caller.
    pub(super) failing: Pair,
}

impl EdgeLevel {
    /// Whether any series shows a call in either window.
    pub(super) fn is_made(&self) -> bool {
        self.rate.iter().any(|rate| *rate > 0.0) || self.latency.iter().chain(&self.failing).any(|v| v.is_finite())
    }
}

impl Measured {
    /// `None` if no call has a rate and a latency of its own. O(series × samples).
    pub(super) fn of(frame: &MetricFrame, rows: &Rows) -> Option<Self> {
        let windows = [blocks(&rows.baseline), blocks(&rows.incident)];
        let n = frame.services().len();
        let values = |s: ServiceIdx, metric: &str, peer| frame.get(s, metric, peer).map(|s| &*s.values);
        let plain = |values: &[f64]| sums(&windows, values, None);
        // Request counts of one window cannot weight the other.
        let weighted =
            |values: &[f64], weights: Option<&[f64]>| sums(&windows, values, weights.filter(|w| rows.is_observed(w)));
        let nodes = (0..n).into_par_iter().map(ServiceIdx).map(|s| {
            let rate = values(s, THROUGHPUT_RPS, None);
            NodeSums {
                rate: rate.map(plain),
                latency: values(s, LATENCY_MS, None).map(|v| weighted(v, rate)),
                failing: values(s, ERROR_RATIO, None).map(|v| weighted(v, rate)),
                hung_up: values(s, HUNG_UP_RATIO, None).map(|v| weighted(v, rate)),
            }
        });
        let calls = stand_ins::calls(frame, rows);
        if !calls.iter().any(|call| call.is_measured) {
            return None;
        }
        let edge = |call: &CallSeries<'_>| {
            let rate = call.rate.as_deref();
            let mean = |values: Option<&[f64]>| values.map(|v| weighted(v, rate));
            EdgeSums {
                rate: rate.map(plain),
                latency: mean(call.latency),
                served: mean(call.served),
                failing: mean(call.failing),
            }
        };
        let edges: Vec<EdgeSums> = calls.par_iter().map(edge).collect();
        let ends: Vec<(ServiceIdx, ServiceIdx)> = calls.iter().map(|call| call.ends).collect();
        let one_sided = calls.iter().filter(|call| call.is_one_sided).map(|call| call.ends).collect();
        let (mut from, mut to) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        for (i, (caller, callee)) in ends.iter().enumerate() {
            from[caller.0].push(i);
            to[callee.0].push(i);
        }
        let blocks = [windows[0].len(), windows[1].len()];
        Some(Self { nodes: nodes.collect(), edges, ends, one_sided, from, to, blocks })
    }

    /// Number of blocks in both windows.
    pub(super) fn blocks(&self) -> [usize; 2] {
        self.blocks
    }

    /// Every block once.
    pub(super) fn whole(&self) -> Counts {
        self.blocks.map(|n| vec![1.0; n])
    }

    /// The means with each block counted as often as given. O(services + calls).
    pub(super) fn levels(&self, counts: Counts) -> Levels<'_> {
        let (nodes, edges) = (vec![OnceCell::new(); self.nodes.len()], vec![OnceCell::new(); self.edges.len()]);
        Levels { measured: self, counts, nodes, edges }
    }

    /// Number of places: services, then networks, more calls and refused calls.
    pub(super) fn places(&self) -> usize {
        self.nodes.len() + 3 * self.ends.len()
    }

    /// Position of the network of one call in a list of shares; [`Self::place`] is the inverse.
    pub(super) fn network_at(&self, call: usize) -> usize {
        self.nodes.len() + call
    }

    /// Position of more calls than before.
    pub(super) fn more_calls_at(&self, call: usize) -> usize {
        self.nodes.len() + self.ends.len() + call
    }

    /// Position of refused calls.
    pub(super) fn refused_at(&self, call: usize) -> usize {
        self.nodes.len() + 2 * self.ends.len() + call
    }

    /// The place at one position of a list of shares.
    pub(super) fn place(&self, index: usize) -> Place {
        let (n, m) = (self.nodes.len(), self.ends.len());
        if index < n {
            return Place::Service(ServiceIdx(index));
        }
        let (caller, callee) = self.ends[(index - n) % m];
        match (index - n) / m {
            0 => Place::Network { caller, callee },
            1 => Place::MoreCalls { caller, callee },
            _ => Place::Refused { caller, callee },
        }
    }
}

impl Levels<'_> {
    pub(super) fn node(&self, service: usize) -> &NodeLevel {
        self.nodes[service].get_or_init(|| {
            let n = &self.measured.nodes[service];
            let mut node = NodeLevel {
                rate: self.level(&n.rate),
                latency: self.level(&n.latency),
                failing: self.level(&n.failing),
                hung_up: self.level(&n.hung_up),
            };
            self.complete(service, &mut node);
            node
        })
    }

    pub(super) fn edge(&self, call: usize) -> &EdgeLevel {
        self.edges[call].get_or_init(|| {
            let e = &self.measured.edges[call];
            EdgeLevel {
                rate: self.level(&e.rate),
                latency: self.level(&e.latency),
                served: self.level(&e.served),
                failing: self.level(&e.failing),
            }
        })
    }

    fn level(&self, sums: &Option<Sums>) -> Pair {
        sums.as_ref().map_or([f64::NAN; 2], |sums| means(sums, &self.counts))
    }

    /// If a service does not measure itself in both windows, its callers' measurements stand in for both: one reporter may be missing.
    fn complete(&self, service: usize, node: &mut NodeLevel) {
        let calls = || self.measured.to[service].iter().map(|&e| self.edge(e));
        if !is_known(node.rate) {
            let rate = [0, 1].map(|w| calls().map(|e| e.rate[w]).filter(|r| r.is_finite()).sum::<f64>());
            if rate.iter().all(|r| *r > 0.0) {
                node.rate = rate;
            }
        }
        if !is_known(node.latency) {
            let mean = |w: usize| {
                let known = || calls().filter(|e| e.latency[w].is_finite() && e.rate[w].is_finite());
                let weight: f64 = known().map(|e| e.rate[w]).sum();
                known().map(|e| e.latency[w] * e.rate[w]).sum::<f64>() / weight
            };
            let latency = [mean(0), mean(1)];
            if is_known(latency) || node.latency.iter().all(|v| v.is_nan()) {
                node.latency = latency;
            }
        }
    }
}

/// Cuts a window into at most [`BLOCKS`] runs of neighbouring rows, since neighbouring samples are alike.
fn blocks(rows: &[usize]) -> Vec<&[usize]> {
    rows.chunks(rows.len().div_ceil(BLOCKS).max(1)).collect()
}

fn sums(windows: &[Vec<&[usize]>; 2], values: &[f64], weights: Option<&[f64]>) -> Sums {
    let mut found = [[(0.0, 0.0); BLOCKS]; 2];
    for (found, window) in found.iter_mut().zip(windows) {
        for ((sum, weight), block) in found.iter_mut().zip(window) {
            for &row in *block {
                let w = weights.map_or(1.0, |w| w[row]);
                if values[row].is_finite() && w.is_finite() {
                    *sum += w * values[row];
                    *weight += w;
                }
            }
        }
    }
    found
}

fn means(sums: &Sums, counts: &Counts) -> Pair {
    let mean = |w: usize| {
        let (sum, weight) = sums[w]
            .iter()
            .zip(&counts[w])
            .fold((0.0, 0.0), |(sum, weight), ((s, w), count)| (sum + count * s, weight + count * w));
        if weight > 0.0 { sum / weight } else { f64::NAN }
    };
    [mean(0), mean(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 requests/s at 20 ms and 30 requests/s at 40 ms: (10·20 + 30·40) / 40 = 35 ms. The row without a rate does not count.
    #[test]
    fn a_mean_is_weighted_with_its_requests() {
        let rows: [usize; 3] = [0, 1, 2];
        let windows = [blocks(&rows), blocks(&rows[..1])];
        let found = sums(&windows, &[20.0, 40.0, 900.0], Some(&[10.0, 30.0, f64::NAN]));
        assert_eq!(means(&found, &[vec![1.0; 3], vec![1.0]]), [35.0, 20.0]);
        assert_eq!(means(&found, &[vec![0.0, 2.0, 0.0], vec![0.0]])[0], 40.0, "a block drawn twice");
        assert!(means(&found, &[vec![0.0, 0.0, 1.0], vec![0.0]])[0].is_nan(), "nothing observed is no zero");
    }

    #[test]
    fn a_window_has_at_most_twelve_blocks() {
        let rows: Vec<usize> = (0..100).collect();
        let lengths: Vec<usize> = blocks(&rows).iter().map(|b| b.len()).collect();
        assert_eq!(lengths.len(), 12);
        assert_eq!(lengths.iter().sum::<usize>(), 100);
        assert_eq!(blocks(&rows[..2]).len(), 2);
        assert!(blocks(&[]).is_empty());
    }
}
