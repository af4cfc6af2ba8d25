//! The same hours of earlier days, read from a real Prometheus: a rise that comes every day, under other pod names, and a server that holds one day
//! less.

use std::fmt::Write as _;

use automap_core::observation::Observation;
use automap_core::report::{TimeOfDayFinding, VerdictKind};
use automap_core::second_look::{SecondLookOptions, look_again};
use automap_core::time::Timestamp;
use automap_core::{DiagnoseOptions, diagnose};
use automap_sources::capture;
use automap_sources::prometheus::{Again, Client, ClientOptions, ObserveOptions, Tail, observe_incrementally};

use crate::prometheus::Prometheus;

/// Start of today's data, in Unix seconds; when the rise begins, and the end.
const START_S: i64 = 1_794_996_000;
const RISE_S: i64 = 1200;
const END_S: i64 = 2400;
const SCRAPE_S: i64 = 15;
const DAY_S: i64 = 86_400;
/// Requests for one earlier day with Istio alone: whether it has any data, the owners of pods, and the signals.
const PER_DAY: u64 = 9;

/// The shop on these days, by pods or summed over them: front-end calls carts, both get twice as many requests from [`RISE_S`] on and take twice as
/// long.
fn shop(days: &[i64], has_pods: bool) -> String {
    let mut lines = Vec::new();
    let mut counter = |series: String, day: i64, (before, during): (f64, f64)| {
        let start = START_S - day * DAY_S;
        for t in (0..=END_S + 300).step_by(SCRAPE_S as usize) {
            let wobble = 1.0 + (t * 7919 % 101) as f64 / 1e5;
            let grown = before * t.min(RISE_S) as f64 + during * (t - RISE_S).max(0) as f64;
            if day > 0 || t <= END_S {
                let mut line = String::new();
                write!(line, "{series} {} {}", grown * wobble, start + t).unwrap();
                lines.push(line);
            }
        }
    };
    for day in days {
        for (from, to, ms) in [("unknown", "front-end", 40.0), ("front-end", "carts", 25.0)] {
            for reporter in ["source", "destination"] {
                let of = if reporter == "source" { from } else { to };
                let pod = if has_pods { format!(r#"pod="{of}-{day}-zzzzz","#) } else { String::new() };
                let labels = format!(
                    r#"reporter="{reporter}",job="mesh",{pod}source_workload="{from}",source_workload_namespace="shop",destination_workload="{to}",destination_workload_namespace="shop",destination_service_name="{to}",response_code="200",response_flags="-""#
                );
                if from == "unknown" && reporter == "source" {
                    continue;
                }
                counter(format!("istio_requests_total{{{labels}}}"), *day, (20.0, 40.0));
                counter(format!("istio_request_duration_milliseconds_count{{{labels}}}"), *day, (20.0, 40.0));
                let sum = (20.0 * ms, 40.0 * 2.0 * ms);
                counter(format!("istio_request_duration_milliseconds_sum{{{labels}}}"), *day, sum);
            }
        }
    }
    // Grouped by metric, as the format requires.
    lines.sort_by_key(|line| line.split('{').next().map(ToOwned::to_owned));
    format!("{}\n# EOF\n", lines.join("\n"))
}

/// Observes today, and again with the days that this makes relevant. Returns the requests of the second observation.
fn looked(server: &Prometheus) -> (Observation, u64) {
    let at = |s: i64| Timestamp::from_ms((START_S + s) * 1000);
    let client = Client::new(ClientOptions::new(server.url())).unwrap();
    let options = ObserveOptions {
        scrape_interval_ms: Some(15_000),
        changes: false,
        ..ObserveOptions::new("shop", at(120), at(END_S), at(END_S))
    };
    let mut tail = Tail::default();
    let mut seen = observe_incrementally(&mut tail, &client, &options, &|_| {}).unwrap().observation;
    let first = diagnose(&seen, &DiagnoseOptions::default()).unwrap();
    assert!(!first.verdict.kind.is_quiet(), "{}", first.verdict.summary);
    let mut again = Again::new(&tail, &client, "shop");
    let may_ask = SecondLookOptions { breakdown: false, ..SecondLookOptions::default() };
    look_again(&mut seen, &DiagnoseOptions::default(), may_ask, &mut again).unwrap();
    (seen, again.stats().requests)
}

#[test]
fn a_rise_that_comes_every_day_is_usual_and_a_capture_says_the_same() {
    let Some(server) = Prometheus::backfilled("days", &shop(&[0, 1, 7], true)) else { return };
    let (seen, requests) = looked(&server);
    let report = diagnose(&seen, &DiagnoseOptions::default()).unwrap();
    assert_eq!(report.verdict.kind, VerdictKind::NoIncident, "{:#?}", report.time_of_day);
    assert_eq!(report.time_of_day.as_ref().map(|t| t.finding), Some(TimeOfDayFinding::Usual));
    assert_eq!(requests, 2 * PER_DAY);
    let read = capture::from_bytes(&capture::to_bytes(&seen).unwrap()).unwrap();
    let again = diagnose(&read, &DiagnoseOptions::default()).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&report).unwrap());
}

#[test]
fn a_day_that_the_server_does_not_hold_is_told_and_costs_one_request() {
    let Some(server) = Prometheus::backfilled("one-day", &shop(&[0, 1], true)) else { return };
    let (seen, requests) = looked(&server);
    let report = diagnose(&seen, &DiagnoseOptions::default()).unwrap();
    assert!(!report.verdict.kind.is_quiet());
    let told = report.time_of_day.unwrap();
    assert_eq!(told.finding, TimeOfDayFinding::TooFewDays);
    assert!(told.summary.contains("a week ago: the server holds nothing of "), "{}", told.summary);
    assert_eq!(requests, PER_DAY + 1);
}

/// The series recorded by deploy/prometheus/history.rules.yaml.
#[test]
fn sums_over_pods_are_compared_as_well() {
    let Some(server) = Prometheus::backfilled("sums", &shop(&[0, 1, 7], false)) else { return };
    let (seen, _) = looked(&server);
    let report = diagnose(&seen, &DiagnoseOptions::default()).unwrap();
    assert_eq!(report.time_of_day.map(|t| t.finding), Some(TimeOfDayFinding::Usual));
}
