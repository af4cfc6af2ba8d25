//! Wide tables: one column for each series.

use automap_core::note::Note;

use super::body::Body;
use super::columns::{Column, SeriesAndTimes, finish};
use super::error::{TableProblem, listed, shown};
use super::grid;
use super::metric_words::spelling;
use super::options::TableOptions;
use super::series::{self, Meaning, Reading};
use super::series_names::is_ambiguous;

/// Series and times of a wide table.
pub(super) fn read(mut body: Body, options: &TableOptions) -> Result<SeriesAndTimes, TableProblem> {
    let names: Vec<String> = body.numbers.iter().map(|c| c.name.clone()).collect();
    let readings = series::read(&names, options);
    let (meanings, mut notes) = series_of(&names, readings)?;
    notes.extend(order_rows(&mut body)?);
    let mut columns = Vec::with_capacity(meanings.len());
    let mut values: Vec<Vec<f64>> = body.numbers.iter_mut().map(|c| std::mem::take(&mut c.values)).collect();
    let grid_ms = grid::merge_rows(&mut body.times, &mut values);
    notes.extend(grid_ms.map(grid::note));
    for ((number, meaning), values) in std::mem::take(&mut body.numbers).into_iter().zip(meanings).zip(values) {
        if let Some(meaning) = meaning {
            columns.push(Column { meaning, name: number.name, at: number.at, dimension: number.dimension, values });
        }
    }
    let place = |row: usize| if grid_ms.is_some() { body.times[row].rfc3339() } else { body.place(row) };
    let (series, more) = finish(columns, grid::step_ms(&body.times), place)?;
    notes.extend(more);
    Ok((series, body.times, notes))
}

/// The meaning of each column, and notes on those without one.
pub(super) fn series_of(
    names: &[String],
    readings: Vec<Reading>,
) -> Result<(Vec<Option<Meaning>>, Vec<Note>), TableProblem> {
    let (mut unknown, mut pseudo, mut meanings) = (Vec::new(), Vec::new(), Vec::new());
    for (name, reading) in names.iter().zip(readings) {
        meanings.push(match reading {
            Reading::Series(meaning) => Some(meaning),
            Reading::Pseudo(service) => {
                pseudo.push(service);
                None
            }
            Reading::Unknown => {
                unknown.push(name.as_str());
                None
            }
        });
    }
    if meanings.iter().all(Option::is_none) {
        return Err(nothing(names));
    }
    let mut notes = Vec::new();
    if !unknown.is_empty() {
        let hint =
            if unknown.iter().any(|n| is_ambiguous(n)) { " (--separator says where a service ends)" } else { "" };
        let text = format!("columns without <service>_<metric> are left out{hint}: {}", listed(unknown));
        notes.push(Note::warning("unknown_column", text));
    }
    pseudo.sort_unstable();
    pseudo.dedup();
    if !pseudo.is_empty() {
        let text = format!("names that are no services are left out: {}", listed(pseudo.iter().map(String::as_str)));
        notes.push(Note::info("pseudo_services", text));
    }
    Ok((meanings, notes))
}

/// Why no column of a table names a service.
fn nothing(names: &[String]) -> TableProblem {
    let columns = || listed(names.iter().map(String::as_str));
    let words = names.iter().filter(|n| spelling(n).is_none()).count();
    match names.iter().find(|n| is_ambiguous(n)) {
        Some(name) if names.iter().all(|n| n.contains('_')) => TableProblem::AmbiguousName { column: shown(name) },
        _ if words > 1 => TableProblem::NoMetric { columns: columns() },
        _ => TableProblem::NoSeries { columns: columns() },
    }
}

/// Sorts rows by time and drops repeated rows.
fn order_rows(body: &mut Body) -> Result<Vec<Note>, TableProblem> {
    let mut notes = Vec::new();
    let mut order: Vec<usize> = (0..body.times.len()).collect();
    if !body.times.is_sorted() {
        order.sort_by_key(|row| (body.times[*row], *row));
        notes.push(Note::info("rows_sorted", "the rows are not in order of time and were sorted"));
    }
    let before = order.len();
    let is_copy = |a: usize, b: usize| {
        let same = |x: f64, y: f64| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan());
        body.numbers.iter().all(|c| same(c.values[a], c.values[b]))
    };
    let mut kept: Vec<usize> = Vec::with_capacity(before);
    for row in order {
        match kept.last() {
            Some(last) if body.times[*last] == body.times[row] => {
                if !is_copy(*last, row) {
                    let (first, second) = (body.place(*last), body.place(row));
                    return Err(TableProblem::DuplicateTime { first, second, time: body.times[row].rfc3339() });
                }
            }
            _ => kept.push(row),
        }
    }
    if kept.len() < before {
        let text = format!("{} row(s) repeat another one and are left out", before - kept.len());
        notes.push(Note::info("repeated_rows", text));
    }
    if !notes.is_empty() {
        body.times = kept.iter().map(|row| body.times[*row]).collect();
        body.places = kept.iter().map(|row| body.places[*row]).collect();
        for column in &mut body.numbers {
            column.values = kept.iter().map(|row| column.values[*row]).collect();
        }
    }
    Ok(notes)
}
