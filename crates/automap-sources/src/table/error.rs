//! What is wrong with a table, and where.

use automap_core::frame::FrameError;

/// Longest piece of a cell or a name in a message, in characters.
const MAX_SHOWN_CHARS: usize = 60;
/// Longest message of a reader.
const MAX_REASON_CHARS: usize = 300;
/// Most names in one message.
const MAX_LISTED: usize = 8;

/// A table that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct TableError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub problem: TableProblem,
}

/// What is wrong with a table. Lines of text and rows of Parquet and Arrow files count from 1, a header included. Excerpts of the table are made safe
/// to show: short, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableProblem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(String),
    /// It cannot be parsed.
    #[error("is not {form}: {reason}")]
    Unreadable {
        /// What it should be.
        form: &'static str,
        /// The reader's message.
        reason: String,
    },
    /// Another kind of file.
    #[error("is {what}; {remedy}")]
    OtherKind {
        /// The actual kind.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The table is empty.
    #[error("is empty; expected a header with time and <service>_<metric> columns")]
    Empty,
    /// There is no time.
    #[error("has no column of times, such as time, timestamp or date; its first column is \"{first}\"")]
    NoTime {
        /// The first column.
        first: String,
    },
    /// No column belongs to a service and a metric.
    #[error("has no column named <service>_<metric>, such as orders_latency_ms; it has {columns}")]
    NoSeries {
        /// Some columns.
        columns: String,
    },
    /// Columns with words that may be services, and nothing that gives the metric.
    #[error(
        "does not say what its columns measure ({columns}); --metric latency_ms reads each as a service with this metric"
    )]
    NoMetric {
        /// Some columns.
        columns: String,
    },
    /// Names that can be split in several ways.
    #[error(
        "column \"{column}\" may belong to several services; --separator says what stands between service and metric"
    )]
    AmbiguousName {
        /// One column.
        column: String,
    },
    /// A name occurs twice, with different values.
    #[error(
        "columns \"{first}\" (column {first_at}) and \"{second}\" (column {second_at}) are the same series and differ first at \
         {place}; remove or rename one"
    )]
    DuplicateColumn {
        /// One name.
        first: String,
        /// Its position, from 1.
        first_at: usize,
        /// The other name.
        second: String,
        /// Its position.
        second_at: usize,
        /// The first row that differs.
        place: String,
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
    #[error("{place}, column \"{column}\": \"{text}\" is not a number")]
    NotANumber {
        /// The line or row.
        place: String,
        /// The column.
        column: String,
        /// The cell.
        text: String,
    },
    /// A comma with two possible meanings.
    #[error(
        "{place}, column \"{column}\": the comma in \"{text}\" may be a decimal comma or separate thousands; --decimal , or \
         --decimal . decides"
    )]
    AmbiguousComma {
        /// The line.
        place: String,
        /// The column.
        column: String,
        /// The cell.
        text: String,
    },
    /// Units that do not match.
    #[error("{place}, column \"{column}\": \"{text}\" has {have}, {want}")]
    MixedUnits {
        /// The line.
        place: String,
        /// The column.
        column: String,
        /// The cell.
        text: String,
        /// Its unit.
        have: &'static str,
        /// What it should match.
        want: String,
    },
    /// A time that cannot be read.
    #[error(
        "{place}, column \"{column}\": \"{text}\" is not a time; expected Unix seconds or RFC 3339, such as \
         2026-11-23T14:03:15Z, or a pattern with --time-format"
    )]
    NotATime {
        /// The line.
        place: String,
        /// The column.
        column: String,
        /// The cell.
        text: String,
    },
    /// Day and month may be swapped.
    #[error(
        "{place}, column \"{column}\": \"{text}\" may be day/month or month/day; --time-format '{pattern}' or the like decides"
    )]
    AmbiguousDate {
        /// The line.
        place: String,
        /// The column.
        column: String,
        /// The cell.
        text: String,
        /// One pattern that would read it.
        pattern: String,
    },
    /// Two rows for one instant.
    #[error("{first} and {second} have the same time {time} and different values")]
    DuplicateTime {
        /// The first row.
        first: String,
        /// The other row.
        second: String,
        /// The time.
        time: String,
    },
    /// Two values of one series for one instant.
    #[error("{first} and {second} give {series} two values at {time}{hint}")]
    DuplicateSample {
        /// The first row.
        first: String,
        /// The other row.
        second: String,
        /// The series.
        series: String,
        /// The time.
        time: String,
        /// Columns that may distinguish the two.
        hint: String,
    },
    /// Larger than a limit.
    #[error("holds more than {limit} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The series do not form a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// A text of the table for a message: short, without control characters.
pub(super) fn shown(text: &str) -> String {
    automap_core::text::shown(text, MAX_SHOWN_CHARS)
}

/// A reader's message, which may quote the file.
pub(super) fn shown_reason(text: &str) -> String {
    automap_core::text::shown(text, MAX_REASON_CHARS)
}

/// `a, b, c and 4 more`.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    automap_core::text::listed(names.into_iter().map(shown), MAX_LISTED)
}
