//! A comparison of periods for people and programs: text, JSON, CSV, Markdown. Renderers take a [`Comparison`] and nothing else.

mod csv;
mod markdown;
pub(super) mod table;
mod text;
pub(super) mod wording;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::Comparison;

pub use csv::csv;
pub use markdown::markdown;
pub use text::text;
pub use wording::summary;

pub(super) use text::section;
pub(super) use wording::probability;

/// A comparison with its answer in a sentence, as JSON shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonReport {
    /// The answer in a sentence.
    pub summary: String,
    /// All the rest.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// The comparison as JSON, indented, with a final newline.
///
/// # Errors
/// Never for a comparison that [`crate::compare::compare`] made; `serde_json`'s error type is passed on all the same.
pub fn json(comparison: &Comparison) -> Result<String, serde_json::Error> {
    let report = ComparisonReport { summary: summary(comparison), comparison: comparison.clone() };
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}

/// The JSON Schema of [`ComparisonReport`].
///
/// # Errors
/// As [`json`].
pub fn schema() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&schemars::schema_for!(ComparisonReport)).map(|text| text + "\n")
}
