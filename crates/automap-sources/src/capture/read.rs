//! Parquet → observation. The file is untrusted: everything is bounded and checked.

use std::collections::BTreeMap;

use automap_core::breakdown;
use automap_core::frame::{MAX_CELLS, RawSeries, assemble};
use automap_core::note::Note;
use automap_core::observation::Observation;
use automap_core::text::shown;
use automap_core::time::Timestamp;
use bytes::Bytes;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::parser::parse_message_type;

use super::checksum::Checked;
use super::metadata::{Metadata, Version};
use super::write::PROGRAM;
use super::{
    COLUMNS, CaptureError, MAX_FILE_BYTES, MAX_ROWS, METADATA_KEY, NO_CHECKSUM, SCHEMA, SCHEMA_VERSION, axis, checksum,
    days,
};
use crate::decoder;
use crate::parquet_bounds::{self, PageProblem};

/// Longest message of a reader, in characters; it may quote the file.
const MAX_REASON_CHARS: usize = 300;
/// Rows decoded at a time.
const BATCH_ROWS: usize = 1 << 16;
/// Most bytes that the pages may unpack to, according to their headers.
const MAX_UNPACKED_BYTES: i64 = 4 * MAX_FILE_BYTES as i64;
/// Longest name in a row; cleaned names are shorter. A longer one that a dictionary repeats would take excessive time.
const MAX_STORED_NAME_BYTES: usize = 4 << 10;

/// Decodes a capture.
pub(super) fn observation(bytes: Bytes, file: &str) -> Result<Observation, CaptureError> {
    decoder::run(|| decode(bytes, file)).unwrap_or_else(|reason| Err(damaged(file, &reason)))
}

/// Whether a Parquet file has the metadata of a capture; `None` if it is not a complete Parquet file.
pub(super) fn has_metadata(bytes: Bytes) -> Option<bool> {
    parquet_bounds::check_footer(&bytes).ok()?;
    let reader = decoder::run(|| SerializedFileReader::new(bytes).ok()).ok()??;
    Some(metadata_json(&reader).is_some())
}

fn decode(bytes: Bytes, file: &str) -> Result<Observation, CaptureError> {
    let checked = checksum::check(&bytes);
    if checked == Checked::Damaged {
        return Err(damaged(file, &"it does not fit its checksum"));
    }
    parquet_bounds::check_footer(&bytes).map_err(|_| damaged(file, &"its footer cannot be read"))?;
    let reader = SerializedFileReader::new(bytes.clone()).map_err(|e| damaged(file, &e))?;
    let metadata = metadata(&reader, file)?;
    let by = reader.metadata().file_metadata().created_by().unwrap_or_default();
    if checked == Checked::Absent && metadata.has_checksum && by.starts_with(PROGRAM) {
        return Err(damaged(file, &"its checksum is missing"));
    }
    let shape = Shape::of(&reader, file)?;
    check_size(&reader, &bytes, file)?;
    let times = axis::times(&metadata.axis).ok_or_else(|| foreign(file, "its time axis is not usable"))?;
    let mut table = Table { max_series: (MAX_CELLS / times.len().max(1)).max(1), ..Table::default() };
    for i in 0..reader.num_row_groups() {
        let group = reader.get_row_group(i).map_err(|e| damaged(file, &e))?;
        table.read(group.as_ref(), &shape, file)?;
    }
    for (service, metric) in &metadata.empty_series {
        table.series(service.as_bytes(), metric.as_bytes(), file)?;
    }
    let calls = metadata.call_graph();
    let unchecked = (checked == Checked::Absent).then(|| {
        let text = "the capture carries no checksum (another tool or an older automap wrote it): damage to its values would not be noticed";
        Note::info(NO_CHECKSUM, text)
    });
    let earlier_days = days::take(metadata.earlier_days, &mut table.raw, &times, &metadata.empty_series);
    let earlier_days = earlier_days.map_err(|reason| foreign(file, reason))?;
    let Metadata { entities, changes, breakdowns, hint, mut notes, not_checked, queries, source, .. } = metadata;
    let known = notes.clone();
    let (frame, more) = assemble(table.raw, times).map_err(|e| foreign(file, &e.to_string()))?;
    // A note about the whole frame, such as one on its names, may already be in the file.
    notes.extend(more.into_iter().filter(|note| !known.contains(note)));
    notes.extend(unchecked);
    Ok(Observation {
        frame,
        calls,
        entities: entities.cleaned(),
        changes: changes.bounded(),
        breakdowns: breakdown::bounded(breakdowns),
        earlier_days,
        hint,
        notes,
        not_checked,
        queries,
        source,
    })
}

