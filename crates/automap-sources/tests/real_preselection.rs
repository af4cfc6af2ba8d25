//! A real Prometheus selects the services to be observed among many: those with changed requests, their callees, their callers, and the busiest.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use automap_core::observation::{Observation, QueryState};
use automap_core::time::{Timestamp, WindowHint};
use automap_sources::prometheus::{ObserveOptions, PRESELECT_EVERY_MS, Tail, observe, observe_incrementally};

use crate::presets_world::{LENGTH_S, Real, START_S, Series};

/// The onset of the fault.
const ONSET_S: i64 = LENGTH_S * 2 / 3;
/// `s0` to `s199`, each called by `gate`; the first twenty are busy.
const SERVICES: usize = 200;
const SCRAPE_S: i64 = 15;

/// The state of a service or a call after the onset; before, all answer 5 requests a second in 20 ms.
#[derive(Clone, Copy)]
struct Since {
    latency_ms: f64,
    failing: f64,
    is_silent: bool,
}

const CALM: Since = Since { latency_ms: 20.0, failing: 0.0, is_silent: false };

/// `s50` is slow, and so is its caller `s49`; `s120` fails; `s130` is gone.
fn since(service: usize) -> Since {
    match service {
        49 | 50 => Since { latency_ms: 200.0, ..CALM },
        120 => Since { failing: 0.3, ..CALM },
        130 => Since { is_silent: true, ..CALM },
        _ => CALM,
    }
}

/// A counter at each scrape: its growth per second before, and since; it ends with the onset if its service is gone.
fn counter(text: &mut String, series: &str, (before, since): (f64, f64), is_silent: bool) {
    for t in (0..=LENGTH_S).step_by(SCRAPE_S as usize).filter(|t| !is_silent || *t < ONSET_S) {
        let (calm, wrong) = (t.min(ONSET_S) as f64, (t - ONSET_S).max(0) as f64);
        writeln!(text, "{series} {} {}", 1000.0 + before * calm + since * wrong, START_S + t).unwrap();
    }
}

