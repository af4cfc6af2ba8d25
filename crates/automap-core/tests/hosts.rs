//! Exhausted nodes: named if the pods on them wait, and never if nothing waits.

use automap_core::entity::{Entities, Entity, EntityKind, node_name};
use automap_core::frame::RawSeries;
use automap_core::report::{Report, VerdictKind};
use automap_core::topology::{CallGraph, Protocol};
use automap_core::{DiagnoseOptions, diagnose};

use crate::shop::{Shop, wobble};

/// user and payment share a node with a batch job of another team; the others run elsewhere.
const PLACED: [(&str, &str); 7] = [
    ("catalogue", "one"),
    ("front-end", "one"),
    ("orders", "two"),
    ("shipping", "two"),
    ("user", "three"),
    ("payment", "three"),
    ("batch/report", "three"),
];

/// The shop with three nodes of eight processors.
fn on_nodes(mut shop: Shop) -> Shop {
    let mut add = |service: &str, metric: &str, level: f64| {
        let series = shop.raw.len();
        let value = |i: usize| level * (1.0 + 0.04 * (wobble(series, i) - 0.5));
        let points = shop.times.iter().enumerate().map(|(i, t)| (*t, value(i))).collect();
        shop.raw.push(RawSeries { service: service.into(), metric: metric.into(), peer: None, points });
    };
    for node in ["one", "two", "three"].map(node_name) {
        add(&node, "cpu_used_ratio", 0.4);
        add(&node, "disk_busy_ratio", 0.05);
        add(&node, "memory_used_ratio", 0.5);
        add(&node, "not_ready", 0.0);
        add(&node, "cpu_capacity_cores", 8.0);
    }
    add("batch/report", "cpu_cores", 0.2);
    shop
}

fn entities() -> Entities {
    let mut entities = Entities::default();
    entities.describe("batch/report", Entity::of(EntityKind::Neighbour));
    PLACED.iter().for_each(|(service, node)| entities.place(service, &node_name(node), 1));
    entities
}

fn diagnosed(shop: Shop) -> Report {
    let observation = shop.observation(true);
    diagnose(
        &automap_core::observation::Observation { entities: entities(), ..observation },
        &DiagnoseOptions::default(),
    )
    .unwrap()
}

/// user and payment answer later, and so do all services that wait for them.
fn held_up(shop: Shop) -> Shop {
    let later = |v: f64| v + 60.0;
    shop.fault("user", "latency_ms", None, later)
        .fault("payment", "latency_ms", None, later)
        .fault("orders", "served_latency_ms", Some("user"), later)
        .fault("front-end", "served_latency_ms", Some("user"), later)
        .fault("orders", "served_latency_ms", Some("payment"), later)
        .slow_chain(&["front-end", "orders", "payment"], 60.0)
        .slow_chain(&["front-end", "user"], 60.0)
        .slow_chain(&["orders", "user"], 60.0)
}

fn named(report: &Report) -> Vec<&str> {
    report.verdict.causes.iter().flat_map(|c| &c.services).map(String::as_str).collect()
}

#[test]
fn a_disk_that_is_busy_beneath_two_services_is_named_and_neither_of_them() {
    let report = diagnosed(held_up(on_nodes(Shop::new())).fault("node/three", "disk_busy_ratio", None, |_| 0.99));
    assert_eq!(
        (report.verdict.kind, named(&report)),
        (VerdictKind::Cause, vec!["node/three"]),
        "{}",
        report.verdict.summary
    );
    assert!(report.verdict.summary.starts_with("node/three (disk busy)"), "{}", report.verdict.summary);
}

#[test]
fn the_job_that_takes_a_nodes_processors_is_named_and_not_the_node() {
    let shop = held_up(on_nodes(Shop::new())).fault("node/three", "cpu_used_ratio", None, |_| 0.98).fault(
        "batch/report",
        "cpu_cores",
        None,
        |v| v + 4.5,
    );
    let report = diagnosed(shop);
    assert_eq!(
        (report.verdict.kind, named(&report)),
        (VerdictKind::Cause, vec!["batch/report"]),
        "{}",
        report.verdict.summary
    );
}

#[test]
fn a_service_that_takes_the_processors_of_its_node_is_named_for_its_neighbours_too() {
    let shop = held_up(on_nodes(Shop::new())).fault("node/three", "cpu_used_ratio", None, |_| 0.98).fault(
        "payment",
        "cpu_cores",
        None,
        |v| v + 4.6,
    );
    let report = diagnosed(shop);
    assert_eq!(
        (report.verdict.kind, named(&report)),
        (VerdictKind::Cause, vec!["payment"]),
        "{}",
        report.verdict.summary
    );
}

