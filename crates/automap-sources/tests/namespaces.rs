//! Several namespaces on a real Prometheus: queried at once, and two services of the same name stay separate.

use std::time::Instant;

use automap_core::entity::EntityKind;
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{Fetched, ObserveOptions, Presets, SourceError, explain_queries, observe};

use crate::presets_world::{LENGTH_S, Real, START_S, Series};

/// Requests of one diagnosis of fifty namespaces given by a pattern: the docs state it.
const BUDGET: u64 = 40;

fn at(s: i64) -> Timestamp {
    Timestamp::from_ms((START_S + s) * 1000)
}

fn window(namespace: &str) -> ObserveOptions {
    let now = at(LENGTH_S);
    ObserveOptions { scrape_interval_ms: Some(15_000), ..ObserveOptions::new(namespace, at(120), now, now) }
}

fn look(server: &Real, namespace: &str) -> Result<Fetched, SourceError> {
    observe(&server.client(), &window(namespace), &|_| {})
}

/// A gauge with the value one.
fn there(text: &mut String, series: &str) {
    for t in (0..=LENGTH_S).step_by(15) {
        text.push_str(&format!("{series} 1 {}\n", START_S + t));
    }
}

/// A call with both ends: `from` and `to` are `namespace/workload`.
fn call(series: Series, from: &str, to: &str, rps: f64, ms: f64) -> Series {
    let ((from_ns, from), (to_ns, to)) = (from.split_once('/').unwrap(), to.split_once('/').unwrap());
    ["source", "destination"].into_iter().fold(series, |series, reporter| {
        let labels = format!(
            r#"reporter="{reporter}",job="mesh",source_workload="{from}",source_workload_namespace="{from_ns}",destination_workload="{to}",destination_workload_namespace="{to_ns}",destination_service_name="{to}""#
        );
        series
            .counter(&format!(r#"istio_requests_total{{{labels},response_code="200"}}"#), rps)
            .histogram(&format!("istio_request_duration_milliseconds{{{labels}}}"), rps, ms)
    })
}

/// In each namespace `web` calls `api`, with its containers and owners; `exported` as written by a scraper that does not honor labels.
fn world(namespaces: &[&str], exported: bool) -> Series {
    let mut series = Series::default();
    let mut text = String::new();
    for (i, namespace) in namespaces.iter().enumerate() {
        let ms = 40.0 * (i + 1) as f64;
        series = call(series, "edge/gateway", &format!("{namespace}/web"), 4.0, 2.0 * ms);
        series = call(series, &format!("{namespace}/web"), &format!("{namespace}/api"), 4.0, ms);
        let place = |pod: &str| match exported {
            true => {
                format!(r#"namespace="monitoring",exported_namespace="{namespace}",pod="ksm-0",exported_pod="{pod}""#)
            }
            false => format!(r#"namespace="{namespace}",pod="{pod}""#),
        };
        there(&mut text, &format!(r#"kube_namespace_status_phase{{{},phase="Active"}}"#, place("x")));
        for workload in ["web", "api"] {
            let pod = format!("{workload}-5d4f8c7b9-x2x4z");
            let owner = r#"owner_kind="ReplicaSet""#;
            there(
                &mut text,
                &format!(r#"kube_pod_owner{{{},job="ksm",{owner},owner_name="{workload}-5d4f8c7b9"}}"#, place(&pod)),
            );
            there(&mut text, &format!(r#"kube_pod_status_ready{{{},job="ksm",condition="true"}}"#, place(&pod)));
            let container = format!(
                r#"namespace="{namespace}",pod="{pod}",container="{workload}",id="/{namespace}/{pod}",job="kubelet""#
            );
            series = series.counter(&format!("container_cpu_usage_seconds_total{{{container}}}"), 0.1 * (i + 1) as f64);
        }
    }
    Series::from_text(&format!("{}{text}", series.text().trim_end_matches("# EOF\n")))
}

/// The typical value of a metric.
fn value(seen: &Observation, service: &str, metric: &str) -> Option<f64> {
    let service = seen.frame.find(service)?;
    let series = seen.frame.series().iter().find(|s| s.service == service && s.metric.name == metric)?;
    let mut values: Vec<f64> = series.values.iter().copied().filter(|v| !v.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn about(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|v| (v - expected).abs() <= 1e-3 * expected.max(1.0))
}

#[test]
fn two_services_of_one_name_stay_two_whichever_labels_name_their_namespace() {
    for exported in [false, true] {
        let mut series = world(&["bank", "shop"], exported);
        series = call(series_of(&series), "shop/web", "bank/api", 2.0, 60.0);
        let Some(server) = Real::start(&format!("two-{exported}"), &series) else { return };
        let seen = look(&server, "shop,bank").unwrap().observation;
        assert_eq!(seen.frame.services(), ["bank/api", "bank/web", "edge/gateway", "shop/api", "shop/web"]);
        // A mean over the callers: 4 requests of 40 ms and 2 of 60 ms.
        for (service, rps, ms, cores) in
            [("bank/api", 6.0, 280.0 / 6.0, 0.1), ("shop/api", 4.0, 80.0, 0.2), ("bank/web", 4.0, 80.0, 0.1)]
        {
            for (metric, expected) in
                [("throughput_rps", rps), ("latency_ms", ms), ("cpu_cores", cores), ("not_ready", 0.0)]
            {
                let found = value(&seen, service, metric);
                assert!(about(found, expected), "{exported}: {service} {metric} is {found:?}, not {expected}");
            }
        }
        let calls: Vec<_> = seen.calls.edges().map(|(from, to, _)| (from, to)).collect();
        let by_gateway = [("edge/gateway", "bank/web"), ("edge/gateway", "shop/web")];
        assert_eq!(calls[..3], [("bank/web", "bank/api"), by_gateway[0], by_gateway[1]]);
        assert_eq!(calls[3..], [("shop/web", "bank/api"), ("shop/web", "shop/api")]);
        assert_eq!(seen.entities.get("shop/api").unwrap().namespace.as_deref(), Some("shop"));
        assert!(seen.notes.iter().all(|n| n.code != "entry_services"), "who calls from outside is known");
    }
}

#[test]
fn who_calls_from_elsewhere_and_who_is_called_there_have_series_of_their_own() {
    let mut series = world(&["bank", "shop"], false);
    for (from, to, rps, ms) in [
        ("shop/api", "pay/gate", 4.0, 30.0),
        // Requests from and to other namespaces are not included.
        ("other/batch", "pay/gate", 50.0, 900.0),
        ("pay/gate", "pay/db", 9.0, 5.0),
        ("crm/sync", "shop/api", 2.0, 70.0),
        ("crm/sync", "crm/db", 3.0, 500.0),
    ] {
        series = call(series_of(&series), from, to, rps, ms);
    }
    let Some(server) = Real::start("elsewhere", &series) else { return };
    let fetched = look(&server, "shop,bank").unwrap();
    let seen = &fetched.observation;
    assert_eq!(
        seen.frame.services(),
        ["bank/api", "bank/web", "crm/sync", "edge/gateway", "pay/gate", "shop/api", "shop/web"]
    );
    for (service, metric, expected) in [
        ("pay/gate", "throughput_rps", 4.0),
        ("pay/gate", "latency_ms", 30.0),
        ("pay/gate", "error_ratio", 0.0),
        ("crm/sync", "client_rps", 2.0),
        ("crm/sync", "client_latency_ms", 70.0),
        ("crm/sync", "served_latency_ms", 70.0),
        ("edge/gateway", "client_rps", 4.0),
        // As before: our own services.
        ("shop/api", "throughput_rps", 6.0),
        ("shop/api", "client_latency_ms", 30.0),
    ] {
        let found = value(seen, service, metric);
        assert!(about(found, expected), "{service} {metric} is {found:?}, not {expected}");
    }
    assert_eq!(value(seen, "crm/sync", "throughput_rps"), None, "nobody of ours calls it");
    assert!(fetched.stats.requests <= BUDGET, "{} requests", fetched.stats.requests);
    let one = look(&server, "shop").unwrap();
    assert_eq!(one.stats.requests, fetched.stats.requests, "one selector more, and no request");
    assert!(one.observation.frame.find("crm/sync").is_none());
}

/// A constant series in which `@` stands for `from`, and from half time on for `to`.
fn changed(series: &str, from: &str, to: &str) -> String {
    let mut text = String::new();
    for (value, times) in [(from, 0..LENGTH_S / 2), (to, LENGTH_S / 2..LENGTH_S + 1)] {
        for t in times.step_by(15) {
            text.push_str(&format!("{} 1 {}\n", series.replace('@', value), START_S + t));
        }
    }
    text
}

#[test]
fn stores_and_changes_of_several_namespaces_find_their_services() {
    let mut text = world(&["bank", "shop"], false).text().trim_end_matches("# EOF\n").to_owned();
    there(&mut text, r#"redis_up{namespace="shop",job="monitoring/redis",instance="10.0.0.7:9121"}"#);
    there(&mut text, r#"redis_connected_clients{namespace="shop",job="monitoring/redis",instance="10.0.0.7:9121"}"#);
    text += &changed(r#"target_info{job="shop/web",service_version="@"}"#, "1", "2");
    text += &changed(
        r#"target_info{job="x",k8s_namespace_name="bank",k8s_deployment_name="web",service_version="@"}"#,
        "7",
        "8",
    );
    there(&mut text, r#"argocd_app_info{name="api",dest_namespace="shop"}"#);
    for t in (0..=LENGTH_S).step_by(15) {
        let count = if t < 600 { 3 } else { 4 };
        text += &format!("argocd_app_sync_total{{name=\"api\",phase=\"Succeeded\"}} {count} {}\n", START_S + t);
        let status = if t < 900 { 1 } else { 2 };
        text += &format!(
            "flagger_canary_status{{namespace=\"monitoring\",exported_namespace=\"bank\",name=\"api\"}} {status} {}\n",
            START_S + t
        );
    }
    text += &changed(
        r#"gotk_resource_info{customresource_kind="HelmRelease",exported_namespace="bank",name="web",revision="@"}"#,
        "1.4.2",
        "1.4.3",
    );
    there(&mut text, r#"kube_pod_info{namespace="shop",pod="web-5d4f8c7b9-x2x4z",node="n1",host_ip="10.0.0.1"}"#);
    for t in (0..=LENGTH_S).step_by(15) {
        let ready = i64::from(t < 1200);
        text += &format!(
            "kube_node_status_condition{{node=\"n1\",condition=\"Ready\",status=\"true\"}} {ready} {}\n",
            START_S + t
        );
    }
    let Some(server) = Real::start("changes-of-several", &Series::from_text(&text)) else { return };
    let seen = look(&server, "shop,bank").unwrap().observation;
    assert_eq!(seen.entities.kind_of("shop/redis"), EntityKind::Store);
    let mut told: Vec<String> =
        seen.changes.changes.iter().map(|c| format!("{:?} {}", c.kind, c.service.as_deref().unwrap_or("-"))).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "Canary bank/api",
            "NodeCondition node/n1",
            "Sync bank/web",
            "Sync shop/api",
            "Version bank/web",
            "Version shop/web"
        ]
    );
}

/// The same series, to be extended.
fn series_of(series: &Series) -> Series {
    Series::from_text(series.text().trim_end_matches("# EOF\n"))
}

#[test]
fn one_namespace_keeps_its_names_and_says_who_is_elsewhere() {
    let series = call(series_of(&world(&["bank", "shop"], false)), "shop/web", "bank/api", 2.0, 60.0);
    let Some(server) = Real::start("one", &series) else { return };
    let seen = look(&server, "shop").unwrap().observation;
    assert_eq!(seen.frame.services(), ["api", "bank/api", "web"]);
    assert_eq!(seen.entities.get("bank/api").unwrap().namespace.as_deref(), Some("bank"));
    assert_eq!(seen.entities.kind_of("bank/api"), EntityKind::Service);
    assert!(about(value(&seen, "api", "throughput_rps"), 4.0) && seen.entities.get("api").is_none());
}

#[test]
fn fifty_namespaces_cost_as_few_requests_as_two() {
    let names: Vec<String> = (0..50).map(|i| format!("team-{i:02}")).collect();
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("kube-system");
    let Some(server) = Real::start("fifty", &world(&all, false)) else { return };
    let fetched = look(&server, "team-*").unwrap();
    let seen = fetched.observation;
    assert_eq!(seen.frame.services().len(), 101, "the gateway calls them all");
    assert!(about(value(&seen, "team-41/api", "latency_ms"), 42.0 * 40.0));
    assert!(fetched.stats.requests <= BUDGET, "{} requests", fetched.stats.requests);
    let two = look(&server, "team-00,team-01").unwrap().stats.requests;
    assert_eq!(fetched.stats.requests, two + 1, "one more, for the namespaces that there are");

    let all = look(&server, "*").unwrap().observation;
    assert!(
        all.frame.find("kube-system/api").is_none() && all.frame.services().len() == 101,
        "the cluster's own namespaces are left out"
    );
    assert!(all.notes.iter().any(|n| n.code == "namespaces" && n.message.contains("kube-system")), "{:?}", all.notes);
    let named = look(&server, "team-0*,kube-system").unwrap().observation;
    assert!(named.frame.find("kube-system/api").is_some() && named.frame.services().len() == 23);
    let silent = look(&server, "team-00,team-99").unwrap().observation;
    assert!(silent.not_checked.iter().any(|n| n.reason.contains("team-99")), "{:?}", silent.not_checked);
    let error = look(&server, "squad-*").unwrap_err().to_string();
    assert!(error.contains("squad-*") && error.contains("team-00"), "{error}");
}

#[test]
fn prometheus_takes_every_expression_of_several_namespaces() {
    let Some(server) = Real::start("several-expressions", &Series::default().counter("up", 1.0)) else { return };
    let client = server.client();
    let queries = explain_queries(&window("a.b,team-*"), &Presets::default());
    let is_v3 = client.instant(r#"{"a.b"="c"}"#, at(0)).is_ok();
    let needs_v3 = |purpose: &str| purpose.contains("-dots") || purpose.contains("labels with dots");
    let refused: Vec<String> = queries
        .iter()
        .filter(|q| is_v3 || !needs_v3(&q.purpose))
        .filter_map(|q| Some(format!("{}: {}", q.purpose, client.instant(&q.promql, at(LENGTH_S)).err()?)))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// Prints the cost of one reading: the table of docs/namespaces.md. Each namespace has two services, both ends of their calls, containers and owners.
#[test]
#[ignore = "takes times: make overhead"]
fn what_a_reading_costs() {
    println!("| namespaces | services | changes | requests | KiB | median time |\n|--:|--:|---|--:|--:|--:|");
    for n in [1, 2, 20, 50] {
        let names: Vec<String> = (0..n).map(|i| format!("team-{i:02}")).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(server) = Real::start(&format!("overhead-{n}"), &world(&all, false)) else { return };
        let client = server.client();
        for changes in [false, true] {
            let options = ObserveOptions { changes, ..window(&names.join(",")) };
            let (mut times, mut last) = (Vec::new(), None);
            for _ in 0..7 {
                let begun = Instant::now();
                last = Some(observe(&client, &options, &|_| {}).unwrap());
                times.push(begun.elapsed());
            }
            times.sort_unstable();
            let fetched = last.unwrap();
            println!(
                "| {n} | {} | {} | {} | {} | {} ms |",
                fetched.observation.frame.services().len(),
                if changes { "read" } else { "–" },
                fetched.stats.requests,
                fetched.stats.bytes / 1024,
                times[times.len() / 2].as_millis()
            );
        }
    }
}
