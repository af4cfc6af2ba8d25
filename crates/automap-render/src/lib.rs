//! What automap found, written down for people and for other programs: text, HTML, Markdown, tables, and pictures of the service map.
//!
//! Every renderer is a pure function of one typed value of `automap-core` (a report, a map, a comparison, an incident) and of options that
//! say how it should look. Nothing here computes a statistic, reads a clock or prints; every name and sentence from the data is escaped for
//! the format it is written into.

pub mod clock;
pub mod compare;
mod engines;
mod escape;
mod explanation;
mod html;
pub mod incident;
mod json;
pub mod map;
mod markdown;
mod page;
#[cfg(feature = "png")]
pub mod png;
mod spread;
pub mod table;
mod text;
pub mod trend;

pub use clock::PageOptions;
pub use engines::engines_text;
pub use explanation::explain_text;
pub use html::html;
pub use json::{json, schema};
pub use markdown::markdown;
pub use spread::propagation_text;
pub use text::{TextOptions, text};
