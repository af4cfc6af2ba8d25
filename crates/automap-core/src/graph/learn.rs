//! Learns a behaviour graph from one window: one skeleton per metric type, directed together.
//!
//! Runs the steps in order: signals → scores → tests → skeletons → directions → [`BehaviourGraph`]. Each step has its own file.

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
    /// Which colliders are accepted.
    pub colliders: Colliders,
    /// Definition of congestion.
    pub congestion: super::signals::Congestion,
    /// Whether the call graph is used.
    pub knowledge: Knowledge,
}

/// The behaviour graph of one window, and how much of it could be tested.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The graph, `cause → effect`.
    pub graph: BehaviourGraph,
    /// Test counts of the metric types that at least two services have.
    pub tests: Vec<Tested>,
}

/// Test counts of one metric type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The type.
    pub metric: MetricType,
    /// Services that have it.
    pub services: usize,
    /// Pairs of these services.
    pub pairs: usize,
    /// Pairs with too few samples to tell.
    pub insufficient: usize,
    /// Edges.
    pub edges: usize,
}

/// Learns the behaviour graph of the given rows.
///
/// With [`Knowledge::Calls`] every call is an edge `callee → caller` (the way symptoms travel), regardless of the data. Cost: seven times that
/// of [`skeleton`]. The result depends neither on the number of threads nor on the order of services.
///
/// ```
/// use automap_core::frame::{RawSeries, assemble};
/// use automap_core::graph::{Congestion, GraphOptions, GraphSignals, learn};
/// use automap_core::random::Rng;
/// use automap_core::time::Timestamp;
/// use automap_core::topology::CallGraph;
///
/// // The latency of `web` follows that of `db`; `cron` does its own thing.
/// let times: Vec<Timestamp> = (0..200).map(|i| Timestamp::from_ms(i * 5_000)).collect();
/// let mut rng = Rng::new(1);
/// let db: Vec<f64> = (0..200).map(|_| 20.0 + rng.normal()).collect();
/// let web: Vec<f64> = db.iter().map(|v| 30.0 + v + 0.5 * rng.normal()).collect();
/// let cron: Vec<f64> = (0..200).map(|_| 10.0 + rng.normal()).collect();
/// let series = [("db", db), ("web", web), ("cron", cron)].into_iter().map(|(service, values)| RawSeries {
///     service: service.into(),
///     metric: "latency_ms".into(),
///     peer: None,
///     points: times.iter().copied().zip(values).collect(),
/// });
/// let (frame, _) = assemble(series.collect(), times.clone())?;
/// let signals = GraphSignals::of(&frame, Congestion::default());
/// let rows: Vec<usize> = (0..200).collect();
/// let graph = learn(&frame, &signals, &rows, &CallGraph::new(), &GraphOptions::default()).graph.weights();
/// // One undirected edge: the data does not show which one depends on the other.
/// assert_eq!(graph.edges().map(|(from, to, _)| (from, to)).collect::<Vec<_>>(), [("db", "web"), ("web", "db")]);
/// # Ok::<(), automap_core::frame::FrameError>(())
/// ```
pub fn learn(
    frame: &MetricFrame,
    signals: &GraphSignals,
    rows: &[usize],
    calls: &CallGraph,
    options: &GraphOptions,
) -> Learned {
    let n = frame.services().len();
    let mut tests = Vec::new();
    let (mut metrics, mut skeletons): (Vec<MetricType>, Vec<Skeleton>) = Default::default();
    for metric in MetricType::ALL {
        let scores = Scores::new(&signals.rows(metric, rows));
        let services = (0..n).filter(|&s| signals.get(metric, ServiceIdx(s)).is_some()).count();
        if services < 2 {
            continue;
        }
        let found = skeleton(&Tester::new(&scores, &options.independence), n, &options.skeleton);
        let pairs = services * (services - 1) / 2;
        // Pairs with a service that lacks the signal are insufficient too, but were never candidates.
        let insufficient = found.count(Pair::Insufficient) - (n * (n - 1) / 2 - pairs);
        tests.push(Tested { metric, services, pairs, insufficient, edges: found.edges().count() });
        metrics.push(metric);
        skeletons.push(found);
    }
    let known = known_edges(frame, calls, options.knowledge);
    let oriented = orient(&skeletons, &known, options.colliders);
    let name = |s: usize| frame.service(ServiceIdx(s));
    let mut graph = BehaviourGraph::of_window(frame.services().iter().cloned());
    known.iter().for_each(|&(from, to)| graph.add_known(name(from), name(to)));
    for (from, to) in oriented.arrows() {
        let supports = metrics.iter().zip(&skeletons).filter(|(_, s)| s.strength(from, to).is_some());
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
