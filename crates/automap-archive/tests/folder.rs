//! An archive on disk: entries that were added are read back, only the parts that a query needs, and damage is reported by file.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use automap_archive::{Added, Archive, ArchiveError, Filter};
use automap_core::frame::{RawSeries, assemble};
use automap_core::incident::{Incident, IncidentState, NamedCause};
use automap_core::observation::Observation;
use automap_core::report::Report;
use automap_core::time::Timestamp;
use automap_core::topology::{CallGraph, Protocol};
use automap_core::{DiagnoseOptions, diagnose};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// Front-end calls carts, whose latency and CPU rise.
fn a_report() -> Report {
    let times: Vec<Timestamp> = (0..120).map(|i| at("2026-11-30T12:00:00Z").plus_ms(i * 5_000)).collect();
    let series = |service: &str, metric: &str, level: f64, times_more: f64| RawSeries {
        service: service.to_owned(),
        metric: metric.to_owned(),
        peer: None,
        points: (times.iter().enumerate())
            .map(|(i, time)| {
                (*time, level * (1.0 + 0.02 * ((i * 7 % 5) as f64)) * if i < 80 { 1.0 } else { times_more })
            })
            .collect(),
    };
    let raw = vec![
        series("front-end", "latency_ms", 40.0, 4.0),
        series("front-end", "cpu_cores", 0.2, 1.0),
        series("carts", "latency_ms", 20.0, 8.0),
        series("carts", "cpu_cores", 0.1, 9.0),
    ];
    let mut calls = CallGraph::new();
    calls.add("front-end", "carts", Protocol::Request);
    let observation = Observation::new(assemble(raw, times).unwrap().0, calls, "a test");
    diagnose(&observation, &DiagnoseOptions::default()).unwrap()
}

fn an_incident(id: &str, target: &str, opened: &str) -> Incident {
    let cause =
        NamedCause { service: "carts".to_owned(), mechanism: Some("cpu".to_owned()), confidence: 0.93, change: None };
    Incident {
        revision: 3,
        cause: Some(cause),
        victims: vec!["front-end".to_owned()],
        report: Some(a_report()),
        ..Incident::new(id, target, at(opened).plus_ms(-60_000), at(opened))
    }
}

fn ids(archive: &Archive, filter: &Filter) -> Vec<String> {
    archive.incidents(filter).unwrap().into_iter().map(|row| row.id).collect()
}

#[test]
fn what_is_added_is_read_again_and_later_revisions_take_the_place_of_earlier_ones() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Archive::open(dir.path()), Err(ArchiveError::Absent(_))));
    let archive = Archive::create(dir.path()).unwrap();
    let first = an_incident("shop-1", "shop", "2026-11-30T12:10:00Z");
    let all = vec![first.clone(), an_incident("shop-2", "shop", "2026-12-01T00:00:00Z")];
    assert_eq!(archive.add(all.clone()).unwrap(), Added { new: 2, ..Added::default() });
    assert_eq!(archive.add(all).unwrap(), Added { known: 2, ..Added::default() });

    let row = &archive.incidents(&Filter::default()).unwrap()[0];
    assert_eq!(
        (row.id.as_str(), row.target.as_str(), row.opened, row.onset),
        ("shop-1", "shop", first.opened, first.onset)
    );
    assert_eq!((row.known_cause(), row.mechanism.as_deref(), row.confidence), (Some("carts"), Some("cpu"), Some(0.93)));
    assert_eq!((&row.victims, row.closed, row.users_feel_it), (&first.victims, None, Some(true)));
    // JSON preserves all but the last bit of a number.
    let kept = serde_json::from_str::<Incident>(&serde_json::to_string(&first).unwrap()).unwrap();
    assert_eq!(archive.record("shop-1").unwrap(), Some(kept));
    assert_eq!(archive.record("shop-9").unwrap(), None);

    let closed = Incident {
        revision: 4,
        state: IncidentState::Closed,
        closed: Some(at("2026-11-30T12:30:00Z")),
        confirmed: Some("carts-db".to_owned()),
        ..first
    };
    assert_eq!(archive.add(vec![closed]).unwrap(), Added { later: 1, ..Added::default() });
    let row = &archive.incidents(&Filter::default()).unwrap()[0];
    assert_eq!((row.state.as_str(), row.known_cause()), ("closed", Some("carts-db")));
}

/// Why each incident that was not added was left out.
fn left_out(archive: &Archive, incidents: Vec<Incident>) -> Vec<(String, &'static str)> {
    archive.add(incidents).unwrap().left_out.into_iter().map(|one| (one.id, one.reason)).collect()
}

