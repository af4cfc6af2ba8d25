//! The DNS, gateways and external hosts: named if they explain the users' symptoms, and never in place of a service that is itself the cause.

use automap_core::entity::{Entities, Entity, EntityKind};
use automap_core::frame::RawSeries;
use automap_core::observation::Observation;
use automap_core::report::{Report, VerdictKind};
use automap_core::topology::Protocol;
use automap_core::{DiagnoseOptions, diagnose};

use crate::shop::{self, CALLS, Shop, wobble};

const DNS: &str = "kube-system/coredns";
const GATEWAY: &str = "istio-system/istio-ingressgateway";
const OUTSIDE: &str = "external/api.pay.example";

fn add(shop: &mut Shop, service: &str, metric: &str, peer: Option<&str>, level: f64) {
    let series = shop.raw.len();
    let value = |i: usize| level * (1.0 + 0.1 * (wobble(series, i) - 0.5));
    let points = shop.times.iter().enumerate().map(|(i, t)| (*t, value(i))).collect();
    shop.raw.push(RawSeries { service: service.into(), metric: metric.into(), peer: peer.map(Into::into), points });
}

fn with_dns(mut shop: Shop) -> Shop {
    add(&mut shop, DNS, "lookup_ms", None, 2.0);
    add(&mut shop, DNS, "failed_lookups_ratio", None, 0.0);
    add(&mut shop, DNS, "upstream_lookup_ms", None, 4.0);
    add(&mut shop, DNS, "lookups_per_s", None, 120.0);
    shop
}

/// All requests of the front-end come through the gateway.
fn with_gateway(mut shop: Shop) -> Shop {
    for (metric, level) in [("throughput_rps", 40.0), ("latency_ms", 15.0), ("error_ratio", 0.0)] {
        add(&mut shop, GATEWAY, metric, None, level);
    }
    add(&mut shop, GATEWAY, "connections_used_ratio", None, 0.2);
    add(&mut shop, GATEWAY, "cpu_cores", None, 0.1);
    calling(shop, GATEWAY, "front-end", 14.0, Some(12.0))
}

/// Orders calls a payment host outside.
fn with_host(mut shop: Shop) -> Shop {
    add(&mut shop, OUTSIDE, "blocked_ratio", None, 0.0);
    calling(shop, "orders", OUTSIDE, 6.0, None)
}

fn calling(mut shop: Shop, caller: &str, callee: &str, ms: f64, served_ms: Option<f64>) -> Shop {
    let peer = Some(callee);
    for (metric, level) in [("client_rps", 40.0), ("client_latency_ms", ms), ("client_error_ratio", 0.0)] {
        add(&mut shop, caller, metric, peer, level);
    }
    if let Some(served_ms) = served_ms {
        add(&mut shop, caller, "served_latency_ms", peer, served_ms);
    }
    shop
}

fn diagnosed(shop: Shop) -> Report {
    let known: Vec<String> = shop.raw.iter().map(|series| series.service.clone()).collect();
    let observation = shop.observation(true);
    let (mut entities, mut calls) = (Entities::default(), observation.calls.clone());
    let mut describe = |name: &str, kind| {
        if known.iter().any(|k| k == name) {
            entities.describe(name, Entity::of(kind));
        }
    };
    describe(DNS, EntityKind::Dns);
    describe(GATEWAY, EntityKind::Gateway);
    describe(OUTSIDE, EntityKind::External);
    if known.iter().any(|k| k == GATEWAY) {
        calls.add(GATEWAY, "front-end", Protocol::Request);
    }
    if known.iter().any(|k| k == OUTSIDE) {
        calls.add("orders", OUTSIDE, Protocol::Request);
    }
    diagnose(&Observation { entities, calls, ..observation }, &DiagnoseOptions::default()).unwrap()
}

fn named(report: &Report) -> Vec<&str> {
    report.verdict.causes.iter().flat_map(|c| &c.services).map(String::as_str).collect()
}

#[track_caller]
fn is_named(report: &Report, cause: &str, mechanism: &str) {
    let verdict = &report.verdict;
    let found = (verdict.kind, named(report), verdict.mechanism.as_deref());
    assert_eq!(found, (VerdictKind::Cause, vec![cause], Some(mechanism)), "{}", verdict.summary);
}

