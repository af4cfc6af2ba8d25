//! Long tables: one row for each sample, or for each service and time.
//!
//! Every series gets the samples of its rows; the axis is the union of all times, or a grid if series were sampled at different instants. Two
//! different values for one instant are refused, since it is unknown which one counts.

use std::collections::BTreeMap;

use automap_core::note::Note;
use automap_core::time::Timestamp;

use super::body::{Body, MAX_CELLS};
use super::columns::{Column, SeriesAndTimes, finish};
use super::error::{TableProblem, listed, shown};
use super::grid::{self, step_ms};
use super::labels;
use super::metric_words::spelling;
use super::number_cell::{self, Cell, Dimension};
use super::options::TableOptions;
use super::pseudo_services::is_pseudo;
use super::roles::{METRIC_NAMES, Shape};
use super::series::{self, Meaning, Reading, is_unnamed, meaning, unnamed};
use super::wide::series_of;

/// One series and its samples.
struct Samples {
    meaning: Meaning,
    name: String,
    at: usize,
    dimension: Dimension,
    /// Time, value, row.
    points: Vec<(Timestamp, f64, u32)>,
}

/// Series and times of a long table.
pub(super) fn read(body: Body, shape: &Shape, options: &TableOptions) -> Result<SeriesAndTimes, TableProblem> {
    let (mut series, mut notes) = gather(&body, shape, options)?;
    let repeated = series.iter_mut().map(|s| settle(s, &body, shape)).sum::<Result<usize, _>>()?;
    if repeated > 0 {
        notes.push(Note::info("repeated_rows", format!("{repeated} row(s) repeat another one and are left out")));
    }
    let (times, grid_ms) = axis(&series);
    if times.len().saturating_mul(series.len()) > MAX_CELLS {
        return Err(TableProblem::TooLarge { what: "series × times", limit: MAX_CELLS as u64 });
    }
    notes.extend(grid_ms.map(grid::note));
    let columns = series.into_iter().map(|s| on_axis(s, &times, grid_ms)).collect();
    let (series, more) = finish(columns, step_ms(&times), |row| times[row].rfc3339())?;
    notes.extend(more);
    Ok((series, times, notes))
}

/// Samples by series.
fn gather(body: &Body, shape: &Shape, options: &TableOptions) -> Result<(Vec<Samples>, Vec<Note>), TableProblem> {
    let Shape::Long { service, metric, others } = shape else { return Ok((Vec::new(), Vec::new())) };
    let metric = &metric.map(|metric| telling(body, metric, others));
    let names = Names::of(body, *service, *metric, options)?;
    let mut notes = names.notes.clone();
    let mut index: BTreeMap<(u32, u32, usize), Option<usize>> = BTreeMap::new();
    let mut series: Vec<Samples> = Vec::new();
    for row in 0..body.times.len() {
        let id = |column: &Option<usize>| column.map_or(0, |c| body.words[c].ids[row]);
        let key = (id(service), id(metric));
        for (c, column) in body.numbers.iter().enumerate() {
            let at = *index.entry((key.0, key.1, c)).or_insert_with(|| {
                let meaning = names.meaning(key, &column.name)?;
                series.push(Samples {
                    meaning,
                    name: column.name.clone(),
                    at: column.at,
                    dimension: column.dimension,
                    points: Vec::new(),
                });
                Some(series.len() - 1)
            });
            if let Some(at) = at {
                series[at].points.push((body.times[row], column.values[row], row as u32));
            }
        }
    }
    if series.is_empty() {
        return Err(TableProblem::NoSeries { columns: listed(body.numbers.iter().map(|c| c.name.as_str())) });
    }
    series.sort_by(|a, b| {
        (&a.meaning.service, &a.meaning.metric, a.at).cmp(&(&b.meaning.service, &b.meaning.metric, b.at))
    });
    notes.extend(left_out(&names.pseudo));
    Ok((series, notes))
}

/// The column that names metrics: InfluxDB writes `value` as the field if the measurement names the metric.
fn telling(body: &Body, metric: usize, others: &[usize]) -> usize {
    let says_nothing = body.words[metric].words.iter().all(|word| is_unnamed(word));
    let other = || others.iter().copied().find(|c| METRIC_NAMES.contains(&body.words[*c].name.to_lowercase().as_str()));
    if says_nothing { other().unwrap_or(metric) } else { metric }
}

fn left_out(pseudo: &[String]) -> Option<Note> {
    let text = || format!("names that are no services are left out: {}", listed(pseudo.iter().map(String::as_str)));
    (!pseudo.is_empty()).then(|| Note::info("pseudo_services", text()))
}