fn metadata_json(reader: &SerializedFileReader<Bytes>) -> Option<&str> {
    let pairs = reader.metadata().file_metadata().key_value_metadata();
    pairs.into_iter().flatten().find(|pair| pair.key == METADATA_KEY).and_then(|pair| pair.value.as_deref())
}

fn metadata(reader: &SerializedFileReader<Bytes>, file: &str) -> Result<Metadata, CaptureError> {
    let Some(json) = metadata_json(reader) else {
        return Err(foreign(file, &format!("it has no metadata \"{METADATA_KEY}\"; was it written by another tool?")));
    };
    let unreadable = |e: serde_json::Error| foreign(file, &format!("its metadata cannot be read: {e}"));
    let Version { schema_version: found } = serde_json::from_str(json).map_err(unreadable)?;
    if found > SCHEMA_VERSION {
        return Err(CaptureError::Version { file: file.to_owned(), found, known: SCHEMA_VERSION });
    }
    serde_json::from_str(json).map_err(unreadable)
}

/// Where the four columns are, and the unit of time.
struct Shape {
    columns: [usize; 4],
    /// Which of them may have nulls.
    nullable: [bool; 4],
    /// Divisor from the file's time unit to milliseconds.
    per_ms: i64,
}

impl Shape {
    fn of(reader: &SerializedFileReader<Bytes>, file: &str) -> Result<Self, CaptureError> {
        let found = reader.metadata().file_metadata().schema_descr().columns();
        let wrong = || foreign(file, &format!("its columns are not {}", COLUMNS.join(", ")));
        let expected = parse_message_type(SCHEMA).map_err(|e| damaged(file, &e))?;
        let mut shape = Self { columns: [0; 4], nullable: [false; 4], per_ms: 1 };
        for (i, wanted) in expected.get_fields().iter().enumerate() {
            let at = found.iter().position(|c| c.name() == wanted.name()).ok_or_else(wrong)?;
            let column = &found[at];
            let same = column.physical_type() == wanted.get_physical_type();
            if !same || column.max_def_level() > 1 || column.max_rep_level() != 0 {
                return Err(wrong());
            }
            (shape.columns[i], shape.nullable[i]) = (at, column.max_def_level() == 1);
        }
        shape.per_ms = match found[shape.columns[0]].logical_type_ref() {
            Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::MICROS => 1000,
            Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS => 1_000_000,
            _ => 1,
        };
        Ok(shape)
    }
}

fn check_size(reader: &SerializedFileReader<Bytes>, bytes: &Bytes, file: &str) -> Result<(), CaptureError> {
    let info = reader.metadata();
    let too_large = |what, limit| Err(CaptureError::TooLarge { file: file.to_owned(), what, limit });
    if info.file_metadata().num_rows() as u64 > MAX_ROWS {
        return too_large("rows", MAX_ROWS);
    }
    match parquet_bounds::check(bytes, info, MAX_UNPACKED_BYTES) {
        Ok(()) => Ok(()),
        Err(PageProblem::TooLarge(limit)) => too_large("unpacked bytes", limit as u64),
        Err(PageProblem::Damaged) => Err(damaged(file, &"a page has no usable header")),
    }
}

/// Rows grouped into series.
#[derive(Default)]
struct Table {
    raw: Vec<RawSeries>,
    index: BTreeMap<(Vec<u8>, Vec<u8>), usize>,
    rows: u64,
    /// Limited by the number of cells, since each series has one for each time.
    max_series: usize,
}

/// One batch of rows; `None` is a null.
struct Batch {
    times: Vec<Option<i64>>,
    services: Vec<Option<ByteArray>>,
    metrics: Vec<Option<ByteArray>>,
    values: Vec<Option<f64>>,
}

