//! What can be wrong with an archive.

use std::path::{Path, PathBuf};

/// Why an archive could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The folder holds no archive.
    #[error("there is no archive in {0}; `automap archive add {0}` makes one")]
    Absent(PathBuf),
    /// The file system returned an error.
    #[error("{path}: {reason}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        reason: std::io::Error,
    },
    /// Rows could not be encoded.
    #[error("{path} cannot be written: {reason}; add its incidents again")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file would exceed what readers accept.
    #[error(
        "{path} would be too large to be read again: {reason}; this month stays as it was: leave out the incidents with the longest reports, or add them to another archive"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        reason: String,
    },
    /// An incident belongs to no part.
    #[error("incident {id} cannot be archived: {reason}; correct the time at which it was opened")]
    NoMonth {
        /// Which incident.
        id: String,
        /// Why.
        reason: &'static str,
    },
    /// A file was not written by this program, or is damaged.
    #[error(
        "{path} cannot be read as a part of the archive: {reason}; put it back from a copy, or move it away and add its incidents again"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// More than can be held in memory.
    #[error("more than {limit} {what} match; ask for a shorter time or one target")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl ArchiveError {
    pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        |reason| Self::Io { path: path.to_owned(), reason }
    }

    pub(crate) fn unreadable(path: &Path, reason: impl Into<String>) -> Self {
        Self::Unreadable { path: path.to_owned(), reason: reason.into() }
    }
}
