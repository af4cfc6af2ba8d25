//! Series on one axis, before they form a frame: drops repeated ones, converts values to the metric's unit, and turns counts of successes into a
//! share of failures.

use std::collections::BTreeMap;

use automap_core::frame::AlignedSeries;
use automap_core::metric::{ERROR_RATIO, Family, LATENCY_MS, MEMORY_BYTES, Metric, THROUGHPUT_RPS, Unit};
use automap_core::note::Note;
use automap_core::time::Timestamp;

use super::error::{TableProblem, listed, shown};
use super::number_cell::Dimension;
use super::series::{Meaning, UNNAMED_METRIC};
use super::success;

/// One series of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) meaning: Meaning,
    /// The column's name in the file.
    pub(super) name: String,
    /// The column's position in the file, from 0.
    pub(super) at: usize,
    pub(super) dimension: Dimension,
    pub(super) values: Vec<f64>,
}

/// Series, their times, and notes on what was left out.
pub(super) type SeriesAndTimes = (Vec<AlignedSeries>, Vec<Timestamp>, Vec<Note>);

/// Series ready for a frame. `place` gives the place of a row in the file; `step_ms` is the usual distance between rows.
pub(super) fn finish(
    columns: Vec<Column>,
    step_ms: i64,
    place: impl Fn(usize) -> String,
) -> Result<(Vec<AlignedSeries>, Vec<Note>), TableProblem> {
    let (columns, mut notes) = without_copies(columns, place)?;
    let mut columns = columns.into_iter().map(in_unit).collect::<Result<Vec<_>, _>>()?;
    notes.extend(success::use_counts(&mut columns, step_ms));
    if columns.iter().any(|c| c.meaning.metric == UNNAMED_METRIC) {
        let text = "the table does not say what it measures, so that it is not known whether a rise is bad; --metric latency_ms or the like does";
        notes.push(Note::warning("unnamed_metric", text));
    }
    let aligned = |c: Column| {
        let Meaning { service, metric, peer, .. } = c.meaning;
        AlignedSeries { service, metric, peer, values: c.values }
    };
    Ok((own_names(columns).into_iter().map(aligned).collect(), notes))
}

/// Drops columns that repeat another column.
fn without_copies(
    columns: Vec<Column>,
    place: impl Fn(usize) -> String,
) -> Result<(Vec<Column>, Vec<Note>), TableProblem> {
    let mut first: BTreeMap<(String, String, Option<String>), usize> = BTreeMap::new();
    let (mut kept, mut copies): (Vec<Column>, Vec<String>) = (Vec::new(), Vec::new());
    for column in columns {
        let Meaning { service, raw_metric, peer, .. } = &column.meaning;
        let key = (service.clone(), raw_metric.clone(), peer.clone());
        let Some(known) = first.get(&key).map(|i| &kept[*i]) else {
            first.insert(key, kept.len());
            kept.push(column);
            continue;
        };
        let differs = |(a, b): (&f64, &f64)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan());
        if let Some(row) = known.values.iter().zip(&column.values).position(differs) {
            return Err(TableProblem::DuplicateColumn {
                first: shown(&known.name),
                first_at: known.at + 1,
                second: shown(&column.name),
                second_at: column.at + 1,
                place: place(row),
            });
        }
        copies.push(column.name);
    }
    let note = || {
        Note::info(
            "repeated_column",
            format!("columns that repeat another one are left out: {}", listed(copies.iter().map(String::as_str))),
        )
    };
    let notes = if copies.is_empty() { Vec::new() } else { vec![note()] };
    Ok((kept, notes))
}

/// Two spellings of the same core metric keep their own names, so that neither is lost.
fn own_names(mut columns: Vec<Column>) -> Vec<Column> {
    let mut count: BTreeMap<(String, String, Option<String>), usize> = BTreeMap::new();
    let key = |c: &Column| (c.meaning.service.clone(), c.meaning.metric.clone(), c.meaning.peer.clone());
    columns.iter().for_each(|c| *count.entry(key(c)).or_default() += 1);
    for column in &mut columns {
        if count.get(&key(column)).is_some_and(|n| *n > 1) && column.meaning.metric != column.meaning.raw_metric {
            column.meaning.metric.clone_from(&column.meaning.raw_metric);
        }
    }
    columns
}

/// Converts values to the unit in the metric's name, and gives the name the unit of the cells.
fn in_unit(mut column: Column) -> Result<Column, TableProblem> {
    let metric = Metric::parse(&column.meaning.metric);
    let Some((name, factor)) = unit(column.dimension, &metric, column.meaning.scale) else {
        let want = format!("the name {} says {}", shown(&metric.name), metric.unit.as_str());
        let (column, place) = (shown(&column.name), format!("column {}", column.at + 1));
        return Err(TableProblem::MixedUnits {
            place,
            text: column.clone(),
            column,
            have: "cells of another unit",
            want,
        });
    };
    column.meaning.metric = name;
    if factor != 1.0 {
        column.values.iter_mut().for_each(|v| *v *= factor);
    }
    Ok(column)
}

