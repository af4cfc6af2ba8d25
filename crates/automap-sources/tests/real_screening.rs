//! The narrowed queries of a large system on a real Prometheus: selected services have the same values as when all are queried, and no others have
//! any.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{ObserveOptions, observe};

use crate::presets_world::{LENGTH_S, Real, START_S, Series};

/// From when on the database is busy and its callers wait.
const ONSET_S: i64 = LENGTH_S * 2 / 3;
/// Signals of pods, and the quantile.
const DETAILS: [&str; 4] = ["cpu_cores", "memory_bytes", "not_ready", "latency_p95_ms"];

/// `web` calls `api`, which calls `api-db` over TCP; `other` calls `far`. `api-gateway` begins like `api`, and the pods of `other` and `far` have odd
/// names.
const WORKLOADS: [(&str, &str); 6] = [
    ("web", "web-5d4f8c7b9-x2x4z"),
    ("api", "api-5d4f8c7b9-x2x4z"),
    ("api-db", "database-0"),
    ("api-gateway", "api-gateway-5d4f8c7b9-x2x4z"),
    ("other", "other-5d4f8c7b9-x2x4z"),
    ("far", "api-7c9b9b6c5d-bbbbb"),
];

/// A counter with this growth per second, plus an additional growth since the onset.
fn counter(text: &mut String, series: &str, per_s: f64, since_onset: f64) {
    for t in (0..=LENGTH_S).step_by(15) {
        let value = 1000.0 + per_s * t as f64 + since_onset * (t - ONSET_S).max(0) as f64;
        writeln!(text, "{series} {value} {}", START_S + t).unwrap();
    }
}

fn gauge(text: &mut String, series: &str, value: f64) {
    (0..=LENGTH_S).step_by(15).for_each(|t| writeln!(text, "{series} {value} {}", START_S + t).unwrap());
}

fn call(text: &mut String, namespace: &str, (from, to): (&str, &str), ms: (f64, f64)) {
    for reporter in ["source", "destination"] {
        let labels = format!(
            r#"reporter="{reporter}",job="mesh",pod="{reporter}-0",source_workload="{from}",source_workload_namespace="{namespace}",destination_workload="{to}",destination_workload_namespace="{namespace}",destination_service_name="{to}""#
        );
        counter(text, &format!(r#"istio_requests_total{{{labels},response_code="200"}}"#), 10.0, 0.0);
        let name = "istio_request_duration_milliseconds";
        counter(text, &format!("{name}_sum{{{labels}}}"), 10.0 * ms.0, 10.0 * (ms.1 - ms.0));
        counter(text, &format!("{name}_count{{{labels}}}"), 10.0, 0.0);
        counter(text, &format!(r#"{name}_bucket{{{labels},le="50"}}"#), 10.0, if ms.1 > 50.0 { -10.0 } else { 0.0 });
        for le in ["500", "+Inf"] {
            counter(text, &format!(r#"{name}_bucket{{{labels},le="{le}"}}"#), 10.0, 0.0);
        }
    }
}

fn world(namespaces: &[&str], exported: bool) -> Series {
    let mut text = String::new();
    for namespace in namespaces {
        call(&mut text, namespace, ("gate", "web"), (20.0, 220.0));
        call(&mut text, namespace, ("web", "api"), (10.0, 210.0));
        call(&mut text, namespace, ("other", "far"), (10.0, 10.0));
        call(&mut text, namespace, ("other", "api-gateway"), (10.0, 10.0));
        let connection = format!(
            r#"istio_tcp_connections_opened_total{{reporter="source",job="mesh",pod="api-0",source_workload="api",source_workload_namespace="{namespace}",destination_workload="api-db",destination_workload_namespace="{namespace}",destination_service_name="api-db",response_flags="-"}}"#
        );
        counter(&mut text, &connection, 1.0, 0.0);
        for (workload, pod) in WORKLOADS {
            let place = match exported {
                true => format!(
                    r#"namespace="monitoring",exported_namespace="{namespace}",pod="ksm-0",exported_pod="{pod}",container="ksm",exported_container="main""#
                ),
                false => format!(r#"namespace="{namespace}",pod="{pod}",container="main""#),
            };
            let owner = format!(r#"owner_kind="StatefulSet",owner_name="{workload}""#);
            gauge(&mut text, &format!(r#"kube_pod_owner{{{place},job="ksm",{owner}}}"#), 1.0);
            gauge(&mut text, &format!(r#"kube_pod_status_ready{{{place},job="ksm",condition="true"}}"#), 1.0);
            let more = if workload == "api-db" { 2.0 } else { 0.0 };
            counter(
                &mut text,
                &format!(r#"container_cpu_usage_seconds_total{{{place},id="/{pod}",job="kubelet"}}"#),
                0.1,
                more,
            );
            gauge(
                &mut text,
                &format!(r#"container_memory_working_set_bytes{{{place},id="/{pod}",job="kubelet"}}"#),
                2e8,
            );
        }
    }
    Series::from_text(&text)
}

/// Values by service and signal, as bits.
fn details(seen: &Observation) -> BTreeMap<(String, &'static str), Vec<u64>> {
    let frame = &seen.frame;
    let of = |s: &automap_core::frame::Series| {
        let signal = DETAILS.into_iter().find(|signal| *signal == s.metric.name)?;
        let values = s.values.iter().map(|value| value.to_bits()).collect();
        Some(((frame.service(s.service).to_owned(), signal), values))
    };
    frame.series().iter().filter_map(of).collect()
}

fn look(server: &Real, namespace: &str, screen_above: Option<usize>) -> Observation {
    let now = Timestamp::from_ms((START_S + LENGTH_S) * 1000);
    let from = Timestamp::from_ms((START_S + 120) * 1000);
    let options = ObserveOptions {
        scrape_interval_ms: Some(15_000),
        changes: false,
        screen_above,
        ..ObserveOptions::new(namespace, from, now, now)
    };
    observe(&server.client(), &options, &|_| {}).unwrap().observation
}

#[test]
fn who_is_chosen_has_all_values_and_who_is_not_has_none() {
    for (namespaces, exported) in [(&["shop"][..], false), (&["shop"][..], true), (&["shop", "bank"][..], false)] {
        let name = format!("screening-{}-{exported}", namespaces.len());
        let Some(server) = Real::start(&name, &world(namespaces, exported)) else { return };
        let namespace = namespaces.join(",");
        let [all, screened] = [None, Some(2)].map(|above| details(&look(&server, &namespace, above)));
        let services = |of: &BTreeMap<(String, &'static str), Vec<u64>>| {
            of.keys().map(|(service, _)| service.clone()).collect::<BTreeSet<String>>()
        };
        let chosen: BTreeSet<String> = match namespaces {
            [_] => ["api", "api-db", "web"].map(str::to_owned).into(),
            several => {
                several.iter().flat_map(|n| ["api", "api-db", "web"].map(|name| format!("{n}/{name}"))).collect()
            }
        };
        assert_eq!(services(&screened), chosen, "{namespaces:?}, exported: {exported}");
        assert_eq!(services(&all).len(), WORKLOADS.len() * namespaces.len());
        let of_chosen: BTreeMap<_, _> = all.into_iter().filter(|((service, _), _)| chosen.contains(service)).collect();
        assert_eq!(screened, of_chosen, "{namespaces:?}, exported: {exported}");
        assert!(screened.keys().any(|(service, signal)| service.ends_with("api-db") && *signal == "cpu_cores"));
        assert!(screened.keys().any(|(_, signal)| *signal == "latency_p95_ms"));
    }
}
