//! Converts Arrow columns to Parquet and back.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMillisecondType, UInt32Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use automap_core::time::Timestamp;
use automap_sources::bounded::{ReadFailure, read_file};
use automap_sources::{parquet_columns, parquet_rows};
use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;

use crate::error::ArchiveError;

/// Largest file that is read.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most rows of a file.
const MAX_ROWS: usize = 1_000_000;

/// The columns as a Parquet file in memory.
pub(crate) fn write(columns: Vec<(&str, ArrayRef)>) -> Result<Vec<u8>, ParquetError> {
    parquet_columns::write(columns, Compression::ZSTD(ZstdLevel::default()))
}

/// The bytes of a file, if [`read`] would accept them.
pub(crate) fn checked(path: &Path, bytes: Vec<u8>) -> Result<Bytes, ArchiveError> {
    let bytes = Bytes::from(bytes);
    let within = match bytes.len() as u64 > MAX_FILE_BYTES {
        true => Err(format!("it has more than {MAX_FILE_BYTES} bytes")),
        false => parquet_rows::check(&bytes, MAX_ROWS),
    };
    within.map_err(|reason| ArchiveError::TooLarge { path: path.to_owned(), reason })?;
    Ok(bytes)
}

/// The requested columns of a file; no rows if there is no such file.
pub(crate) fn read(path: &Path, columns: &[&str]) -> Result<Vec<Columns>, ArchiveError> {
    let bytes = match read_file(path, MAX_FILE_BYTES) {
        Ok(bytes) => Bytes::from(bytes),
        Err(e) => {
            return match e.reason {
                ReadFailure::Io(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
                ReadFailure::Io(reason) => Err(ArchiveError::Io { path: path.to_owned(), reason }),
                reason => Err(ArchiveError::unreadable(path, reason.to_string())),
            };
        }
    };
    let batches = parquet_rows::read(&bytes, columns, MAX_ROWS);
    let batches = batches.map_err(|reason| ArchiveError::unreadable(path, reason))?;
    Ok(batches.into_iter().map(|batch| Columns { batch, path: path.to_owned() }).collect())
}

/// The rows of one part of a file.
pub(crate) struct Columns {
    batch: RecordBatch,
    path: PathBuf,
}

impl Columns {
    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub(crate) fn strings(&self, name: &str) -> Result<Vec<Option<String>>, ArchiveError> {
        let column = self.column(name, |c| c.as_string_view_opt())?;
        Ok(column.iter().map(|v| v.map(str::to_owned)).collect())
    }

    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, ArchiveError> {
        Ok(self.column(name, |c| c.as_primitive_opt::<Float64Type>())?.iter().collect())
    }

    pub(crate) fn counts(&self, name: &str) -> Result<Vec<Option<u32>>, ArchiveError> {
        Ok(self.column(name, |c| c.as_primitive_opt::<UInt32Type>())?.iter().collect())
    }

    pub(crate) fn flags(&self, name: &str) -> Result<Vec<Option<bool>>, ArchiveError> {
        Ok(self.column(name, |c| c.as_boolean_opt())?.iter().collect())
    }

    pub(crate) fn times(&self, name: &str) -> Result<Vec<Option<Timestamp>>, ArchiveError> {
        let column = self.column(name, |c| c.as_primitive_opt::<TimestampMillisecondType>())?;
        Ok(column.iter().map(|t| t.map(Timestamp::from_ms)).collect())
    }

    pub(crate) fn lists(&self, name: &str) -> Result<Vec<Vec<String>>, ArchiveError> {
        let column = self.column(name, |c| c.as_list_opt::<i32>())?;
        let one = |list: Option<ArrayRef>| {
            let words = list.as_ref().and_then(|list| list.as_string_opt::<i32>());
            words.map_or_else(Vec::new, |words| words.iter().flatten().map(str::to_owned).collect())
        };
        Ok(column.iter().map(one).collect())
    }

    /// A column without a gap.
    pub(crate) fn all<T>(&self, name: &str, values: Vec<Option<T>>) -> Result<Vec<T>, ArchiveError> {
        let whole: Option<Vec<T>> = values.into_iter().collect();
        whole.ok_or_else(|| ArchiveError::unreadable(&self.path, format!("the column {name} has a gap")))
    }

    pub(crate) fn unreadable(&self, reason: impl Into<String>) -> ArchiveError {
        ArchiveError::unreadable(&self.path, reason)
    }

    fn column<'a, T: ?Sized>(
        &'a self,
        name: &str,
        as_kind: impl FnOnce(&'a ArrayRef) -> Option<&'a T>,
    ) -> Result<&'a T, ArchiveError> {
        let column = self.batch.column_by_name(name);
        let column = column.ok_or_else(|| self.unreadable(format!("it has no column {name}")))?;
        as_kind(column).ok_or_else(|| self.unreadable(format!("the column {name} holds {}", column.data_type())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automap_sources::parquet_columns::counts;

    #[test]
    fn what_would_not_be_read_again_is_not_written() {
        let path = Path::new("evidence.parquet");
        let rows = |count: usize| write(vec![("rank", counts((0..count).map(|_| Some(1))))]).unwrap();
        assert!(checked(path, rows(2)).is_ok());
        let refused = checked(path, rows(MAX_ROWS + 1)).unwrap_err().to_string();
        assert!(
            refused.contains("evidence.parquet would be too large") && refused.contains("1000000 rows"),
            "{refused}"
        );
    }
}
