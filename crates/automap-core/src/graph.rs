//! The behaviour graph of AutoMAP (Ma et al., WWW 2020): which services' metrics depend on each other.
//!
//! It can be learnt from metrics alone, without the call graph: [`learn`] tests conditional independence for each of seven
//! [`MetricType`]s and directs the remaining edges. [`BehaviourGraph`] adds up windows, [`WeightedGraph`] subtracts normal behaviour and
//! compares incidents, [`service_class`] classifies services. Edges point from cause to effect. [`crate::rank::automap`] ranks by these
//! graphs.

mod behaviour;
mod change;
mod learn;
mod metric_type;
mod orient;
pub mod service_class;
mod signals;
pub mod skeleton;

pub use behaviour::{BehaviourGraph, ByType, Subtraction, WeightedGraph};
pub use change::{LearnedWindow, Link, changed_links, links};
pub use learn::{GraphOptions, Learned, Tested, learn};
pub use metric_type::MetricType;
pub use orient::{Colliders, Orientation, orient};
pub use signals::{Congestion, GraphSignals};

use std::collections::BTreeSet;

use crate::anomaly::Rows;
use crate::frame::MetricFrame;
use crate::topology::CallGraph;

/// Prior knowledge used when learning a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Knowledge {
    /// None: the graph is learnt from the data alone.
    None,
    /// The call graph: every call is an edge from callee to caller. Default, since an observed call is worth more than any test.
    #[default]
    Calls,
}

/// The graphs of one incident.
#[derive(Clone, Debug)]
pub struct IncidentGraphs {
    /// Learnt from the baseline.
    pub normal: Learned,
    /// Learnt from the incident.
    pub incident: Learned,
    /// Links that exist in only one of the two, with a significant difference.
    pub changed: BTreeSet<Link>,
}

/// Learns both graphs of an incident. Cost: twice that of [`learn`].
pub fn learn_for_incident(
    frame: &MetricFrame,
    rows: &Rows,
    calls: &CallGraph,
    options: &GraphOptions,
) -> IncidentGraphs {
    let signals = GraphSignals::of(frame, options.congestion);
    let of = |rows: &[usize]| learn(frame, &signals, rows, calls, options);
    let (normal, incident) = (of(&rows.baseline), of(&rows.incident));
    let window = |rows, learned| LearnedWindow { frame, signals: &signals, rows, learned };
    let windows = (window(&rows.baseline, &normal), window(&rows.incident, &incident));
    let changed = changed_links(&windows.0, &windows.1, &options.independence);
    IncidentGraphs { normal, incident, changed }
}
