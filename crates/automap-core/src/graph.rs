//! The behaviour graph: which services' metrics depend on each other, metric by metric.
//!
//! AutoMAP (Ma et al., WWW 2020) learns it from data, without knowing who calls whom: [`learn`] tests conditional independence
//! for each of seven [`MetricType`]s and orients what is left; [`BehaviourGraph`] adds windows up, [`WeightedGraph`] subtracts normal
//! behaviour and compares incidents; [`service_class`] types the services. Edges point from cause to effect.

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

/// What is known before the data is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Knowledge {
    /// Nothing: the data alone.
    None,
    /// The call graph: every call is an edge from callee to caller. Default: it is observed, and worth more than any test.
    #[default]
    Calls,
}

/// The graphs of one incident.
#[derive(Clone, Debug)]
pub struct IncidentGraphs {
    /// Learnt on the baseline.
    pub normal: Learned,
    /// Learnt on the incident.
    pub incident: Learned,
    /// What the samples show to be in one of the two only.
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