/// Front-end and orders wait before their calls.
fn waiting_before_calls(shop: Shop) -> Shop {
    let later = |v: f64| v + 60.0;
    let shop = shop.fault("front-end", "latency_ms", None, |v| v + 120.0).fault("orders", "latency_ms", None, later);
    shop.fault("front-end", "client_latency_ms", Some("orders"), later).fault(
        "front-end",
        "served_latency_ms",
        Some("orders"),
        later,
    )
}

#[test]
fn a_slow_dns_is_named_for_the_callers_that_wait_for_it() {
    let slow = |shop: Shop| shop.fault(DNS, "lookup_ms", None, |v| v + 60.0);
    let report = diagnosed(slow(waiting_before_calls(with_dns(Shop::new()))));
    is_named(&report, DNS, "slow lookups");
    assert!(report.verdict.summary.contains("for which front-end and orders wait"), "{}", report.verdict.summary);
    assert_eq!(report.causes[0].kind, EntityKind::Dns);
    let failing = waiting_before_calls(with_dns(Shop::new())).fault(DNS, "failed_lookups_ratio", None, |_| 0.4);
    is_named(&diagnosed(failing), DNS, "failing lookups");
}

/// The machine is overloaded, so that lookups take 2 ms longer, and so does everything else: callers that wait 60 ms longer do not wait for names.
#[test]
fn a_dns_that_is_a_little_slower_is_not_named_for_callers_that_wait_much_longer() {
    let starved =
        |ms: f64| diagnosed(waiting_before_calls(with_dns(Shop::new())).fault(DNS, "lookup_ms", None, move |v| v + ms));
    is_named(&starved(30.0), DNS, "slow lookups");
    assert!(!named(&starved(2.0)).contains(&DNS), "{}", starved(2.0).verdict.summary);
}

/// Front-end does a lookup before each of its three calls: 40 requests a second wait 3 · 30 ms, 120 lookups a second 30 ms each.
#[test]
fn a_dns_whose_lookups_account_for_one_caller_is_named_for_it() {
    let front_end = |shop: Shop| shop.fault("front-end", "latency_ms", None, |v| v + 90.0);
    let slow = front_end(with_dns(Shop::new())).fault(DNS, "lookup_ms", None, |v| v + 30.0);
    let report = diagnosed(slow);
    is_named(&report, DNS, "slow lookups");
    assert!(report.verdict.summary.contains("for which front-end waits"), "{}", report.verdict.summary);
    let fails = with_dns(Shop::new()).fault("front-end", "error_ratio", None, |_| 0.5);
    is_named(&diagnosed(fails.fault(DNS, "failed_lookups_ratio", None, |_| 0.3)), DNS, "failing lookups");
}

/// Twice as much waiting as all lookups together account for, and calls that would each need more lookups than a name takes.
#[test]
fn one_slow_service_is_not_the_doing_of_a_dns_that_does_not_account_for_it() {
    let slow = |shop: Shop, ms: f64| shop.fault(DNS, "lookup_ms", None, |v| v + ms);
    let front_end = |ms: f64| Shop::new().fault("front-end", "latency_ms", None, |v| v + ms);
    let mut seldom = slow(with_dns(front_end(90.0)), 30.0);
    let mut busy = slow(with_dns(front_end(500.0)), 30.0);
    for (shop, times) in [(&mut seldom, 0.25), (&mut busy, 100.0)] {
        let lookups = shop.raw.iter_mut().find(|s| s.metric == "lookups_per_s").unwrap();
        lookups.points.iter_mut().for_each(|(_, rate)| *rate *= times);
    }
    let mut uncounted = slow(with_dns(front_end(90.0)), 30.0);
    uncounted.raw.retain(|s| s.metric != "lookups_per_s");
    for (what, shop) in [
        ("healthy", with_dns(Shop::busy_user())),
        ("who waits calls nobody", slow(with_dns(Shop::busy_user()), 300.0)),
        ("few lookups", seldom),
        ("many lookups of others", busy),
        ("lookups that nobody counts", uncounted),
    ] {
        let report = diagnosed(shop);
        assert!(!named(&report).contains(&DNS) && !named(&report).is_empty(), "{what}: {}", report.verdict.summary);
    }
}

#[test]
fn a_dns_that_is_healthy_or_lost_or_slow_for_nobody_explains_nothing() {
    let without = diagnosed(waiting_before_calls(Shop::new()));
    let healthy = diagnosed(waiting_before_calls(with_dns(Shop::new())));
    assert_eq!((named(&without), without.verdict.kind), (named(&healthy), healthy.verdict.kind));
    let mut lost = waiting_before_calls(with_dns(Shop::new()));
    for series in lost.raw.iter_mut().filter(|s| s.service == DNS) {
        series.points.truncate(shop::FAULT_AT);
    }
    assert!(!named(&diagnosed(lost)).contains(&DNS));
    let alone = diagnosed(with_dns(Shop::new()).fault(DNS, "lookup_ms", None, |v| v + 300.0));
    assert_ne!(alone.verdict.kind, VerdictKind::Cause, "{}", alone.verdict.summary);
}

