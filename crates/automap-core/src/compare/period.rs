//! A period: the samples of one span of time, by series name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::CompareError;
use crate::frame::MetricFrame;
use crate::note::Note;
use crate::observation::Observation;
use crate::time::{Interval, Timestamp};

/// The name of a series; the same in every period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// Whose metric.
    pub service: String,
    /// The metric's name, without the peer.
    pub metric: String,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
}

/// The samples of one span of time.
#[derive(Clone, Debug)]
pub struct Period {
    /// As the user calls it.
    pub name: String,
    /// Where the data is from.
    pub source: String,
    /// The span.
    pub window: Interval,
    /// Its instants, ascending, at least one.
    pub times: Vec<Timestamp>,
    /// The data's usual distance of two instants, in milliseconds.
    pub step_ms: i64,
    /// Services with at least one observed sample or an active call.
    pub services: BTreeSet<String>,
    /// One value per instant, `NaN` is a gap. Series without any observed sample are absent.
    pub series: BTreeMap<SeriesKey, Vec<f64>>,
    /// Calls. One that has metrics of its own is active only where one of them was observed.
    pub calls: BTreeSet<(String, String)>,
    /// Remarks on this period.
    pub notes: Vec<Note>,
    /// What it is a part of.
    pub(super) frame: Arc<MetricFrame>,
    /// Its rows there.
    pub(super) rows: Vec<usize>,
}

impl Period {
    /// The part of an observation that lies inside `window`, all of it where unset. Network gaps are derived.
    ///
    /// # Errors
    /// [`CompareError::OutsideData`] when no instant lies inside.
    pub fn new(name: &str, observation: &Observation, window: Option<Interval>) -> Result<Self, CompareError> {
        let frame = Arc::new(observation.frame.with_network_gaps());
        let window = window.unwrap_or_else(|| frame.span());
        Self::cut(name, observation, &frame, window)
    }

    /// An observation cut into windows of `length_ms`, the last one ending with the data; windows without any instant are left
    /// out, a first window that is not whole too.
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

/// The call graph without the calls that have metrics, none of which was observed here.
fn active_calls(
    observation: &Observation,
    frame: &MetricFrame,
    series: &BTreeMap<SeriesKey, Vec<f64>>,
) -> BTreeSet<(String, String)> {
    let measured: BTreeSet<(&str, &str)> =
        frame.series().iter().filter_map(|s| Some((frame.service(s.service), frame.service(s.peer?)))).collect();
    let seen: BTreeSet<(&str, &str)> =
        series.keys().filter_map(|k| Some((k.service.as_str(), k.peer.as_deref()?))).collect();
    let edges = observation.calls.edges().map(|(from, to, _)| (from, to));
    edges
        .filter(|call| seen.contains(call) || !measured.contains(call))
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect()
}
