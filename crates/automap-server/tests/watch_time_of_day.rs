//! A target with rising traffic every morning: no incident, unless something else is wrong, or the previous mornings were not kept.

use std::sync::Arc;

use automap_core::frame::{MetricFrame, RawSeries, assemble};
use automap_core::incident::{Incident, IncidentState};
use automap_core::observation::Observation;
use automap_core::report::TimeOfDayFinding;
use automap_core::second_look::SecondLook;
use automap_core::time::{Interval, Timestamp};
use automap_core::time_of_day::{CompareWith, DAY_MS, EarlierDay, WantedDay};
use automap_core::topology::CallGraph;
use automap_core::watch::WatchOptions;
use automap_server::store::memory::MemoryStore;
use automap_server::store::{IncidentFilter, IncidentStore};
use automap_server::watcher::{FetchError, Routes, Source, TickInputs, Watcher};

const STEP_MS: i64 = 15_000;
const MINUTE_MS: i64 = 60_000;
/// Midnight of today.
const TODAY: i64 = 20_000 * DAY_MS;
/// When the morning begins, in minutes, how long the traffic takes to rise, and when the fault is active.
const MORNING: i64 = 8 * 60;
const RISE: i64 = 4;
const FAULT: std::ops::Range<i64> = MORNING + 30..MORNING + 45;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(TODAY + minute * MINUTE_MS)
}

/// `front-end` calls `catalogue`, which calls `catalogue-db`.
struct Shop {
    has_fault: bool,
    /// Whether a quarter of the users fails every morning.
    fails: bool,
    /// How many days the server keeps.
    retention: u32,
    asked: Vec<u32>,
}

impl Shop {
    fn new(has_fault: bool, retention: u32) -> Self {
        Self { has_fault, fails: false, retention, asked: Vec::new() }
    }

    fn frame(&self, window: Interval) -> MetricFrame {
        let first = window.start.ms().div_euclid(STEP_MS);
        let times: Vec<Timestamp> =
            (first..window.end.ms() / STEP_MS).map(|i| Timestamp::from_ms(i * STEP_MS)).collect();
        let mut raw = Vec::new();
        let mut add = |service: &str, metric: &str, peer: Option<&str>, level: f64, swing: f64, fault: f64| {
            let n = raw.len() as i64;
            let value = |t: &Timestamp| {
                let minute = t.ms().rem_euclid(DAY_MS) as f64 / MINUTE_MS as f64;
                let risen = ((minute - MORNING as f64) / RISE as f64).clamp(0.0, 1.0);
                let wobble = ((t.ms() / STEP_MS * 7919 + n * 104_729) % 101) as f64 / 101.0;
                let is_faulty = self.has_fault && (at(FAULT.start)..at(FAULT.end)).contains(t);
                level * (1.0 + swing * risen) * (1.0 + 0.05 * wobble) + if is_faulty { fault } else { 0.0 }
            };
            let points = times.iter().map(|t| (*t, value(t))).collect();
            raw.push(RawSeries { service: service.into(), metric: metric.into(), peer: peer.map(Into::into), points });
        };
        for (service, latency, fault) in
            [("front-end", 60.0, 400.0), ("catalogue", 40.0, 400.0), ("catalogue-db", 20.0, 400.0)]
        {
            add(service, "throughput_rps", None, 200.0, 1.0, 0.0);
            add(service, "latency_ms", None, latency, 1.5, fault);
            add(service, "cpu_cores", None, 0.5, 1.0, if service == "catalogue-db" { 1.5 } else { 0.0 });
        }
        if self.fails {
            add("front-end", "error_ratio", None, 0.001, 229.0, 0.0);
        }
        for (caller, callee, latency) in [("front-end", "catalogue", 42.0), ("catalogue", "catalogue-db", 22.0)] {
            add(caller, "client_latency_ms", Some(callee), latency, 1.5, 400.0);
            add(caller, "served_latency_ms", Some(callee), latency - 2.0, 1.5, 400.0);
            add(caller, "client_rps", Some(callee), 200.0, 1.0, 0.0);
        }
        assemble(raw, times).unwrap().0
    }
}

