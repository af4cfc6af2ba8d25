//! One observation in one Parquet file: what `diagnose` needs, in a form that pandas and DuckDB can open.
//!
//! The table is long: `time` (milliseconds, UTC), `service`, `metric` (a call carries its callee behind a slash: `client_latency_ms/payment`),
//! `value`. A gap is a missing row. What a table cannot hold (the time axis, calls, windows, notes, queries) is JSON under the key [`METADATA_KEY`].
//! Reading restores the observation bit for bit, the same observation always gives the same bytes, and a checksum detects damage. Files that other
//! tools rewrote with the metadata are accepted: reordered, additional and nullable columns and finer times are fine.

mod axis;
mod checksum;
mod days;
mod error;
mod metadata;
mod read;
mod write;

use std::path::Path;

use automap_core::observation::Observation;
use bytes::Bytes;

pub use error::CaptureError;
pub use write::to_bytes;

pub use crate::decoder::hide_decoder_panics;

use crate::bounded::{ReadFailure, read_file};
use crate::whole_file;

/// The file's key for everything that is not a row.
pub const METADATA_KEY: &str = "automap.capture";
/// Version of the metadata; readers refuse later ones.
pub const SCHEMA_VERSION: u32 = 1;
/// Largest file that is read.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most rows that are read: 300 services × 25 metrics × 1,600 samples.
pub const MAX_ROWS: u64 = 12_000_000;

/// Code of the note that a capture has no checksum. It concerns the file, so it is not written into the next one.
const NO_CHECKSUM: &str = "no_checksum";
/// Name of a capture that is not a file, for messages.
const EMBEDDED: &str = "the embedded capture";

/// The table's columns, in the order in which they are written.
const COLUMNS: [&str; 4] = ["time", "service", "metric", "value"];
const SCHEMA: &str = "message automap {
    REQUIRED INT64 time (TIMESTAMP(MILLIS, true));
    REQUIRED BYTE_ARRAY service (STRING);
    REQUIRED BYTE_ARRAY metric (STRING);
    REQUIRED DOUBLE value;
}";

/// Writes a capture; the file appears whole or not at all.
///
/// # Errors
/// When the file cannot be written, or a metric's name holds a slash.
pub fn write(path: &Path, observation: &Observation) -> Result<(), CaptureError> {
    let bytes = to_bytes(observation)?;
    whole_file::write(path, &bytes).map_err(|e| CaptureError::io("write", path, &e))
}

/// Reads a capture.
///
/// # Errors
/// When the file cannot be read, is not a Parquet file or not a capture, is damaged, or is larger than the bounds above.
pub fn read(path: &Path) -> Result<Observation, CaptureError> {
    read::observation(bytes_of(path)?.into(), &path.display().to_string())
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, CaptureError> {
    read_file(path, MAX_FILE_BYTES).map_err(|e| match e.reason {
        ReadFailure::TooLarge(limit) => CaptureError::TooLarge { file: e.name, what: "bytes", limit },
        reason => CaptureError::io("read", path, &reason),
    })
}

/// The content of a file.
#[derive(Debug)]
pub enum Opened {
    /// A capture.
    Capture(Box<Observation>),
    /// A plain table: text, Arrow, or Parquet without a capture's metadata, such as a capture that another tool rewrote.
    Table(Vec<u8>),
}

/// Reads a capture, or returns the bytes of a plain table.
///
/// # Errors
/// As for [`read`].
pub fn open(path: &Path) -> Result<Opened, CaptureError> {
    let (bytes, name) = (Bytes::from(bytes_of(path)?), path.display().to_string());
    // A file that claims to be Parquet but is not is a damaged capture; any other file that is not Parquet is a table.
    let claims_parquet = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet")) || bytes.is_empty();
    let is_table = match bytes.starts_with(b"PAR1") {
        true => read::has_metadata(bytes.clone()) == Some(false),
        false => bytes.starts_with(b"ARROW1") || !claims_parquet,
    };
    if is_table {
        return Ok(Opened::Table(bytes.into()));
    }
    read::observation(bytes, &name).map(|o| Opened::Capture(Box::new(o)))
}

/// Reads a capture that is embedded in a program.
///
/// # Errors
/// As for [`read`].
pub fn from_bytes(bytes: &[u8]) -> Result<Observation, CaptureError> {
    read::observation(Bytes::copy_from_slice(bytes), EMBEDDED)
}
