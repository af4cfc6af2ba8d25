//! Reads the rows of a Parquet file with known columns, within bounds: for formats of our own that other tools may have rewritten.
//!
//! Only the requested columns are decoded. Strings stay shared ([`arrow_array::StringViewArray`]), so that a small file cannot expand to gigabytes.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, FieldRef, Schema};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use crate::decoder;
use crate::parquet_bounds::{self, PageProblem};

/// Most bytes that the pages of a file may unpack to.
const MAX_UNPACKED_BYTES: i64 = 1 << 30;

/// Reads all rows of the named columns; columns that the file lacks are left out. Strings are `Utf8View`, whatever type the file declares.
///
/// # Errors
/// What is wrong with the file: it is not Parquet, is damaged, has more rows than `max_rows`, or unpacks to more than 1 GiB.
pub fn read(file: &Bytes, columns: &[&str], max_rows: usize) -> Result<Vec<RecordBatch>, String> {
    decoder::run(|| decode(file, columns, max_rows)).unwrap_or_else(Err)
}

/// Checks the bounds of [`read`] without decoding a row: what a writer asks before it replaces a file.
///
/// # Errors
/// As for [`read`], except for damage inside a page.
pub fn check(file: &Bytes, max_rows: usize) -> Result<(), String> {
    decoder::run(|| opened(file, max_rows).map(|_| ())).unwrap_or_else(Err)
}

fn decode(file: &Bytes, columns: &[&str], max_rows: usize) -> Result<Vec<RecordBatch>, String> {
    let builder = opened(file, max_rows)?;
    let wanted = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    let batches = builder.with_projection(wanted).build().map_err(|e| e.to_string())?;
    batches.collect::<Result<_, _>>().map_err(|e| e.to_string())
}

/// A reader of a file within the bounds.
fn opened(file: &Bytes, max_rows: usize) -> Result<ParquetRecordBatchReaderBuilder<Bytes>, String> {
    let builder = with_shared_words(file).map_err(|e| e.to_string())?;
    let info = builder.metadata();
    if info.file_metadata().num_rows() > max_rows as i64 {
        return Err(format!("it has more than {max_rows} rows"));
    }
    match parquet_bounds::check(file, info, MAX_UNPACKED_BYTES) {
        Ok(()) => Ok(builder),
        Err(PageProblem::TooLarge(limit)) => Err(format!("it unpacks to more than {limit} bytes")),
        Err(PageProblem::Damaged) => Err("a page has no usable header".to_owned()),
    }
}

/// A reader that stores each string of a dictionary once.
pub(crate) fn with_shared_words(file: &Bytes) -> Result<ParquetRecordBatchReaderBuilder<Bytes>, ParquetError> {
    parquet_bounds::check_footer(file).map_err(|_| ParquetError::General("its footer is damaged".to_owned()))?;
    let found = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    let shared = |field: &FieldRef| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    };
    let fields: Vec<_> = found.schema().fields().iter().map(shared).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, found.schema().metadata().clone()));
    ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), ArrowReaderOptions::new().with_schema(schema))
}
