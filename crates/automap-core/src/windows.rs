//! Splits an observation into baseline and incident.
//!
//! The split rests on what the caller knows ([`WindowHint`]) and, for the rest, on onset detection. A given start may be late, so several
//! *hypotheses* are returned, each with a prior; [`crate::rank`] weighs them by the evidence. This module only decides where the windows are,
//! not whether anything in them is unusual.
//!
//! Worked example: data from 14:00 to 14:40, sampled every 5 s, with a given start of 14:30 and the default tolerance of 3 min. The first
//! hypothesis (prior 0.85) is baseline 14:00–14:30, incident 14:30–14:40. Each of the three minutes before 14:30 adds one earlier start, the
//! likeliest sample in it, with prior 0.05. Where the fault really began at 14:28:20, that hypothesis explains far more and wins.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::anomaly::Rows;
use crate::course::Plan;
use crate::frame::MetricFrame;
use crate::note::Note;
use crate::onset::{self, LOOK_BACK_STEPS};
use crate::time::{Interval, Timestamp, WindowHint};

/// Fewest samples in the baseline: fewer cannot tell normal variation from a change.
pub const MIN_BASELINE_POINTS: usize = 6;
/// Fewest samples in the incident.
pub const MIN_INCIDENT_POINTS: usize = 2;
/// A detected onset is uncertain, so this share of the incident's length just before it belongs to neither window: fault samples in the
/// baseline do far more harm than a few lost normal ones.
const GUARD_SHARE: f64 = 0.1;
/// If no onset is found, the last third of the data is treated as the incident.
const QUIET_SHARE: f64 = 1.0 / 3.0;
/// Prior of the given start; the earlier stretches share the rest. With the default tolerance 0.85 leaves 0.05 for each minute before it.
const HINT_PRIOR: f64 = 0.85;
/// Prior of a detected start far from the beginning of the symptom, relative to one near it.
const FAR_PRIOR: f64 = 0.02;
/// Length of a stretch before the given start. Each contributes its likeliest sample as a possible onset. At least [`LOOK_BACK_STEPS`]
/// samples, because rates cannot distinguish nearer onsets.
const STRETCH_MS: i64 = 60_000;
/// Beyond this number, stretches become longer instead.
const MAX_STRETCHES: i64 = 6;
/// Onsets nearer to the given start than this are not considered separately.
const SAME_ONSET_STEPS: usize = 3;
/// Limit of hypotheses × samples, to which the run time of a diagnosis is proportional; beyond it only the likeliest hypotheses are kept.
const MAX_CELLS: usize = 16_000_000;

/// Baseline and incident of a diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The time taken as normal.
    pub baseline: Interval,
    /// The incident.
    pub incident: Interval,
    /// How its start is known.
    pub onset: OnsetSource,
    /// Rows of the frame inside each window.
    pub rows: Rows,
}

/// How the incident's start is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnsetSource {
    /// Given by the user or the alert.
    Given,
    /// Given, but the data shows an earlier start; a note says when.
    Moved,
    /// Detected in the data.
    Detected,
    /// Neither given nor found: nothing changed, and the last third of the data was taken as the incident.
    #[serde(rename = "none")]
    NotFound,
}

impl OnsetSource {
    /// Whether the user or an alert says that there is an incident.
    pub fn is_told(self) -> bool {
        matches!(self, Self::Given | Self::Moved)
    }
}

/// Why the windows allow no diagnosis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// A window holds too few samples.
    #[error("the {window} window holds {have} sample(s), {need} are needed; widen it or use a smaller step")]
    TooFewPoints {
        /// `baseline` or `incident`.
        window: &'static str,
        /// Samples inside.
        have: usize,
        /// Samples needed.
        need: usize,
    },
    /// The windows overlap.
    #[error("the baseline overlaps the incident; end the baseline at or before the incident's start")]
    Overlap,
    /// The incident's start lies outside the data.
    #[error("the incident starts at {start}, outside the data ({from} to {to})")]
    OutsideData {
        /// The start asked for.
        start: String,
        /// Start of the data.
        from: String,
        /// End of the data.
        to: String,
    },
    /// An interval that ends before it starts.
    #[error("the incident ends at or before its start")]
    Backwards,
}

/// One possible pair of windows and its prior probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// The windows.
    pub windows: Windows,
    /// Probability before the evidence is weighed, 0–1. The priors of one observation sum to 1.
    pub prior: f64,
}