/// The name and the factor for cells with a unit; `None` if they contradict the name.
fn unit(cells: Dimension, metric: &Metric, scale: f64) -> Option<(String, f64)> {
    let name = metric.name.clone();
    let is_own = !metric.name.contains('-') && !metric.is_availability;
    Some(match (cells, metric.unit, &metric.family) {
        (Dimension::Plain, ..) => (name, scale),
        // The cells give what the name lacks.
        (Dimension::Duration, ..) if name == UNNAMED_METRIC => (LATENCY_MS.to_owned(), 1.0),
        (Dimension::PerS, ..) if name == UNNAMED_METRIC => (THROUGHPUT_RPS.to_owned(), 1.0),
        (Dimension::Bytes, ..) if name == UNNAMED_METRIC => (MEMORY_BYTES.to_owned(), 1.0),
        (Dimension::Duration, Unit::Unknown, Family::Latency) if is_own => (format!("{name}_ms"), 1.0),
        (Dimension::Duration, Unit::Ms | Unit::Unknown, _) => (name, 1.0),
        // Seconds of work per second.
        (Dimension::Duration, Unit::S | Unit::Cores, _) => (name, 1e-3),
        (Dimension::Percent, Unit::Unknown, Family::Error) if is_own => (ERROR_RATIO.to_owned(), 0.01),
        (Dimension::Percent, Unit::Unknown, _) => (name, 1.0),
        (Dimension::Percent, Unit::Ratio | Unit::Cores, _) => (name, 0.01),
        (Dimension::Bytes, Unit::Unknown, Family::Memory) if ["mem", "memory"].contains(&name.as_str()) => {
            (MEMORY_BYTES.to_owned(), 1.0)
        }
        (Dimension::Bytes | Dimension::BytesPerS, Unit::Unknown | Unit::Bytes | Unit::BytesPerS, _) => (name, 1.0),
        (Dimension::PerS, Unit::Unknown | Unit::PerS | Unit::Count, _) => (name, 1.0),
        (Dimension::Milli, _, Family::Latency) => (name, 6e4),
        (Dimension::Milli, ..) => (name, 1e-3),
        _ => return None,
    })
}

/// A column with a meaning and values, for tests of what comes after.
#[cfg(test)]
pub(super) fn column(service: &str, metric: &str, values: &[f64]) -> Column {
    let meaning = super::series::meaning(service.to_owned(), metric.to_owned(), None);
    Column { meaning, name: format!("{service}_{metric}"), at: 0, dimension: Dimension::Plain, values: values.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(columns: Vec<Column>) -> Result<Vec<(String, Vec<f64>)>, String> {
        let place = |row| format!("line {}", row + 2);
        let (series, _) = finish(columns, 15_000, place).map_err(|e| e.to_string())?;
        Ok(series.into_iter().map(|s| (format!("{}_{}", s.service, s.metric), s.values)).collect())
    }

    #[test]
    fn copies_go_and_contradictions_are_refused() {
        let same = || vec![column("a", "cpu", &[1.0, 2.0]), column("a", "cpu", &[1.0, 2.0])];
        assert_eq!(finished(same()), Ok(vec![("a_cpu".to_owned(), vec![1.0, 2.0])]));
        let other = vec![column("a", "cpu", &[1.0, 2.0]), column("a", "cpu", &[1.0, 3.0])];
        assert!(finished(other).unwrap_err().contains("differ first at line 3"));
    }

    #[test]
    fn units_come_from_the_name_or_from_the_cells() {
        let with = |metric: &str, dimension| Column { dimension, ..column("a", metric, &[50.0]) };
        for (column, name, value) in [
            (with("latency_s", Dimension::Plain), "a_latency_ms", 50_000.0),
            (with("latency_s", Dimension::Duration), "a_latency_ms", 50.0),
            (with("latency", Dimension::Duration), "a_latency_ms", 50.0),
            (with("error_ratio", Dimension::Percent), "a_error_ratio", 0.5),
            (with("errors", Dimension::Percent), "a_error_ratio", 0.5),
            (with("cpu", Dimension::Percent), "a_cpu", 50.0),
            (with("cpu_cores", Dimension::Milli), "a_cpu_cores", 0.05),
            (with("cpu_cores", Dimension::Duration), "a_cpu_cores", 0.05),
            (with("mem", Dimension::Bytes), "a_memory_bytes", 50.0),
            (with(UNNAMED_METRIC, Dimension::Duration), "a_latency_ms", 50.0),
            (with(UNNAMED_METRIC, Dimension::PerS), "a_throughput_rps", 50.0),
        ] {
            assert_eq!(finished(vec![column]), Ok(vec![(name.to_owned(), vec![value])]));
        }
        let wrong = finished(vec![with("latency_ms", Dimension::Bytes)]).unwrap_err();
        assert!(wrong.contains("the name latency_ms says ms"), "{wrong}");
    }

    #[test]
    fn two_spellings_of_one_metric_stay_apart() {
        let names: Vec<String> = finished(vec![column("a", "cpu_usage", &[1.0]), column("a", "cpu", &[2.0])])
            .unwrap()
            .into_iter()
            .map(|s| s.0)
            .collect();
        assert_eq!(names, ["a_cpu_usage", "a_cpu"]);
    }
}
