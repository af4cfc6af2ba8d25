//! Why a capture cannot be written or read.

use std::fmt;
use std::path::Path;

/// Why a capture cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be read or written.
    #[error("cannot {action} {file}: {reason}")]
    Io {
        /// `read`, `decode` or `write`.
        action: &'static str,
        /// The file.
        file: String,
        /// The system's message.
        reason: String,
    },
    /// Not a Parquet file, or a damaged one.
    #[error("{file} is not a complete Parquet file: {reason}; was the copy interrupted?")]
    Damaged {
        /// The file.
        file: String,
        /// The reader's message.
        reason: String,
    },
    /// A Parquet file that is not a capture.
    #[error("{file} is not an automap capture: {reason}")]
    Foreign {
        /// The file.
        file: String,
        /// What is missing.
        reason: String,
    },
    /// Written by a later automap.
    #[error("{file} is a capture of version {found}, this automap reads up to {known}; use a newer automap")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
        /// The version that this program knows.
        known: u32,
    },
    /// Larger than a limit.
    #[error("{file} holds more than {limit} {what}")]
    TooLarge {
        /// The file.
        file: String,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A name that would be read back as a call.
    #[error(
        "the metric \"{metric}\" of {service} cannot be stored: a slash separates a metric from the called service"
    )]
    Name {
        /// The service.
        service: String,
        /// The metric.
        metric: String,
    },
    /// The Parquet writer failed.
    #[error("cannot encode the capture: {0}")]
    Encode(String),
}

impl CaptureError {
    pub(super) fn io(action: &'static str, path: &Path, error: &dyn fmt::Display) -> Self {
        Self::Io { action, file: path.display().to_string(), reason: error.to_string() }
    }
}
