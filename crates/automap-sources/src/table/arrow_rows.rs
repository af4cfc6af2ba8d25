//! Parquet and Arrow, in files and in memory → rows, as written by pandas, polars, DuckDB and R.
//!
//! Reads columns of numbers, strings, dictionaries, and times with and without a zone; other columns (lists, structs) are left out like a column of
//! strings. Decoders run on a separate thread, since damaged files make them panic.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchReader};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use automap_core::time::Timestamp;
use bytes::Bytes;

use super::arrow_bounds;
use super::body::{Body, MAX_ROWS, NumberColumn, RowWord, WordColumn};
use super::error::{TableProblem, shown_reason};
use super::kind::Kind;
use super::number_cell::Dimension;
use super::options::TableOptions;
use super::roles::{Role, Roles};
use super::text_rows::{empty_body, not_a_time};
use super::time_cell::{TimeReader, Wrong};
use crate::decoder;
use crate::parquet_bounds::{self, PageProblem};
use crate::parquet_rows;

/// Most bytes that the columns may unpack to, according to the file.
const MAX_UNPACKED_BYTES: i64 = 1 << 30;
/// Rows decoded at a time.
const BATCH_ROWS: usize = 1 << 14;
/// Longest string.
const MAX_WORD_BYTES: usize = 64 << 10;
/// Rows by which a column of strings is classified.
const SAMPLE_ROWS: usize = 200;

type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + 'a>;

/// Reads a Parquet file.
pub(super) fn parquet(bytes: Vec<u8>, options: &TableOptions) -> Result<(Roles, Body), TableProblem> {
    let form = "a complete Parquet file";
    on_thread(form, || {
        let damaged = |e: &dyn std::fmt::Display| unreadable(form, e);
        let bytes = Bytes::from(bytes);
        let builder = parquet_rows::with_shared_words(&bytes).map_err(|e| damaged(&e))?;
        let metadata = builder.metadata();
        if metadata.file_metadata().num_rows() > MAX_ROWS as i64 {
            return Err(TableProblem::TooLarge { what: "rows", limit: MAX_ROWS as u64 });
        }
        match parquet_bounds::check(&bytes, metadata, MAX_UNPACKED_BYTES) {
            Ok(()) => {}
            Err(PageProblem::TooLarge(limit)) => {
                return Err(TableProblem::TooLarge { what: "unpacked bytes", limit: limit as u64 });
            }
            Err(PageProblem::Damaged) => return Err(damaged(&"a page has no usable header")),
        }
        let schema = Arc::clone(builder.schema());
        let batches = builder.with_batch_size(BATCH_ROWS).build().map_err(|e| damaged(&e))?;
        read(&schema, Box::new(batches), options, form)
    })
}

/// Reads an Arrow file (Feather) or stream.
pub(super) fn arrow(bytes: Vec<u8>, options: &TableOptions) -> Result<(Roles, Body), TableProblem> {
    let form = "a complete Arrow file";
    on_thread(form, || {
        if arrow_bounds::unpacked_bytes(&bytes) > MAX_UNPACKED_BYTES {
            return Err(TableProblem::TooLarge { what: "unpacked bytes", limit: MAX_UNPACKED_BYTES as u64 });
        }
        let is_file = bytes.starts_with(b"ARROW1");
        let source = Cursor::new(bytes);
        let damaged = |e: ArrowError| unreadable(form, &e);
        if is_file {
            let reader = FileReader::try_new(source, None).map_err(damaged)?;
            read(&reader.schema(), Box::new(reader), options, form)
        } else {
            let reader = StreamReader::try_new(source, None).map_err(damaged)?;
            read(&reader.schema(), Box::new(reader), options, form)
        }
    })
}

/// Reads batches that are in memory. They come from a library, not from a possibly damaged file, so no separate thread is needed.
pub(super) fn batches(batches: impl RecordBatchReader, options: &TableOptions) -> Result<(Roles, Body), TableProblem> {
    read(&batches.schema(), Box::new(batches), options, "a readable Arrow stream")
}

fn on_thread<T: Send>(
    form: &'static str,
    work: impl FnOnce() -> Result<T, TableProblem> + Send,
) -> Result<T, TableProblem> {
    decoder::run(work).unwrap_or_else(|reason| Err(unreadable(form, &reason)))
}

fn unreadable(form: &'static str, reason: &dyn std::fmt::Display) -> TableProblem {
    TableProblem::Unreadable { form, reason: shown_reason(&reason.to_string()) }
}

