//! What a diagnosis costs: time to read and diagnose a recorded incident of the shop, time at scale, and what is asked of
//! Prometheus for it (a pretended server that answers at once, so that requests and bytes are ours and not its). `make bench`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may panic")]

mod process;
#[path = "../../automap-sources/tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests of its own crate use more of it")]
mod support;

use std::time::{Duration, Instant};

use automap_core::attribution::attribute;
use automap_core::frame::{AlignedSeries, from_columns};
use automap_core::observation::Observation;
use automap_core::rank::hosts::Hosts;
use automap_core::rank::suspects::find;
use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::{CallGraph, Protocol};
use automap_core::{Analysis, DiagnoseOptions, analyse, diagnose};
use automap_sources::capture;
use automap_sources::prometheus::{ObserveOptions, observe};
use process::peak_memory;
use support::shop::Shop;
use support::{NOW, Server};

const CAPTURE: &[u8] = include_bytes!("../assets/demo.parquet");
const ROUNDS: usize = 51;
/// Seven kinds of signal that an engine can use, and more of them.
const SIGNALS: [&str; 12] = [
    "latency_ms",
    "error_ratio",
    "throughput_rps",
    "cpu_cores",
    "memory_bytes",
    "disk_write_bytes_per_s",
    "network_in_bytes_per_s",
    "latency_p95_ms",
    "cpu_throttled_ratio",
    "disk_read_bytes_per_s",
    "network_out_bytes_per_s",
    "restarts",
];

/// What is measured of each call.
const CALL_SIGNALS: [&str; 3] = ["client_rps", "client_latency_ms", "served_latency_ms"];

fn main() {
    let shop = capture::from_bytes(CAPTURE).unwrap();
    let size = |o: &Observation| {
        format!(
            "{} services, {} series, {} instants",
            o.frame.services().len(),
            o.frame.series().len(),
            o.frame.times().len()
        )
    };
    say("recorded incident", &size(&shop));
    time("  read the capture", ROUNDS, || drop(capture::from_bytes(CAPTURE).unwrap()));
    time("  diagnose", ROUNDS, || drop(diagnose(&shop, &DiagnoseOptions::default()).unwrap()));
    time("  of it, attribution", ROUNDS, attribution(&shop));

    for (services, signals, rounds) in [(300, 12, 9), (1_000, 12, 5), (10_000, 7, 3)] {
        let mut large = synthetic(services, &SIGNALS[..signals], 480);
        say("synthetic incident", &size(&large));
        time("  diagnose", rounds, || drop(diagnose(&large, &DiagnoseOptions::default()).unwrap()));
        time("  of it, attribution", rounds, attribution(&large));
        large.hint.incident_start = None;
        time("  onset to be found", rounds, || drop(diagnose(&large, &DiagnoseOptions::default()).unwrap()));
        say("  peak memory so far", &peak_memory());
    }

    for services in [14, 300] {
        let pretended = Shop::of(services);
        let server = Server::start(move |request| pretended.answer(request));
        let options = ObserveOptions::new("shop", NOW.plus_ms(-3_600_000), NOW, NOW);
        let fetched = observe(&server.client(), &options, &|_| {}).unwrap();
        let (requests, kib) = (fetched.stats.requests, fetched.stats.bytes / 1024);
        say("an hour from Prometheus", &format!("{services} services: {requests} requests, {kib} KiB"));
    }
}

/// Dividing what users feel and finding its suspects, of a diagnosis that was made.
fn attribution(observation: &Observation) -> impl Fn() {
    let analysis = analyse(observation, &DiagnoseOptions::default()).unwrap();
    let calls = observation.calls.clone();
    move || {
        let Analysis { frame, windows, anomalies, ranking, .. } = &analysis;
        let impacts = attribute(frame, &windows.rows, &calls, anomalies);
        assert!(!impacts.is_empty(), "users feel it");
        drop(find(frame, &calls, &Hosts::default(), &impacts, ranking));
    }
}

/// A tree of services, each of which calls three, measured at both ends; the last one is busy from three quarters of the time on, and slow with all that
/// wait for it.
///
/// In columns, as a capture is read: points with their times would take twice the memory of the frame, which would be counted as that of the diagnosis.
fn synthetic(services: usize, signals: &[&str], instants: usize) -> Observation {
    let times: Vec<Timestamp> = (0..instants as i64).map(|i| Timestamp::from_ms(i * 15_000)).collect();
    let wobble = |a: usize, b: usize| ((a * 7919 + b * 104_729) % 1009) as f64 / 1009.0;
    let is_bad = |i: usize| i >= instants * 3 / 4;
    let caller = |s: usize| s.checked_sub(1).map(|s| s / 3);
    let waiting: Vec<usize> = std::iter::successors(Some(services - 1), |s| caller(*s)).collect();
    let added_ms = |s: usize, i: usize| if is_bad(i) && waiting.contains(&s) { 40.0 } else { 0.0 };
    let mut raw = Vec::new();
    for s in 0..services {
        for (m, metric) in signals.iter().enumerate() {
            let value = |i: usize| {
                let fault = if s + 1 == services && is_bad(i) { 5.0 } else { 1.0 };
                10.0 * fault * (1.0 + 0.2 * wobble(s * 12 + m, i)) + if m == 0 { added_ms(s, i) } else { 0.0 }
            };
            let values = (0..instants).map(value).collect();
            raw.push(AlignedSeries { service: format!("s{s:05}"), metric: (*metric).into(), peer: None, values });
        }
        for (m, metric) in CALL_SIGNALS.iter().enumerate() {
            let Some(from) = caller(s) else { continue };
            let value = |i: usize| match m {
                0 => 10.0 * (1.0 + 0.2 * wobble(s * 12, i)),
                _ => 10.0 + wobble(s * 12 + m, i) + added_ms(s, i),
            };
            let values = (0..instants).map(value).collect();
            let peer = Some(format!("s{s:05}"));
            raw.push(AlignedSeries { service: format!("s{from:05}"), metric: (*metric).into(), peer, values });
        }
    }
    let mut calls = CallGraph::new();
    (1..services).for_each(|s| calls.add(&format!("s{:05}", (s - 1) / 3), &format!("s{s:05}"), Protocol::Request));
    let hint = WindowHint { incident_start: Some(times[instants * 3 / 4]), ..WindowHint::default() };
    let (frame, notes) = from_columns(raw, times).unwrap();
    Observation { hint, notes, ..Observation::new(frame, calls, "synthetic") }
}

/// The median of several rounds.
fn time(what: &str, rounds: usize, work: impl Fn()) {
    let mut taken: Vec<Duration> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    taken.sort();
    say(what, &format!("{:.1} ms (median of {rounds})", taken[rounds / 2].as_secs_f64() * 1e3));
}

fn say(what: &str, value: &str) {
    println!("{what:<24} {value}");
}