/// Returns the likeliest windows before any evidence is weighed: those of the given start or of the clearest change in the data, with notes
/// on their quality.
///
/// # Errors
/// Same as for [`hypotheses`].
pub fn choose(frame: &MetricFrame, hint: &WindowHint) -> Result<(Windows, Vec<Note>), WindowError> {
    let first = hypotheses(frame, hint)?.into_iter().next().map(|h| h.windows).ok_or(WindowError::Backwards)?;
    let about = notes(&first, hint);
    Ok((first, about))
}

/// Returns all plausible windows, at least one, the likeliest first. Anything that the hint leaves open is detected in the data.
///
/// A given start is only a hint, since alerts fire late: the incident may have begun up to the hint's tolerance earlier. If the hint
/// contains a baseline, both windows are used exactly as given. Cost: O(series × samples).
///
/// # Errors
/// [`WindowError`] when a window is empty, too short, outside the data, or both overlap.
pub fn hypotheses(frame: &MetricFrame, hint: &WindowHint) -> Result<Vec<Hypothesis>, WindowError> {
    let mut found = match hint.incident_start {
        Some(start) => given(frame, hint, start)?,
        None => detected(frame, hint)?,
    };
    found.truncate(max_hypotheses(frame));
    let sum: f64 = found.iter().map(|h| h.prior).sum();
    found.iter_mut().for_each(|h| h.prior /= sum);
    Ok(found)
}

/// Like [`hypotheses`], for a plan: other incidents and the start of the system belong to no window, and of detected
/// starts those near the beginning of the symptom are likelier.
///
/// If too little quiet time remains, the disturbed time is used after all; [`notes`] says so.
///
/// # Errors
/// Same as for [`hypotheses`].
pub fn planned(frame: &MetricFrame, plan: &Plan) -> Result<Vec<Hypothesis>, WindowError> {
    let quiet = if plan.disturbed.is_empty() { None } else { frame.without(&plan.disturbed).ok() };
    let found = quiet.and_then(|quiet| hypotheses(&quiet, &plan.hint).ok());
    let mut found = match found {
        Some(found) => found,
        None => hypotheses(frame, &plan.hint)?,
    };
    for h in &mut found {
        if plan.is_start_moved && h.windows.onset == OnsetSource::Given {
            h.windows.onset = OnsetSource::Moved;
        }
        let rows = Rows::inside(frame, h.windows.baseline, h.windows.incident);
        let quiet = Rows { baseline: plan.quiet(frame, &rows.baseline), incident: plan.bad(frame, &rows.incident) };
        let is_enough = quiet.baseline.len() >= MIN_BASELINE_POINTS && quiet.incident.len() >= MIN_INCIDENT_POINTS;
        h.windows.rows = if is_enough { quiet } else { rows };
    }
    Ok(preferring_symptom(found, frame, plan))
}

/// How many hypotheses a frame of this size allows.
fn max_hypotheses(frame: &MetricFrame) -> usize {
    let cells = frame.series().len() * frame.times().len();
    (MAX_CELLS / cells.max(1)).max(1)
}

fn given(frame: &MetricFrame, hint: &WindowHint, start: Timestamp) -> Result<Vec<Hypothesis>, WindowError> {
    let as_given = at_given_start(frame, hint, start);
    let may_be_late = match &as_given {
        Ok(_) | Err(WindowError::TooFewPoints { window: "incident", .. }) => true,
        Err(WindowError::OutsideData { .. }) => start >= frame.span().end,
        Err(_) => false,
    };
    let is_affordable = as_given.is_err() || max_hypotheses(frame) > 1;
    let earlier = if may_be_late && is_affordable { earlier_windows(frame, hint, start) } else { Vec::new() };
    if earlier.is_empty() {
        return Ok(vec![Hypothesis { windows: as_given?, prior: 1.0 }]);
    }
    let each = (1.0 - HINT_PRIOR) / earlier.len() as f64;
    let as_given = as_given.ok().map(|windows| Hypothesis { windows, prior: HINT_PRIOR });
    Ok(as_given.into_iter().chain(earlier.into_iter().map(|windows| Hypothesis { windows, prior: each })).collect())
}

