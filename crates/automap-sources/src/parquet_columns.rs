//! Columns of optional values, and a Parquet file of them: what [`crate::parquet_rows`] reads.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// A string column.
pub fn strings(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// A column of numbers.
pub fn numbers(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// A column of whole numbers.
pub fn counts(values: impl Iterator<Item = Option<u32>>) -> ArrayRef {
    Arc::new(values.collect::<UInt32Array>())
}

/// A boolean column.
pub fn flags(values: impl Iterator<Item = Option<bool>>) -> ArrayRef {
    Arc::new(values.collect::<BooleanArray>())
}

/// A column of times in UTC, in milliseconds of Unix time.
pub fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
}

/// A column of lists of strings.
pub fn lists<'a, W: IntoIterator<Item = &'a str>>(values: impl Iterator<Item = Option<W>>) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for value in values {
        let is_there = value.is_some();
        value.into_iter().flatten().for_each(|word| lists.values().append_value(word));
        lists.append(is_there);
    }
    Arc::new(lists.finish())
}

/// The columns, by name, as a Parquet file.
///
/// # Errors
/// Columns of different lengths. Otherwise none in practice: the file is written to memory.
pub fn write(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Result<Vec<u8>, ParquetError> {
    let batch = RecordBatch::try_from_iter(columns).map_err(|e| ParquetError::General(e.to_string()))?;
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.into_inner()
}
