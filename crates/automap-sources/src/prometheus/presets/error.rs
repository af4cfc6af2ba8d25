//! What is wrong with a file of presets.

/// The file, the place in it, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {place}{}{reason}", if .place.is_empty() { "" } else { ": " })]
pub struct PresetError {
    /// The file's name.
    pub file: String,
    /// Preset and key, such as `linkerd: served.failed`; empty if the whole file is meant.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

impl PresetError {
    pub(crate) fn new(file: &str, place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: place.into(), reason: reason.into() }
    }
}
