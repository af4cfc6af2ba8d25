//! Which time is normal and which is the incident.

use crate::anomaly::Rows;
use crate::frame::MetricFrame;
use crate::note::Note;
use crate::onset;
use crate::time::{Interval, Timestamp, WindowHint};

/// Fewest instants in the baseline: fewer do not tell normal variation from a change.
pub const MIN_BASELINE_POINTS: usize = 6;
/// Fewest instants in the incident.
pub const MIN_INCIDENT_POINTS: usize = 2;
/// A detected onset is uncertain: this share of the incident's length just before it counts as neither. Fault samples
/// in the baseline do far more harm than a few lost normal ones.
const GUARD_SHARE: f64 = 0.1;
/// Where no onset is found, the last third is looked at as if it were the incident.
const QUIET_SHARE: f64 = 1.0 / 3.0;

/// The two windows of a diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Normal time.
    pub baseline: Interval,
    /// The incident.
    pub incident: Interval,
    /// How its start is known.
    pub onset: Onset,
    /// Their samples.
    pub rows: Rows,
}

/// How the incident's start is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onset {
    /// Told by the user or the alert.
    Given,
    /// Found in the data.
    Detected,
    /// Not told and not found: nothing changed.
    None,
}

/// Why the windows make no diagnosis.
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
    /// Both windows share time.
    #[error("the baseline overlaps the incident; end the baseline at or before the incident's start")]
    Overlap,
    /// The incident's start lies outside the data.
    #[error("the incident starts at {start}, outside the data ({from} to {to})")]
    OutsideData {
        /// The start asked for.
        start: String,
        /// First instant of the data.
        from: String,
        /// End of the data.
        to: String,
    },
    /// An interval that ends before it starts.
    #[error("the incident ends at or before its start")]
    Backwards,
}

/// Settles both windows from what is known; what is not known is found in the data.
///
/// # Errors
/// [`WindowError`] when a window is empty, too short, outside the data, or both overlap.
pub fn settle(frame: &MetricFrame, hint: &WindowHint) -> Result<(Windows, Vec<Note>), WindowError> {
    let windows = match hint.incident_start {
        Some(start) => given(frame, hint, start)?,
        None => detected(frame, hint)?,
    };
    let enough = [
        ("baseline", windows.rows.baseline.len(), MIN_BASELINE_POINTS),
        ("incident", windows.rows.incident.len(), MIN_INCIDENT_POINTS),
    ];
    if let Some(&(window, have, need)) = enough.iter().find(|(_, have, need)| have < need) {
        return Err(WindowError::TooFewPoints { window, have, need });
    }
    let notes = remarks(&windows);
    Ok((windows, notes))
}

fn given(frame: &MetricFrame, hint: &WindowHint, start: Timestamp) -> Result<Windows, WindowError> {
    let span = frame.span();
    if !span.contains(start) {
        return Err(WindowError::OutsideData {
            start: start.rfc3339(),
            from: span.start.rfc3339(),
            to: span.end.rfc3339(),
        });
    }
    let incident = Interval::new(start, hint.incident_end.unwrap_or(span.end)).ok_or(WindowError::Backwards)?;
    let baseline = match hint.baseline {
        Some(baseline) => baseline,
        None => Interval::new(span.start, start).ok_or(WindowError::TooFewPoints {
            window: "baseline",
            have: 0,
            need: MIN_BASELINE_POINTS,
        })?,
    };
    windows(frame, baseline, incident, Onset::Given)
}

fn detected(frame: &MetricFrame, hint: &WindowHint) -> Result<Windows, WindowError> {
    let times = frame.times();
    let end = hint.incident_end.unwrap_or(frame.span().end);
    let row = onset::detect(frame);
    let (start, kind) = match row {
        Some(row) => (times[row], Onset::Detected),
        None => (times[times.len() - ((times.len() as f64 * QUIET_SHARE) as usize).max(1)], Onset::None),
    };
    let incident = Interval::new(start, end).ok_or(WindowError::Backwards)?;
    let guarded = start.plus_ms(-((incident.len_ms() as f64 * GUARD_SHARE) as i64));
    // An onset early in the data leaves no samples to spare.
    let spares = kind == Onset::Detected && times.iter().filter(|t| **t < guarded).count() >= MIN_BASELINE_POINTS;
    let end_of_normal = if spares { guarded } else { start };
    let baseline = hint.baseline.or_else(|| Interval::new(times[0], end_of_normal));
    let short = WindowError::TooFewPoints { window: "baseline", have: 0, need: MIN_BASELINE_POINTS };
    windows(frame, baseline.ok_or(short)?, incident, kind)
}

fn windows(frame: &MetricFrame, baseline: Interval, incident: Interval, onset: Onset) -> Result<Windows, WindowError> {
    if baseline.overlaps(incident) {
        return Err(WindowError::Overlap);
    }
    Ok(Windows { baseline, incident, onset, rows: Rows::inside(frame, baseline, incident) })
}

fn remarks(windows: &Windows) -> Vec<Note> {
    const COMFORTABLE_BASELINE: usize = 20;
    let (n, a) = (windows.rows.baseline.len(), windows.rows.incident.len());
    let mut notes = Vec::new();
    if n < COMFORTABLE_BASELINE {
        notes
            .push(Note::warning("short_baseline", format!("only {n} baseline samples: normal variation is uncertain")));
    }
    if a < 5 {
        notes.push(Note::warning("short_incident", format!("only {a} incident samples: wait a little and ask again")));
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

    #[test]
    fn a_given_start_splits_the_data() {
        let (windows, _) = settle(&flat(40), &start(30)).unwrap();
        assert_eq!((windows.rows.baseline.len(), windows.rows.incident.len()), (30, 10));
        assert_eq!(windows.onset, Onset::Given);
    }

    #[test]
    fn every_bad_window_is_named() {
        let overlap = WindowHint { baseline: Interval::new(t(0), t(35)), ..start(30) };
        let backwards = WindowHint { incident_end: Some(t(20)), ..start(30) };
        for (hint, text) in [
            (start(3), "the baseline window holds 3 sample(s), 6 are needed; widen it or use a smaller step"),
            (start(39), "the incident window holds 1 sample(s), 2 are needed; widen it or use a smaller step"),
            (overlap, "the baseline overlaps the incident; end the baseline at or before the incident's start"),
            (backwards, "the incident ends at or before its start"),
            (
                start(400),
                "the incident starts at 1970-01-01T00:06:40Z, outside the data \
                 (1970-01-01T00:00:00Z to 1970-01-01T00:00:40Z)",
            ),
        ] {
            assert_eq!(settle(&flat(40), &hint).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn an_onset_early_in_the_data_keeps_its_few_normal_samples() {
        let times: Vec<_> = (0..60).map(t).collect();
        let points = times.iter().enumerate().map(|(i, t)| (*t, if i < 6 { 5.0 } else { 500.0 })).collect();
        let raw = RawSeries { service: "a".into(), metric: "latency_ms".into(), peer: None, points };
        let frame = assemble(vec![raw], times).unwrap().0;
        let (windows, _) = settle(&frame, &WindowHint::default()).unwrap();
        assert_eq!((windows.onset, windows.rows.baseline.len()), (Onset::Detected, 6));
    }

    #[test]
    fn nothing_changed_means_no_onset() {
        assert_eq!(settle(&flat(60), &WindowHint::default()).unwrap().0.onset, Onset::None);
    }
}
