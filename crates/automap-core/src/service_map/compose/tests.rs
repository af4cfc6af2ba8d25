use super::*;
use crate::diagnose::DiagnoseOptions;
use crate::entity::EntityKind;
use crate::frame::{RawSeries, assemble};
use crate::metric::{Metric, Unit};
use crate::time::Timestamp;
use crate::time::WindowHint;
use crate::topology::CallGraph;

/// front-end → orders → payment, front-end → user, and a worker nobody knows more of than its name.
fn observation(calls: CallGraph) -> Observation {
    let times: Vec<Timestamp> = (0..60).map(|i| Timestamp::from_ms(1_700_000_000_000 + 5000 * i)).collect();
    let wobble = |seed: usize, i: usize| ((i * 7 + seed * 13) % 10) as f64 / 10.0;
    let series = |(seed, service): (usize, &str)| RawSeries {
        service: service.to_owned(),
        metric: "latency_ms".to_owned(),
        peer: None,
        points: times.iter().enumerate().map(|(i, t)| (*t, 10.0 + wobble(seed, i))).collect(),
    };
    let raw = ["front-end", "orders", "payment", "user"].into_iter().enumerate().map(series).collect();
    let (frame, notes) = assemble(raw, times).unwrap();
    let hint = WindowHint::default();
    let source = "test".to_owned();
    Observation { hint, notes, ..Observation::new(frame, calls, source) }
}

fn calls() -> CallGraph {
    [("front-end", "orders"), ("front-end", "user"), ("orders", "payment"), ("worker", "user")].into_iter().collect()
}

fn evidence(metric: &str, from: f64, to: f64) -> Evidence {
    Evidence {
        metric: Metric::parse(metric),
        seen_by: "x".to_owned(),
        peer: None,
        from: Some(from),
        to: Some(to),
        unit: Unit::Ms,
        strength: 2.0,
        onset: Timestamp::parse_rfc3339("2023-11-14T22:15:00Z"),
        summary: "long".to_owned(),
    }
}

/// A report that blames payment, with orders and front-end as victims and user as a faint second.
fn report(observation: &Observation) -> Report {
    let mut report = crate::diagnose::diagnose(observation, &DiagnoseOptions::default()).unwrap();
    report.verdict.kind = VerdictKind::Cause;
    report.verdict.service = Some("payment".to_owned());
    report.verdict.summary = "payment (slow)".to_owned();
    report.verdict.confidence = 0.9;
    let cause = |rank: usize, service: &str, confidence: f64, path: &[&str]| crate::report::Cause {
        rank,
        service: service.to_owned(),
        kind: EntityKind::Service,
        holds_up: Vec::new(),
        score: 1.0,
        confidence,
        change: None,
        parts: Vec::new(),
        onset: None,
        accounts_for: Vec::new(),
        evidence: vec![evidence("latency_p95_ms", 48.7, 488.0)],
        path: path.iter().map(|s| (*s).to_owned()).collect(),
        counter_evidence: Vec::new(),
    };
    report.causes = vec![
        cause(1, "payment", 0.9, &["front-end", "orders", "payment"]),
        cause(2, "orders", 0.2, &["front-end", "orders"]),
        cause(3, "user", 0.05, &["front-end", "user"]),
    ];
    report.victims = ["front-end", "orders"]
        .map(|service| crate::report::Victim {
            service: service.to_owned(),
            explained_by: "payment".to_owned(),
            evidence: vec![evidence("latency_ms", 12.0, 300.0)],
            summary: String::new(),
        })
        .to_vec();
    report
}

fn data(from: &str, to: &str, metric: MetricType, weight: f64, directed: bool) -> DataEdge {
    DataEdge { from: from.into(), to: to.into(), metric, weight, directed, change: EdgeChange::Same }
}

fn edge<'a>(map: &'a ServiceMap, from: &str, to: &str) -> &'a MapEdge {
    map.edges.iter().find(|e| e.from == from && e.to == to).unwrap()
}