impl Table {
    fn read(&mut self, group: &dyn RowGroupReader, shape: &Shape, file: &str) -> Result<(), CaptureError> {
        let column = |i: usize| group.get_column_reader(shape.columns[i]).map_err(|e| damaged(file, &e));
        let (
            ColumnReader::Int64ColumnReader(mut times),
            ColumnReader::ByteArrayColumnReader(mut services),
            ColumnReader::ByteArrayColumnReader(mut metrics),
            ColumnReader::DoubleColumnReader(mut values),
        ) = (column(0)?, column(1)?, column(2)?, column(3)?)
        else {
            return Err(foreign(file, "its columns change their type"));
        };
        let nulls = shape.nullable;
        loop {
            let batch = Batch {
                times: next(&mut times, nulls[0]).map_err(|e| damaged(file, &e))?,
                services: next(&mut services, nulls[1]).map_err(|e| damaged(file, &e))?,
                metrics: next(&mut metrics, nulls[2]).map_err(|e| damaged(file, &e))?,
                values: next(&mut values, nulls[3]).map_err(|e| damaged(file, &e))?,
            };
            if batch.times.is_empty() {
                return Ok(());
            }
            self.add(&batch, shape.per_ms, file)?;
        }
    }

    fn add(&mut self, batch: &Batch, per_ms: i64, file: &str) -> Result<(), CaptureError> {
        let n = batch.times.len();
        if [batch.services.len(), batch.metrics.len(), batch.values.len()] != [n; 3] {
            return Err(damaged(file, &"its columns differ in length"));
        }
        self.rows += n as u64;
        if self.rows > MAX_ROWS {
            return Err(CaptureError::TooLarge { file: file.to_owned(), what: "rows", limit: MAX_ROWS });
        }
        let mut current = None;
        for i in 0..n {
            let (Some(time), Some(service), Some(metric)) = (batch.times[i], &batch.services[i], &batch.metrics[i])
            else {
                return Err(damaged(file, &"a row has no time, service or metric"));
            };
            if service.len().max(metric.len()) > MAX_STORED_NAME_BYTES {
                let limit = MAX_STORED_NAME_BYTES as u64;
                return Err(CaptureError::TooLarge { file: file.to_owned(), what: "bytes in a name", limit });
            }
            // Rows of one series are adjacent, so the index is looked up once per run.
            let same = i > 0 && batch.services[i - 1] == batch.services[i] && batch.metrics[i - 1] == batch.metrics[i];
            let at = match current {
                Some(at) if same => at,
                _ => self.series(service.data(), metric.data(), file)?,
            };
            current = Some(at);
            let value = batch.values[i].unwrap_or(f64::NAN);
            self.raw[at].points.push((Timestamp::from_ms(time.div_euclid(per_ms)), value));
        }
        Ok(())
    }

    /// The position of a series, new or known.
    fn series(&mut self, service: &[u8], metric: &[u8], file: &str) -> Result<usize, CaptureError> {
        let key = (service.to_vec(), metric.to_vec());
        if let Some(at) = self.index.get(&key) {
            return Ok(*at);
        }
        if self.raw.len() >= self.max_series {
            let limit = MAX_CELLS as u64;
            return Err(CaptureError::TooLarge { file: file.to_owned(), what: "cells (series × times)", limit });
        }
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| damaged(file, &"a name is not UTF-8"));
        let (metric, peer) = match text(metric)?.split_once('/') {
            Some((metric, peer)) => (metric, Some(peer.to_owned())),
            None => (text(metric)?, None),
        };
        let raw = RawSeries { service: text(service)?.to_owned(), metric: metric.to_owned(), peer, points: Vec::new() };
        self.raw.push(raw);
        self.index.insert(key, self.raw.len() - 1);
        Ok(self.raw.len() - 1)
    }
}

/// The next values of a column, with nulls in place.
fn next<T: DataType>(column: &mut ColumnReaderImpl<T>, is_nullable: bool) -> Result<Vec<Option<T::T>>, ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    if !is_nullable {
        column.read_records(BATCH_ROWS, None, None, &mut values)?;
        return Ok(values.into_iter().map(Some).collect());
    }
    column.read_records(BATCH_ROWS, Some(&mut levels), None, &mut values)?;
    let mut values = values.into_iter();
    Ok(levels.into_iter().map(|level| if level == 1 { values.next() } else { None }).collect())
}

fn damaged(file: &str, reason: &dyn std::fmt::Display) -> CaptureError {
    CaptureError::Damaged { file: file.to_owned(), reason: shown(&reason.to_string(), MAX_REASON_CHARS) }
}

fn foreign(file: &str, reason: &str) -> CaptureError {
    CaptureError::Foreign { file: file.to_owned(), reason: shown(reason, MAX_REASON_CHARS) }
}
