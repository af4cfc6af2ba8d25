//! Beginning and end: the drill's recordings, extended, repeated and joined, so that incidents end, follow each other or start with the system.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use automap_core::frame::{MetricFrame, RawSeries, assemble};
use automap_core::observation::Observation;
use automap_core::report::{Report, VerdictKind};
use automap_core::time::{Timestamp, WindowHint};
use automap_core::{DiagnoseOptions, diagnose};
use automap_sources::capture;

/// The drill's recordings have a sample every two seconds, a minute of quiet time, then the fault.
const STEP_MS: i64 = 2_000;
/// A row of the fault in every recording.
const FAULTY: usize = 35;

fn recording(name: &str) -> Observation {
    capture::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{name}.parquet"))).unwrap()
}

/// Rows of a recording: `(name, rows)`.
type Part<'a> = (&'a str, Range<usize>);

type Points = Vec<(Timestamp, f64)>;

/// Recordings one after the other on one time axis, as if they had happened so.
fn joined(parts: &[Part<'_>]) -> Observation {
    let all: Vec<(Observation, Range<usize>)> =
        parts.iter().map(|(name, rows)| (recording(name), rows.clone())).collect();
    let rows: usize = all.iter().map(|(_, rows)| rows.len()).sum();
    let start = all[0].0.frame.times()[0];
    let times: Vec<Timestamp> = (0..rows).map(|i| start.plus_ms(i as i64 * STEP_MS)).collect();
    let mut raw: BTreeMap<(String, String, Option<String>), Points> = BTreeMap::new();
    let mut at = 0;
    for (observation, rows) in &all {
        let frame = &observation.frame;
        for s in frame.series() {
            let peer = s.peer.map(|p| frame.service(p).to_owned());
            let key = (frame.service(s.service).to_owned(), s.metric.name.clone(), peer);
            let points = rows.clone().enumerate().map(|(i, row)| (times[at + i], s.values[row]));
            raw.entry(key).or_default().extend(points.filter(|(_, v)| !v.is_nan()));
        }
        at += rows.len();
    }
    let raw = raw.into_iter().map(|((service, metric, peer), points)| RawSeries { service, metric, peer, points });
    let (frame, _) = assemble(raw.collect(), times).unwrap();
    Observation { frame, hint: WindowHint::default(), ..all[0].0.clone() }
}

fn report(observation: &Observation) -> Report {
    diagnose(observation, &DiagnoseOptions::default()).unwrap()
}

fn row(frame: &MetricFrame, at: Timestamp) -> usize {
    frame.times().partition_point(|t| *t < at)
}

fn rows_of(name: &str) -> usize {
    recording(name).frame.times().len()
}

/// Quiet time, a fault of half a minute, and quiet time again.
fn over(fault: &str) -> (Observation, usize) {
    let end = rows_of(fault);
    let observation = joined(&[("quiet-3", 0..45), (fault, 0..end), ("quiet-2", 0..45), ("quiet-3", 0..30)]);
    (observation, 45 + end)
}

const FELT: [(&str, &str); 8] = [
    ("bandwidth-catalogue", "catalogue"),
    ("cpu-catalogue", "catalogue"),
    ("delay-orders", "orders"),
    ("delay-payment", "payment"),
    ("http-abort-catalogue", "catalogue"),
    ("http-delay-payment", "payment"),
    ("loss-user", "user"),
    ("partition-carts", "carts"),
];

#[test]
fn what_is_over_is_said_to_be_over_and_the_culprit_is_named() {
    for (fault, culprit) in FELT {
        let (observation, end) = over(fault);
        let report = report(&observation);
        eprintln!("{fault}: {:?} {:?} course {:?}", report.verdict, report.windows, report.course);
        let over_since = report.course.over_since.unwrap_or_else(|| panic!("{fault} goes on"));
        assert!(row(&observation.frame, over_since).abs_diff(end) <= 3, "{fault}: over since {over_since}");
        assert_eq!(report.windows.incident_end, over_since, "{fault}");
        assert_eq!(report.causes[0].service, culprit, "{fault}");
    }
}

#[test]
fn the_latest_of_several_is_answered_and_the_others_are_listed() {
    let quiet = ("quiet-3", 0..48);
    let fault = |name: &'static str| (name, FAULTY..rows_of(name));
    let parts = [
        quiet.clone(),
        fault("loss-user"),
        quiet.clone(),
        fault("http-abort-catalogue"),
        quiet.clone(),
        fault("delay-orders"),
    ];
    let going_on = joined(&parts);
    let report_1 = report(&going_on);
    assert_eq!((report_1.course.over_since, report_1.course.earlier.len()), (None, 2));
    assert_eq!(report_1.verdict.service.as_deref(), Some("orders"));
    let parts = [&parts[..], &[quiet]].concat();
    let after = joined(&parts);
    let report_2 = report(&after);
    assert!(report_2.course.over_since.is_some() && report_2.course.earlier.len() == 2, "{:?}", report_2.course);
    assert_eq!(report_2.verdict.service.as_deref(), Some("orders"));
    let second = report_2.course.earlier[1].start;
    let asked = Observation { hint: WindowHint { incident_start: Some(second), ..WindowHint::default() }, ..after };
    let report_3 = report(&asked);
    assert_eq!(report_3.verdict.service.as_deref(), Some("catalogue"));
    assert_eq!((report_3.course.earlier.len(), report_3.course.later.len()), (1, 1));
}

#[test]
fn quiet_time_has_no_course() {
    let observation = joined(&[("quiet-1", 0..45), ("quiet-2", 0..45), ("quiet-3", 0..48), ("quiet-1", 0..48)]);
    let report = report(&observation);
    assert_eq!(report.verdict.kind, VerdictKind::NoIncident, "{:?}", report.causes.first());
    assert!(report.course.over_since.is_none() && report.course.earlier.is_empty(), "{:?}", report.course);
}

#[test]
fn pulses_of_one_fault_are_one_incident() {
    let quiet = ("quiet-3", 0..48);
    let fault = ("delay-orders", FAULTY..rows_of("delay-orders"));
    let observation =
        joined(&[quiet.clone(), fault.clone(), quiet.clone(), fault.clone(), quiet.clone(), fault, quiet]);
    let report = report(&observation);
    assert!(report.course.over_since.is_some() && report.course.earlier.is_empty(), "{:?}", report.course);
    assert!(row(&observation.frame, report.windows.incident_start).abs_diff(48) <= 3);
    assert_eq!(report.verdict.service.as_deref(), Some("orders"));
    assert!(report.windows.incident_samples < 50, "the pauses are not judged: {:?}", report.windows);
}

/// A system that starts after the beginning of the data, slow for its first minute and a half: no incident.
#[test]
fn a_fresh_start_is_no_incident() {
    let fault = ("delay-orders", FAULTY..rows_of("delay-orders"));
    let observation = joined(&[fault.clone(), fault, ("quiet-3", 0..48), ("quiet-2", 0..45), ("quiet-3", 0..48)]);
    let frame = &observation.frame;
    let (before, times) = (60, frame.times());
    let shifted = |t: Timestamp| t.plus_ms(before * STEP_MS);
    let all: Vec<Timestamp> =
        (0..before).map(|i| times[0].plus_ms(i * STEP_MS)).chain(times.iter().map(|t| shifted(*t))).collect();
    let raw = frame.series().iter().map(|s| RawSeries {
        service: frame.service(s.service).to_owned(),
        metric: s.metric.name.clone(),
        peer: s.peer.map(|p| frame.service(p).to_owned()),
        points: times
            .iter()
            .zip(s.values.iter())
            .filter(|(_, v)| !v.is_nan())
            .map(|(t, v)| (shifted(*t), *v))
            .collect(),
    });
    let fresh = Observation { frame: assemble(raw.collect(), all).unwrap().0, ..observation.clone() };
    let report = report(&fresh);
    assert_ne!(report.verdict.kind, VerdictKind::Cause, "{:?} {:?}", report.verdict, report.windows);
    assert!(report.notes.iter().any(|n| n.code == "fresh_start"), "{:?}", report.notes);
    assert!(
        report.symptoms.is_empty() && report.course.earlier.is_empty(),
        "{:?} {:?}",
        report.symptoms,
        report.course
    );
}

/// Most of the data is bad: the normal level is known only once the windows are, and the end is still found.
#[test]
fn the_end_of_a_long_incident_is_found() {
    let fault = ("http-abort-catalogue", FAULTY..rows_of("http-abort-catalogue"));
    let long = vec![fault; 7];
    let parts = [&[("quiet-3", 0..45)][..], &long, &[("quiet-2", 0..30)]].concat();
    let bad: usize = parts[1..8].iter().map(|(_, rows)| rows.len()).sum();
    let observation = joined(&parts);
    let report = report(&observation);
    let over_since = report.course.over_since.unwrap_or_else(|| panic!("it goes on: {:?}", report.windows));
    assert!(row(&observation.frame, over_since).abs_diff(45 + bad) <= 3, "{over_since}");
    assert_eq!(report.causes[0].service, "catalogue");
}

/// The alert comes after the end; it refers to the incident before it.
#[test]
fn an_alert_that_comes_after_the_end_means_the_incident_before_it() {
    let (observation, end) = over("partition-carts");
    let late = observation.frame.times()[end + 20];
    let report = report(&Observation {
        hint: WindowHint { incident_start: Some(late), ..WindowHint::default() },
        ..observation
    });
    assert!(report.windows.incident_start < late && report.course.over_since.is_some(), "{:?}", report.windows);
    assert_eq!(report.causes[0].service, "carts");
}