/// Hardly any request gets through, and those that do are slow at several services. Only external names are still looked up, which takes longer than
/// for internal ones.
#[test]
fn a_mean_that_rises_since_the_quick_lookups_are_gone_is_no_slow_dns() {
    let shop = waiting_before_calls(with_dns(Shop::new())).fault(DNS, "lookup_ms", None, |v| v + 6.0);
    is_named(&diagnosed(shop.fault(DNS, "lookups_per_s", None, |v| v)), DNS, "slow lookups");
    let shop = waiting_before_calls(with_dns(Shop::new())).fault(DNS, "lookup_ms", None, |v| v + 6.0);
    let report = diagnosed(shop.fault(DNS, "lookups_per_s", None, |_| 2.0));
    assert!(!named(&report).contains(&DNS), "{}", report.verdict.summary);
}

/// The calls are unknown: most services are slow, and so is the DNS.
#[test]
fn without_calls_the_dns_needs_most_services_to_suffer() {
    let bare = |services: &[&str]| {
        let mut shop = with_dns(Shop::new()).fault(DNS, "lookup_ms", None, |v| v + 60.0);
        for service in services {
            shop = shop.fault(service, "latency_ms", None, |v| v + 60.0);
        }
        shop.raw.retain(|series| series.peer.is_none());
        let mut entities = Entities::default();
        entities.describe(DNS, Entity::of(EntityKind::Dns));
        let observation = shop.observation(true);
        let observation = Observation { entities, calls: automap_core::topology::CallGraph::new(), ..observation };
        diagnose(&observation, &DiagnoseOptions::default()).unwrap()
    };
    assert_eq!(bare(&["catalogue", "front-end", "orders", "payment", "user"]).causes[0].service, DNS);
    assert_eq!(bare(&["payment"]).causes[0].service, "payment");
}

/// This many times the requests.
fn surge(times: f64) -> Shop {
    let more = |v: f64| v * times;
    let mut shop = with_gateway(Shop::new()).fault(GATEWAY, "throughput_rps", None, more);
    for service in ["catalogue", "front-end", "orders", "payment", "shipping", "user"] {
        shop = shop.fault(service, "throughput_rps", None, more).fault(service, "cpu_cores", None, more);
    }
    for (caller, callee) in CALLS {
        shop = shop.fault(caller, "client_rps", Some(callee), more);
    }
    shop.fault(GATEWAY, "client_rps", Some("front-end"), more)
}

fn late_catalogue(shop: Shop) -> Shop {
    let later = |v: f64| v + 60.0;
    let shop = shop.fault("catalogue", "latency_ms", None, later).slow_chain(&["front-end", "catalogue"], 60.0);
    let shop = shop.fault("front-end", "served_latency_ms", Some("catalogue"), later);
    slow_entry(shop, 60.0)
}

/// The gateway measures the front-end's latency.
fn slow_entry(shop: Shop, extra_ms: f64) -> Shop {
    let later = |v: f64| v + extra_ms;
    let shop =
        shop.fault(GATEWAY, "latency_ms", None, later).fault(GATEWAY, "client_latency_ms", Some("front-end"), later);
    shop.fault(GATEWAY, "served_latency_ms", Some("front-end"), later)
}

#[test]
fn a_surge_is_told_as_traffic_and_not_as_the_busiest_service() {
    let report = diagnosed(late_catalogue(surge(4.0)));
    is_named(&report, GATEWAY, "traffic");
    let calm = diagnosed(surge(4.0));
    assert_ne!(calm.verdict.kind, VerdictKind::Cause, "nobody waits: {}", calm.verdict.summary);
}

#[test]
fn a_service_that_is_slow_without_more_requests_is_no_surge() {
    let report =
        diagnosed(late_catalogue(with_gateway(Shop::new()).fault("catalogue", "cpu_cores", None, |v| v + 0.6)));
    is_named(&report, "catalogue", "cpu");
    // A fifth more enters, which is no surge.
    let other = surge(1.2).fault("catalogue", "cpu_cores", None, |v| v + 0.6);
    assert_eq!(named(&diagnosed(late_catalogue(other))), ["catalogue"]);
}