fn read(
    schema: &Schema,
    mut batches: Batches<'_>,
    options: &TableOptions,
    form: &'static str,
) -> Result<(Roles, Body), TableProblem> {
    let header: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    if header.is_empty() {
        return Err(TableProblem::Empty);
    }
    let damaged = |e: ArrowError| unreadable(form, &e);
    let first = batches.next().transpose().map_err(damaged)?;
    let kinds = kinds(schema, first.as_ref(), form)?;
    let roles = Roles::of(&header, &kinds)?;
    let mut body = empty_body(&header, &roles, RowWord::Row);
    let mut times = TimeReader::new(options, options.decimal);
    if let Some(at) = roles.roles.iter().position(|r| *r == Role::Time) {
        let sample = first.as_ref().map(|b| plain(b.column(at), form)).transpose()?;
        let words = sample.map(|a| words(&a)).unwrap_or_default();
        times.learn(&header[at], words.iter().flatten().map(String::as_str));
    }
    for batch in first.map(Ok).into_iter().chain(batches) {
        let batch = batch.map_err(damaged)?;
        // An Arrow file may hold all rows in one batch, whose dictionaries are decoded in pieces.
        for start in (0..batch.num_rows()).step_by(BATCH_ROWS) {
            let piece = batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start));
            add(&piece, &header, &roles, &mut times, &mut body, form)?;
        }
    }
    body.saw_local = times.saw_local;
    Ok((roles, body))
}

fn kinds(schema: &Schema, first: Option<&RecordBatch>, form: &'static str) -> Result<Vec<Kind>, TableProblem> {
    let kind = |(i, field): (usize, &arrow_schema::FieldRef)| {
        let of_values = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        Ok(match of_values {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Kind::Time,
            DataType::Null => Kind::Empty,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let column =
                    first.map(|b| plain(&b.column(i).slice(0, b.num_rows().min(SAMPLE_ROWS)), form)).transpose()?;
                let words = column.map(|c| words(&c)).unwrap_or_default();
                Kind::of(words.iter().flatten().map(String::as_str))
            }
            other if other.is_numeric() || matches!(other, DataType::Boolean | DataType::Duration(_)) => Kind::Number,
            _ => Kind::Text,
        })
    };
    schema.fields().iter().enumerate().map(kind).collect()
}

/// Adds a batch's rows.
fn add(
    batch: &RecordBatch,
    header: &[String],
    roles: &Roles,
    times: &mut TimeReader,
    body: &mut Body,
    form: &'static str,
) -> Result<(), TableProblem> {
    let before = body.times.len() as u64;
    let is_time = |role: &Role| *role == Role::Time;
    if let Some(at) = roles.roles.iter().position(is_time) {
        let column = plain(batch.column(at), form)?;
        for row in 0..batch.num_rows() {
            let place = before + row as u64 + 1;
            let text = || if column.is_null(row) { "null".to_owned() } else { word(&column, row).unwrap_or_default() };
            let time = instant(&column, row, times);
            let time = time.map_err(|wrong| not_a_time(wrong, RowWord::Row.place(place), &header[at], &text()))?;
            body.push_time(time, place)?;
        }
    }
    for (at, role) in roles.roles.iter().enumerate() {
        let column = plain(batch.column(at), form);
        match *role {
            Role::Number(i) => push_numbers(&mut body.numbers[i], &column?, before)?,
            Role::Word(i) => push_words(&mut body.words[i], &column?)?,
            Role::Skip | Role::Time | Role::Clock => {}
        }
    }
    Ok(())
}

/// An array without a dictionary.
fn plain(array: &ArrayRef, form: &'static str) -> Result<ArrayRef, TableProblem> {
    match array.as_any_dictionary_opt() {
        Some(coded) if longest_word(coded.values()) > MAX_WORD_BYTES => Err(word_too_long()),
        Some(coded) => {
            arrow_select::take::take(coded.values().as_ref(), coded.keys(), None).map_err(|e| unreadable(form, &e))
        }
        None => Ok(Arc::clone(array)),
    }
}

fn push_numbers(column: &mut NumberColumn, array: &ArrayRef, before: u64) -> Result<(), TableProblem> {
    if let Some(values) = numbers(array) {
        if matches!(array.data_type(), DataType::Duration(_)) {
            column.dimension = Dimension::Duration;
        }
        column.values.extend(values.into_iter().map(|v| v.filter(|v| v.is_finite()).unwrap_or(f64::NAN)));
        return Ok(());
    }
    for row in 0..array.len() {
        let text = word(array, row).unwrap_or_default();
        column.push(&text, None, before + row as u64 + 1, RowWord::Row)?;
    }
    Ok(())
}

fn push_words(column: &mut WordColumn, array: &ArrayRef) -> Result<(), TableProblem> {
    (0..array.len()).try_for_each(|row| match word(array, row) {
        Some(word) if word.len() > MAX_WORD_BYTES => Err(word_too_long()),
        word => column.push(&word.unwrap_or_default()),
    })
}

