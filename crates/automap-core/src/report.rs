//! What the user reads: plain, versioned data, and its renderers. Renderers take a [`Report`] and nothing else.

pub mod chart;
pub mod compare;
mod compose;
pub mod dossier;
mod engines;
mod evidence_items;
mod explain;
mod format;
mod html;
pub mod map;
mod markdown;
mod model;
mod path;
mod propagation;
mod text;
pub mod trend;

pub use compose::compose;
pub use engines::{EngineComparison, compare_engines, engines_text};
pub use explain::{
    ChangeSize, Condition, ConditionKind, EXPLANATION_SCHEMA_VERSION, ExplainedAway, Explanation, Neighbour, ScorePart,
    SeriesChange, Standing, UnknownService, explain, explain_text,
};
pub(crate) use format::change;
pub use html::html;
pub use markdown::markdown;
pub use model::{
    Cause, Coverage, Evidence, Level, Report, SCHEMA_VERSION, Symptom, Verdict, VerdictKind, Victim, WindowInfo,
};
pub use propagation::{
    ChangedService, Channel, Hop, HopState, OnsetInterval, PROPAGATION_SCHEMA_VERSION, Propagation, SpreadPath,
    SpreadRole, propagation, propagation_text,
};
pub use text::{TextOptions, text};

/// The report as JSON, indented, with a final newline.
///
/// # Errors
/// Never for a report that [`compose`] made; `serde_json`'s error type is passed on all the same.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}

/// The JSON Schema of [`Report`], for programs that read it.
///
/// # Errors
/// As [`json`].
pub fn schema() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&schemars::schema_for!(Report)).map(|text| text + "\n")
}
