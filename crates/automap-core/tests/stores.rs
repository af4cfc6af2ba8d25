//! Stores without measured call latency: their exporters report that clients wait or are refused, and their callers wait and fail.

use automap_core::entity::{Entity, EntityKind};
use automap_core::frame::{RawSeries, assemble};
use automap_core::observation::Observation;
use automap_core::report::Report;
use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::{CallGraph, Protocol};
use automap_core::{DiagnoseOptions, diagnose};

/// Samples, one every two seconds; the incident is the second half.
const N: usize = 80;

/// Metric, level before, level during the incident.
type Levels<'a> = &'a [(&'a str, f64, f64)];

/// catalogue waits for catalogue-db, and only the bytes between the two are counted. All levels vary by up to a tenth.
fn report(store: Levels<'_>, caller: Levels<'_>) -> Report {
    let times: Vec<Timestamp> = (0..N).map(|i| Timestamp::from_ms(1_700_000_000_000 + i as i64 * 2000)).collect();
    let of_store = store.iter().map(|levels| ("catalogue-db", levels));
    let all = of_store.chain(caller.iter().map(|levels| ("catalogue", levels)));
    let series = |(k, (service, &(metric, before, after))): (usize, (&str, &(&str, f64, f64)))| {
        let value = |i: usize| {
            let level = if i < N / 2 { before } else { after };
            level * (1.0 + 0.1 * ((i * 7 + k * 13) % 11) as f64 / 11.0)
        };
        let points = times.iter().enumerate().map(|(i, t)| (*t, value(i))).collect();
        RawSeries { service: service.to_owned(), metric: metric.to_owned(), peer: None, points }
    };
    let raw = all.enumerate().map(series).collect();
    let hint = WindowHint { incident_start: Some(times[N / 2]), ..WindowHint::default() };
    let (frame, notes) = assemble(raw, times.clone()).unwrap();
    let mut calls = CallGraph::new();
    calls.add("catalogue", "catalogue-db", Protocol::Tcp);
    let mut observation = Observation { hint, notes, ..Observation::new(frame, calls, "test") };
    observation.entities.describe("catalogue-db", Entity::of(EntityKind::Store));
    diagnose(&observation, &DiagnoseOptions::default()).unwrap()
}

/// All of its requests wait for a second and fail.
const STUCK: Levels<'static> = &[
    ("throughput_rps", 14.0, 2.5),
    ("error_ratio", 0.0, 1.0),
    ("latency_ms", 12.0, 1015.0),
    ("latency_p95_ms", 24.0, 1000.0),
];

#[test]
fn a_store_whose_clients_wait_for_locks_or_are_refused_explains_what_its_callers_show() {
    for (what, moved) in [
        ("waiting for locks", ("lock_waiters", 0.0, 3.0)),
        ("connections exhausted", ("connections_used_ratio", 0.2, 0.97)),
        ("down", ("store_down", 0.0, 1.0)),
    ] {
        let found = report(&[("throughput_rps", 32.0, 9.4), moved], STUCK);
        assert_eq!(found.verdict.service.as_deref(), Some("catalogue-db"), "{what}: {:#?}", found.causes);
        assert_eq!(found.verdict.mechanism.as_deref(), Some(what));
        let doubt = "it may wait for catalogue-db, whose latency is not measured";
        assert!(found.causes[1].counter_evidence.iter().any(|c| c.text == doubt), "{:#?}", found.causes[1]);
    }
}

#[test]
fn a_calm_store_explains_nothing_and_a_busy_caller_may_be_why_sessions_stay_open() {
    let calm = [("throughput_rps", 32.0, 9.4), ("lock_waiters", 0.0, 0.0), ("connections_used_ratio", 0.2, 0.2)];
    let found = report(&calm, STUCK);
    assert_ne!(found.verdict.service.as_deref(), Some("catalogue-db"), "{:#?}", found.causes);
    let busy = [STUCK, &[("cpu_cores", 0.2, 2.0), ("cpu_throttled_ratio", 0.0, 0.9)]].concat();
    let found = report(&[("throughput_rps", 32.0, 9.4), ("lock_waiters", 0.0, 3.0)], &busy);
    assert_ne!(found.verdict.service.as_deref(), Some("catalogue-db"), "{:#?}", found.causes);
}
