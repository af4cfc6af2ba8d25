//! Several clusters behind one real Prometheus, with equal namespaces, services, pods, nodes and addresses: they are never mixed up.

use std::fmt::Write as _;

use automap_core::entity::EntityKind;
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{
    Client, ClientOptions, Fetched, MAX_CLUSTERS, ObserveOptions, SourceError, observe, survey, teams,
};

use crate::prometheus::Prometheus;

/// Start of the data, in Unix seconds; a multiple of two hours, so that it makes one block.
const START_S: i64 = 1_794_996_000;
const LENGTH_S: i64 = 1200;
const SCRAPE_S: usize = 15;
/// Requests for one more cluster with stores and a DNS: the docs state it.
const EACH: u64 = 20;

/// Series with their growth per second, or their value if prefixed by `=`, or a change from `=1` to `=2` at half time if two are given.
fn text(lines: &str) -> String {
    let mut out = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (series, word) = line.rsplit_once(' ').unwrap();
        let number = |word: &str| word.trim_start_matches('=').parse::<f64>().unwrap();
        for t in (0..=LENGTH_S).step_by(SCRAPE_S) {
            let value = match word.split_once("..") {
                Some((before, after)) => number(if t < LENGTH_S / 2 { before } else { after }),
                None if word.starts_with('=') => number(word),
                None => 1000.0 + t as f64 * number(word),
            };
            writeln!(out, "{series} {value} {}", START_S + t).unwrap();
        }
    }
    out
}

