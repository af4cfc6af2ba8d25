//! Pictures of a graph: one plain model, one file for each way to draw it.
//!
//! Every renderer takes a [`ServiceMap`] and nothing else, and escapes every name and sentence in it.

mod compose;
mod dot;
mod graphml;
mod layout;
mod learnt;
mod measure;
mod mermaid;
mod model;
#[cfg(test)]
mod sample;
mod svg;
mod tree;
mod words;

pub use compose::{DataEdge, compose};
pub use dot::dot;
pub use graphml::graphml;
pub use learnt::with_graphs;
pub use mermaid::mermaid;
pub use model::{
    EdgeChange, EdgeMetric, Influence, MAP_SCHEMA_VERSION, MapEdge, MapKind, MapNode, NodeRole, ServiceMap,
};
pub use svg::{SvgOptions, Theme, svg};
pub use tree::{TreeOptions, tree};

/// The map as JSON, indented, with a final newline.
///
/// # Errors
/// Never for a map that [`compose`] made; `serde_json`'s error type is passed on all the same.
pub fn json(map: &ServiceMap) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(map).map(|text| text + "\n")
}
