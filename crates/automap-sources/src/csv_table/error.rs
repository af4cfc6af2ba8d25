//! What is wrong with a table, and where.

use automap_core::frame::FrameError;

/// A table that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct CsvError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub problem: CsvProblem,
}

/// What is wrong with a table. Lines count from 1, the header included.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsvProblem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(String),
    /// It cannot be parsed.
    #[error("is not CSV: {0}")]
    Unreadable(String),
    /// Nothing at all.
    #[error("is empty; expected a header with time and <service>_<metric> columns")]
    Empty,
    /// There is no time.
    #[error("has no column \"time\" (Unix seconds or RFC 3339); its first column is \"{first}\"")]
    NoTime {
        /// The first column.
        first: String,
    },
    /// Only time, or columns without an underscore.
    #[error("has no column named <service>_<metric>, such as orders_latency_ms")]
    NoSeries,
    /// A name stands twice.
    #[error("has two columns \"{name}\" (columns {first} and {second})")]
    DuplicateColumn {
        /// The name.
        name: String,
        /// Where it stands first, from 1.
        first: usize,
        /// Where it stands again.
        second: usize,
    },
    /// A row with too few or too many cells.
    #[error("line {line} has {have} cell(s), the header has {want}; is the file cut off?")]
    Ragged {
        /// The line.
        line: u64,
        /// Its cells.
        have: usize,
        /// The header's cells.
        want: usize,
    },
    /// A cell that is not a number.
    #[error("line {line}, column \"{column}\": \"{text}\" is not a number")]
    NotANumber {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// The cell.
        text: String,
    },
    /// A time that is none.
    #[error("line {line}: \"{text}\" is not a time; expected Unix seconds or RFC 3339, such as 2026-11-23T14:03:15Z")]
    NotATime {
        /// The line.
        line: u64,
        /// The cell.
        text: String,
    },
    /// One instant, two rows.
    #[error("lines {first} and {second} have the same time {time}")]
    DuplicateTime {
        /// The first line.
        first: u64,
        /// The other line.
        second: u64,
        /// The time.
        time: String,
    },
    /// Beyond the bounds.
    #[error("holds more than {limit} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// The series make no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}
