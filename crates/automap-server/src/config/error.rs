//! What is wrong with a configuration, and where.

use std::path::Path;

use automap_core::similar::similar_names;
use automap_sources::bounded::ReadError;
use automap_sources::key_position::{self, Position};

/// File, line and key of the error, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn unreadable(error: &ReadError) -> Self {
        Self(error.to_string())
    }

    /// For a value that was read but is not valid.
    pub(super) fn value(path: &Path, text: &str, key: &str, reason: &str) -> Self {
        let place = match key_position::find(text, 0, key) {
            Some(Position { line, column }) => format!("{}:{line}:{column}", path.display()),
            None => path.display().to_string(),
        };
        Self(format!("{place}: {key}: {reason}"))
    }

    /// From the YAML reader. For an unknown key it knows all valid ones; we name the nearest.
    pub(super) fn syntax(path: &Path, error: &serde_saphyr::Error) -> Self {
        let place = match error.location() {
            Some(at) => format!("{}:{}:{}", path.display(), at.line(), at.column()),
            None => path.display().to_string(),
        };
        let error = error.without_snippet();
        let cause = match error {
            serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected),
            other => other.to_string().lines().next().unwrap_or_default().to_owned(),
        };
        Self(format!("{place}: {cause}"))
    }
}

/// Names the nearest of the valid keys.
fn unknown_key(key: &str, expected: &[&'static str]) -> String {
    let known: Vec<String> = expected.iter().map(|k| (*k).to_owned()).collect();
    let hint = match similar_names(key, &known).first() {
        Some(name) => format!("did you mean '{name}'?"),
        None => format!("known here: {}", known.join(", ")),
    };
    format!("there is no key '{key}' here; {hint}")
}
