//! The same hours of earlier days in a capture. Their rows are in the same table, distinguished by their times.
//!
//! Older versions drop rows at other times, with a note.

use std::collections::BTreeSet;

use automap_core::frame::{RawSeries, assemble};
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_core::time_of_day::{DayMetrics, EarlierDay, MAX_DAYS};
use serde::{Deserialize, Serialize};

use super::axis::{self, Run};

/// An earlier day in the metadata.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredDay {
    days_back: u32,
    /// The times of its rows; empty if nothing was observed.
    axis: Vec<Run>,
    /// Why nothing was observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_observed: Option<String>,
}

/// The days of an observation, without their rows.
pub(super) fn stored(observation: &Observation) -> Vec<StoredDay> {
    let stored = |day: &EarlierDay| {
        let (axis, not_observed) = match &day.metrics {
            DayMetrics::Observed(frame) => (axis::runs(frame.times()), None),
            DayMetrics::NotObserved(reason) => (Vec::new(), Some(reason.clone())),
        };
        StoredDay { days_back: day.days_back, axis, not_observed }
    };
    observation.earlier_days.iter().map(stored).collect()
}

/// Takes the rows of earlier days out of the table; the rows of `times` remain, and the series that are `empty` there. An error describes what is
/// wrong with the days.
pub(super) fn take(
    days: Vec<StoredDay>,
    raw: &mut Vec<RawSeries>,
    times: &[Timestamp],
    empty: &[(String, String)],
) -> Result<Vec<EarlierDay>, &'static str> {
    if days.is_empty() {
        return Ok(Vec::new());
    }
    if days.len() > MAX_DAYS {
        return Err("it has too many earlier days");
    }
    let mut out = Vec::new();
    let mut later_than = times.first().copied();
    for day in days {
        let axis = axis::times(&day.axis).ok_or("the time axis of an earlier day is not usable")?;
        let (Some(first), Some(last)) = (axis.first().copied(), axis.last().copied()) else {
            let reason = day.not_observed.unwrap_or_else(|| "the capture holds nothing of it".to_owned());
            out.push(EarlierDay::not_observed(day.days_back, reason));
            continue;
        };
        if later_than.is_some_and(|later| last >= later) {
            return Err("the times of its earlier days overlap");
        }
        later_than = Some(first);
        let of_day: Vec<RawSeries> = raw.iter_mut().filter_map(|series| taken(series, first, last)).collect();
        match assemble(of_day, axis) {
            Ok((frame, _)) => out.push(EarlierDay::observed(day.days_back, frame)),
            Err(_) => return Err("the rows of an earlier day are not usable"),
        }
    }
    let empty: BTreeSet<(&str, &str)> = empty.iter().map(|(service, metric)| (&**service, &**metric)).collect();
    raw.retain(|series| !series.points.is_empty() || empty.contains(&(&series.service, &stored_name(series))));
    Ok(out)
}

/// The metric as named in the table: `client_latency_ms/payment`.
fn stored_name(series: &RawSeries) -> String {
    series.peer.as_ref().map_or_else(|| series.metric.clone(), |peer| format!("{}/{peer}", series.metric))
}

fn taken(series: &mut RawSeries, first: Timestamp, last: Timestamp) -> Option<RawSeries> {
    let is_of_day = |(time, _): &(Timestamp, f64)| (first..=last).contains(time);
    let (of_day, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut series.points).into_iter().partition(is_of_day);
    series.points = rest;
    let (service, metric, peer) = (series.service.clone(), series.metric.clone(), series.peer.clone());
    (!of_day.is_empty()).then_some(RawSeries { service, metric, peer, points: of_day })
}