/// A cluster in which `orders` calls `carts`, on one node; with its request rate, and how busy its node is.
fn cluster(name: &str, namespace: &str, rps: f64, busy: f64) -> String {
    let mut lines = String::new();
    let c = format!(r#"cluster="{name}""#);
    for workload in ["carts", "orders"] {
        let pod = format!("{workload}-77cd5fb6c4-x2x4z");
        writeln!(
            lines,
            r#"kube_pod_info{{{c},namespace="{namespace}",pod="{pod}",node="worker-1",host_ip="10.0.0.1",instance="ksm"}} =1
            kube_pod_owner{{{c},namespace="{namespace}",pod="{pod}",owner_kind="ReplicaSet",owner_name="{workload}-77cd5fb6c4",instance="ksm"}} =1
            kube_deployment_labels{{{c},namespace="{namespace}",deployment="{workload}",label_team="{name}-team"}} =1
            container_cpu_usage_seconds_total{{{c},namespace="{namespace}",pod="{pod}",container="{workload}",id="/a/{workload}",instance="k"}} {}
            container_memory_working_set_bytes{{{c},namespace="{namespace}",pod="{pod}",container="{workload}",id="/a/{workload}",instance="k"}} =9e7"#,
            rps / 100.0
        )
        .unwrap();
    }
    for reporter in ["source", "destination"] {
        writeln!(lines, "{}", call(&c, reporter, namespace, ("carts", "Kubernetes"), ("Kubernetes", rps))).unwrap();
    }
    for (mode, share) in [("user", busy), ("steal", 0.0), ("iowait", 0.0), ("idle", 1.0 - busy)] {
        writeln!(lines, r#"node_cpu_seconds_total{{{c},instance="10.0.0.1:9100",cpu="0",mode="{mode}"}} {share}"#)
            .unwrap();
    }
    writeln!(
        lines,
        r#"kube_node_status_condition{{{c},node="worker-1",condition="Ready",status="true",instance="ksm"}} =1
        kube_node_spec_unschedulable{{{c},node="worker-1",instance="ksm"}} {}
        coredns_dns_responses_total{{{c},job="dns",rcode="NOERROR",instance="d"}} {rps}
        coredns_dns_request_duration_seconds_sum{{{c},job="dns",instance="d"}} {}
        coredns_dns_request_duration_seconds_count{{{c},job="dns",instance="d"}} {rps}
        redis_up{{{c},namespace="{namespace}",job="carts-cache",instance="carts-cache:6379"}} =1
        redis_connected_clients{{{c},namespace="{namespace}",job="carts-cache",instance="carts-cache:6379"}} ={rps}"#,
        if name == "eu" { "=0..=1" } else { "=0" },
        rps * busy / 1000.0,
    )
    .unwrap();
    lines
}

/// The requests of `orders` to a workload, as one end counts them, and Istio's names for the clusters of both ends.
fn call(cluster: &str, reporter: &str, namespace: &str, (to, here): (&str, &str), (there, rps): (&str, f64)) -> String {
    let pod = if reporter == "source" { "orders" } else { to };
    format!(
        r#"istio_requests_total{{{cluster},reporter="{reporter}",source_workload="orders",source_workload_namespace="{namespace}",source_cluster="{here}",destination_workload="{to}",destination_workload_namespace="{namespace}",destination_cluster="{there}",destination_service_name="{to}",response_code="200",pod="{pod}-77cd5fb6c4-x2x4z",namespace="{namespace}",instance="i"}} {rps}"#
    )
}

fn server(name: &str, lines: &str) -> Option<Prometheus> {
    Prometheus::backfilled(&format!("clusters-{name}"), &(text(lines) + "# EOF\n"))
}

fn client(server: &Prometheus, cluster: Option<&str>) -> Client {
    let cluster = cluster.map(str::to_owned);
    Client::new(ClientOptions { cluster, ..ClientOptions::new(server.url()) }).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_ms((START_S + LENGTH_S) * 1000)
}

fn look(server: &Prometheus, cluster: Option<&str>, namespace: &str) -> Result<Fetched, SourceError> {
    let options = ObserveOptions {
        scrape_interval_ms: Some(15_000),
        ..ObserveOptions::new(namespace, now().plus_ms(-900_000), now(), now())
    };
    observe(&client(server, cluster), &options, &|_| {})
}

/// The content of a frame, by name, with a prefix for each name.
fn all(seen: &Observation, prefix: &str) -> Vec<String> {
    let named = |name: &str| format!("{prefix}{name}");
    let series = seen.frame.series().iter().map(|s| {
        let peer = s.peer.map(|p| named(seen.frame.service(p))).unwrap_or_default();
        // Servers add up in the order of their series, so the last digits differ.
        let values: Vec<String> = s.values.iter().map(|v| format!("{v:.9e}")).collect();
        format!("{} {} {peer} {values:?}", named(seen.frame.service(s.service)), s.metric.name)
    });
    let calls = seen.calls.edges().map(|(a, b, _)| format!("{} → {}", named(a), named(b)));
    let changes = &seen.changes.changes;
    let changes =
        changes.iter().map(|c| format!("{:?} {}", c.kind, c.service.as_deref().map(named).unwrap_or_default()));
    let mut all: Vec<String> = series.chain(calls).chain(changes).collect();
    all.sort();
    all
}

/// Reports only the differences.
fn assert_same(found: &[String], expected: &[String], what: &str) {
    let only = |of: &[String], other: &[String]| of.iter().filter(|s| !other.contains(s)).cloned().collect::<Vec<_>>();
    let differences = (only(found, expected), only(expected, found));
    assert!(differences.0.is_empty() && differences.1.is_empty(), "{what}: {differences:#?}");
    assert_eq!(found.len(), expected.len(), "{what}");
}

fn last(seen: &Observation, name: &str, metric: &str) -> Option<f64> {
    let series = seen.frame.get(seen.frame.find(name)?, metric, None)?;
    series.values.iter().rev().copied().find(|v| !v.is_nan())
}

#[test]
fn one_of_two_clusters_is_seen_as_if_it_were_alone_and_both_as_two() {
    let worlds = [cluster("eu", "shop", 9.0, 0.97), cluster("us", "shop", 4.0, 0.2)];
    let Some(both) = server("both", &worlds.concat()) else { return };
    let seen = look(&both, Some("eu,us"), "shop").unwrap();
    let mut expected = Vec::new();
    for (name, world) in ["eu", "us"].iter().zip(&worlds) {
        let Some(alone) = server(name, world) else { return };
        let alone = look(&alone, None, "shop").unwrap().observation;
        let one = look(&both, Some(name), "shop").unwrap();
        assert_same(&all(&one.observation, ""), &all(&alone, ""), name);
        assert_eq!(one.observation.entities, alone.entities, "--cluster {name}");
        assert!(one.clusters.iter().all(|c| c.is_looked_at == (c.name == *name)) && one.clusters.len() == 2);
        expected.extend(all(&alone, &format!("{name}/")));
    }
    expected.sort();
    assert_same(&all(&seen.observation, ""), &expected, "both");
    let seen = &seen.observation;
    assert_eq!(last(seen, "eu/carts", "throughput_rps").map(f64::round), Some(9.0));
    assert_eq!(last(seen, "us/carts", "throughput_rps").map(f64::round), Some(4.0));
    assert!(last(seen, "eu/node/worker-1", "cpu_used_ratio").unwrap() > 0.9);
    assert!(last(seen, "us/node/worker-1", "cpu_used_ratio").unwrap() < 0.3);
    let on_node: Vec<&str> = seen.entities.on_node("us/node/worker-1").collect();
    assert_eq!(on_node, ["us/carts", "us/orders"], "pods run on nodes of their own cluster");
    for (name, kind) in [
        ("eu/node/worker-1", EntityKind::Node),
        ("us/carts-cache", EntityKind::Store),
        ("eu/carts", EntityKind::Service),
    ] {
        let entity = seen.entities.get(name).unwrap();
        assert_eq!((entity.kind, entity.cluster.as_deref()), (kind, Some(&name[..2])), "{name}");
    }
    let dns = seen.entities.iter().filter(|(_, e)| e.kind == EntityKind::Dns).count();
    assert_eq!(dns, 2);
    let cordoned: Vec<_> = seen.changes.changes.iter().filter_map(|c| c.service.as_deref()).collect();
    assert_eq!(cordoned, ["eu/node/worker-1"], "{:?}", seen.changes.changes);
}

#[test]
fn without_a_choice_several_clusters_are_an_error_that_names_them_and_the_only_one_is_taken() {
    let of_namespace = |lines: String| {
        let ours = lines.lines().filter(|line| line.contains("bank")).map(str::to_owned);
        ours.collect::<Vec<_>>().join("\n")
    };
    let bank = of_namespace(cluster("us", "bank", 2.0, 0.2));
    let lines = [cluster("eu", "shop", 9.0, 0.97), cluster("us", "shop", 4.0, 0.2), bank];
    let Some(server) = server("none", &lines.concat()) else { return };
    let error = look(&server, None, "shop").unwrap_err().to_string();
    assert!(error.contains("eu, us") && error.contains("--cluster"), "{error}");
    let error = look(&server, Some("asia"), "shop").unwrap_err().to_string();
    assert!(error.contains("asia") && error.contains("eu, us"), "{error}");

    let bank = look(&server, None, "bank").unwrap().observation;
    assert!(
        last(&bank, "node/worker-1", "cpu_used_ratio").unwrap() < 0.3,
        "the other cluster's worker-1 is none of ours"
    );
    assert!(bank.changes.changes.is_empty(), "{:?}", bank.changes.changes);
    assert_eq!(bank.entities.iter().filter(|(_, e)| e.kind == EntityKind::Dns).count(), 1);
    let dns = bank.entities.iter().find(|(_, e)| e.kind == EntityKind::Dns).unwrap().0;
    assert_eq!(last(&bank, dns, "lookup_ms").map(|ms| (ms * 10.0).round()), Some(2.0), "of its own cluster alone");

    let part = look(&server, Some("eu,asia"), "shop").unwrap().observation;
    assert!(part.frame.find("eu/carts").is_some() && part.not_checked.iter().any(|n| n.reason.contains("asia")));
}

#[test]
fn what_names_no_cluster_is_left_out_of_several_and_told() {
    let lines = cluster("eu", "shop", 9.0, 0.9) + &cluster("us", "shop", 4.0, 0.2);
    let bare = lines.lines().map(|line| match line.contains("container_") {
        true => line.replace(r#"cluster="eu","#, "").replace(r#"cluster="us","#, r#"a="b","#),
        false => line.to_owned(),
    });
    let Some(server) = server("bare", &bare.collect::<Vec<_>>().join("\n")) else { return };
    let seen = look(&server, Some("*"), "shop").unwrap().observation;
    assert_eq!(last(&seen, "eu/carts", "cpu_cores"), None, "nobody knows whose it is");
    assert!(last(&seen, "eu/carts", "throughput_rps").is_some());
    let told = seen.not_checked.iter().any(|n| n.reason.contains("cAdvisor name no cluster"));
    assert!(told, "{:?}", seen.not_checked);
}

/// Orders of `eu` calls carts in both clusters. Istio's names for the clusters differ from the label.
#[test]
fn a_call_into_another_cluster_leads_to_the_service_there() {
    let (eu, us) = (r#"cluster="eu""#, r#"cluster="us""#);
    let named = |lines: String, name: &str| lines.replace("Kubernetes", name);
    let lines = [
        named(cluster("eu", "shop", 9.0, 0.2), "c1"),
        named(cluster("us", "shop", 4.0, 0.2), "c2"),
        call(eu, "source", "shop", ("carts", "c1"), ("c2", 3.0)),
        call(us, "destination", "shop", ("carts", "c1"), ("c2", 3.0)),
    ];
    let Some(server) = server("across", &(lines[..2].concat() + &lines[2..].join("\n"))) else { return };
    let seen = look(&server, Some("eu,us"), "shop").unwrap().observation;
    let calls: Vec<_> = seen.calls.edges().map(|(a, b, _)| (a, b)).collect();
    assert_eq!(calls, [("eu/orders", "eu/carts"), ("eu/orders", "us/carts"), ("us/orders", "us/carts")]);
    let to = |peer: &str, metric: &str| {
        let [from, to] = ["eu/orders", peer].map(|name| seen.frame.find(name).unwrap());
        let series = seen.frame.get(from, metric, Some(to)).unwrap();
        series.values.iter().rev().copied().find(|v| !v.is_nan()).map(f64::round)
    };
    assert_eq!((to("eu/carts", "client_rps"), to("us/carts", "client_rps")), (Some(9.0), Some(3.0)));
    assert_eq!(last(&seen, "us/carts", "throughput_rps").map(f64::round), Some(7.0));
    let one = look(&server, Some("eu"), "shop").unwrap().observation;
    assert!(one.calls.edges().any(|(a, b, _)| (a, b) == ("orders", "us/carts")), "it is not ours");
    assert_eq!(one.entities.get("us/carts").unwrap().cluster.as_deref(), Some("us"));
}

#[test]
fn every_cluster_costs_the_same_and_their_number_is_bounded() {
    let names: Vec<String> = (0..=MAX_CLUSTERS).map(|i| format!("c{i:02}")).collect();
    let lines: Vec<String> = names.iter().map(|name| cluster(name, "shop", 5.0, 0.2)).collect();
    let Some(server) = server("many", &lines.concat()) else { return };
    let cost = |cluster: &str| look(&server, Some(cluster), "shop").unwrap().stats.requests;
    let (one, two, all) = (cost("c00"), cost("c00,c01"), cost("*"));
    assert!(two - one <= EACH, "{} requests for another cluster", two - one);
    assert_eq!(all - one, (MAX_CLUSTERS as u64 - 1) * (two - one));
    let seen = look(&server, Some("*"), "shop").unwrap().observation;
    assert!(seen.notes.iter().any(|n| n.code == "clusters_left_out" && n.message.contains("c10")), "{:?}", seen.notes);
    assert!(seen.frame.find("c09/carts").is_some() && seen.frame.find("c10/carts").is_none());
}

#[test]
fn owners_and_the_doctor_keep_clusters_apart_too() {
    let lines = cluster("eu", "shop", 9.0, 0.2) + &cluster("us", "shop", 4.0, 0.2);
    let Some(server) = server("owners", &lines) else { return };
    let team = |cluster: &str, name: &str| {
        teams(&client(&server, Some(cluster)), "shop", "team", now()).unwrap().get(name).cloned()
    };
    assert_eq!(team("us", "carts").as_deref(), Some("us-team"));
    assert_eq!(team("eu,us", "eu/carts").as_deref(), Some("eu-team"));
    let pods = |cluster: &str| survey(&client(&server, Some(cluster)), "shop", now()).unwrap();
    assert_eq!((pods("eu").pods.len(), pods("*").pods.len()), (2, 4));
    assert!(pods("eu").scrapers.is_empty() && pods("*").scrapers.is_empty());
}
