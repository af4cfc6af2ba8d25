//! Plain tables from users: exports of Grafana, InfluxDB and CloudWatch, data frames of pandas and polars, public incident sets, Excel.
//!
//! A table is text (any delimiter, encoding, format of numbers and times; `.gz` too), Parquet or Arrow. It is wide, with a column for each
//! `<service>_<metric>`, or long, with services and metrics in cells. Its format is inferred from the whole table; what stays ambiguous is refused
//! with line, column and the option that decides. Left out: the calls between services, which a table cannot express.
//!
//! ```text
//!  content ─▶ text_rows (layout, kind, time_cell, number_cell) ┐          ┌ wide ┐
//!          └▶ arrow_rows (Parquet, Arrow, batches in memory)   ┴▶ body ─▶ ┴ long ┴▶ columns ─▶ frame
//!                 roles: which column is what           series, series_names, labels, metric_words: whose metric it is
//! ```

mod arrow_bounds;
mod arrow_rows;
mod body;
mod columns;
mod content;
mod error;
mod grid;
mod kind;
mod labels;
mod layout;
mod long;
mod metric_words;
mod number_cell;
mod options;
mod pseudo_services;
mod roles;
mod series;
mod series_names;
mod success;
mod summary;
mod text_rows;
mod time_cell;
mod time_names;
mod wide;

use std::path::Path;

use arrow_array::RecordBatchReader;
use automap_core::frame::from_columns;
use automap_core::note::{NotChecked, Note};
use automap_core::observation::Observation;
use automap_core::time::WindowHint;
use automap_core::topology::CallGraph;

pub use error::{TableError, TableProblem};
pub use options::{Decimal, TableOptions};
pub use summary::UNDERSTOOD;

use crate::bounded::{ReadFailure, read_file};
use body::Body;
use columns::SeriesAndTimes;
use content::Content;
use roles::{Roles, Shape};
use text_rows::TextTable;

/// Largest table that is read, both as a file and unpacked.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// Reads a table.
///
/// # Errors
/// [`TableError`] when the file cannot be read, is not a table, has no times or no series, or is ambiguous.
pub fn read(path: &Path, hint: WindowHint, options: &TableOptions) -> Result<Observation, TableError> {
    let name = path.display().to_string();
    let bytes = read_file(path, MAX_FILE_BYTES).map_err(|e| {
        let problem = match e.reason {
            ReadFailure::TooLarge(limit) => TableProblem::TooLarge { what: "bytes", limit },
            reason => TableProblem::Io(reason.to_string()),
        };
        TableError { file: name.clone(), problem }
    })?;
    from_bytes(bytes, &name, hint, options)
}

/// Reads a table that is in memory; `name` is its name in messages.
///
/// # Errors
/// As for [`read`].
///
/// ```
/// use automap_sources::table::{self, TableOptions};
///
/// let text = "Time;user_db_latency;user_db_cpu\n18.11.2026 11:06:40;1,5 ms;34 %\n18.11.2026 11:06:55;2,5 ms;35 %\n";
/// let seen = table::from_bytes(text.into(), "demo.csv", Default::default(), &TableOptions::default())?;
/// assert_eq!(seen.frame.services(), ["user_db"]);
/// assert_eq!(seen.frame.series()[1].metric.name, "latency_ms");
/// assert_eq!(seen.notes[0].message, "2 rows of 15 s, 1 service, 2 metrics, times without a zone read as UTC (--time-zone)");
/// # Ok::<(), table::TableError>(())
/// ```
pub fn from_bytes(
    bytes: Vec<u8>,
    name: &str,
    hint: WindowHint,
    options: &TableOptions,
) -> Result<Observation, TableError> {
    observation(bytes, name, hint, options).map_err(|problem| TableError { file: name.to_owned(), problem })
}

/// Reads a table that another library of the same process holds, batch by batch; `name` is its name in messages.
///
/// # Errors
/// As for [`read`].
///
/// ```
/// use std::sync::Arc;
///
/// use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchIterator};
/// use automap_sources::table::{self, TableOptions};
///
/// let time: ArrayRef = Arc::new(Int64Array::from(vec![1_795_000_000, 1_795_000_015]));
/// let cpu: ArrayRef = Arc::new(Float64Array::from(vec![0.2, 0.4]));
/// let batch = RecordBatch::try_from_iter([("time", time), ("orders_cpu", cpu)])?;
/// let batches = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
/// let seen = table::from_batches(batches, "a data frame", Default::default(), &TableOptions::default())?;
/// assert_eq!(seen.frame.services(), ["orders"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_batches(
    batches: impl RecordBatchReader,
    name: &str,
    hint: WindowHint,
    options: &TableOptions,
) -> Result<Observation, TableError> {
    let rows = arrow_rows::batches(batches, options);
    let seen = rows.and_then(|(roles, body)| of_rows(roles, body, name, hint, options));
    seen.map_err(|problem| TableError { file: name.to_owned(), problem })
}

fn observation(
    bytes: Vec<u8>,
    name: &str,
    hint: WindowHint,
    options: &TableOptions,
) -> Result<Observation, TableProblem> {
    let (roles, body) = match content::of(bytes, MAX_FILE_BYTES)? {
        Content::Text(text) => {
            let table = TextTable::open(&text, options)?;
            let roles = Roles::of(table.header(), &table.kinds())?;
            let body = table.read(&roles, options)?;
            (roles, body)
        }
        Content::Parquet(bytes) => arrow_rows::parquet(bytes, options)?,
        Content::Arrow(bytes) => arrow_rows::arrow(bytes, options)?,
    };
    of_rows(roles, body, name, hint, options)
}

/// The common last steps for every kind of table.
fn of_rows(
    roles: Roles,
    body: Body,
    name: &str,
    hint: WindowHint,
    options: &TableOptions,
) -> Result<Observation, TableProblem> {
    let saw_local = body.saw_local;
    let (series, times, more) = series(body, &roles.shape, options)?;
    let (frame, repeated) = from_columns(series, times)?;
    let mut notes = vec![summary::note(&frame, saw_local, options)];
    if !roles.left_out.is_empty() {
        let text = format!(
            "columns that are no series are left out: {}",
            error::listed(roles.left_out.iter().map(String::as_str))
        );
        notes.push(Note::info("left_out_column", text));
    }
    notes.extend(more);
    notes.extend(repeated);
    let reason = "a table does not say who calls whom".to_owned();
    let not_checked = vec![NotChecked { signal: "calls".to_owned(), services: Vec::new(), reason }];
    let (calls, queries, source) = (CallGraph::new(), Vec::new(), name.to_owned());
    let observation = Observation::new(frame, calls, source);
    Ok(Observation { hint, notes, not_checked, queries, ..observation })
}

fn series(body: Body, shape: &Shape, options: &TableOptions) -> Result<SeriesAndTimes, TableProblem> {
    match shape {
        Shape::Wide => wide::read(body, options),
        Shape::Long { .. } => long::read(body, shape, options),
    }
}
