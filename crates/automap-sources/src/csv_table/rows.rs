//! The body: times and values, line by line.

use automap_core::note::Note;
use automap_core::time::Timestamp;
use csv::{ByteRecord, Reader};

use super::MAX_ROWS;
use super::columns::Columns;
use super::error::CsvProblem;

/// Longest piece of a cell in a message, in characters.
const MAX_SHOWN_CHARS: usize = 40;

/// Fills the columns' series and returns the axis in order of time.
pub(super) fn read(
    reader: &mut Reader<&[u8]>,
    columns: &mut Columns,
) -> Result<(Vec<Timestamp>, Vec<Note>), CsvProblem> {
    let mut rows: Vec<(Timestamp, u64)> = Vec::new();
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|e| CsvProblem::Unreadable(e.to_string()))? {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != columns.len {
            return Err(CsvProblem::Ragged { line, have: record.len(), want: columns.len });
        }
        if rows.len() == MAX_ROWS {
            return Err(CsvProblem::TooLarge { what: "rows", limit: MAX_ROWS as u64 });
        }
        let time = time(&record[columns.time], line)?;
        rows.push((time, line));
        for (series, position) in columns.series.iter_mut().zip(&columns.positions) {
            if let Some(value) = value(&record[*position], line, &columns.names[*position])? {
                series.points.push((time, value));
            }
        }
    }
    in_order(rows)
}

fn in_order(mut rows: Vec<(Timestamp, u64)>) -> Result<(Vec<Timestamp>, Vec<Note>), CsvProblem> {
    let mut notes = Vec::new();
    if !rows.is_sorted() {
        rows.sort_unstable();
        notes.push(Note::info("rows_sorted", "the rows are not in order of time and were sorted"));
    }
    if let Some([(time, first), (_, second)]) = rows.array_windows().find(|[a, b]| a.0 == b.0) {
        return Err(CsvProblem::DuplicateTime { first: *first, second: *second, time: time.rfc3339() });
    }
    Ok((rows.into_iter().map(|(time, _)| time).collect(), notes))
}

/// Unix seconds or RFC 3339.
fn time(cell: &[u8], line: u64) -> Result<Timestamp, CsvProblem> {
    let text = String::from_utf8_lossy(cell);
    let seconds = text.parse().ok().and_then(Timestamp::from_seconds);
    let calendar = || text.parse::<jiff::Timestamp>().ok().map(|t| Timestamp::from_ms(t.as_millisecond()));
    seconds.or_else(calendar).ok_or_else(|| CsvProblem::NotATime { line, text: shown(&text) })
}

/// A number; `None` is a gap. Only `NaN` and infinities that Rust, Python and Go write are known.
fn value(cell: &[u8], line: u64, column: &str) -> Result<Option<f64>, CsvProblem> {
    if cell.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(cell);
    match text.parse::<f64>() {
        Ok(value) => Ok(value.is_finite().then_some(value)),
        Err(_) => Err(CsvProblem::NotANumber { line, column: column.to_owned(), text: shown(&text) }),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