fn at_given_start(frame: &MetricFrame, hint: &WindowHint, start: Timestamp) -> Result<Windows, WindowError> {
    let span = frame.span();
    if !span.contains(start) {
        return Err(WindowError::OutsideData {
            start: start.rfc3339(),
            from: span.start.rfc3339(),
            to: span.end.rfc3339(),
        });
    }
    let incident = Interval::new(start, hint.incident_end.unwrap_or(span.end)).ok_or(WindowError::Backwards)?;
    let baseline = hint.baseline.or_else(|| Interval::new(span.start, start));
    windows(frame, baseline.ok_or(NO_BASELINE)?, incident, OnsetSource::Given)
}

/// Windows for an incident that began earlier than given: one per stretch of the tolerance, the latest first.
fn earlier_windows(frame: &MetricFrame, hint: &WindowHint, start: Timestamp) -> Vec<Windows> {
    let tolerance = hint.tolerance_ms();
    let width = STRETCH_MS.max(LOOK_BACK_STEPS as i64 * frame.step_ms()).max(tolerance / MAX_STRETCHES);
    if hint.baseline.is_some() || tolerance < width {
        return Vec::new();
    }
    let times = frame.times();
    let row_at = |t: Timestamp| times.partition_point(|x| *x < t);
    let nearest = row_at(start).saturating_sub(SAME_ONSET_STEPS);
    let stretches: Vec<Range<usize>> = (1..=tolerance / width)
        .map(|i| row_at(start.plus_ms(-i * width))..row_at(start.plus_ms((1 - i) * width)).min(nearest))
        .filter(|rows| !rows.is_empty())
        .collect();
    let end = hint.incident_end.map_or(times.len(), row_at);
    let rows = onset::in_stretches(frame, end, &stretches);
    rows.into_iter().filter_map(|row| from_row(frame, hint, row, OnsetSource::Moved).ok()).collect()
}

fn detected(frame: &MetricFrame, hint: &WindowHint) -> Result<Vec<Hypothesis>, WindowError> {
    let times = frame.times();
    let end = hint.incident_end.map_or(times.len(), |end| times.partition_point(|t| *t < end));
    let rows = onset::candidates(frame, end);
    if rows.is_empty() {
        let row = end - ((end as f64 * QUIET_SHARE) as usize).max(1).min(end);
        return Ok(vec![Hypothesis { windows: from_row(frame, hint, row, OnsetSource::NotFound)?, prior: 1.0 }]);
    }
    let mut found = rows.into_iter().map(|row| from_row(frame, hint, row, OnsetSource::Detected));
    let likeliest = found.next().ok_or(WindowError::Backwards)?;
    let rivals = found.filter_map(Result::ok);
    Ok(std::iter::once(likeliest?).chain(rivals).map(|windows| Hypothesis { windows, prior: 1.0 }).collect())
}

/// Gives detected starts far from the beginning of the symptom a smaller prior, and adds that beginning if none is near it: the step that explains
/// the symptom is likelier than an earlier fluctuation of something else.
fn preferring_symptom(mut found: Vec<Hypothesis>, frame: &MetricFrame, plan: &Plan) -> Vec<Hypothesis> {
    let Some(current) = plan.current.as_ref().filter(|_| plan.hint.incident_start.is_none()) else { return found };
    let is_near = |h: &Hypothesis| plan.begins_near(frame, h.windows.incident.start);
    if !found.iter().any(is_near)
        && let Ok(windows) = from_row(frame, &plan.hint, current.rows.start, OnsetSource::Detected)
    {
        let rows = Rows { baseline: plan.quiet(frame, &windows.rows.baseline), ..windows.rows };
        if rows.baseline.len() >= MIN_BASELINE_POINTS {
            found.insert(0, Hypothesis { windows: Windows { rows, ..windows }, prior: 1.0 });
        }
    }
    for h in &mut found {
        if is_near(h) {
            h.windows.onset = OnsetSource::Detected;
        } else {
            h.prior *= FAR_PRIOR;
        }
    }
    let sum: f64 = found.iter().map(|h| h.prior).sum();
    found.iter_mut().for_each(|h| h.prior /= sum);
    found.sort_by(|a, b| b.prior.total_cmp(&a.prior));
    found
}

const NO_BASELINE: WindowError = WindowError::TooFewPoints { window: "baseline", have: 0, need: MIN_BASELINE_POINTS };

