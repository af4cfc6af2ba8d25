//! A comparison of periods as text, JSON, CSV and Markdown. Renderers take a [`Comparison`] and nothing else; `automap_core::compare` decided what
//! differs.

mod csv;
mod markdown;
mod terminal;
pub(crate) mod phrases;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use automap_core::compare::Comparison;

pub use csv::csv;
pub use markdown::markdown;
pub use phrases::summary;
pub use terminal::text;

pub(crate) use phrases::probability;

/// A comparison with its answer in a sentence, as JSON shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonReport {
    /// The answer in a sentence.
    pub summary: String,
    /// All the rest.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// The comparison with its summary, as JSON with a final newline.
///
/// # Errors
/// As [`crate::json()`].
pub fn json(comparison: &Comparison) -> Result<String, serde_json::Error> {
    crate::json(&ComparisonReport { summary: summary(comparison), comparison: comparison.clone() })
}
