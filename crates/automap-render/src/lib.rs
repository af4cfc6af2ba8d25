//! The results of automap as text, HTML, Markdown, tables and JSON, and as pictures of the service map.
//!
//! Every renderer is a pure function of one typed value of `automap-core` (a report, a map, a comparison, an incident) and of options for its
//! appearance. Nothing here computes a statistic, reads a clock or prints; every name and sentence from the data is escaped for its output format.

pub mod card;
pub mod compare;
pub mod incident_text;
pub mod map;
pub mod mutes_text;
#[cfg(feature = "png")]
pub mod png;
pub mod table;
pub mod trend;

mod clock;
mod dossier_words;
mod engines_text;
mod escape;
mod explanation_text;
mod html;
mod json;
mod markdown;
mod pixels;
mod propagation_text;
mod report_text;
mod text_options;

pub use clock::Zone;
pub use engines_text::engines_text;
pub use explanation_text::explain_text;
pub use html::html;
pub use html::notebook::{notebook, notebook_series};
pub use json::{json, schema};
pub use markdown::markdown;
pub use propagation_text::propagation_text;
pub use report_text::text;
pub use text_options::TextOptions;