#[test]
fn a_gateway_that_is_used_up_is_named_itself() {
    let full = with_gateway(Shop::new()).fault(GATEWAY, "latency_ms", None, |v| v + 80.0).fault(
        GATEWAY,
        "connections_used_ratio",
        None,
        |_| 0.98,
    );
    is_named(&diagnosed(full), GATEWAY, "connections exhausted");
    let busy = with_gateway(Shop::new()).fault(GATEWAY, "latency_ms", None, |v| v + 80.0).fault(
        GATEWAY,
        "cpu_cores",
        None,
        |v| v + 0.9,
    );
    is_named(&diagnosed(busy), GATEWAY, "cpu");
}

#[test]
fn a_server_that_a_gateway_took_out_speaks_for_its_service() {
    let mut shop = with_gateway(Shop::new());
    add(&mut shop, "front-end", "backends_down", None, 0.0);
    let fails = |_: f64| 0.5;
    let shop = shop
        .fault("front-end", "backends_down", None, |_| 1.0)
        .fault(GATEWAY, "error_ratio", None, fails)
        .fault(GATEWAY, "client_error_ratio", Some("front-end"), fails);
    let report = diagnosed(shop);
    is_named(&report, "front-end", "taken out by its gateway");
}

/// The front-end's proxy no longer accepts connections from the gateway, or the gateway none from the front-end's.
#[test]
fn an_expired_certificate_speaks_for_whoever_shows_it() {
    for (owner, other) in [(GATEWAY, "front-end"), ("front-end", GATEWAY)] {
        let mut shop = with_gateway(Shop::new());
        add(&mut shop, owner, "certificate_expired", None, 0.0);
        add(&mut shop, other, "certificate_expired", None, 0.0);
        let refused = |shop: Shop| {
            shop.fault(GATEWAY, "error_ratio", None, |_| 1.0).fault(
                GATEWAY,
                "client_error_ratio",
                Some("front-end"),
                |_| 1.0,
            )
        };
        let report = diagnosed(refused(shop.fault(owner, "certificate_expired", None, |_| 1.0)));
        is_named(&report, owner, "certificate");
    }
}

#[test]
fn a_certificate_that_expired_before_or_that_nobody_misses_explains_nothing() {
    let mut before = with_gateway(Shop::busy_user());
    add(&mut before, GATEWAY, "certificate_expired", None, 1.0);
    assert_eq!(named(&diagnosed(slow_entry(before, 60.0))), ["user"]);
    let mut unused = with_gateway(Shop::busy_user());
    add(&mut unused, "payment", "certificate_expired", None, 0.0);
    let unused = unused.fault("payment", "certificate_expired", None, |_| 1.0);
    assert_eq!(named(&diagnosed(slow_entry(unused, 60.0))), ["user"]);
}

#[test]
fn a_slow_host_outside_is_named_and_not_who_calls_it() {
    let later = |v: f64| v + 90.0;
    let shop = with_host(Shop::new())
        .fault("orders", "client_latency_ms", Some(OUTSIDE), later)
        .fault("orders", "latency_ms", None, later)
        .fault("front-end", "served_latency_ms", Some("orders"), later)
        .slow_chain(&["front-end", "orders"], 90.0);
    let report = diagnosed(shop);
    is_named(&report, OUTSIDE, "slow as its callers see it");
    assert_eq!(report.causes[0].kind, EntityKind::External);
}

#[test]
fn calls_that_the_mesh_does_not_let_out_are_told_as_such() {
    let fails = |_: f64| 0.5;
    let shop = with_host(Shop::new())
        .fault("orders", "client_error_ratio", Some(OUTSIDE), |_| 1.0)
        .fault(OUTSIDE, "blocked_ratio", None, |_| 1.0)
        .fault("orders", "error_ratio", None, fails)
        .fault("front-end", "client_error_ratio", Some("orders"), fails)
        .fault("front-end", "error_ratio", None, fails);
    is_named(&diagnosed(shop), OUTSIDE, "blocked by the mesh");
}

#[test]
fn a_calm_gateway_and_dns_change_no_cause() {
    for shop in [Shop::new, Shop::busy_user] {
        let (without, with) = (shop().report(), diagnosed(with_dns(shop())));
        assert_eq!((named(&without), without.verdict.kind), (named(&with), with.verdict.kind));
        assert!((without.verdict.confidence - with.verdict.confidence).abs() < 0.05);
    }
}
