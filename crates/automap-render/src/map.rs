//! Pictures of a service map: one plain model, and one file for each way to draw it.
//!
//! Every renderer takes a [`ServiceMap`](automap_core::service_map::ServiceMap) and nothing else, and escapes every name and sentence in it.

mod dot;
mod graphml;
mod layout;
mod measure;
mod mermaid;
mod placed;
#[cfg(test)]
mod sample;
mod svg;
mod tree;
mod captions;

pub use dot::dot;
pub use graphml::graphml;
pub use mermaid::mermaid;
pub use placed::{PlacedEdge, PlacedLabel, PlacedMap, PlacedNode, placed};
pub use svg::{SvgOptions, Theme, svg};
pub use tree::{TreeOptions, tree};
