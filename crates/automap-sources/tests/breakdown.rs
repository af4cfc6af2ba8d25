//! The affected part of a cause, counted by a real Prometheus: a bad canary, a bad node, one route, one caller, and none.

use std::fmt::Write as _;

use automap_core::breakdown::{Label, Measure, Wanted};
use automap_core::report::{Finding, LabelParts, Parts, parts};
use automap_core::second_look::{SecondLook, SecondLookOptions, look_again};
use automap_core::time::{Interval, Timestamp};
use automap_core::{DiagnoseOptions, diagnose};
use automap_sources::prometheus::{Again, Client, ClientOptions, ObserveOptions, Tail, observe_incrementally};

use crate::prometheus::Prometheus;

/// Start of the data, in Unix seconds; a multiple of two hours, so that it makes one block.
const START_S: i64 = 1_794_996_000;
/// When the fault begins, and the end of the data, in seconds.
const FAULT_S: i64 = 1200;
const END_S: i64 = 1800;
const SCRAPE_S: i64 = 15;

fn at(s: i64) -> Timestamp {
    Timestamp::from_ms((START_S + s) * 1000)
}

/// A set of series under construction.
#[derive(Default)]
struct World(String);

impl World {
    /// A counter with this growth per second before the fault and during it; one without a value before the fault is created with it.
    fn counter(&mut self, series: &str, before: Option<f64>, during: f64) {
        let wobble = |t: i64| f64::from(u32::try_from(t * 7919 % 101).unwrap()) / 1e4;
        for t in (0..=END_S).step_by(SCRAPE_S as usize) {
            let grown = before.unwrap_or(0.0) * t.min(FAULT_S) as f64 + during * (t - FAULT_S).max(0) as f64;
            if before.is_some() || t > FAULT_S {
                writeln!(self.0, "{series} {} {}", grown * (1.0 + wobble(t) * 1e-3), START_S + t).unwrap();
            }
        }
    }

    fn gauge(&mut self, series: &str) {
        for t in (0..=END_S).step_by(SCRAPE_S as usize) {
            writeln!(self.0, "{series} 1 {}", START_S + t).unwrap();
        }
    }

    /// Istio's counters of a call to a pod of carts: requests a second, the milliseconds of each, and how many of them fail.
    fn calls(&mut self, from: &str, pod: &str, version: &str, (rps, ms, failed): (f64, [f64; 2], [f64; 2])) {
        let labels = |reporter: &str, code: &str| {
            format!(
                r#"reporter="{reporter}",job="mesh",pod="{}",source_workload="{from}",source_workload_namespace="shop",destination_workload="carts",destination_workload_namespace="shop",destination_service_name="carts",destination_version="{version}",response_code="{code}",response_flags="-""#,
                if reporter == "source" { format!("{from}-7d9f8b6c4-zzzzz") } else { pod.to_owned() }
            )
        };
        for reporter in ["source", "destination"] {
            let name = |what: &str, code: &str| format!("{what}{{{}}}", labels(reporter, code));
            let good = |i: usize| rps * (1.0 - failed[i]);
            self.counter(&name("istio_requests_total", "200"), Some(good(0)), good(1));
            if failed[1] > 0.0 {
                self.counter(&name("istio_requests_total", "503"), None, rps * failed[1]);
            }
            let (count, sum) = ("istio_request_duration_milliseconds_count", "istio_request_duration_milliseconds_sum");
            self.counter(&name(count, "200"), Some(rps), rps);
            self.counter(&name(sum, "200"), Some(rps * ms[0]), rps * ms[1]);
        }
    }

