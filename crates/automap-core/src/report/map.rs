//! Pictures of a graph: one plain model, one file for each way to draw it.

mod model;

pub use model::{EdgeChange, EdgeMetric, Influence, MapEdge, MapKind, MapNode, NodeRole, ServiceMap};
