//! Remarks on the quality of the data: what weakens an answer, and what could not be checked at all.
//!
//! Every stage may add them; they travel with the data and end in the report. They are never errors: an answer from imperfect data is still given.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a note matters for trusting the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NoteSeverity")]
pub enum Severity {
    /// Good to know.
    Info,
    /// The answer may be weaker for it.
    Warning,
}

/// One remark about the data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// How much it matters.
    pub severity: Severity,
    /// A stable word for programs, such as `partial_data` or `constant_series`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl Note {
    /// A remark that is good to know.
    pub fn info(code: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Info, code: code.into(), message: message.into() }
    }

    /// A remark that weakens the answer.
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
    /// What stands in place of a signal where nothing at all was asked for.
    const ALL_SIGNALS: &str = "all signals";

    /// Services of which nothing was looked at; none named means some, and nobody knows which.
    pub fn not_looked_at(services: Vec<String>, reason: impl Into<String>) -> Self {
        Self { signal: Self::ALL_SIGNALS.to_owned(), services, reason: reason.into() }
    }

    /// Whether nothing was looked at there.
    pub fn is_not_looked_at(&self) -> bool {
        self.signal == Self::ALL_SIGNALS
    }
}