    /// The series of kube-state-metrics for a pod.
    fn pod(&mut self, pod: &str, node: &str, image: &str) {
        let set = pod.rsplit_once('-').unwrap().0;
        self.gauge(&format!(
            r#"kube_pod_owner{{job="ksm",namespace="shop",pod="{pod}",owner_kind="ReplicaSet",owner_name="{set}"}}"#
        ));
        self.gauge(&format!(r#"kube_pod_info{{job="ksm",namespace="shop",pod="{pod}",node="{node}"}}"#));
        self.gauge(&format!(r#"kube_pod_container_info{{job="ksm",namespace="shop",pod="{pod}",container="carts",image="r.example/{image}"}}"#));
    }

    fn start(self, name: &str) -> Option<Prometheus> {
        // Grouped by metric, as the format requires.
        let mut lines: Vec<&str> = self.0.lines().collect();
        lines.sort_by_key(|line| line.split(['{', ' ']).next().map(ToOwned::to_owned));
        Prometheus::backfilled(name, &format!("{}\n# EOF\n", lines.join("\n")))
    }
}

/// Observes the shop, and queries which part of carts is affected.
fn told(server: &Prometheus, measure: Measure) -> (Vec<Parts>, u64) {
    let client = Client::new(ClientOptions::new(server.url())).unwrap();
    let options = ObserveOptions {
        scrape_interval_ms: Some(15_000),
        changes: false,
        ..ObserveOptions::new("shop", at(120), at(END_S), at(END_S))
    };
    let mut tail = Tail::default();
    observe_incrementally(&mut tail, &client, &options, &|_| {}).unwrap();
    let mut again = Again::new(&tail, &client, "shop");
    let wanted = Wanted {
        service: "carts".into(),
        measures: vec![measure],
        baseline: Interval { start: at(120), end: at(FAULT_S) },
        incident: Interval { start: at(FAULT_S), end: at(END_S) },
    };
    let answer = again.break_down(&[wanted]);
    assert!(answer.not_checked.is_empty(), "{:?}", answer.not_checked);
    (answer.breakdowns.iter().map(parts).collect(), again.stats().requests)
}

fn label(told: &Parts, label: Label) -> &LabelParts {
    told.labels.iter().find(|l| l.label == label).unwrap_or_else(|| panic!("no {label:?}: {told:#?}"))
}

fn values(told: &Parts, wanted: Label) -> Vec<&str> {
    label(told, wanted).listed.iter().map(|v| v.value.as_str()).collect()
}

const SLOW: [f64; 2] = [12.0, 250.0];
const CALM: [f64; 2] = [12.0, 12.0];
const NO_FAILURES: [f64; 2] = [0.0, 0.0];

fn shop(slow: [bool; 3]) -> World {
    let mut world = World::default();
    for (i, pod) in ["carts-6b9f8d7c5-zzzzz", "carts-6b9f8d7c5-bbbbb", "carts-5c4d7b8f6-ccccc"].into_iter().enumerate()
    {
        let (version, node) = (if i == 2 { "v2" } else { "v1" }, ["n1", "n2", "n2"][i]);
        for from in ["front-end", "orders"] {
            world.calls(from, pod, version, (3.0, if slow[i] { SLOW } else { CALM }, NO_FAILURES));
        }
        world.pod(pod, node, &format!("carts:{version}"));
    }
    world
}

#[test]
fn a_bad_canary_is_named_with_its_version_in_the_report_and_costs_two_requests() {
    let Some(server) = shop([false, false, true]).start("canary") else { return };
    let client = Client::new(ClientOptions::new(server.url())).unwrap();
    let mut options = ObserveOptions {
        scrape_interval_ms: Some(15_000),
        changes: false,
        ..ObserveOptions::new("shop", at(120), at(END_S), at(END_S))
    };
    options.hint.incident_start = Some(at(FAULT_S));
    let mut tail = Tail::default();
    let mut seen = observe_incrementally(&mut tail, &client, &options, &|_| {}).unwrap().observation;
    let before = diagnose(&seen, &DiagnoseOptions::default()).unwrap();
    let mut again = Again::new(&tail, &client, "shop");
    look_again(&mut seen, &DiagnoseOptions::default(), SecondLookOptions::default(), &mut again).unwrap();
    assert_eq!(again.stats().requests, 2);
    let report = diagnose(&seen, &DiagnoseOptions::default()).unwrap();
    assert_eq!(report.verdict, before.verdict, "a second look changes no verdict");
    let cause = report.causes.iter().find(|c| c.service == "carts").unwrap();
    assert_eq!(report.verdict.service.as_deref(), Some("carts"), "{}", report.verdict.summary);
    assert_eq!(
        cause.parts[0].summary,
        "latency: all of it on pod carts-5c4d7b8f6-ccccc (12 → 250 ms, 33 % of the requests), version v2; spread evenly over 2 callers",
        "{:#?}",
        cause.parts
    );
    // Another, healthy pod runs on its node.
    let node = label(&cause.parts[0], Label::Node);
    assert!(node.finding == Finding::Concentrated && node.listed[0].share_of_requests > 0.6, "{node:?}");
}

#[test]
fn evenly_is_said_and_what_cannot_be_seen_is_told() {
    let Some(server) = shop([true, true, true]).start("even") else { return };
    let (all, _) = told(&server, Measure::Latency);
    assert_eq!(all[0].summary, "latency: spread evenly over 3 pods, 2 nodes, 2 versions and 2 callers", "{all:#?}");
    let unseen: Vec<Label> = all[0].unseen.iter().map(|u| u.label).collect();
    assert_eq!(unseen, [Label::Zone, Label::Method, Label::Route]);
    assert!(all[0].unseen[0].reason.contains("topology.kubernetes.io/zone"), "{:?}", all[0].unseen);
}

#[test]
fn a_bad_node_is_told_by_its_pods_together() {
    let mut world = World::default();
    for (i, node) in ["n1", "n2", "n3", "n1", "n2", "n3"].into_iter().enumerate() {
        let pod = format!("carts-6b9f8d7c5-{}", ["zzzzz", "bbbbb", "ccccc", "ddddd", "fffff", "ggggg"][i]);
        world.calls("front-end", &pod, "unknown", (4.0, if node == "n2" { [12.0, 90.0] } else { CALM }, NO_FAILURES));
        world.pod(&pod, node, "carts:1.4");
    }
    for node in ["n1", "n2", "n3"] {
        let zone = if node == "n3" { "z2" } else { "z1" };
        world.gauge(&format!(r#"kube_node_info{{job="ksm",node="{node}",provider_id="aws:///eu-{zone}/i-{node}"}}"#));
    }
    let Some(server) = world.start("node") else { return };
    let (all, requests) = told(&server, Measure::Latency);
    assert_eq!(requests, 2);
    assert_eq!(values(&all[0], Label::Node), ["n2"]);
    assert_eq!(values(&all[0], Label::Pod).len(), 2);
    assert_eq!(values(&all[0], Label::Zone), ["eu-z1"]);
    assert_eq!(
        label(&all[0], Label::Version).summary,
        "only version carts:1.4",
        "the image where Istio knows no version"
    );
    assert!(
        all[0].summary.contains("all of it on pods carts-6b9f8d7c5-bbbbb and carts-6b9f8d7c5-fffff"),
        "{}",
        all[0].summary
    );
}

#[test]
fn one_caller_only_and_how_its_requests_fail() {
    let mut world = World::default();
    for pod in ["carts-6b9f8d7c5-zzzzz", "carts-6b9f8d7c5-bbbbb"] {
        world.calls("front-end", pod, "v1", (5.0, CALM, NO_FAILURES));
        world.calls("orders", pod, "v1", (2.0, CALM, [0.0, 0.4]));
    }
    let Some(server) = world.start("caller") else { return };
    let (all, _) = told(&server, Measure::Failures);
    assert_eq!(values(&all[0], Label::Caller), ["orders"]);
    assert_eq!(values(&all[0], Label::ResponseCode), ["503"]);
    assert_eq!(label(&all[0], Label::Pod).finding, Finding::Even);
    assert!(
        all[0].summary.starts_with("failures: all of it on response code 503, caller orders (0 → 4"),
        "{}",
        all[0].summary
    );
    assert!(all[0].unseen.iter().any(|u| u.label == Label::Node && u.reason.contains("without kube-state-metrics")));
}

#[test]
fn one_route_of_a_service_that_open_telemetry_measures() {
    let mut world = World::default();
    for pod in ["carts-6b9f8d7c5-zzzzz", "carts-6b9f8d7c5-bbbbb"] {
        for (method, route) in [("GET", "/carts/{id}"), ("POST", "/carts"), ("GET", "/items")] {
            let series = |what: &str, code: &str| {
                format!(
                    r#"http_server_request_duration_seconds_{what}{{job="otel",k8s_namespace_name="shop",k8s_deployment_name="carts",k8s_pod_name="{pod}",k8s_node_name="n-{pod}",http_request_method="{method}",http_route="{route}",http_response_status_code="{code}"}}"#
                )
            };
            let slow = if route == "/carts" { 0.2 } else { 0.012 };
            world.counter(&series("count", "200"), Some(4.0), 4.0);
            world.counter(&series("sum", "200"), Some(4.0 * 0.012), 4.0 * slow);
        }
    }
    let Some(server) = world.start("route") else { return };
    let (all, _) = told(&server, Measure::Latency);
    assert_eq!(
        (values(&all[0], Label::Route), values(&all[0], Label::Method)),
        (vec!["/carts"], vec!["POST"]),
        "{all:#?}"
    );
    assert_eq!(label(&all[0], Label::Pod).finding, Finding::Even);
    assert_eq!(label(&all[0], Label::Node).values, 2, "the series name it");
}

#[test]
fn a_pod_whose_processor_is_busy() {
    let mut world = shop([false, false, false]);
    for (pod, cores) in [
        ("carts-6b9f8d7c5-zzzzz", 0.9),
        ("carts-6b9f8d7c5-bbbbb", 0.2),
        ("carts-5c4d7b8f6-ccccc", 0.21),
        ("carts-db-0", 3.0),
    ] {
        world.counter(&format!(r#"container_cpu_usage_seconds_total{{job="kubelet",namespace="shop",pod="{pod}",container="app",id="{pod}"}}"#), Some(0.2), cores);
    }
    let Some(server) = world.start("cpu") else { return };
    let (all, requests) = told(&server, Measure::Cpu);
    assert_eq!(requests, 2);
    assert_eq!((values(&all[0], Label::Pod), label(&all[0], Label::Pod).values), (vec!["carts-6b9f8d7c5-zzzzz"], 3));
    assert!(
        all[0].summary.starts_with("CPU: all of it on pod carts-6b9f8d7c5-zzzzz (200 → 900 millicores), node n1"),
        "{}",
        all[0].summary
    );
}
