//! From signals to a behaviour graph: one skeleton for each metric type, oriented together.

use std::collections::BTreeSet;

use super::behaviour::BehaviourGraph;
use super::orient::{Colliders, orient};
use super::signals::GraphSignals;
use super::skeleton::{Pair, Skeleton, SkeletonOptions, skeleton};
use super::{Knowledge, MetricType};
use crate::frame::{MetricFrame, ServiceIdx};
use crate::independence::{CiOptions, Scores, Tester};
use crate::topology::CallGraph;

/// How behaviour graphs are learnt.
#[derive(Clone, Copy, Debug, Default)]
pub struct GraphOptions {
    /// The independence test.
    pub independence: CiOptions,
    /// Which edges are kept.
    pub skeleton: SkeletonOptions,
    /// Which colliders are believed.
    pub colliders: Colliders,
    /// What congestion is.
    pub congestion: super::signals::Congestion,
    /// Whether the call graph is used.
    pub knowledge: Knowledge,
}

/// A behaviour graph of one window and how well it could be learnt.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The graph, `cause → effect`.
    pub graph: BehaviourGraph,
    /// What was tested, for the metric types that at least two services have.
    pub tests: Vec<Tested>,
}

/// How the pairs of one metric type ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The type.
    pub metric: MetricType,
    /// Services that have it.
    pub services: usize,
    /// Pairs of them.
    pub pairs: usize,
    /// Pairs with too little data to tell.
    pub insufficient: usize,
    /// Edges.
    pub edges: usize,
}

/// Learns the behaviour graph of the rows given.
///
/// With [`Knowledge::Calls`] every call is an edge `callee → caller` (symptoms travel that way) whatever the data says. Cost: seven times
/// that of [`skeleton`]. Deterministic on any number of threads; the order of services does not matter.
pub fn learn(
    frame: &MetricFrame,
    signals: &GraphSignals,
    rows: &[usize],
    calls: &CallGraph,
    options: &GraphOptions,
) -> Learned {
    let n = frame.services().len();
    let mut tests = Vec::new();
    let mut skeletons: Vec<(MetricType, Skeleton)> = Vec::new();
    for metric in MetricType::ALL {
        let scores = Scores::new(&signals.rows(metric, rows));
        let services = (0..n).filter(|&s| signals.get(metric, ServiceIdx(s)).is_some()).count();
        if services < 2 {
            continue;
        }
        let found = skeleton(&Tester::new(&scores, &options.independence), n, &options.skeleton);
        let pairs = services * (services - 1) / 2;
        // Services without the signal make insufficient pairs too, which nobody expected to be tested.
        let insufficient = found.count(Pair::Insufficient) - (n * (n - 1) / 2 - pairs);
        tests.push(Tested { metric, services, pairs, insufficient, edges: found.edges().count() });
        skeletons.push((metric, found));
    }
    let known = known_edges(frame, calls, options.knowledge);
    let plain: Vec<Skeleton> = skeletons.iter().map(|(_, s)| s.clone()).collect();
    let oriented = orient(&plain, &known, options.colliders);
    let name = |s: usize| frame.service(ServiceIdx(s));
    let mut graph = BehaviourGraph::of_window(frame.services().iter().cloned());
    known.iter().for_each(|&(from, to)| graph.know(name(from), name(to)));
    for (from, to) in oriented.arrows() {
        let supports = skeletons.iter().filter(|(_, s)| s.strength(from, to).is_some());
        supports.for_each(|(metric, _)| graph.support(name(from), name(to), *metric));
    }
    Learned { graph, tests }
}

fn known_edges(frame: &MetricFrame, calls: &CallGraph, knowledge: Knowledge) -> BTreeSet<(usize, usize)> {
    if knowledge == Knowledge::None {
        return BTreeSet::new();
    }
    let index = |name: &str| frame.find(name).map(|s| s.0);
    calls.edges().filter_map(|(caller, callee, _)| Some((index(callee)?, index(caller)?))).collect()
}
