//! Series that are missing, end, begin late or contain garbage never shift the blame to another service.
//!
//! Each trial takes the shop with one fault, damages its series at random, and diagnoses it. Whatever is lost, the answer is the cause, or none:
//! missing data neither clears nor convicts a service. The calls are those that the remaining series show, as with a real source.

use std::collections::BTreeMap;

use automap_core::frame::{RawSeries, assemble};
use automap_core::observation::Observation;
use automap_core::random::Rng;
use automap_core::report::Report;
use automap_core::time::WindowHint;
use automap_core::topology::{CallGraph, Protocol};
use automap_core::{DiagnoseOptions, diagnose};

use crate::shop::{CALLS, FAULT_AT, Shop};

/// Trials of each fault and damage.
const TRIALS: u64 = 24;

/// A shop with a fault, and the services that may be blamed for it.
type Fault = (&'static str, fn() -> Shop, &'static [&'static str]);

const FAULTS: [Fault; 5] = [
    ("catalogue is slow", slow_catalogue, &["catalogue"]),
    ("payment is slow", slow_payment, &["payment"]),
    ("catalogue fails", failing_catalogue, &["catalogue"]),
    ("front-end is slow", slow_front_end, &["front-end"]),
    ("the network to payment is slow", slow_network, &["payment"]),
];

/// All symptoms of a slower callee along a chain of calls.
fn slow(chain: &[&str], extra_ms: f64) -> Shop {
    let longer = |v: f64| v + extra_ms;
    let last = chain[chain.len() - 1];
    let shop = Shop::new().slow_chain(chain, extra_ms).fault(last, "latency_ms", None, longer);
    shop.fault(chain[chain.len() - 2], "served_latency_ms", Some(last), longer)
}

fn slow_catalogue() -> Shop {
    slow(&["front-end", "catalogue"], 80.0)
}

fn slow_payment() -> Shop {
    slow(&["front-end", "orders", "payment"], 120.0)
}

fn slow_network() -> Shop {
    Shop::new().slow_chain(&["front-end", "orders", "payment"], 120.0)
}

fn failing_catalogue() -> Shop {
    let fails = |_| 0.4;
    let shop =
        Shop::new().fault("catalogue", "error_ratio", None, fails).fault("front-end", "error_ratio", None, fails);
    shop.fault("front-end", "client_error_ratio", Some("catalogue"), fails)
}

fn slow_front_end() -> Shop {
    Shop::new().fault("front-end", "latency_ms", None, |v| v + 80.0).fault("front-end", "cpu_cores", None, |v| v * 6.0)
}

/// The damage to one series, by random choices of its own and by choices shared by all series of its metric.
type Damage = (&'static str, fn(&mut RawSeries, &mut Rng, &mut Rng));

const DAMAGES: [Damage; 8] = [
    ("series are missing", |s, own, _| lose(s, own.percent(30.0), 0..usize::MAX)),
    ("series end with the baseline", |s, own, _| lose(s, own.percent(30.0), FAULT_AT..usize::MAX)),
    ("series begin with the incident", |s, own, _| lose(s, own.percent(30.0), 0..FAULT_AT)),
    ("series break off", |s, own, _| {
        let from = own.below(s.points.len());
        lose(s, own.percent(50.0), from..usize::MAX);
    }),
    ("metrics end with the baseline", |s, _, metric| lose(s, metric.percent(40.0), FAULT_AT..usize::MAX)),
    ("metrics begin with the incident", |s, _, metric| lose(s, metric.percent(40.0), 0..FAULT_AT)),
    ("samples are lost", |s, own, _| s.points.retain(|_| !own.percent(40.0))),
    ("samples are garbage", |s, own, _| {
        let garbage = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308];
        for (_, value) in &mut s.points {
            if own.percent(5.0) {
                *value = garbage[own.below(garbage.len())];
            }
        }
    }),
];

fn lose(series: &mut RawSeries, is_lost: bool, rows: std::ops::Range<usize>) {
    let mut row = 0..;
    series.points.retain(|_| row.next().is_some_and(|row| !(is_lost && rows.contains(&row))));
}

/// The answer for a damaged shop; `None` if an error says that nothing can be judged, or if a call is unknown.
fn damaged(shop: Shop, is_given: bool, mut damage: impl FnMut(&mut RawSeries)) -> Option<Report> {
    let Shop { mut raw, times } = shop;
    raw.iter_mut().for_each(&mut damage);
    raw.retain(|s| !s.points.is_empty());
    let mut calls = CallGraph::new();
    // A mean or a share exists only if something was counted.
    let is_call =
        |s: &&RawSeries| s.points.iter().any(|(_, v)| *v > 0.0 || (!s.metric.ends_with("rps") && v.is_finite()));
    for series in raw.iter().filter(is_call) {
        series.peer.iter().for_each(|peer| calls.add(&series.service, peer, Protocol::Request));
    }
    // A call without any remaining series is unknown.
    if CALLS.iter().any(|(from, to)| !calls.edges().any(|(a, b, _)| (a, b) == (*from, *to))) {
        return None;
    }
    let hint = WindowHint { incident_start: is_given.then(|| times[FAULT_AT]), ..WindowHint::default() };
    let (frame, notes) = assemble(raw, times).ok()?;
    let observation = Observation { hint, notes, ..Observation::new(frame, calls, "test") };
    diagnose(&observation, &DiagnoseOptions::default()).ok()
}

/// The services blamed when these series, named by metric and callee, are lost in these rows.
fn named_without(shop: Shop, lost: &[(&str, Option<&str>)], rows: std::ops::Range<usize>) -> Vec<String> {
    let is_lost = |s: &RawSeries| lost.iter().any(|(metric, peer)| s.metric == *metric && s.peer.as_deref() == *peer);
    let report = damaged(shop, true, |series| {
        let is_lost = is_lost(series);
        lose(series, is_lost, rows.clone());
    });
    report.unwrap().verdict.causes.into_iter().flat_map(|c| c.services).collect()
}

const INCIDENT: std::ops::Range<usize> = FAULT_AT..usize::MAX;
const BASELINE: std::ops::Range<usize> = 0..FAULT_AT;

#[test]
fn requests_that_nobody_counted_at_the_entry_do_not_make_it_the_cause() {
    for rows in [INCIDENT, BASELINE, 0..usize::MAX] {
        let named = named_without(slow_catalogue(), &[("throughput_rps", None)], rows.clone());
        assert_eq!(named, ["catalogue"], "{rows:?}");
        let named = named_without(slow_catalogue(), &[("throughput_rps", None), ("latency_ms", None)], rows.clone());
        assert_eq!(named, ["catalogue"], "its calls tell: {rows:?}");
        let named = named_without(failing_catalogue(), &[("throughput_rps", None)], rows.clone());
        assert_eq!(named, ["catalogue"], "{rows:?}");
    }
}

/// The other end of the call, the callee's own requests and the other callers replace the lost series.
#[test]
fn what_is_lost_of_a_call_is_told_by_the_other_end() {
    let callee = Some("catalogue");
    for rows in [INCIDENT, BASELINE] {
        for lost in [&["client_rps"][..], &["client_rps", "served_latency_ms"], &["client_rps", "client_error_ratio"]] {
            let lost: Vec<_> = lost.iter().map(|metric| (*metric, callee)).collect();
            assert_eq!(named_without(slow_catalogue(), &lost, rows.clone()), ["catalogue"], "{lost:?} {rows:?}");
            assert_eq!(named_without(slow_front_end(), &lost, rows.clone()), ["front-end"], "{lost:?} {rows:?}");
        }
    }
}

/// The callee's own latency is normal; only the caller sees the network to it, and the caller's view is lost.
#[test]
fn the_network_is_not_cleared_by_the_callee() {
    for rows in [INCIDENT, BASELINE] {
        let named = named_without(slow_network(), &[("client_latency_ms", Some("payment"))], rows.clone());
        assert!(!named.iter().any(|s| s == "orders") || named.iter().any(|s| s == "payment"), "{rows:?}: {named:?}");
    }
}

#[test]
fn a_callee_of_which_nothing_is_measured_convicts_nobody() {
    let callee = Some("catalogue");
    let lost = [("client_latency_ms", callee), ("served_latency_ms", callee), ("latency_ms", None)];
    let report = damaged(slow_catalogue(), true, |series| {
        let of_catalogue = series.peer.as_deref() == callee || series.service == "catalogue";
        let is_lost = of_catalogue && lost.iter().any(|(metric, _)| series.metric == *metric);
        lose(series, is_lost, INCIDENT);
    });
    let report = report.unwrap();
    assert!(report.verdict.causes.is_empty(), "{}", report.verdict.summary);
    let expected = "whether front-end waits for catalogue was not observed: no series measures these calls before and during the incident";
    assert!(report.verdict.summary.ends_with(expected), "{}", report.verdict.summary);
}

#[test]
fn samples_that_are_lost_everywhere_have_seen_nobody_stop() {
    let own = |s: &RawSeries| s.peer.is_none();
    let report = damaged(Shop::new(), true, |series| {
        let of_payment = own(series) && series.service == "payment" && !series.metric.ends_with("restarts");
        let of_calls = series.peer.as_deref() == Some("payment");
        let of_others =
            own(series) && series.metric == "latency_ms" && ["user", "catalogue"].contains(&&*series.service);
        lose(series, of_payment || of_calls || of_others, INCIDENT);
    });
    let report = report.unwrap();
    assert!(report.verdict.causes.is_empty(), "{}", report.verdict.summary);
    let doubts: Vec<&str> = report.causes[0].counter_evidence.iter().map(|c| c.text.as_str()).collect();
    let lost = "its samples may be lost on their way: some of catalogue, user, which go on, are missing too";
    assert!(report.causes[0].service != "payment" || doubts.contains(&lost), "{doubts:?}");
}

#[test]
fn whatever_is_lost_nobody_else_is_named() {
    let mut wrong: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    let (mut right, mut all) = (0, 0);
    for (fault, shop, truth) in FAULTS {
        for (damage, change) in DAMAGES {
            for trial in 0..TRIALS {
                let mut random = Rng::named(trial, &format!("{fault}, {damage}"));
                let change = |series: &mut RawSeries| {
                    let metric = format!("{fault}, {damage}, {}", series.metric);
                    change(series, &mut random, &mut Rng::named(trial, &metric));
                };
                let Some(report) = damaged(shop(), trial % 2 == 0, change) else { continue };
                all += 1;
                let causes: Vec<&str> =
                    report.verdict.causes.iter().flat_map(|c| &c.services).map(String::as_str).collect();
                right += usize::from(causes == truth);
                if !causes.is_empty() && !truth.iter().any(|t| causes.contains(t)) {
                    wrong.entry((fault, damage)).or_default().push(format!("{trial}: {causes:?}"));
                }
            }
        }
    }
    let count: usize = wrong.values().map(Vec::len).sum();
    let lines: Vec<String> =
        wrong.iter().map(|((fault, damage), of)| format!("{fault}, {damage}: {}", of.join("; "))).collect();
    assert!(wrong.is_empty(), "of {all} right {right}, wrong {count}:\n{}", lines.join("\n"));
    assert!(3 * right > all, "what is left is used: {right} of {all}");
}

/// Neither call of front-end is timed, and of both callees only a quantile is left: catalogue's rises, and orders' does not, or is lost as well.
#[test]
fn a_quantile_tells_which_untimed_callee_is_slow() {
    let shop = || {
        let mut shop = slow_catalogue();
        let quantiles = shop.raw.iter().filter(|s| s.metric == "latency_ms").map(|s| {
            let points = s.points.iter().map(|(t, v)| (*t, 2.0 * v)).collect();
            RawSeries { metric: "latency_p95_ms".to_owned(), points, ..s.clone() }
        });
        let quantiles: Vec<RawSeries> = quantiles.collect();
        shop.raw.extend(quantiles);
        shop
    };
    for is_orders_seen in [true, false] {
        let report = damaged(shop(), true, |series| {
            let of_call = series.service == "front-end" && series.metric.ends_with("_latency_ms");
            let is_callee = ["catalogue", "orders"].contains(&series.service.as_str());
            let of_callee = is_callee && series.metric == "latency_ms";
            let of_orders = !is_orders_seen && series.service == "orders" && series.metric == "latency_p95_ms";
            lose(series, of_call || of_callee || of_orders, 0..usize::MAX);
        });
        let named: Vec<String> = report.unwrap().verdict.causes.into_iter().flat_map(|c| c.services).collect();
        assert_eq!(named, ["catalogue"], "orders is seen: {is_orders_seen}");
    }
}
