//! Nodes read through a real Prometheus: the data of their exporters, the pods on them, and the other pods that use a full one.

use std::fmt::Write as _;

use automap_core::entity::EntityKind;
use automap_core::observation::{Observation, QueryState};
use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, ClientOptions, Fetched, ObserveOptions, observe};

use crate::prometheus::Prometheus;

/// Start of the data, in Unix seconds; a multiple of two hours, so that it makes one block.
const START_S: i64 = 1_794_996_000;
const LENGTH_S: i64 = 1200;
const SCRAPE_S: usize = 15;
/// From when on a node is full.
const FULL_S: i64 = 900;

/// Series with their growth per second before and after the node is full, or their two values if prefixed by `=`. A negative growth before means that
/// the series does not exist before.
fn text(lines: &str) -> String {
    let mut out = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.rsplitn(3, ' ');
        let (after, before, series) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let number = |word: &str| word.trim_start_matches('=').parse::<f64>().unwrap();
        let (before, after, is_gauge) = (number(before), number(after), after.starts_with('='));
        let begins = if before < 0.0 { FULL_S } else { 0 };
        for t in (begins..=LENGTH_S).step_by(SCRAPE_S) {
            let (early, late) = (t.min(FULL_S) as f64, (t - FULL_S).max(0) as f64);
            let value = match is_gauge {
                true if t < FULL_S => before,
                true => after,
                false => 1000.0 + early * before + late * after,
            };
            writeln!(out, "{series} {value} {}", START_S + t).unwrap();
        }
    }
    out + "# EOF\n"
}

/// Two nodes of two processors: carts and user on the first, orders on the second.
fn shop(instance: [&str; 2], more: &str) -> String {
    let mut lines = String::new();
    for (workload, node) in [("carts", 1), ("user", 1), ("orders", 2)] {
        let pod = format!("{workload}-77cd5fb6c4-x2x4z");
        writeln!(
            lines,
            r#"kube_pod_info{{namespace="shop",pod="{pod}",node="worker-{node}",host_ip="10.0.0.{node}",instance="ksm"}} =1 =1
            kube_pod_owner{{namespace="shop",pod="{pod}",owner_kind="ReplicaSet",owner_name="{workload}-77cd5fb6c4",instance="ksm"}} =1 =1
            container_cpu_usage_seconds_total{{namespace="shop",pod="{pod}",container="{workload}",id="/a/{workload}",instance="k"}} 0.1 0.1
            istio_requests_total{{reporter="destination",destination_workload="{workload}",destination_workload_namespace="shop",source_workload="front-end",source_workload_namespace="shop",response_code="200",pod="{pod}",namespace="shop",instance="i"}} 9 9"#
        )
        .unwrap();
    }
    for (node, (at, busy)) in instance.iter().zip([0.96, 0.2]).enumerate() {
        for cpu in 0..2 {
            writeln!(
                lines,
                r#"node_cpu_seconds_total{{instance="{at}",cpu="{cpu}",mode="user"}} 0.2 {busy}
                node_cpu_seconds_total{{instance="{at}",cpu="{cpu}",mode="steal"}} 0.01 0.01
                node_cpu_seconds_total{{instance="{at}",cpu="{cpu}",mode="iowait"}} 0.02 0.02
                node_cpu_seconds_total{{instance="{at}",cpu="{cpu}",mode="idle"}} 0.77 0.01"#
            )
            .unwrap();
        }
        writeln!(
            lines,
            r#"node_memory_MemAvailable_bytes{{instance="{at}"}} =4e9 =4e9
            node_memory_MemTotal_bytes{{instance="{at}"}} =16e9 =16e9
            node_disk_io_time_seconds_total{{instance="{at}",device="sda"}} 0.3 0.3
            node_disk_io_time_seconds_total{{instance="{at}",device="dm-0"}} 0.9 0.9
            node_pressure_io_waiting_seconds_total{{instance="{at}"}} 0.05 0.05
            node_filesystem_avail_bytes{{instance="{at}",mountpoint="/",fstype="ext4",device="sda1"}} =40 =40
            node_filesystem_size_bytes{{instance="{at}",mountpoint="/",fstype="ext4",device="sda1"}} =100 =100
            node_filesystem_avail_bytes{{instance="{at}",mountpoint="/snap/core",fstype="squashfs",device="loop0"}} =0 =0
            node_filesystem_size_bytes{{instance="{at}",mountpoint="/snap/core",fstype="squashfs",device="loop0"}} =100 =100
            node_nf_conntrack_entries{{instance="{at}"}} =500 =500
            node_nf_conntrack_entries_limit{{instance="{at}"}} =1000 =1000
            node_network_receive_drop_total{{instance="{at}",device="eth0"}} 1 1
            node_network_receive_drop_total{{instance="{at}",device="veth12"}} 99 99
            node_vmstat_oom_kill{{instance="{at}"}} 0 0
            kube_node_status_condition{{node="worker-{}",condition="Ready",status="true",instance="ksm"}} =1 =1
            kube_node_status_condition{{node="worker-{}",condition="MemoryPressure",status="true",instance="ksm"}} =0 =0"#,
            node + 1,
            node + 1
        )
        .unwrap();
    }
    text(&(lines + more))
}

fn observed(server: &Prometheus) -> Fetched {
    let now = Timestamp::from_ms((START_S + LENGTH_S) * 1000);
    let options = ObserveOptions {
        scrape_interval_ms: Some(15_000),
        changes: false,
        ..ObserveOptions::new("shop", now.plus_ms(-900_000), now, now)
    };
    let client = Client::new(ClientOptions::new(server.url())).unwrap();
    observe(&client, &options, &|_| {}).unwrap()
}

