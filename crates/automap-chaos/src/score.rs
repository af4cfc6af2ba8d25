//! The scorecard: injected faults compared with the answers.
//!
//! A row is one fault, or one stretch without any; [`Totals`] summarises rows, [`Scorecard`] is the output. Every fault that was evaluated counts in
//! the totals, even one that moved nothing: leaving those out would mean choosing the questions after seeing the answers.

mod blame;
mod effect;
mod html;
mod junit;
mod mechanism;
mod outcome;
mod row;
mod sets;
mod share;
mod table;
mod totals;

use serde::Serialize;

pub use blame::{BlameTotals, ChangeBlame};
pub use effect::{Effect, Felt};
pub use html::html;
pub use junit::junit;
pub use mechanism::{MechanismScore, MechanismTotals};
pub use outcome::Outcome;
pub use row::{Answered, Row, faulty_services, named_causes};
pub use sets::{FaultyService, SetScore, SetTotals};
pub use share::Share;
pub use table::{aligned, markdown_table};
pub use totals::{Minimum, Totals};

/// Version of the scorecard's format.
pub const SCHEMA_VERSION: u32 = 2;

/// All rows, and their totals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scorecard {
    /// Version of this format.
    pub schema_version: u32,
    /// What was evaluated, and where: a one-line title.
    pub title: String,
    /// One for each fault or quiet stretch, in order of time.
    pub rows: Vec<Row>,
    /// The totals.
    pub totals: Totals,
}

impl Scorecard {
    /// Computes the totals.
    pub fn new(title: impl Into<String>, rows: Vec<Row>) -> Self {
        let totals = Totals::of(&rows);
        Self { schema_version: SCHEMA_VERSION, title: title.into(), rows, totals }
    }

    /// As JSON, indented.
    ///
    /// # Errors
    /// Never for a scorecard created by this crate; `serde_json`'s own otherwise.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// A table for a terminal, and the sums.
    pub fn text(&self) -> String {
        let rows = self.cells();
        format!("{}\n\n{}\n{}", self.title, aligned(&rows), self.sums())
    }

    /// The same as Markdown.
    pub fn markdown(&self) -> String {
        let title = table::escaped(&self.title);
        let sums: String = self.totals.lines().iter().map(|line| format!("- {line}\n")).collect();
        format!("**{title}**\n\n{}\n{sums}", markdown_table(&self.cells()))
    }

    fn sums(&self) -> String {
        self.totals.lines().iter().map(|line| format!("{line}\n")).collect()
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let header = ["experiment", "fault", "at", "answer", "rank", "metric", "detected", "confidence", "result"];
        let header = header.map(ToOwned::to_owned).to_vec();
        std::iter::once(header).chain(self.rows.iter().map(|r| r.cells().to_vec())).collect()
    }
}

#[cfg(test)]
mod tests;