#[test]
fn no_incident_takes_the_record_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::create(dir.path()).unwrap();
    let confirmed = Incident {
        state: IncidentState::Closed,
        closed: Some(at("2026-11-10T10:30:00Z")),
        confirmed: Some("payment".to_owned()),
        report: None,
        ..an_incident("shop-1", "shop", "2026-11-10T10:00:00Z")
    };
    archive.add(vec![confirmed.clone()]).unwrap();
    let later = Incident { revision: 9, ..confirmed.clone() };
    let opened =
        |target: &str, opened: &str| Incident { target: target.to_owned(), opened: at(opened), ..later.clone() };
    let other = "another incident is kept under this id";
    for (incident, reason) in [
        (opened("shop", "2026-11-11T12:00:00Z"), other),
        (opened("shop", "2026-10-11T12:00:00Z"), other),
        (opened("bank", "2026-11-10T10:00:00Z"), other),
        (Incident { confirmed: None, ..later.clone() }, "its confirmed cause would be lost"),
        (Incident { cause: None, ..later.clone() }, "it is closed, and only its confirmed cause can change"),
        (opened("shop", "-000001-06-01T00:00:00Z"), "it was opened before the year 0 or after 9999"),
    ] {
        assert_eq!(left_out(&archive, vec![incident.clone()]), [("shop-1".to_owned(), reason)], "{incident:?}");
    }
    // Two parts in one call: the first one has the id.
    let twice = ["2026-10-05T00:00:00Z", "2026-11-05T00:00:00Z"].map(|opened| an_incident("shop-2", "shop", opened));
    assert_eq!(left_out(&archive, twice.to_vec()), [("shop-2".to_owned(), other)]);

    let rows = archive.incidents(&Filter::default()).unwrap();
    let kept: Vec<(&str, Option<&str>)> = rows.iter().map(|row| (row.id.as_str(), row.confirmed.as_deref())).collect();
    assert_eq!(kept, [("shop-2", None), ("shop-1", Some("payment"))]);
    let corrected = Incident { confirmed: Some("orders".to_owned()), ..later };
    assert_eq!(archive.add(vec![corrected]).unwrap(), Added { later: 1, ..Added::default() });
    let absurd = an_incident("shop-3", "shop", "-000001-06-01T00:00:00Z");
    assert!(matches!(archive.add_capture(&absurd, b"PAR1"), Err(ArchiveError::NoMonth { .. })));
}

/// The archive has read its record from JSON once more than the store that it comes from.
#[test]
fn a_confirmation_of_an_archived_incident_with_its_report_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::create(dir.path()).unwrap();
    let closed = Incident {
        state: IncidentState::Closed,
        closed: Some(at("2026-11-30T12:30:00Z")),
        ..an_incident("shop-1", "shop", "2026-11-30T12:10:00Z")
    };
    archive.add(vec![closed.clone()]).unwrap();
    let confirmed = Incident { revision: 4, confirmed: Some("carts-db".to_owned()), ..closed };
    assert_eq!(archive.add(vec![confirmed]).unwrap(), Added { later: 1, ..Added::default() });
}

#[test]
fn a_question_reads_the_parts_that_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::create(dir.path()).unwrap();
    let all = [
        ("a", "shop", "2026-10-05T00:00:00Z"),
        ("b", "shop", "2026-11-30T12:10:00Z"),
        ("c", "shop/eu", "2026-11-30T13:00:00Z"),
    ];
    archive.add(all.map(|(id, target, opened)| an_incident(id, target, opened)).to_vec()).unwrap();
    let october = dir.path().join("incidents/target=shop/month=2026-10/incidents.parquet");
    let whole = fs::read(&october).unwrap();
    fs::write(&october, &whole[..whole.len() / 2]).unwrap();

    let since = Filter { since: Some(at("2026-11-01T00:00:00Z")), ..Filter::default() };
    assert_eq!(ids(&archive, &since), ["b", "c"]);
    assert_eq!(ids(&archive, &Filter { until: Some(at("2026-11-30T13:00:00Z")), ..since.clone() }), ["b"]);
    assert_eq!(ids(&archive, &Filter { target: Some("shop/eu".to_owned()), ..Filter::default() }), ["c"]);
    assert_eq!(ids(&archive, &Filter { cause: Some("user".to_owned()), ..since.clone() }), [""; 0]);
    let error = archive.incidents(&Filter::default()).unwrap_err().to_string();
    assert!(error.contains("month=2026-10") && error.contains("put it back from a copy"), "{error}");
    assert!(
        archive.add(vec![an_incident("d", "shop", "2026-10-06T00:00:00Z")]).is_err(),
        "what is damaged is not written over"
    );

    let changes = archive.evidence(&since).unwrap();
    let carts = changes.iter().find(|c| c.id == "b" && c.service == "carts").unwrap();
    assert!(carts.rank == Some(1) && carts.strength > 0.5 && carts.to > carts.from, "{carts:?}");
    assert!(changes.iter().all(|c| c.id != "a"));
}

#[test]
fn a_capture_stands_beside_its_incident_and_foreign_files_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::create(dir.path()).unwrap();
    let incident = an_incident("shop-1", "shop", "2026-11-30T12:10:00Z");
    let file = archive.add_capture(&incident, b"PAR1").unwrap();
    assert_eq!(file.strip_prefix(dir.path()).unwrap(), Path::new("captures/target=shop/month=2026-11/shop-1.parquet"));
    let above = Incident { id: "../../x".to_owned(), ..incident.clone() };
    assert_eq!(archive.add_capture(&above, b"PAR1").unwrap().parent(), file.parent());
    archive.add(vec![incident]).unwrap();
    fs::create_dir_all(dir.path().join("incidents/target=shop/backup")).unwrap();
    fs::write(dir.path().join("incidents/README"), "ours").unwrap();
    assert_eq!(ids(&archive, &Filter::default()), ["shop-1"]);
}

#[test]
fn a_table_with_other_columns_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::create(dir.path()).unwrap();
    let incident = an_incident("shop-1", "shop", "2026-11-30T12:10:00Z");
    archive.add(vec![incident]).unwrap();
    let part = Path::new("target=shop/month=2026-11");
    let evidence = fs::read(dir.path().join("evidence").join(part).join("evidence.parquet")).unwrap();
    fs::write(dir.path().join("incidents").join(part).join("incidents.parquet"), evidence).unwrap();
    let error = archive.incidents(&Filter::default()).unwrap_err().to_string();
    assert!(error.contains("it has no column"), "{error}");
}