#[test]
fn roles_are_those_of_the_report() {
    let observation = observation(calls());
    let map = compose(&observation, &report(&observation), MapKind::Anomaly, &[]);
    let roles: Vec<(&str, NodeRole)> = map.nodes.iter().map(|n| (n.service.as_str(), n.role)).collect();
    assert_eq!(
        roles,
        [
            ("front-end", NodeRole::Victim),
            ("orders", NodeRole::Victim),
            ("payment", NodeRole::Cause),
            // Confidence 0.05: a number, but no candidate.
            ("user", NodeRole::Normal),
            ("worker", NodeRole::Unobserved),
        ]
    );
    assert_eq!(map.nodes[2].summary.as_deref(), Some("p95 latency 48.7 → 488 ms"));
    // A victim tells what it shows as one, whatever its rank.
    assert_eq!((map.nodes[1].summary.as_deref(), map.nodes[1].rank), (Some("latency (mean) 12 → 300 ms"), Some(2)));
    assert_eq!((map.nodes[3].summary.as_deref(), map.nodes[3].confidence), (None, Some(0.05)));
    let entries: Vec<&str> = map.nodes.iter().filter(|n| n.is_entry).map(|n| n.service.as_str()).collect();
    assert_eq!(entries, ["front-end"], "a worker that only calls is no entry");
}

#[test]
fn without_data_edges_the_edges_are_the_calls_and_the_path_is_marked() {
    let observation = observation(calls());
    let map = compose(&observation, &report(&observation), MapKind::Anomaly, &[]);
    let edges: Vec<(&str, &str, bool)> =
        map.edges.iter().map(|e| (e.from.as_str(), e.to.as_str(), e.on_path)).collect();
    assert_eq!(
        edges,
        [
            ("front-end", "orders", true),
            ("front-end", "user", false),
            ("orders", "payment", true),
            ("worker", "user", false)
        ]
    );
    assert!(map.edges.iter().all(|e| e.observed && e.metrics.is_empty() && e.change == EdgeChange::Same));
}

#[test]
fn nobody_is_blamed_in_normal_time_or_without_a_named_cause() {
    let observation = observation(calls());
    let mut report = report(&observation);
    let normal = compose(&observation, &report, MapKind::Normal, &[]);
    assert!(normal.nodes.iter().all(|n| matches!(n.role, NodeRole::Normal | NodeRole::Unobserved)));
    assert!(normal.nodes.iter().all(|n| n.rank.is_none() && n.summary.is_none()));
    assert!(normal.edges.iter().all(|e| !e.on_path));
    report.verdict.kind = VerdictKind::NotEnoughEvidence;
    report.verdict.service = None;
    report.victims.clear();
    let unsure = compose(&observation, &report, MapKind::Anomaly, &[]);
    assert!(unsure.edges.iter().all(|e| !e.on_path));
    assert_eq!(unsure.nodes[2].role, NodeRole::Candidate);
}

#[test]
fn data_edges_become_the_metrics_of_their_call() {
    let observation = observation(calls());
    let data = [
        data("payment", "orders", MetricType::Latency, 3.0, true),
        data("orders", "payment", MetricType::Cpu, 1.0, false),
        data("orders", "orders", MetricType::Cpu, 1.0, false),
    ];
    let map = compose(&observation, &report(&observation), MapKind::Anomaly, &data);
    assert_eq!(map.edges.len(), 4);
    let metrics: Vec<(MetricType, f64, Influence)> =
        edge(&map, "orders", "payment").metrics.iter().map(|m| (m.metric, m.weight, m.influence)).collect();
    // The call goes from orders to payment, the latency the other way.
    assert_eq!(
        metrics,
        [(MetricType::Latency, 0.75, Influence::Backward), (MetricType::Cpu, 0.25, Influence::Undirected)]
    );
}