/// Windows for an incident that starts at a row. A guard before the start is left out of the baseline if enough samples remain.
fn from_row(frame: &MetricFrame, hint: &WindowHint, row: usize, kind: OnsetSource) -> Result<Windows, WindowError> {
    let (times, start) = (frame.times(), frame.times()[row]);
    let incident = Interval::new(start, hint.incident_end.unwrap_or(frame.span().end)).ok_or(WindowError::Backwards)?;
    let guarded = start.plus_ms(-((incident.len_ms() as f64 * GUARD_SHARE) as i64));
    let has_spare_samples =
        kind != OnsetSource::NotFound && times.partition_point(|t| *t < guarded) >= MIN_BASELINE_POINTS;
    let end_of_normal = if has_spare_samples { guarded } else { start };
    let baseline = hint.baseline.or_else(|| Interval::new(times[0], end_of_normal));
    windows(frame, baseline.ok_or(NO_BASELINE)?, incident, kind)
}

fn windows(
    frame: &MetricFrame,
    baseline: Interval,
    incident: Interval,
    onset: OnsetSource,
) -> Result<Windows, WindowError> {
    if baseline.overlaps(incident) {
        return Err(WindowError::Overlap);
    }
    let rows = Rows::inside(frame, baseline, incident);
    for (window, have, need) in
        [("baseline", rows.baseline.len(), MIN_BASELINE_POINTS), ("incident", rows.incident.len(), MIN_INCIDENT_POINTS)]
    {
        if have < need {
            return Err(WindowError::TooFewPoints { window, have, need });
        }
    }
    Ok(Windows { baseline, incident, onset, rows })
}

