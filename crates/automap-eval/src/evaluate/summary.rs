//! The scores of an evaluation as plain, versioned data, which `automap eval -o json` prints and the tables show.
//!
//! `aggregate` computes it from the outcomes, `render` and `tables` write it for users, [`csv`] for spreadsheets.

mod aggregate;
mod cases;
mod choice;
pub mod csv;
mod model;
mod render;
mod table;
mod tables;

pub use aggregate::summarise;
pub use model::{
    ByName, CaseSummary, Choice, ConfidenceSummary, EngineSummary, Estimate, GroupScores, IntervalEnds, LeftOut,
    MetricLevel, Miss, OnsetErrors, OnsetGroup, OnsetSummary, QuietGroup, QuietSummary, Spread, Summary, VERSION,
};
pub use render::{Style, render};