fn word_too_long() -> TableProblem {
    TableProblem::TooLarge { what: "bytes in a word", limit: MAX_WORD_BYTES as u64 }
}

/// Bytes of the longest string of an array; 0 if it holds no strings.
fn longest_word(array: &ArrayRef) -> usize {
    let of = |row: usize| match array.data_type() {
        _ if array.is_null(row) => 0,
        DataType::Utf8 => array.as_string::<i32>().value(row).len(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).len(),
        DataType::Utf8View => array.as_string_view().value(row).len(),
        _ => 0,
    };
    (0..array.len()).map(of).max().unwrap_or(0)
}

/// The numbers of an array; durations in milliseconds. `None` if it holds something else.
fn numbers(array: &ArrayRef) -> Option<Vec<Option<f64>>> {
    macro_rules! all {
        ($type:ty, $to:expr) => {
            Some(array.as_primitive::<$type>().iter().map(|v| v.map($to)).collect())
        };
    }
    match array.data_type() {
        DataType::Int8 => all!(Int8Type, f64::from),
        DataType::Int16 => all!(Int16Type, f64::from),
        DataType::Int32 => all!(Int32Type, f64::from),
        DataType::Int64 => all!(Int64Type, |v| v as f64),
        DataType::UInt8 => all!(UInt8Type, f64::from),
        DataType::UInt16 => all!(UInt16Type, f64::from),
        DataType::UInt32 => all!(UInt32Type, f64::from),
        DataType::UInt64 => all!(UInt64Type, |v| v as f64),
        DataType::Float16 => all!(Float16Type, f64::from),
        DataType::Float32 => all!(Float32Type, f64::from),
        DataType::Float64 => all!(Float64Type, |v| v),
        DataType::Decimal128(_, scale) => all!(Decimal128Type, |v| v as f64 / 10f64.powi(i32::from(*scale))),
        DataType::Duration(TimeUnit::Second) => all!(DurationSecondType, |v| v as f64 * 1e3),
        DataType::Duration(TimeUnit::Millisecond) => all!(DurationMillisecondType, |v| v as f64),
        DataType::Duration(TimeUnit::Microsecond) => all!(DurationMicrosecondType, |v| v as f64 / 1e3),
        DataType::Duration(TimeUnit::Nanosecond) => all!(DurationNanosecondType, |v| v as f64 / 1e6),
        DataType::Boolean => Some(array.as_boolean().iter().map(|v| v.map(f64::from)).collect()),
        DataType::Null => Some(vec![None; array.len()]),
        _ => None,
    }
}

fn words(array: &ArrayRef) -> Vec<Option<String>> {
    (0..array.len().min(SAMPLE_ROWS)).map(|row| word(array, row)).collect()
}

/// A value as text; `None` for null and for a value that is neither text nor a whole number.
fn word(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).to_owned(),
        DataType::Utf8View => array.as_string_view().value(row).to_owned(),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => return None,
        _ => numbers(&array.slice(row, 1))?.first().copied()??.to_string(),
    })
}

/// The time in a row.
fn instant(array: &ArrayRef, row: usize, times: &mut TimeReader) -> Result<Timestamp, Wrong> {
    if array.is_null(row) {
        return Err(Wrong::NotATime);
    }
    let (ms, is_utc) = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            (array.as_primitive::<TimestampSecondType>().value(row).checked_mul(1000), zone.is_some())
        }
        DataType::Timestamp(TimeUnit::Millisecond, zone) => {
            (Some(array.as_primitive::<TimestampMillisecondType>().value(row)), zone.is_some())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            (Some(array.as_primitive::<TimestampMicrosecondType>().value(row).div_euclid(1000)), zone.is_some())
        }
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            (Some(array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000_000)), zone.is_some())
        }
        DataType::Date32 => (Some(i64::from(array.as_primitive::<Date32Type>().value(row)) * 86_400_000), false),
        DataType::Date64 => (Some(array.as_primitive::<Date64Type>().value(row)), false),
        DataType::Int64 => {
            return times.unix_integer(array.as_primitive::<Int64Type>().value(row)).ok_or(Wrong::NotATime);
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            return times.read(&word(array, row).unwrap_or_default());
        }
        _ => {
            let number = numbers(&array.slice(row, 1)).and_then(|n| n.first().copied().flatten());
            return number.and_then(|n| times.unix(n)).ok_or(Wrong::NotATime);
        }
    };
    let ms = ms.ok_or(Wrong::NotATime)?;
    if is_utc { Ok(Timestamp::from_ms(ms)) } else { times.wall_ms(ms).ok_or(Wrong::NotATime) }
}
