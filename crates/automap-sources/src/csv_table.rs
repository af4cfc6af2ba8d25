//! Plain tables: a `time` column and one column per series, named `<service>_<metric>`.
//!
//! The service ends at the first underscore; the callee of a call stands behind a slash:
//! `orders_client_latency_ms/payment`. An empty cell, `NaN` and infinities are gaps. Left out: separators other than the
//! comma, and the calls between services, which a table cannot express.

mod columns;
mod error;
mod rows;

use std::path::Path;

use automap_core::frame::assemble;
use automap_core::note::{NotChecked, Note};
use automap_core::observation::Observation;
use automap_core::time::WindowHint;
use automap_core::topology::CallGraph;

pub use error::{CsvError, CsvProblem};

use crate::bounded::{ReadFailure, read_file};

/// Largest table that is read.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most columns of a table: 300 services × 25 metrics and some calls.
pub const MAX_COLUMNS: usize = 20_000;
/// Most rows of a table.
pub const MAX_ROWS: usize = 1_000_000;

/// Reads a table.
///
/// # Errors
/// [`CsvError`] when the file cannot be read, a row is cut off, a cell is not a number, a time is missing or repeated,
/// a column is repeated, or there is nothing to use.
pub fn read(path: &Path, hint: WindowHint) -> Result<Observation, CsvError> {
    let name = path.display().to_string();
    let fail = |problem| CsvError { file: name.clone(), problem };
    let bytes = read_file(path, MAX_FILE_BYTES).map_err(|e| match e.reason {
        ReadFailure::TooLarge(limit) => fail(CsvProblem::TooLarge { what: "bytes", limit }),
        reason => fail(CsvProblem::Io(reason.to_string())),
    })?;
    parse(&bytes, hint, &name).map_err(fail)
}

fn parse(bytes: &[u8], hint: WindowHint, name: &str) -> Result<Observation, CsvProblem> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(without_mark(bytes));
    let header = reader.byte_headers().map_err(|e| CsvProblem::Unreadable(e.to_string()))?.clone();
    let mut columns = columns::Columns::read(&header)?;
    let (times, mut notes) = rows::read(&mut reader, &mut columns)?;
    if !columns.left_out.is_empty() {
        let text = format!("columns without <service>_<metric> are left out: {}", columns.left_out.join(", "));
        notes.push(Note::warning("unknown_column", text));
    }
    let (frame, more) = assemble(columns.series, times)?;
    notes.extend(more);
    let reason = "a table does not say who calls whom".to_owned();
    let not_checked = vec![NotChecked { signal: "calls".to_owned(), services: Vec::new(), reason }];
    let (calls, queries, source) = (CallGraph::new(), Vec::new(), name.to_owned());
    Ok(Observation { frame, calls, hint, notes, not_checked, queries, source })
}

/// Spreadsheets put a byte-order mark first.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}