#[test]
fn a_pair_without_a_call_gets_one_edge_in_the_direction_of_most_weight() {
    let observation = observation(calls());
    let data = [
        data("user", "payment", MetricType::Memory, 1.0, true),
        data("payment", "user", MetricType::Cpu, 2.0, true),
        data("payment", "stranger", MetricType::Io, f64::NAN, false),
    ];
    let map = compose(&observation, &report(&observation), MapKind::Anomaly, &data);
    let found = edge(&map, "payment", "user");
    assert!(!found.observed && !map.edges.iter().any(|e| e.from == "user" && e.to == "payment"));
    let ways: Vec<Influence> = found.metrics.iter().map(|m| m.influence).collect();
    assert_eq!(ways, [Influence::Forward, Influence::Backward]);
    // A weight that is no number is a share all the same, and its end a service.
    assert_eq!(edge(&map, "payment", "stranger").metrics[0].weight, 1.0);
    assert!(map.nodes.iter().any(|n| n.service == "stranger" && n.role == NodeRole::Unobserved));
}

#[test]
fn an_edge_is_new_only_when_all_its_metrics_are() {
    let observation = observation(calls());
    let changed = |metric, change| DataEdge { change, ..data("front-end", "user", metric, 1.0, false) };
    let (new, gone) = (changed(MetricType::Cpu, EdgeChange::New), changed(MetricType::Memory, EdgeChange::Gone));
    let report = report(&observation);
    let of = |data: &[DataEdge]| {
        let map = compose(&observation, &report, MapKind::Difference, data);
        edge(&map, "front-end", "user").change
    };
    assert_eq!(of(std::slice::from_ref(&new)), EdgeChange::New);
    assert_eq!(of(&[new, gone]), EdgeChange::Same);
}

#[test]
fn two_services_that_call_each_other_share_their_data() {
    let both: CallGraph = [("orders", "user"), ("user", "orders")].into_iter().collect();
    let observation = observation(both);
    let data = [data("user", "orders", MetricType::Cpu, 1.0, true), data("user", "orders", MetricType::Io, 1.0, false)];
    let map = compose(&observation, &report(&observation), MapKind::Anomaly, &data);
    let metrics =
        |from: &str, to: &str| edge(&map, from, to).metrics.iter().map(|m| (m.metric, m.influence)).collect::<Vec<_>>();
    assert_eq!(metrics("user", "orders"), [(MetricType::Cpu, Influence::Forward)]);
    assert_eq!(metrics("orders", "user"), [(MetricType::Io, Influence::Undirected)]);
}

#[test]
fn a_system_without_calls_says_so() {
    let observation = observation(CallGraph::new());
    let map = compose(&observation, &report(&observation), MapKind::Anomaly, &[]);
    assert!(map.edges.is_empty() && map.nodes.len() == 4 && map.notes[0].code == "no_calls");
}

#[test]
fn a_map_of_the_report_alone_has_whom_it_names_and_the_calls_of_its_paths() {
    let observation = observation(calls());
    let mut report = report(&observation);
    report.causes[0].evidence[0].seen_by = "orders".to_owned();
    report.causes[0].evidence[0].peer = Some("payment".to_owned());
    let map = crate::service_map::of_report(&report);
    let roles: Vec<(&str, NodeRole)> = map.nodes.iter().map(|n| (n.service.as_str(), n.role)).collect();
    assert_eq!(
        roles,
        [
            ("front-end", NodeRole::Victim),
            ("orders", NodeRole::Victim),
            ("payment", NodeRole::Cause),
            ("user", NodeRole::Normal)
        ],
        "worker is known to the calls alone"
    );
    let edges: Vec<(&str, &str, bool)> =
        map.edges.iter().map(|e| (e.from.as_str(), e.to.as_str(), e.on_path)).collect();
    assert_eq!(
        edges,
        [("front-end", "orders", true), ("front-end", "user", false), ("orders", "payment", true)],
        "{edges:?}"
    );
    let whole = compose(&observation, &report, MapKind::Anomaly, &[]);
    let of = |map: &ServiceMap, name: &str| map.nodes.iter().find(|n| n.service == name).cloned();
    assert_eq!(of(&map, "payment"), of(&whole, "payment"), "what is known of a service is the same");
    assert_eq!(map.notes[0].code, "report_alone");
}