/// The meaning of a table's words.
struct Names<'a> {
    options: &'a TableOptions,
    /// Services by word; `None` if they are in the metric's column.
    services: Option<Vec<String>>,
    /// Metrics by word; `None` if columns name them.
    metrics: Option<&'a [String]>,
    /// The meanings of words that name both.
    both: Vec<Option<Meaning>>,
    pseudo: Vec<String>,
    notes: Vec<Note>,
}

impl<'a> Names<'a> {
    fn of(
        body: &'a Body,
        service: Option<usize>,
        metric: Option<usize>,
        options: &'a TableOptions,
    ) -> Result<Self, TableProblem> {
        let words = |column: Option<usize>| column.map(|c| body.words[c].words.as_slice());
        let untagged = |word: &String| labels::service_of_tags(word).unwrap_or_else(|| word.clone());
        let services: Option<Vec<String>> = words(service).map(|words| words.iter().map(untagged).collect());
        let metrics = words(metric);
        let mut names =
            Self { options, services: None, metrics, both: Vec::new(), pseudo: Vec::new(), notes: Vec::new() };
        match (&services, metrics) {
            (None, Some(words)) => {
                let readings: Vec<Reading> = series::read(words, options);
                (names.both, names.notes) = series_of(words, readings)?;
            }
            (Some(words), _) => names.pseudo = words.iter().filter(|w| is_pseudo(w, words)).cloned().collect(),
            (None, None) => {}
        }
        names.services = services;
        Ok(names)
    }

    /// The meaning of a row's words and a column of numbers.
    fn meaning(&self, (service, metric): (u32, u32), column: &str) -> Option<Meaning> {
        let Some(services) = &self.services else { return self.both.get(metric as usize).cloned().flatten() };
        let service = services.get(service as usize).filter(|s| !self.pseudo.contains(s))?;
        let is_missing = |word: &str| number_cell::read(word, None) == Cell::Missing;
        let metric = match self.metrics {
            Some(metrics) => metrics.get(metric as usize).filter(|m| !is_missing(m))?.clone(),
            None if is_unnamed(column) => unnamed(self.options),
            None => column.to_owned(),
        };
        let (metric, peer) = match metric.split_once('/') {
            Some((metric, peer)) if spelling(metric).is_some() && !peer.is_empty() => {
                (metric.to_owned(), Some(peer.to_owned()))
            }
            _ => (metric, None),
        };
        (!is_missing(service)).then(|| meaning(service.clone(), metric, peer))
    }
}

/// Sorts a series' samples and drops repeated ones; returns how many were dropped.
fn settle(series: &mut Samples, body: &Body, shape: &Shape) -> Result<usize, TableProblem> {
    series.points.sort_by_key(|(time, _, row)| (*time, *row));
    let differs = |a: f64, b: f64| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan());
    if let Some([a, b]) = series.points.array_windows().find(|[a, b]| a.0 == b.0 && differs(a.1, b.1)) {
        let Shape::Long { others, .. } = shape else { return Ok(0) };
        let others = listed(others.iter().map(|c| body.words[*c].name.as_str()));
        let hint =
            if others.is_empty() { String::new() } else { format!("; keep one of each, or add them up by: {others}") };
        return Err(TableProblem::DuplicateSample {
            first: body.place(a.2 as usize),
            second: body.place(b.2 as usize),
            series: shown(&format!("{} of {}", series.meaning.raw_metric, series.meaning.service)),
            time: a.0.rfc3339(),
            hint,
        });
    }
    let before = series.points.len();
    series.points.dedup_by_key(|(time, ..)| *time);
    Ok(before - series.points.len())
}

/// All times, or those of a grid with its step.
fn axis(series: &[Samples]) -> (Vec<Timestamp>, Option<i64>) {
    let mut times: Vec<Timestamp> = series.iter().flat_map(|s| s.points.iter().map(|(time, ..)| *time)).collect();
    times.sort_unstable();
    times.dedup();
    let Some(longest) = series.iter().max_by_key(|s| s.points.len()) else { return (times, None) };
    if times.len() as f64 <= grid::MAX_SCATTER * longest.points.len() as f64 || longest.points.len() < 3 {
        return (times, None);
    }
    let own: Vec<Timestamp> = longest.points.iter().map(|(time, ..)| *time).collect();
    let grid = step_ms(&own);
    let mut times: Vec<Timestamp> = times.into_iter().map(|t| grid::at(t, grid)).collect();
    times.dedup();
    (times, Some(grid))
}

fn on_axis(series: Samples, times: &[Timestamp], grid_ms: Option<i64>) -> Column {
    let mut values = vec![f64::NAN; times.len()];
    for (time, value, _) in &series.points {
        let time = grid_ms.map_or(*time, |grid| grid::at(*time, grid));
        if let Ok(i) = times.binary_search(&time) {
            values[i] = *value;
        }
    }
    Column { meaning: series.meaning, name: series.name, at: series.at, dimension: series.dimension, values }
}
