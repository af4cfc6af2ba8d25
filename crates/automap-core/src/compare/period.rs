//! A period: the samples of one time span, by series name.
//!
//! Periods may come from different observations, whose service indices differ, so everything here goes by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::CompareError;
use crate::course::{Course, Stretch};
use crate::frame::MetricFrame;
use crate::note::Note;
use crate::observation::Observation;
use crate::time::{Interval, Timestamp, WindowHint};

/// Code of the note that a period holds an incident.
pub const INCIDENT_IN_PERIOD: &str = "incident_in_period";

/// The name of a series, which identifies it in every period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// The service of the metric.
    pub service: String,
    /// The metric's name, without the peer.
    pub metric: String,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
}

/// The samples of one span of time.
#[derive(Clone, Debug)]
pub struct Period {
    /// Name given by the user.
    pub name: String,
    /// The source of the data.
    pub source: String,
    /// The time span.
    pub window: Interval,
    /// Times of its samples, ascending, at least one.
    pub times: Vec<Timestamp>,
    /// Usual distance between two samples, in milliseconds.
    pub step_ms: i64,
    /// Services with at least one observed sample or an active call.
    pub services: BTreeSet<String>,
    /// One value per sample time; `NaN` is a gap. Series without any observed sample are absent.
    pub series: BTreeMap<SeriesKey, Vec<f64>>,
    /// Active calls. A call with metrics is active only if one of them was observed.
    pub calls: BTreeSet<(String, String)>,
    /// Notes on this period.
    pub notes: Vec<Note>,
    /// The frame that it is a part of.
    pub(super) frame: Arc<MetricFrame>,
    /// Its rows in that frame.
    pub(super) rows: Vec<usize>,
}

impl Period {
    /// Takes the part of an observation inside `window`, or all of it. Network gaps are derived.
    ///
    /// # Errors
    /// [`CompareError::OutsideData`] if no sample lies inside.
    pub fn new(name: &str, observation: &Observation, window: Option<Interval>) -> Result<Self, CompareError> {
        let frame = Arc::new(observation.frame.with_network_gaps());
        let window = window.unwrap_or_else(|| frame.span());
        let mut period = Self::cut(name, observation, &frame, window)?;
        period.notes.extend(incidents(name, observation, &frame, window));
        Ok(period)
    }

    /// Cuts an observation into windows of `length_ms`; the last one ends with the data. Windows without samples and an incomplete first
    /// window are left out.
    ///
    /// # Errors
    /// [`CompareError::TooManyWindows`] for more than `most` windows.
    pub fn windows(observation: &Observation, length_ms: i64, most: usize) -> Result<Vec<Self>, CompareError> {
        let frame = Arc::new(observation.frame.with_network_gaps());
        let (span, length_ms) = (frame.span(), length_ms.max(1));
        let windows = (span.len_ms() / length_ms) as usize;
        if windows > most {
            return Err(CompareError::TooManyWindows { windows, most });
        }
        let window = |back: usize| {
            let end = span.end.plus_ms(-(back as i64 * length_ms));
            Interval { start: end.plus_ms(-length_ms), end }
        };
        let cut = |back| Self::cut(&window(back).start.rfc3339(), observation, &frame, window(back)).ok();
        Ok((0..windows).rev().filter_map(cut).collect())
    }

    fn cut(
        name: &str,
        observation: &Observation,
        frame: &Arc<MetricFrame>,
        window: Interval,
    ) -> Result<Self, CompareError> {
        let from = frame.times().partition_point(|t| *t < window.start);
        let to = frame.times().partition_point(|t| *t < window.end).max(from);
        let span = frame.span();
        if from == to {
            return Err(CompareError::OutsideData {
                name: name.to_owned(),
                from: window.start.rfc3339(),
                to: window.end.rfc3339(),
                source_name: observation.source.clone(),
                first: span.start.rfc3339(),
                last: span.end.rfc3339(),
            });
        }
        let mut series = BTreeMap::new();
        for s in frame.series() {
            let values = &s.values[from..to];
            if values.iter().any(|v| !v.is_nan()) {
                let key = SeriesKey {
                    service: frame.service(s.service).to_owned(),
                    metric: s.metric.name.clone(),
                    peer: s.peer.map(|p| frame.service(p).to_owned()),
                };
                series.insert(key, values.to_vec());
            }
        }
        let calls = active_calls(observation, frame, &series);
        let named = series.keys().map(|k| k.service.clone());
        let services = named.chain(calls.iter().flat_map(|(from, to)| [from.clone(), to.clone()])).collect();
        let mut notes = Vec::new();
        if window.start < span.start || window.end > span.end {
            let text = format!("{name} reaches beyond the data ({} to {})", span.start.rfc3339(), span.end.rfc3339());
            notes.push(Note::warning("beyond_data", text));
        }
        Ok(Self {
            name: name.to_owned(),
            source: observation.source.clone(),
            window,
            times: frame.times()[from..to].to_vec(),
            step_ms: frame.step_ms(),
            services,
            series,
            calls,
            notes,
            frame: Arc::clone(frame),
            rows: (from..to).collect(),
        })
    }

    /// Names of the metrics that were observed of any service.
    pub(super) fn metrics(&self) -> BTreeSet<&str> {
        self.keys().map(|k| k.metric.as_str()).collect()
    }

    /// Names of the observed series, in order.
    pub fn keys(&self) -> impl Iterator<Item = &SeriesKey> {
        self.series.keys()
    }
}

/// The calls of an observation, without those that have metrics but none observed in this period.
fn active_calls(
    observation: &Observation,
    frame: &MetricFrame,
    series: &BTreeMap<SeriesKey, Vec<f64>>,
) -> BTreeSet<(String, String)> {
    let measured: BTreeSet<(&str, &str)> =
        frame.series().iter().filter_map(|s| Some((frame.service(s.service), frame.service(s.peer?)))).collect();
    let observed: BTreeSet<(&str, &str)> =
        series.keys().filter_map(|k| Some((k.service.as_str(), k.peer.as_deref()?))).collect();
    let edges = observation.calls.edges().map(|(from, to, _)| (from, to));
    edges
        .filter(|call| observed.contains(call) || !measured.contains(call))
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect()
}

/// A note for every incident that users felt inside a period: its levels are then neither those of quiet time nor those of the incident.
fn incidents(name: &str, observation: &Observation, frame: &MetricFrame, window: Interval) -> Vec<Note> {
    let Ok(frame) = frame.within(window) else { return Vec::new() };
    let course = Course::of(&frame, &observation.calls, &WindowHint::default());
    let note = |stretch: &Stretch| {
        let times = frame.times();
        let end = times.get(stretch.rows.end).copied().unwrap_or(frame.span().end);
        let text = format!(
            "{name} holds an incident that users felt, {} to {}: levels over the whole period hide it; compare the incident alone, or diagnose it",
            times[stretch.rows.start].rfc3339(),
            end.rfc3339()
        );
        Note::warning(INCIDENT_IN_PERIOD, text)
    };
    course.stretches.iter().map(note).collect()
}