/// Requests from one workload to another, as both ends count them.
fn call(text: &mut String, namespace: &str, (from, to): (&str, &str), rps: f64, since: Since) {
    for reporter in ["source", "destination"] {
        let labels = format!(
            r#"reporter="{reporter}",job="mesh",pod="{to}-0",source_workload="{from}",source_workload_namespace="{namespace}",destination_workload="{to}",destination_workload_namespace="{namespace}",destination_service_name="{to}""#
        );
        let silent = since.is_silent;
        let answered = (rps, rps * (1.0 - since.failing));
        counter(text, &format!(r#"istio_requests_total{{{labels},response_code="200"}}"#), answered, silent);
        if since.failing > 0.0 {
            let failed = (0.0, rps * since.failing);
            counter(text, &format!(r#"istio_requests_total{{{labels},response_code="503"}}"#), failed, silent);
        }
        let name = "istio_request_duration_milliseconds";
        counter(text, &format!("{name}_sum{{{labels}}}"), (rps * 20.0, rps * since.latency_ms), silent);
        counter(text, &format!("{name}_count{{{labels}}}"), (rps, rps), silent);
    }
}

fn connection(text: &mut String, namespace: &str, from: &str, to: &str) {
    let labels = format!(
        r#"reporter="source",job="mesh",pod="{from}-0",source_workload="{from}",source_workload_namespace="{namespace}",destination_workload="{to}",destination_workload_namespace="{namespace}",destination_service_name="{to}",response_flags="-""#
    );
    counter(text, &format!("istio_tcp_connections_opened_total{{{labels}}}"), (1.0, 1.0), false);
    counter(text, &format!("istio_tcp_sent_bytes_total{{{labels}}}"), (900.0, 900.0), false);
}

fn cpu(text: &mut String, namespace: &str, workload: &str) {
    let labels =
        format!(r#"namespace="{namespace}",pod="{workload}-0",container="main",job="kubelet",id="/{workload}""#);
    counter(text, &format!("container_cpu_usage_seconds_total{{{labels}}}"), (0.1, 0.1), false);
}

/// The sums of a service that recording rules keep.
fn recorded(text: &mut String, namespace: &str, to: &str, rps: f64, since: Since) {
    let labels = format!(r#"{{destination_workload="{to}",destination_workload_namespace="{namespace}"}}"#);
    for t in (0..=LENGTH_S).step_by(SCRAPE_S as usize).filter(|t| !since.is_silent || *t < ONSET_S) {
        let is_wrong = t >= ONSET_S;
        let latency_ms = if is_wrong { since.latency_ms } else { CALM.latency_ms };
        let mut sum = |name: &str, value: f64| {
            writeln!(text, "automap:workload_{name}:rate1m{labels} {value} {}", START_S + t).unwrap();
        };
        sum("requests", rps);
        sum("request_milliseconds", rps * latency_ms);
        sum("failed_requests", if is_wrong { rps * since.failing } else { 0.0 });
    }
}

/// Whether the sums exist as well, or the counters for the choice only.
fn world(namespaces: &[&str], has_recorded: bool) -> Series {
    let mut text = String::new();
    for (place, namespace) in namespaces.iter().enumerate() {
        // Only the first has a fault.
        let since = |service| if place == 0 { since(service) } else { CALM };
        for service in 0..SERVICES {
            let (name, rps) = (format!("s{service}"), if service < 20 { 50.0 } else { 5.0 });
            call(&mut text, namespace, ("gate", &name), rps, since(service));
            cpu(&mut text, namespace, &name);
            if has_recorded {
                recorded(&mut text, namespace, &name, rps, since(service));
            }
        }
        call(&mut text, namespace, ("s49", "s50"), 1.0, since(50));
        call(&mut text, namespace, ("s50", "s51"), 1.0, CALM);
        connection(&mut text, namespace, "s51", "s51-db");
        connection(&mut text, namespace, "s160", "s160-db");
        ["s51-db", "s160-db"].iter().for_each(|store| cpu(&mut text, namespace, store));
    }
    Series::from_text(&text)
}

fn look(server: &Real, namespace: &str, hint: WindowHint, screen_above: Option<usize>) -> Observation {
    let now = Timestamp::from_ms((START_S + LENGTH_S) * 1000);
    let from = Timestamp::from_ms((START_S + 120) * 1000);
    let options = ObserveOptions {
        scrape_interval_ms: Some(SCRAPE_S * 1000),
        changes: false,
        hint,
        screen_above,
        preselect_above: 100,
        ..ObserveOptions::new(namespace, from, now, now)
    };
    observe(&server.client(), &options, &|_| {}).unwrap().observation
}

fn services(seen: &Observation) -> BTreeSet<&str> {
    seen.frame.services().iter().map(String::as_str).collect()
}

/// The services that must be on the list, and those that must not.
const WANTED: [&str; 8] = ["s0", "s19", "s49", "s50", "s51", "s51-db", "s120", "s130"];
const UNWANTED: [&str; 4] = ["s60", "s160", "s160-db", "s199"];

#[test]
fn the_changed_services_and_whom_they_call_are_looked_at() {
    let onset = Timestamp::from_ms((START_S + ONSET_S) * 1000);
    let known = WindowHint { incident_start: Some(onset), ..WindowHint::default() };
    for has_recorded in [false, true] {
        let Some(server) = Real::start(&format!("preselection-{has_recorded}"), &world(&["shop"], has_recorded)) else {
            return;
        };
        for hint in [known, WindowHint::default()] {
            let seen = look(&server, "shop", hint, Some(1000));
            let services = services(&seen);
            for name in WANTED {
                assert!(services.contains(name), "{name}, recorded: {has_recorded}: {services:?}");
            }
            for name in UNWANTED {
                assert!(!services.contains(name), "{name}, recorded: {has_recorded}: {services:?}");
            }
            assert!(services.len() < 40, "{services:?}");
            let store = seen
                .frame
                .series()
                .iter()
                .any(|s| seen.frame.service(s.service) == "s51-db" && s.metric.name == "cpu_cores");
            assert!(store, "its pods are asked for as well");
            let cpu = seen.queries.iter().find(|q| q.signal == "cpu_cores").unwrap();
            assert_eq!(cpu.state, QueryState::Screened, "never whole: {:?}", cpu.reason);
            let gap = seen.not_checked.iter().find(|n| n.reason.contains("too many to fetch")).unwrap();
            assert!(gap.reason.contains("at least") && gap.reason.contains("--namespace"), "{}", gap.reason);
        }
        let everything = look(&server, "shop", known, None);
        assert!(services(&everything).contains("s199"), "who asks for all gets all");
    }
}

#[test]
fn services_of_one_name_in_two_namespaces_stay_two() {
    let Some(server) = Real::start("preselection-two", &world(&["shop", "bank"], false)) else { return };
    let onset = Timestamp::from_ms((START_S + ONSET_S) * 1000);
    let seen =
        look(&server, "shop,bank", WindowHint { incident_start: Some(onset), ..WindowHint::default() }, Some(1000));
    let services = services(&seen);
    for name in ["shop/s49", "shop/s50", "shop/s51", "shop/s51-db", "shop/s120", "shop/s130"] {
        assert!(services.contains(name), "{name}: {services:?}");
    }
    for name in ["bank/s50", "bank/s51-db", "bank/s120", "shop/s160"] {
        assert!(!services.contains(name), "{name}: {services:?}");
    }
}

#[test]
fn a_watcher_keeps_whom_it_picked_and_asks_for_what_is_new() {
    let Some(server) = Real::start("preselection-watched", &world(&["shop"], false)) else { return };
    let (client, mut tail) = (server.client(), Tail::default());
    let mut look = |back_s: i64| {
        let now = Timestamp::from_ms((START_S + LENGTH_S - back_s) * 1000);
        let from = Timestamp::from_ms((START_S + 120 - back_s) * 1000);
        let options = ObserveOptions {
            scrape_interval_ms: Some(SCRAPE_S * 1000),
            changes: false,
            screen_above: Some(1000),
            preselect_above: 100,
            ..ObserveOptions::new("shop", from, now, now)
        };
        observe_incrementally(&mut tail, &client, &options, &|_| {}).unwrap()
    };
    let (first, second) = (look(PRESELECT_EVERY_MS / 1000), look(SCRAPE_S));
    let before = services(&first.observation);
    assert!(before.is_subset(&services(&second.observation)), "{before:?}");
    assert!(second.stats.bytes * 3 < first.stats.bytes, "{:?} after {:?}", second.stats, first.stats);

    // The list is queried again only after a while: how many services, three ways to divide the window, and calls twice.
    let third = look(0);
    assert!(third.stats.requests >= second.stats.requests + 6, "{:?} after {:?}", third.stats, second.stats);
    assert!(before.is_subset(&services(&third.observation)), "{before:?}");
}
