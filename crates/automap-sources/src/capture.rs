//! One observation in one Parquet file: what `diagnose` needs, and what pandas and DuckDB can open.
//!
//! The table is long: `time` (milliseconds, UTC), `service`, `metric` (a call carries its callee behind a slash:
//! `client_latency_ms/payment`), `value`. A gap is a row that is not there. What a table cannot hold (the time axis,
//! calls, windows, notes, queries) is JSON under the key [`METADATA_KEY`]. Reading gives back the observation to the
//! bit; the same observation gives the same bytes.

mod axis;
mod error;
mod metadata;
mod read;
mod write;

use std::fs;
use std::path::Path;

use automap_core::observation::Observation;

pub use error::CaptureError;
pub use read::DECODER_THREAD;
pub use write::to_bytes;

use crate::bounded::{ReadFailure, read_file};

/// The file's key for everything that is not a row.
pub const METADATA_KEY: &str = "automap.capture";
/// Version of the metadata; readers refuse later ones.
pub const SCHEMA_VERSION: u32 = 1;
/// Largest file that is read.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most rows that are read: 300 services × 25 metrics × 1,600 samples.
pub const MAX_ROWS: u64 = 12_000_000;

/// Name of a capture that is not a file, for messages.
const EMBEDDED: &str = "the embedded capture";

/// The table's columns, in order.
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
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    written.map_err(|e| {
        // The first error is the one to report.
        let _ = fs::remove_file(&partial);
        CaptureError::io("write", path, &e)
    })
}

/// Reads a capture.
///
/// # Errors
/// When the file cannot be read, is not a Parquet file or not a capture, is damaged, or is larger than the bounds above.
pub fn read(path: &Path) -> Result<Observation, CaptureError> {
    let name = path.display().to_string();
    let bytes = read_file(path, MAX_FILE_BYTES).map_err(|e| match e.reason {
        ReadFailure::TooLarge(limit) => CaptureError::TooLarge { file: e.name, what: "bytes", limit },
        reason => CaptureError::io("read", path, &reason),
    })?;
    read::observation(bytes.into(), &name)
}

/// Reads a capture that a program carries in itself.
///
/// # Errors
/// As for [`read`].
pub fn from_bytes(bytes: &[u8]) -> Result<Observation, CaptureError> {
    read::observation(bytes::Bytes::copy_from_slice(bytes), EMBEDDED)
}