/// Notes on the quality of the windows.
pub fn notes(windows: &Windows, hint: &WindowHint) -> Vec<Note> {
    const COMFORTABLE_BASELINE: usize = 20;
    let (n, a) = (windows.rows.baseline.len(), windows.rows.incident.len());
    let mut notes = Vec::new();
    if let (OnsetSource::Moved, Some(given)) = (windows.onset, hint.incident_start) {
        let text = format!(
            "the given start is {}, but the data changes at {}: the time from then on counts as incident \
             (set the onset tolerance to 0 to insist on the given start)",
            given.rfc3339(),
            windows.incident.start.rfc3339()
        );
        notes.push(Note::warning("onset_moved", text));
    }
    if n < COMFORTABLE_BASELINE {
        notes
            .push(Note::warning("short_baseline", format!("only {n} baseline samples: normal variation is uncertain")));
    }
    if a < 5 {
        notes.push(Note::warning(
            "short_incident",
            format!("only {a} incident samples: wait for more data and try again"),
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{RawSeries, assemble};

    fn t(s: i64) -> Timestamp {
        Timestamp::from_ms(s * 1000)
    }

    fn flat(n: i64) -> MetricFrame {
        let times: Vec<_> = (0..n).map(t).collect();
        let points = times.iter().map(|t| (*t, 5.0)).collect();
        let raw = RawSeries { service: "a".into(), metric: "latency_ms".into(), peer: None, points };
        assemble(vec![raw], times).unwrap().0
    }

    fn start(s: i64) -> WindowHint {
        WindowHint { incident_start: Some(t(s)), ..WindowHint::default() }
    }

    fn insist(s: i64) -> WindowHint {
        WindowHint { start_tolerance_ms: Some(0), ..start(s) }
    }

    /// One sample a second; 100 times as slow from row `at` on.
    fn broken(n: i64, at: i64) -> MetricFrame {
        let times: Vec<_> = (0..n).map(t).collect();
        let value = |i: i64| if i < at { 5.0 + (i * 7 % 5) as f64 / 10.0 } else { 500.0 };
        let points = (0..n).map(|i| (t(i), value(i))).collect();
        let raw = RawSeries { service: "a".into(), metric: "latency_ms".into(), peer: None, points };
        assemble(vec![raw], times).unwrap().0
    }

    fn possible(frame: &MetricFrame, hint: &WindowHint) -> Vec<(OnsetSource, i64, f64)> {
        let all = hypotheses(frame, hint).unwrap();
        all.iter().map(|h| (h.windows.onset, h.windows.incident.start.ms() / 1000, (h.prior * 100.0).round())).collect()
    }

    /// The fault is at 300 s, 100 s before the given start: it lies in the second of the three minutes before. Nothing changes in the
    /// third one; its likeliest row is the one nearest to the change.
    #[test]
    fn an_earlier_real_start_is_among_the_hypotheses() {
        let frame = broken(480, 300);
        let found = possible(&frame, &start(400));
        assert_eq!((found[0], found.len()), ((OnsetSource::Given, 400, 85.0), 4));
        assert!(found.contains(&(OnsetSource::Moved, 300, 5.0)), "{found:?}");
        assert_eq!(possible(&frame, &insist(400)), [(OnsetSource::Given, 400, 100.0)]);
        let baseline = WindowHint { baseline: Interval::new(t(0), t(200)), ..start(400) };
        assert_eq!(possible(&frame, &baseline), [(OnsetSource::Given, 400, 100.0)], "a given baseline is kept");
    }

    #[test]
    fn a_start_after_the_data_is_searched_before_its_end() {
        let frame = broken(480, 430);
        let found = possible(&frame, &start(520));
        // The given start itself has no data, and the three minutes before it are equally likely.
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.contains(&(OnsetSource::Moved, 430, 33.0)), "{found:?}");
        assert!(hypotheses(&frame, &insist(520)).is_err());
        assert!(hypotheses(&frame, &start(480 + 181)).is_err(), "more than the tolerance late");
    }

    #[test]
    fn a_moved_start_is_noted() {
        let moved = hypotheses(&broken(480, 300), &start(400)).unwrap().remove(2).windows;
        let notes = notes(&moved, &start(400));
        assert_eq!(
            notes[0].message,
            "the given start is 1970-01-01T00:06:40Z, but the data changes at 1970-01-01T00:05:00Z: the time from then on counts as incident \
             (set the onset tolerance to 0 to insist on the given start)"
        );
    }

    #[test]
    fn large_systems_get_one_hypothesis() {
        let times: Vec<_> = (0..480).map(t).collect();
        let raw = |i: usize| RawSeries {
            service: format!("s{i}"),
            metric: "cpu".into(),
            peer: None,
            points: vec![(times[0], 1.0), (times[479], 2.0)],
        };
        let frame = assemble((0..1 + MAX_CELLS / 480 / 2).map(raw).collect(), times.clone()).unwrap().0;
        assert_eq!(possible(&frame, &start(400)), [(OnsetSource::Given, 400, 100.0)]);
    }

    #[test]
    fn a_given_start_splits_the_data() {
        let (windows, _) = choose(&flat(40), &start(30)).unwrap();
        assert_eq!((windows.rows.baseline.len(), windows.rows.incident.len()), (30, 10));
        assert_eq!(windows.onset, OnsetSource::Given);
    }

    #[test]
    fn every_bad_window_is_named() {
        let overlap = WindowHint { baseline: Interval::new(t(0), t(35)), ..start(30) };
        let backwards = WindowHint { incident_end: Some(t(20)), ..start(30) };
        for (hint, text) in [
            (insist(3), "the baseline window holds 3 sample(s), 6 are needed; widen it or use a smaller step"),
            (insist(39), "the incident window holds 1 sample(s), 2 are needed; widen it or use a smaller step"),
            (overlap, "the baseline overlaps the incident; end the baseline at or before the incident's start"),
            (backwards, "the incident ends at or before its start"),
            (
                start(400),
                "the incident starts at 1970-01-01T00:06:40Z, outside the data \
                 (1970-01-01T00:00:00Z to 1970-01-01T00:00:40Z)",
            ),
        ] {
            assert_eq!(choose(&flat(40), &hint).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn an_onset_early_in_the_data_keeps_its_few_normal_samples() {
        let times: Vec<_> = (0..60).map(t).collect();
        let points = times.iter().enumerate().map(|(i, t)| (*t, if i < 6 { 5.0 } else { 500.0 })).collect();
        let raw = RawSeries { service: "a".into(), metric: "latency_ms".into(), peer: None, points };
        let frame = assemble(vec![raw], times).unwrap().0;
        let (windows, _) = choose(&frame, &WindowHint::default()).unwrap();
        assert_eq!((windows.onset, windows.rows.baseline.len()), (OnsetSource::Detected, 6));
    }

    #[test]
    fn nothing_changed_means_no_onset() {
        assert_eq!(choose(&flat(60), &WindowHint::default()).unwrap().0.onset, OnsetSource::NotFound);
    }
}