#[test]
fn a_process_outside_of_pods_makes_it_the_node() {
    let report = diagnosed(held_up(on_nodes(Shop::new())).fault("node/three", "cpu_used_ratio", None, |_| 0.98));
    assert_eq!(
        (report.verdict.kind, named(&report)),
        (VerdictKind::Cause, vec!["node/three"]),
        "{}",
        report.verdict.summary
    );
    assert!(report.verdict.summary.starts_with("node/three (CPU used)"), "{}", report.verdict.summary);
}

#[test]
fn a_full_node_on_which_nobody_waits_is_no_cause() {
    for (node, metric) in [("node/one", "cpu_used_ratio"), ("node/three", "disk_busy_ratio")] {
        let busy = || on_nodes(Shop::busy_user());
        let (without, with) = (diagnosed(busy()), diagnosed(busy().fault(node, metric, None, |_| 0.99)));
        assert_eq!(named(&without), ["user"]);
        assert_eq!(named(&with), ["user"], "{node}: {}", with.verdict.summary);
        let alone = diagnosed(on_nodes(Shop::new()).fault(node, metric, None, |_| 0.99));
        assert_ne!(alone.verdict.kind, VerdictKind::Cause, "{node}: {}", alone.verdict.summary);
    }
}

/// The store of user runs on node three too and takes 40 ms longer for a command, as everything there waits.
#[test]
fn a_store_that_is_slow_since_its_node_is_used_up_is_not_named() {
    let diagnosed = |node: f64| {
        let mut shop = held_up(on_nodes(Shop::new()));
        let points = shop.times.iter().enumerate().map(|(i, t)| (*t, 3.0 + 0.1 * wobble(99, i))).collect();
        let command_ms = RawSeries { service: "user-db".into(), metric: "command_ms".into(), peer: None, points };
        shop.raw.push(command_ms);
        let shop = shop.fault("user-db", "command_ms", None, |v| v + 40.0);
        let observation = shop.fault("node/three", "cpu_used_ratio", None, |_| node).observation(true);
        let (mut entities, mut calls) = (entities(), observation.calls.clone());
        entities.describe("user-db", Entity::of(EntityKind::Store));
        entities.place("user-db", &node_name("three"), 1);
        calls.add("user", "user-db", Protocol::Tcp);
        let observation = automap_core::observation::Observation { entities, calls, ..observation };
        diagnose(&observation, &DiagnoseOptions::default()).unwrap()
    };
    let full = diagnosed(0.98);
    assert_eq!(named(&full), ["node/three"], "{}", full.verdict.summary);
    let calm = diagnosed(0.4);
    assert!(!named(&calm).contains(&"node/three"), "{}", calm.verdict.summary);
    assert!(calm.causes.iter().take(2).any(|cause| cause.service == "user-db"), "{}", calm.verdict.summary);
}

#[test]
fn half_a_node_holds_up_nobody() {
    let shop = held_up(on_nodes(Shop::new())).fault("node/three", "cpu_used_ratio", None, |_| 0.6);
    assert!(!named(&diagnosed(shop)).contains(&"node/three"));
}

/// The calls are unknown; two of the slow services share the full node.
#[test]
fn without_calls_a_node_needs_services_that_suffer_together() {
    let only_own = |shop: Shop| {
        let mut shop = shop;
        shop.raw.retain(|series| series.peer.is_none());
        shop.observation(true)
    };
    let bare = |shop: Shop| {
        let observation = only_own(shop);
        let entities = entities();
        let calls = CallGraph::new();
        diagnose(
            &automap_core::observation::Observation { entities, calls, ..observation },
            &DiagnoseOptions::default(),
        )
        .unwrap()
    };
    let later = |v: f64| v + 60.0;
    let slow = |shop: Shop| shop.fault("user", "latency_ms", None, later).fault("payment", "latency_ms", None, later);
    let full = |shop: Shop| shop.fault("node/three", "disk_busy_ratio", None, |_| 0.99);
    let together = bare(full(slow(on_nodes(Shop::new()))));
    assert_eq!(together.causes[0].service, "node/three", "{}", together.verdict.summary);
    let elsewhere = bare(full(on_nodes(Shop::new()).fault("catalogue", "latency_ms", None, later)));
    assert_eq!(elsewhere.causes[0].service, "catalogue", "{}", elsewhere.verdict.summary);
}

#[test]
fn calm_nodes_change_no_answer() {
    for shop in [Shop::new, Shop::busy_user, || held_up(Shop::new())] {
        let (without, with) = (shop().report(), diagnosed(on_nodes(shop())));
        assert_eq!(named(&without), named(&with));
        assert_eq!(without.verdict.kind, with.verdict.kind);
        assert!((without.verdict.confidence - with.verdict.confidence).abs() < 0.05);
    }
}
