//! Parquet → observation. The file may come from anywhere: everything is bounded and checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use automap_core::frame::{RawSeries, assemble};
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::parser::parse_message_type;

use super::metadata::{Metadata, Version};
use super::{COLUMNS, CaptureError, MAX_FILE_BYTES, MAX_ROWS, METADATA_KEY, SCHEMA, SCHEMA_VERSION, axis};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1 << 16;
/// Bytes that the columns may unpack to, by their own account.
const MAX_UNPACKED_BYTES: i64 = 4 * MAX_FILE_BYTES as i64;

/// The thread that decodes captures. A panic on it means that a file is damaged and comes back as an error: a program's panic hook
/// may leave it out.
pub const DECODER_THREAD: &str = "capture-decoder";

/// Decodes a capture on a thread of its own.
///
/// The Parquet crate asserts on some damaged pages instead of returning an error (found by flipping bits). Nothing is shared with
/// that thread, so its panic is one more sign of a damaged file.
pub(super) fn observation(bytes: Bytes, file: &str) -> Result<Observation, CaptureError> {
    let builder = thread::Builder::new().name(DECODER_THREAD.to_owned());
    thread::scope(|scope| match builder.spawn_scoped(scope, || decode(bytes, file)) {
        Ok(decoder) => decoder.join().unwrap_or_else(|_| Err(damaged(file, &"a page contradicts its own lengths"))),
        Err(error) => Err(CaptureError::io("decode", Path::new(file), &error)),
    })
}

fn decode(bytes: Bytes, file: &str) -> Result<Observation, CaptureError> {
    let reader = SerializedFileReader::new(bytes).map_err(|e| damaged(file, &e))?;
    let metadata = metadata(&reader, file)?;
    check_shape(&reader, file)?;
    let times = axis::times(&metadata.axis).ok_or_else(|| foreign(file, "its time axis is not usable"))?;
    let mut table = Table::default();
    for i in 0..reader.num_row_groups() {
        let group = reader.get_row_group(i).map_err(|e| damaged(file, &e))?;
        table.read(group.as_ref(), file)?;
    }
    for (service, metric) in &metadata.empty_series {
        table.series(service.as_bytes(), metric.as_bytes(), file)?;
    }
    let calls = metadata.call_graph();
    let Metadata { hint, mut notes, not_checked, queries, source, .. } = metadata;
    let (frame, more) = assemble(table.raw, times).map_err(|e| foreign(file, &e.to_string()))?;
    notes.extend(more);
    Ok(Observation { frame, calls, hint, notes, not_checked, queries, source })
}

fn metadata(reader: &SerializedFileReader<Bytes>, file: &str) -> Result<Metadata, CaptureError> {
    let pairs = reader.metadata().file_metadata().key_value_metadata();
    let json = pairs.into_iter().flatten().find(|pair| pair.key == METADATA_KEY).and_then(|pair| pair.value.as_deref());
    let Some(json) = json else {
        return Err(foreign(file, &format!("it has no metadata \"{METADATA_KEY}\"; was it written by another tool?")));
    };
    let unreadable = |e: serde_json::Error| foreign(file, &format!("its metadata cannot be read: {e}"));
    let Version { schema_version: found } = serde_json::from_str(json).map_err(unreadable)?;
    if found > SCHEMA_VERSION {
        return Err(CaptureError::Version { file: file.to_owned(), found, known: SCHEMA_VERSION });
    }
    serde_json::from_str(json).map_err(unreadable)
}

