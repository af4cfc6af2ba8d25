//! Notes on data quality: what weakens an answer, and what could not be checked at all.
//!
//! Any stage may add them; they travel with the data and end up in the report. They are never errors: imperfect data still gets an answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a note matters for trusting the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NoteSeverity")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It may weaken the answer.
    Warning,
}

/// One note about the data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// How much it matters.
    pub severity: Severity,
    /// A stable word for programs, such as `partial_data` or `constant_series`.
    pub code: String,
    /// A sentence of text.
    pub message: String,
}

impl Note {
    /// An informative note.
    pub fn info(code: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Info, code: code.into(), message: message.into() }
    }

    /// A note on what weakens the answer.
    pub fn warning(code: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, code: code.into(), message: message.into() }
    }
}

/// Something that could not be checked, and why. Missing data is a state, never a zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct NotChecked {
    /// What: a signal such as `disk` or `latency`.
    pub signal: String,
    /// Where: the services concerned; empty means everywhere.
    pub services: Vec<String>,
    /// Why it could not be observed.
    pub reason: String,
}

impl NotChecked {
    /// Placeholder for the signal if nothing at all was queried.
    const ALL_SIGNALS: &str = "all signals";

    /// Services that were not looked at; an empty list means some, but it is unknown which.
    pub fn not_looked_at(services: Vec<String>, reason: impl Into<String>) -> Self {
        Self { signal: Self::ALL_SIGNALS.to_owned(), services, reason: reason.into() }
    }

    /// Whether these services were not looked at.
    pub fn is_not_looked_at(&self) -> bool {
        self.signal == Self::ALL_SIGNALS
    }
}