impl Source for Shop {
    fn poll(&mut self, now: Timestamp) -> Result<Observation, FetchError> {
        let frame = self.frame(Interval::new(now.plus_ms(-60 * MINUTE_MS), now).unwrap());
        let calls: CallGraph = [("front-end", "catalogue"), ("catalogue", "catalogue-db")].into_iter().collect();
        Ok(Observation::new(frame, calls, "test"))
    }
}

impl SecondLook for Shop {
    fn earlier_day(&mut self, wanted: &WantedDay) -> EarlierDay {
        self.asked.push(wanted.days_back);
        match wanted.days_back <= self.retention {
            true => EarlierDay::observed(wanted.days_back, self.frame(wanted.interval())),
            false => EarlierDay::not_observed(wanted.days_back, "the server holds nothing of it"),
        }
    }
}

/// Watches from an hour and a half before the morning to an hour and a half after, every half minute.
fn watched(shop: &mut Shop, compare_with: CompareWith) -> Vec<Incident> {
    let store = Arc::new(MemoryStore::default());
    let options = WatchOptions { compare_with, ..WatchOptions::default() };
    let mut watcher = Watcher::resume("shop", options, store.clone(), Routes::none()).unwrap();
    for half_minutes in 2 * (MORNING - 90)..2 * (MORNING + 90) {
        watcher.tick(shop, &TickInputs::default(), Timestamp::from_ms(TODAY + half_minutes * MINUTE_MS / 2));
    }
    let all = store.list(&IncidentFilter::default()).unwrap();
    all.iter().map(|i| store.get(&i.id).unwrap().unwrap()).collect()
}

#[test]
fn a_morning_as_every_morning_opens_no_incident_and_is_asked_for_once_an_hour() {
    let mut shop = Shop::new(false, 30);
    assert!(!watched(&mut shop, CompareWith::None).is_empty(), "the time before is no fair baseline");
    assert!(shop.asked.is_empty());
    assert_eq!(watched(&mut shop, CompareWith::Auto), []);
    assert_eq!(shop.asked, [1, 7]);
}

#[test]
fn users_who_fail_every_morning_are_told() {
    let mut shop = Shop { fails: true, ..Shop::new(false, 30) };
    let all = watched(&mut shop, CompareWith::Auto);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert!(all[0].opened >= at(MORNING) && all[0].opened < at(MORNING + 10), "{}", all[0].opened);
    let told = all[0].report.as_ref().and_then(|report| report.time_of_day.as_ref()).unwrap();
    assert!(told.summary.contains("front-end errors"), "{}", told.summary);
    assert!(told.summary.ends_with("the verdict stands, since users are failed"), "{}", told.summary);
}

#[test]
fn a_fault_in_the_morning_opens_its_incident_with_its_cause_and_ends_with_it() {
    let mut shop = Shop::new(true, 30);
    let all = watched(&mut shop, CompareWith::Auto);
    assert_eq!(all.len(), 1, "{all:#?}");
    let incident = &all[0];
    assert!(incident.opened >= at(FAULT.start) && incident.opened < at(FAULT.start + 3), "{}", incident.opened);
    assert_eq!(incident.cause.as_ref().map(|c| c.service.as_str()), Some("catalogue-db"));
    assert_eq!(incident.state, IncidentState::Closed);
    assert!(incident.closed.unwrap() < at(FAULT.end + 8), "{:?}", incident.closed);
}

#[test]
fn where_nobody_kept_the_mornings_before_the_incident_says_so() {
    let mut shop = Shop::new(false, 1);
    let all = watched(&mut shop, CompareWith::Auto);
    assert!(!all.is_empty());
    let told = all.iter().find_map(|i| i.report.as_ref()?.time_of_day.as_ref()).unwrap();
    assert_eq!(told.finding, TimeOfDayFinding::TooFewDays);
    assert!(told.summary.contains("(a week ago: the server holds nothing of it)"), "{}", told.summary);
}