/// The four columns and nothing else, within the bounds.
fn check_shape(reader: &SerializedFileReader<Bytes>, file: &str) -> Result<(), CaptureError> {
    let info = reader.metadata();
    let expected = parse_message_type(SCHEMA).map_err(|e| damaged(file, &e))?;
    let columns = info.file_metadata().schema_descr().columns();
    let same = columns.len() == COLUMNS.len()
        && columns.iter().zip(expected.get_fields()).all(|(found, wanted)| {
            found.name() == wanted.name()
                && found.physical_type() == wanted.get_physical_type()
                && found.max_def_level() == 0
                && found.max_rep_level() == 0
        });
    if !same {
        return Err(foreign(file, &format!("its columns are not {}", COLUMNS.join(", "))));
    }
    let too_large = |what, limit| Err(CaptureError::TooLarge { file: file.to_owned(), what, limit });
    if info.file_metadata().num_rows() as u64 > MAX_ROWS {
        return too_large("rows", MAX_ROWS);
    }
    let unpacked = info.row_groups().iter().map(|g| g.total_byte_size()).fold(0i64, i64::saturating_add);
    if unpacked > MAX_UNPACKED_BYTES {
        return too_large("unpacked bytes", MAX_UNPACKED_BYTES as u64);
    }
    Ok(())
}

/// Rows gathered into series.
#[derive(Default)]
struct Table {
    raw: Vec<RawSeries>,
    index: BTreeMap<(Vec<u8>, Vec<u8>), usize>,
    rows: u64,
}

/// One batch of rows.
#[derive(Default)]
struct Batch {
    times: Vec<i64>,
    services: Vec<ByteArray>,
    metrics: Vec<ByteArray>,
    values: Vec<f64>,
}

impl Table {
    fn read(&mut self, group: &dyn RowGroupReader, file: &str) -> Result<(), CaptureError> {
        let column = |i| group.get_column_reader(i).map_err(|e| damaged(file, &e));
        let (
            ColumnReader::Int64ColumnReader(mut times),
            ColumnReader::ByteArrayColumnReader(mut services),
            ColumnReader::ByteArrayColumnReader(mut metrics),
            ColumnReader::DoubleColumnReader(mut values),
        ) = (column(0)?, column(1)?, column(2)?, column(3)?)
        else {
            return Err(foreign(file, "its columns change their type"));
        };
        loop {
            let batch =
                Batch::read(&mut times, &mut services, &mut metrics, &mut values).map_err(|e| damaged(file, &e))?;
            if batch.times.is_empty() {
                return Ok(());
            }
            self.add(&batch, file)?;
        }
    }

    fn add(&mut self, batch: &Batch, file: &str) -> Result<(), CaptureError> {
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
            let (service, metric) = (batch.services[i].data(), batch.metrics[i].data());
            // Rows of one series lie together: the index is asked once per run.
            let same = i > 0 && batch.services[i - 1].data() == service && batch.metrics[i - 1].data() == metric;
            let at = match current {
                Some(at) if same => at,
                _ => self.series(service, metric, file)?,
            };
            current = Some(at);
            self.raw[at].points.push((Timestamp::from_ms(batch.times[i]), batch.values[i]));
        }
        Ok(())
    }

    /// The position of a series, new or known.
    fn series(&mut self, service: &[u8], metric: &[u8], file: &str) -> Result<usize, CaptureError> {
        let key = (service.to_vec(), metric.to_vec());
        if let Some(at) = self.index.get(&key) {
            return Ok(*at);
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

impl Batch {
    fn read(
        times: &mut ColumnReaderImpl<Int64Type>,
        services: &mut ColumnReaderImpl<ByteArrayType>,
        metrics: &mut ColumnReaderImpl<ByteArrayType>,
        values: &mut ColumnReaderImpl<DoubleType>,
    ) -> Result<Self, ParquetError> {
        let mut batch = Self::default();
        times.read_records(BATCH_ROWS, None, None, &mut batch.times)?;
        services.read_records(BATCH_ROWS, None, None, &mut batch.services)?;
        metrics.read_records(BATCH_ROWS, None, None, &mut batch.metrics)?;
        values.read_records(BATCH_ROWS, None, None, &mut batch.values)?;
        Ok(batch)
    }
}

fn damaged(file: &str, reason: &dyn std::fmt::Display) -> CaptureError {
    CaptureError::Damaged { file: file.to_owned(), reason: reason.to_string() }
}

fn foreign(file: &str, reason: &str) -> CaptureError {
    CaptureError::Foreign { file: file.to_owned(), reason: reason.to_owned() }
}