/// The last value; `None` where there is no such series.
fn last(seen: &Observation, name: &str, metric: &str) -> Option<f64> {
    let series = seen.frame.get(seen.frame.find(name)?, metric, None)?;
    series.values.iter().rev().copied().find(|v| !v.is_nan())
}

fn check(seen: &Observation, node: &str, expected: &[(&str, f64)]) {
    for (metric, expected) in expected {
        let found = last(seen, node, metric);
        assert!(found.is_some_and(|v| (v - expected).abs() < 0.01), "{node} {metric} is {found:?}, not {expected}");
    }
}

const CALM: [(&str, f64); 11] = [
    ("cpu_stolen_ratio", 0.01),
    ("cpu_capacity_cores", 2.0),
    ("memory_used_ratio", 0.75),
    ("disk_busy_ratio", 0.3),
    ("disk_waiting_ratio", 0.05),
    ("disk_used_ratio", 0.6),
    ("conntrack_used_ratio", 0.5),
    ("network_drops_per_s", 1.0),
    ("oom_kills", 0.0),
    ("not_ready", 0.0),
    ("under_pressure", 0.0),
];

/// A batch job of another team uses up the first node, a bystander on it does not, and a third runs elsewhere.
const NEIGHBOURS: &str = r#"
container_cpu_usage_seconds_total{namespace="batch",pod="report-29012345-x2x4z",container="report",id="/b/1",instance="k"} -1.1 1.6
container_cpu_usage_seconds_total{namespace="tools",pod="agent-x2x4z",container="agent",id="/b/2",instance="k"} 0.05 0.05
container_cpu_usage_seconds_total{namespace="tools",pod="elsewhere-x2x4z",container="agent",id="/b/3",instance="k"} 0.1 1.9
kube_pod_info{namespace="batch",pod="report-29012345-x2x4z",node="worker-1",host_ip="10.0.0.1",instance="ksm"} =1 =1
kube_pod_info{namespace="tools",pod="agent-x2x4z",node="worker-1",host_ip="10.0.0.1",instance="ksm"} =1 =1
kube_pod_info{namespace="tools",pod="elsewhere-x2x4z",node="worker-3",host_ip="10.0.0.3",instance="ksm"} =1 =1
"#;

#[test]
fn nodes_are_found_by_address_and_by_name_with_who_takes_of_a_full_one() {
    for (how, instance) in [("address", ["10.0.0.1:9100", "10.0.0.2:9100"]), ("name", ["worker-1", "worker-2"])] {
        let stranger = r#"node_memory_MemAvailable_bytes{instance="10.0.0.9:9100"} =1 =1
        node_memory_MemTotal_bytes{instance="10.0.0.9:9100"} =9 =9"#;
        let text = shop(instance, &format!("{NEIGHBOURS}{stranger}"));
        let Some(server) = Prometheus::backfilled(&format!("nodes-{how}"), &text) else { return };
        let fetched = observed(&server);
        let seen = &fetched.observation;
        check(seen, "node/worker-1", &CALM);
        check(seen, "node/worker-2", &CALM);
        check(seen, "node/worker-1", &[("cpu_used_ratio", 0.97)]);
        check(seen, "node/worker-2", &[("cpu_used_ratio", 0.21)]);
        let nodes: Vec<&str> =
            seen.frame.services().iter().map(String::as_str).filter(|s| s.starts_with("node/")).collect();
        assert_eq!(nodes, ["node/worker-1", "node/worker-2"], "others carry none of our pods");

        let entities = &seen.entities;
        assert_eq!(
            entities.on_node("node/worker-1").collect::<Vec<_>>(),
            ["batch/report", "carts", "tools/agent", "user"]
        );
        assert_eq!(entities.kind_of("batch/report"), EntityKind::Neighbour);
        assert!((last(seen, "batch/report", "cpu_cores").unwrap() - 1.6).abs() < 0.01);
        let job = seen.frame.get(seen.frame.find("batch/report").unwrap(), "cpu_cores", None).unwrap();
        assert_eq!(job.values[3], 0.0, "it was not there, and our own pods beside it were observed");
        assert_eq!(seen.frame.find("tools/elsewhere"), None);
        let query = seen.queries.iter().find(|q| q.signal == "disk_busy_ratio").unwrap();
        assert_eq!(query.state, QueryState::Complete);
        assert!(query.promql.contains(r"10\\.0\\.0\\.1") && !query.promql.contains("$HOSTS"), "{}", query.promql);
    }
}

#[test]
fn a_label_of_the_scraper_names_the_node_and_calm_nodes_ask_for_no_neighbours() {
    let named = |text: String| {
        text.replace(r#"instance="pod-a""#, r#"node="worker-1",instance="pod-a""#)
            .replace(r#"instance="pod-b""#, r#"node="worker-2",instance="pod-b""#)
            .replace(r#"mode="user"} 0.96"#, r#"mode="user"} 0.2"#)
    };
    let Some(server) = Prometheus::backfilled("nodes-label", &named(shop(["pod-a", "pod-b"], NEIGHBOURS))) else {
        return;
    };
    let seen = observed(&server).observation;
    check(&seen, "node/worker-2", &CALM);
    assert_eq!(seen.entities.nodes_of("orders").collect::<Vec<_>>(), [("node/worker-2", 1.0)]);
}

#[test]
fn without_placed_pods_nothing_is_asked_of_nodes() {
    let text = shop(["10.0.0.1:9100", "10.0.0.2:9100"], "");
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("kube_pod_info")).collect();
    let Some(server) = Prometheus::backfilled("nodes-none", &(without.join("\n") + "\n")) else { return };
    let fetched = observed(&server);
    assert!(fetched.observation.entities.is_empty());
    assert!(fetched.observation.queries.iter().all(|q| q.signal != "cpu_used_ratio"));
}
