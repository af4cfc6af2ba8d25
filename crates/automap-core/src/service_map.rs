//! The service map of an incident, as plain data: services, their connections, and what the incident changed.

mod compose;
mod learnt;
mod model;
mod neighbourhood;
mod reported;

// The type of a field, re-exported so that readers of a map need none of the stages.
pub use crate::graph::MetricType;
pub use compose::{DataEdge, compose};
pub use learnt::with_graphs;
pub use model::{
    EdgeChange, EdgeMetric, Influence, MAP_SCHEMA_VERSION, MapEdge, MapKind, MapNode, NodeRole, ServiceMap,
};
pub use neighbourhood::MAX_NEIGHBOURHOOD;
pub use reported::of_report;
