//! A day of watching in a few minutes: the watcher, its diagnosis and its store are real, the shop and the clock are not. It finds what an hour of
//! real time cannot: memory that grows with every incident, an incident that is missed or joined to another.
//!
//! Left out: Prometheus, its client and the time that passes between two polls. `automap soak` covers them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::ops::Range;
use std::sync::Arc;

use automap_core::frame::{RawSeries, assemble};
use automap_core::incident::{Incident, IncidentState};
use automap_core::observation::Observation;
use automap_core::second_look::SecondLook;
use automap_core::time::Timestamp;
use automap_core::topology::CallGraph;
use automap_core::watch::WatchOptions;
use automap_server::store::sqlite::SqliteStore;
use automap_server::store::{IncidentFilter, IncidentStore};
use automap_server::watcher::{FetchError, Routes, Source, TickInputs, Watcher};

const STEP_MS: i64 = 5000;
const ROWS_PER_H: i64 = 720;
/// Rows that the watcher remembers: 25 minutes.
const HISTORY: i64 = 300;
/// A poll every 20 s.
const POLL_ROWS: usize = 4;
/// A fault begins every half hour, and lasts three minutes.
const EVERY_ROWS: i64 = 360;
const LASTS_ROWS: i64 = 36;
/// The places of the faults, in turn.
const PLACES: [&str; 3] = ["db", "search", "web"];

fn time(row: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + row * STEP_MS)
}

/// The fault of the given number: its rows and its place.
fn fault(n: i64) -> (Range<i64>, &'static str) {
    let begins = ROWS_PER_H + n * EVERY_ROWS;
    (begins..begins + LASTS_ROWS, PLACES[n.rem_euclid(3) as usize])
}

/// `web` calls `db` and `search`, and waits for either.
struct Shop;

impl Shop {
    /// The place of the fault at a row, if there is one.
    fn broken(row: i64) -> Option<&'static str> {
        let n = (row - ROWS_PER_H).div_euclid(EVERY_ROWS);
        let (rows, place) = fault(n);
        (n >= 0 && rows.contains(&row)).then_some(place)
    }
}

impl SecondLook for Shop {}

impl Source for Shop {
    fn poll(&mut self, now: Timestamp) -> Result<Observation, FetchError> {
        let last = (now.ms() - time(0).ms()) / STEP_MS;
        let rows = last - HISTORY..=last;
        let mut raw = Vec::new();
        // `hurt`: how much the value grows while one of the places is broken.
        let mut add = |service: &str, metric: &str, peer: Option<&str>, level: f64, places: &[&str], hurt: f64| {
            let value = |row: i64| {
                let wobble = ((row * 7919 + raw.len() as i64 * 104_729) % 101) as f64 / 101.0;
                let is_hurt = Shop::broken(row).is_some_and(|place| places.contains(&place));
                level * (1.0 + 0.05 * wobble) + if is_hurt { hurt } else { 0.0 }
            };
            let points = rows.clone().map(|row| (time(row), value(row))).collect();
            raw.push(RawSeries { service: service.into(), metric: metric.into(), peer: peer.map(Into::into), points });
        };
        for service in PLACES {
            let waits_for: &[&str] = if service == "web" { &PLACES } else { &[service] };
            add(service, "latency_ms", None, 15.0, waits_for, 200.0);
            add(service, "throughput_rps", None, 20.0, &[], 0.0);
            add(service, "cpu_cores", None, 0.1, &[service], 0.8);
            if service != "web" {
                add("web", "client_latency_ms", Some(service), 18.0, &[service], 200.0);
                add("web", "served_latency_ms", Some(service), 15.0, &[service], 200.0);
                add("web", "client_rps", Some(service), 20.0, &[], 0.0);
            }
        }
        let (frame, notes) = assemble(raw, rows.map(time).collect()).unwrap();
        let calls: CallGraph = [("web", "db"), ("web", "search")].into_iter().collect();
        Ok(Observation { notes, ..Observation::new(frame, calls, "test") })
    }
}

/// All incidents of this many hours, the first opened first. `each_poll` gets the hours watched so far.
fn watch(hours: i64, mut each_poll: impl FnMut(f64)) -> Vec<Incident> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("incidents.db")).unwrap());
    let mut watcher = Watcher::resume("shop", WatchOptions::default(), store.clone(), Routes::none()).unwrap();
    for row in (HISTORY..hours * ROWS_PER_H).step_by(POLL_ROWS) {
        watcher.tick(&mut Shop, &TickInputs::default(), time(row));
        each_poll((row - HISTORY) as f64 / ROWS_PER_H as f64);
    }
    let filter = IncidentFilter { target: Some("shop".into()), ..IncidentFilter::default() };
    let mut all = store.list(&filter).unwrap();
    all.reverse();
    all
}

/// Each fault has an incident of its own, dated within 30 s and closed, with its cause; nothing else has one.
fn check(incidents: &[Incident], hours: i64) {
    let faults: Vec<_> =
        (0..).map(fault).take_while(|(rows, _)| rows.end + ROWS_PER_H / 6 < hours * ROWS_PER_H).collect();
    let seen: Vec<_> = incidents.iter().map(|i| (i.cause.as_ref().map(|c| c.service.as_str()), i.state)).collect();
    let wanted: Vec<_> = faults.iter().map(|(_, place)| (Some(*place), IncidentState::Closed)).collect();
    assert_eq!(seen, wanted);
    for (incident, (rows, place)) in incidents.iter().zip(&faults) {
        let off_ms = incident.onset.ms() - time(rows.start).ms();
        assert!(off_ms.abs() <= 30_000, "{place}: dated {off_ms} ms off");
    }
}

#[test]
fn every_fault_of_four_hours_has_an_incident_of_its_own() {
    check(&watch(4, |_| {}), 4);
}

/// Prints the slope of the memory, and fails if it is above what an hour of watching may add: a leaked report exceeds it.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "some minutes; make watched-day"]
fn memory_is_flat_over_a_day() {
    use automap_core::stats::{mann_kendall, theil_sen};

    const HOURS: i64 = 24;
    /// In MiB an hour.
    const MAX_SLOPE: f64 = 0.05;
    let page_bytes = procfs::page_size();
    let resident_mib = || {
        (procfs::process::Process::myself().unwrap().statm().unwrap().resident * page_bytes) as f64 / f64::from(1 << 20)
    };
    let (mut hours, mut mib) = (Vec::new(), Vec::new());
    let mut polls = 0u32;
    let incidents = watch(HOURS, |watched_h| {
        polls += 1;
        // The first hours fill the intended caches, and the allocator's own reserves.
        if watched_h >= 4.0 && polls.is_multiple_of(9) {
            hours.push(watched_h);
            mib.push(resident_mib());
        }
    });
    check(&incidents, HOURS);
    let (line, kendall) = theil_sen(&hours, &mib).zip(mann_kendall(&mib)).unwrap();
    let (low, high) = line.interval(kendall.variance, 1.96);
    println!(
        "{HOURS} hours, {polls} polls, {} incidents; memory {:.1} MiB after 4 hours, {:.1} MiB at last; slope {:+.3} MiB an hour (95 %: {low:.3} to {high:.3})",
        incidents.len(),
        mib[0],
        mib[mib.len() - 1],
        line.slope
    );
    assert!(line.slope <= MAX_SLOPE, "memory grows");
}
