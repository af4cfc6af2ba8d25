//! The results of the presets of gateways, of the DNS and of external hosts, with the text of their exporters on a real Prometheus.

use std::fmt::Write as _;

use automap_core::entity::EntityKind;
use automap_core::observation::Observation;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, ClientOptions, Fetched, ObserveOptions, Presets, observe};

use crate::prometheus::Prometheus;

/// Start of the data, in Unix seconds; a multiple of two hours, so that it makes one block.
const START_S: i64 = 1_794_996_000;
const LENGTH_S: i64 = 1200;
const HALF_S: i64 = 750;
const SCRAPE_S: usize = 15;

/// Lines `series value`: a value with `/s` is the growth of a counter, one with `/s!` begins to grow in the second half, and one with `/s?` stops
/// there; `v>w` is a gauge that changes there.
fn text(lines: &str) -> String {
    let mut out = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        for t in (0..=LENGTH_S).step_by(SCRAPE_S) {
            let grown = |growth: &str, seconds: i64| 1000.0 + growth.parse::<f64>().unwrap() * seconds as f64;
            let value = if let Some(growth) = value.strip_suffix("/s!") {
                if t < HALF_S {
                    continue;
                }
                grown(growth, t - HALF_S) - 1000.0
            } else if let Some(growth) = value.strip_suffix("/s?") {
                grown(growth, t.min(HALF_S))
            } else if let Some(growth) = value.strip_suffix("/s") {
                grown(growth, t)
            } else if let Some((before, after)) = value.split_once('>') {
                if t < HALF_S { before } else { after }.parse().unwrap()
            } else {
                value.parse().unwrap()
            };
            writeln!(out, "{series} {value} {}", START_S + t).unwrap();
        }
    }
    out
}

/// A namespace with pods and nothing else.
const PODS: &str = r#"
container_memory_working_set_bytes{namespace="shop",pod="front-end-7d9f8b6c5-x2x9z",container="front-end"} 1000000
container_memory_working_set_bytes{namespace="shop",pod="orders-7d9f8b6c5-x2x9z",container="orders"} 1000000
kube_pod_owner{namespace="shop",pod="front-end-7d9f8b6c5-x2x9z",owner_kind="ReplicaSet",owner_name="front-end-7d9f8b6c5"} 1
kube_pod_owner{namespace="shop",pod="orders-7d9f8b6c5-x2x9z",owner_kind="ReplicaSet",owner_name="orders-7d9f8b6c5"} 1
container_memory_working_set_bytes{namespace="bank",pod="front-end-7d9f8b6c5-x2x9z",container="front-end"} 1000000
kube_pod_owner{namespace="bank",pod="front-end-7d9f8b6c5-x2x9z",owner_kind="ReplicaSet",owner_name="front-end-7d9f8b6c5"} 1
"#;

fn server(name: &str, lines: &[&str]) -> Option<Prometheus> {
    let all: String = lines.iter().map(|lines| text(lines)).collect();
    Prometheus::backfilled(&format!("gateways-{name}"), &(all + "# EOF\n"))
}

fn look(server: &Prometheus, namespace: &str) -> Fetched {
    let now = Timestamp::from_ms((START_S + LENGTH_S) * 1000);
    let options = ObserveOptions {
        scrape_interval_ms: Some(15_000),
        changes: false,
        ..ObserveOptions::new(namespace, now.plus_ms(-900_000), now, now)
    };
    let client =
        Client::new(ClientOptions { presets: Presets::default(), ..ClientOptions::new(server.url()) }).unwrap();
    observe(&client, &options, &|_| {}).unwrap()
}

/// The values; empty where there is no such series.
fn values(seen: &Observation, name: &str, metric: &str, peer: Option<&str>) -> Vec<f64> {
    let Some(service) = seen.frame.find(name) else { return Vec::new() };
    let peer = peer.map(|p| seen.frame.find(p));
    let is_it = |s: &&automap_core::frame::Series| {
        s.service == service && s.metric.name == metric && peer.map_or(s.peer.is_none(), |p| s.peer == p)
    };
    seen.frame.series().iter().find(is_it).map(|s| s.values.to_vec()).unwrap_or_default()
}

#[track_caller]
fn check(seen: &Observation, name: &str, peer: Option<&str>, expected: &[(&str, f64)]) {
    for (metric, expected) in expected {
        let mut found = values(seen, name, metric, peer);
        found.retain(|v| !v.is_nan());
        found.sort_by(f64::total_cmp);
        let found = found.get(found.len() / 2).copied();
        assert!(
            found.is_some_and(|v| (v - expected).abs() <= 2e-3 * expected.abs().max(1.0)),
            "{name} {metric} {peer:?} is {found:?}, not {expected}"
        );
    }
}

/// The first and the last value.
fn ends(seen: &Observation, name: &str, metric: &str, peer: Option<&str>) -> Option<(f64, f64)> {
    let mut found = values(seen, name, metric, peer);
    found.retain(|v| !v.is_nan());
    Some((*found.first()?, *found.last()?))
}

const COREDNS: &str = r#"
coredns_dns_requests_total{$T,family="1",proto="udp",server="dns://:53",type="A",view="",zone="."} 100/s
coredns_dns_responses_total{$T,plugin="forward",rcode="NOERROR",server="dns://:53",view="",zone="."} 50/s
coredns_dns_responses_total{$T,plugin="kubernetes",rcode="NXDOMAIN",server="dns://:53",view="",zone="."} 40/s
coredns_dns_responses_total{$T,plugin="forward",rcode="SERVFAIL",server="dns://:53",view="",zone="."} 10/s
coredns_dns_request_duration_seconds_sum{$T,server="dns://:53",view="",zone="."} 0.4/s
coredns_dns_request_duration_seconds_count{$T,server="dns://:53",view="",zone="."} 100/s
coredns_proxy_request_duration_seconds_sum{$T,proxy_name="forward",rcode="NOERROR",to="10.0.0.2:53"} 0.3/s
coredns_proxy_request_duration_seconds_count{$T,proxy_name="forward",rcode="NOERROR",to="10.0.0.2:53"} 60/s
coredns_forward_max_concurrent_rejects_total{$T} 2/s
"#;
/// Before 1.7.
const COREDNS_OLD: &str = r#"
coredns_dns_request_count_total{$T,family="1",proto="udp",server="dns://:53",zone="."} 100/s
coredns_dns_response_rcode_count_total{$T,rcode="NOERROR",server="dns://:53",zone="."} 80/s
coredns_dns_response_rcode_count_total{$T,rcode="SERVFAIL",server="dns://:53",zone="."} 20/s
coredns_dns_request_duration_seconds_sum{$T,server="dns://:53",type="A",zone="."} 0.9/s
coredns_dns_request_duration_seconds_count{$T,server="dns://:53",type="A",zone="."} 100/s
coredns_forward_request_duration_seconds_sum{$T,to="10.0.0.2:53"} 0.6/s
coredns_forward_request_duration_seconds_count{$T,to="10.0.0.2:53"} 60/s
"#;

#[test]
fn both_generations_of_coredns_are_read_and_stand_in_no_namespace_of_ours() {
    let new = COREDNS.replace(
        "$T",
        r#"namespace="kube-system",pod="coredns-6d4b75cb6d-x2x9z",job="coredns",instance="10.0.0.9:9153""#,
    );
    let second = new.replace("-x2x9z", "-z9x2x").replace("10.0.0.9", "10.0.0.8");
    let bare = COREDNS_OLD.replace("$T", r#"job="kube-dns",instance="10.0.0.7:9153""#);
    let cache = COREDNS.replace("$T", r#"namespace="kube-system",pod="node-local-dns-x2x9z",job="node-local-dns""#);
    let expected = [
        ("lookup_ms", 4.0),
        ("lookups_per_s", 200.0),
        ("failed_lookups_ratio", 0.1),
        ("upstream_lookup_ms", 5.0),
        ("rejected_work_per_s", 4.0),
    ];
    let Some(server) = server("dns", &[PODS, &new, &second, &cache]) else { return };
    let without = look(&server, "shop").stats.requests;
    for namespace in ["shop", "shop,bank"] {
        let seen = look(&server, namespace).observation;
        check(&seen, "kube-system/coredns", None, &expected);
        check(&seen, "kube-system/node-local-dns", None, &[("lookup_ms", 4.0), ("rejected_work_per_s", 2.0)]);
        let entity = seen.entities.get("kube-system/coredns").unwrap();
        assert_eq!((entity.kind, entity.namespace.as_deref()), (EntityKind::Dns, Some("kube-system")));
        assert!(!seen.services().any(|service| service.contains("dns")), "the DNS is no service");
    }
    assert!(without <= 25, "{without}");
    let Some(old) = self::server("dns-old", &[PODS, &bare]) else { return };
    let old_seen = look(&old, "shop").observation;
    let old_values =
        [("lookup_ms", 9.0), ("lookups_per_s", 100.0), ("failed_lookups_ratio", 0.2), ("upstream_lookup_ms", 10.0)];
    check(&old_seen, "kube-system/coredns", None, &old_values);
}

#[test]
fn the_dns_alone_shows_no_namespace_and_costs_one_request_where_it_is() {
    let dns = COREDNS.replace("$T", r#"namespace="kube-system",pod="coredns-6d4b75cb6d-x2x9z",job="coredns""#);
    let Some(server) = server("dns-cost", &[PODS, &dns]) else { return };
    let Some(bare) = self::server("dns-none", &[PODS]) else { return };
    assert_eq!(look(&server, "shop").stats.requests, look(&bare, "shop").stats.requests + 1);
    let now = Timestamp::from_ms((START_S + LENGTH_S) * 1000);
    let options = ObserveOptions::new("nowhere", now.plus_ms(-900_000), now, now);
    let error = observe(&Client::new(ClientOptions::new(server.url())).unwrap(), &options, &|_| {}).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("nowhere") && text.contains("shop") && !text.contains("kube-system"), "{text}");
}

/// Orders calls a payment host that a ServiceEntry allows, until the entry is gone; it fetches rates from an unlisted one.
const EGRESS: &str = r#"
istio_requests_total{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="api.pay.com",destination_service_name="api.pay.com",response_code="200",response_flags="-"} 4/s?
istio_request_duration_milliseconds_sum{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="api.pay.com",destination_service_name="api.pay.com",response_code="200",response_flags="-"} 400/s?
istio_request_duration_milliseconds_count{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="api.pay.com",destination_service_name="api.pay.com",response_code="200",response_flags="-"} 4/s?
istio_requests_total{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="api.pay.com",destination_service_name="BlackHoleCluster",response_code="502",response_flags="-"} 4/s!
istio_request_duration_milliseconds_sum{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="api.pay.com",destination_service_name="BlackHoleCluster",response_code="502",response_flags="-"} 4/s!
istio_request_duration_milliseconds_count{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="api.pay.com",destination_service_name="BlackHoleCluster",response_code="502",response_flags="-"} 4/s!
istio_requests_total{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="rates.example:8443",destination_service_name="PassthroughCluster",response_code="200",response_flags="-"} 2/s
istio_request_duration_milliseconds_sum{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="rates.example:8443",destination_service_name="PassthroughCluster",response_code="200",response_flags="-"} 60/s
istio_request_duration_milliseconds_count{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="rates.example:8443",destination_service_name="PassthroughCluster",response_code="200",response_flags="-"} 2/s
istio_requests_total{$C,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="10.1.2.3:80",destination_service_name="PassthroughCluster",response_code="200",response_flags="-"} 9/s
istio_requests_total{reporter="destination",source_workload="unknown",source_workload_namespace="unknown",destination_workload="orders",destination_workload_namespace="shop",destination_service="orders.shop.svc.cluster.local",destination_service_name="orders",response_code="200",response_flags="-",pod="orders-7d9f8b6c5-x2x9z"} 5/s
"#;

#[test]
fn hosts_outside_are_named_and_what_the_mesh_blocks_is_told() {
    let of_orders =
        r#"reporter="source",source_workload="orders",source_workload_namespace="shop",pod="orders-7d9f8b6c5-x2x9z""#;
    let Some(server) = server("egress", &[PODS, &EGRESS.replace("$C", of_orders)]) else { return };
    for (namespace, orders) in [("shop", "orders"), ("shop,bank", "shop/orders")] {
        let seen = look(&server, namespace).observation;
        let (pay, rates) = ("external/api.pay.com", "external/rates.example");
        check(
            &seen,
            orders,
            Some(rates),
            &[("client_rps", 2.0), ("client_latency_ms", 30.0), ("client_error_ratio", 0.0)],
        );
        check(&seen, orders, Some(pay), &[("client_rps", 4.0)]);
        assert_eq!(ends(&seen, orders, "client_error_ratio", Some(pay)), Some((0.0, 1.0)));
        assert_eq!(ends(&seen, pay, "blocked_ratio", None), Some((0.0, 1.0)), "{namespace}");
        assert_eq!(ends(&seen, rates, "blocked_ratio", None), Some((0.0, 0.0)));
        assert_eq!([pay, rates].map(|name| seen.entities.kind_of(name)), [EntityKind::External; 2]);
        let outside: Vec<&str> =
            seen.frame.services().iter().map(String::as_str).filter(|s| s.starts_with("external/")).collect();
        assert_eq!(outside, [pay, rates], "an address is no host");
        assert!(seen.calls.edges().any(|(from, to, _)| (from, to) == (orders, pay)));
    }
}

#[test]
fn clients_of_opentelemetry_tell_of_hosts_outside() {
    let of = r#"k8s_namespace_name="shop",k8s_deployment_name="orders",job="shop/orders""#;
    let lines = r#"
http_server_request_duration_seconds_count{$C,http_response_status_code="200"} 5/s
http_client_request_duration_seconds_count{$C,server_address="api.pay.com",http_response_status_code="200"} 3/s
http_client_request_duration_seconds_count{$C,server_address="api.pay.com",error_type="timeout"} 1/s
http_client_request_duration_seconds_sum{$C,server_address="api.pay.com",http_response_status_code="200"} 0.3/s
http_client_request_duration_seconds_sum{$C,server_address="api.pay.com",error_type="timeout"} 0.9/s
http_client_request_duration_seconds_count{$C,server_address="front-end.shop.svc.cluster.local",http_response_status_code="200"} 7/s
http_client_request_duration_seconds_count{$C,server_address="front-end",http_response_status_code="200"} 7/s
http_client_request_duration_seconds_count{$C,server_address="10.0.0.1",http_response_status_code="200"} 7/s
"#;
    let Some(server) = server("otel", &[PODS, &lines.replace("$C", of)]) else { return };
    let seen = look(&server, "shop").observation;
    let expected = [("client_rps", 4.0), ("client_error_ratio", 0.25), ("client_latency_ms", 300.0)];
    check(&seen, "orders", Some("external/api.pay.com"), &expected);
    assert_eq!(seen.frame.services().iter().filter(|s| s.starts_with("external/")).count(), 1);
}

/// The gateway's calls to the front-end of the shop and of a bank, to no destination, and to a service without a server.
const ISTIO_GATEWAY: &str = r#"
istio_requests_total{$G,destination_workload="front-end",destination_workload_namespace="shop",destination_service="front-end.shop.svc.cluster.local",destination_service_name="front-end",response_code="200",response_flags="-"} 18/s
istio_requests_total{$G,destination_workload="front-end",destination_workload_namespace="shop",destination_service="front-end.shop.svc.cluster.local",destination_service_name="front-end",response_code="503",response_flags="UF,URX"} 1/s
istio_requests_total{$G,destination_workload="front-end",destination_workload_namespace="bank",destination_service="front-end.bank.svc.cluster.local",destination_service_name="front-end",response_code="200",response_flags="-"} 7/s
istio_requests_total{$G,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="orders.shop.svc.cluster.local",destination_service_name="orders.shop.svc.cluster.local",response_code="503",response_flags="UH"} 1/s
istio_requests_total{$G,destination_workload="unknown",destination_workload_namespace="unknown",destination_service="unknown",destination_service_name="unknown",response_code="404",response_flags="NR"} 2/s
istio_request_duration_milliseconds_sum{$G,destination_workload="front-end",destination_workload_namespace="shop",destination_service_name="front-end",response_code="200",response_flags="-"} 760/s
istio_request_duration_milliseconds_count{$G,destination_workload="front-end",destination_workload_namespace="shop",destination_service_name="front-end",response_code="200",response_flags="-"} 19/s
istio_request_duration_milliseconds_bucket{$G,destination_workload="front-end",destination_workload_namespace="shop",destination_service_name="front-end",response_code="200",response_flags="-",le="50"} 19/s
istio_request_duration_milliseconds_bucket{$G,destination_workload="front-end",destination_workload_namespace="shop",destination_service_name="front-end",response_code="200",response_flags="-",le="+Inf"} 19/s
istio_requests_total{$D,destination_workload="front-end",destination_workload_namespace="shop",destination_service_name="front-end",response_code="200",response_flags="-"} 18/s
istio_request_duration_milliseconds_sum{$D,destination_workload="front-end",destination_workload_namespace="shop",destination_service_name="front-end",response_code="200",response_flags="-"} 540/s
istio_request_duration_milliseconds_count{$D,destination_workload="front-end",destination_workload_namespace="shop",destination_service_name="front-end",response_code="200",response_flags="-"} 18/s
container_cpu_usage_seconds_total{namespace="istio-system",pod="istio-ingressgateway-6d4b75cb6d-x2x9z",container="istio-proxy"} 0.4/s
container_cpu_usage_seconds_total{namespace="istio-system",pod="istio-ingressgateway-6d4b75cb6d-x2x9z",container=""} 0.4/s
container_cpu_usage_seconds_total{namespace="istio-system",pod="istio-egressgateway-6d4b75cb6d-x2x9z",container="istio-proxy"} 9/s
istio_agent_cert_expiry_seconds{namespace="istio-system",pod="istio-ingressgateway-6d4b75cb6d-x2x9z",resource_name="default"} 40000>-15
istio_agent_cert_expiry_seconds{namespace="shop",pod="front-end-7d9f8b6c5-x2x9z",resource_name="default"} 40000
istio_agent_cert_expiry_seconds{namespace="shop",pod="orders-7d9f8b6c5-x2x9z",resource_name="default"} 40000>0
"#;

fn istio_gateway() -> String {
    let ends = r#"source_workload="istio-ingressgateway",source_workload_namespace="istio-system""#;
    let at_gateway =
        format!(r#"reporter="source",{ends},pod="istio-ingressgateway-6d4b75cb6d-x2x9z",namespace="istio-system""#);
    let at_served = format!(r#"reporter="destination",{ends},pod="front-end-7d9f8b6c5-x2x9z",namespace="shop""#);
    ISTIO_GATEWAY.replace("$G", &at_gateway).replace("$D", &at_served)
}

#[test]
fn the_ingress_gateway_of_istio_is_a_gateway_with_series_of_its_own() {
    let Some(server) = server("istio", &[PODS, &istio_gateway()]) else { return };
    let gateway = "istio-system/istio-ingressgateway";
    for (namespace, front_end, orders, rps) in
        [("shop", "front-end", "orders", 20.0), ("shop,bank", "shop/front-end", "shop/orders", 27.0)]
    {
        let seen = look(&server, namespace).observation;
        assert_eq!(seen.entities.kind_of(gateway), EntityKind::Gateway);
        // A request that finds no route counts for the gateways that call us: 2 of 404 and 2 of 503.
        check(
            &seen,
            gateway,
            None,
            &[
                ("throughput_rps", rps),
                ("error_ratio", 4.0 / (rps + 2.0)),
                ("latency_ms", 40.0),
                ("cpu_cores", 0.4),
                ("latency_p95_ms", 47.5),
            ],
        );
        check(
            &seen,
            gateway,
            Some(front_end),
            &[
                ("client_rps", 19.0),
                ("client_error_ratio", 1.0 / 19.0),
                ("client_latency_ms", 40.0),
                ("served_latency_ms", 30.0),
            ],
        );
        check(&seen, gateway, Some(orders), &[("client_rps", 1.0), ("client_error_ratio", 1.0)]);
        let expired = |name: &str| ends(&seen, name, "certificate_expired", None);
        assert_eq!([gateway, front_end, orders].map(expired), [Some((0.0, 1.0)), Some((0.0, 0.0)), Some((0.0, 1.0))]);
        assert!(seen.calls.entries().contains(&gateway), "users enter there");
        assert!(!seen.calls.entries().contains(&front_end));
    }
}

/// As the controller writes it, scraped with honor_labels and without.
const INGRESS_NGINX: &str = r#"
nginx_ingress_controller_requests{$K,host="shop.example",ingress="shop",method="GET",$N="shop",path="/",$S="front-end",status="200"} 18/s
nginx_ingress_controller_requests{$K,host="shop.example",ingress="shop",method="GET",$N="shop",path="/",$S="front-end",status="502"} 2/s
nginx_ingress_controller_requests{$K,host="shop.example",ingress="shop",method="POST",$N="shop",path="/orders",$S="orders",status="201"} 5/s
nginx_ingress_controller_requests{$K,host="bank.example",ingress="bank",method="GET",$N="bank",path="/",$S="front-end",status="200"} 30/s
nginx_ingress_controller_request_duration_seconds_sum{$K,host="shop.example",ingress="shop",method="GET",$N="shop",path="/",$S="front-end",status="200"} 1.0/s
nginx_ingress_controller_request_duration_seconds_count{$K,host="shop.example",ingress="shop",method="GET",$N="shop",path="/",$S="front-end",status="200"} 20/s
nginx_ingress_controller_response_duration_seconds_sum{$K,host="shop.example",ingress="shop",method="GET",$N="shop",path="/",$S="front-end",status="200"} 0.6/s
nginx_ingress_controller_response_duration_seconds_count{$K,host="shop.example",ingress="shop",method="GET",$N="shop",path="/",$S="front-end",status="200"} 20/s
nginx_ingress_controller_nginx_process_cpu_seconds_total{$K} 0.7/s
nginx_ingress_controller_nginx_process_resident_memory_bytes{$K} 5000000
nginx_ingress_controller_ssl_expire_time_seconds{$C,host="shop.example",secret_name="shop-tls"} $HALF
nginx_ingress_controller_ssl_expire_time_seconds{$C,host="bank.example",secret_name="bank-tls"} 2000000000
nginx_ingress_controller_ssl_expire_time_seconds{$C,host="_",secret_name=""} 1000000000
nginx_ingress_controller_nginx_process_cpu_seconds_total{controller_class="k8s.io/other",controller_namespace="other",controller_pod="other-6d4b75cb6d-x2x9z"} 9/s
"#;

#[test]
fn ingress_nginx_is_read_by_the_backend_whatever_the_scraper_calls_it() {
    let controller = r#"controller_class="k8s.io/ingress-nginx",controller_namespace="ingress-nginx",controller_pod="ingress-nginx-controller-6d4b75cb6d-x2x9z",job="ingress""#;
    let scraped = format!(r#"{controller},namespace="ingress-nginx",service="ingress-nginx-controller-metrics""#);
    let honoured = INGRESS_NGINX.replace("$K", controller).replace("$N", "namespace").replace("$S", "service");
    let exported =
        INGRESS_NGINX.replace("$K", &scraped).replace("$N", "exported_namespace").replace("$S", "exported_service");
    // The certificates carry the namespace of the controller, not that of the ingress.
    let of_controller = r#"class="k8s.io/ingress-nginx",namespace="ingress-nginx""#;
    let half = (START_S + HALF_S).to_string();
    let gateway = "ingress-nginx/ingress-nginx-controller";
    for (how, lines) in [("honoured", honoured), ("exported", exported)] {
        let lines = lines.replace("$C", of_controller).replace("$HALF", &half);
        let Some(server) = server(how, &[PODS, &lines]) else { return };
        for (namespace, front_end, rps) in [("shop", "front-end", 25.0), ("shop,bank", "shop/front-end", 55.0)] {
            let seen = look(&server, namespace).observation;
            assert_eq!(seen.entities.kind_of(gateway), EntityKind::Gateway, "{how}");
            let own = [
                ("throughput_rps", rps),
                ("error_ratio", 2.0 / rps),
                ("latency_ms", 50.0),
                ("cpu_cores", 0.7),
                ("memory_bytes", 5e6),
            ];
            check(&seen, gateway, None, &own);
            let calls = [("client_rps", 20.0), ("client_error_ratio", 0.1), ("client_latency_ms", 30.0)];
            check(&seen, gateway, Some(front_end), &calls);
        }
        let expired = |namespace| ends(&look(&server, namespace).observation, gateway, "certificate_expired", None);
        assert_eq!(["shop", "bank"].map(expired), [Some((0.0, 1.0)), Some((0.0, 0.0))], "{how}");
        let other = look(&server, "bank").observation;
        check(&other, gateway, Some("front-end"), &[("client_rps", 30.0)]);
        assert!(other.frame.find("orders").is_none(), "{how}: of the shop");
    }
}

const TRAEFIK: &str = r#"
traefik_service_requests_total{$T,code="200",method="GET",protocol="http",service="shop-front-end-80@kubernetes"} 9/s
traefik_service_requests_total{$T,code="503",method="GET",protocol="http",service="shop-front-end-80@kubernetes"} 1/s
traefik_service_requests_total{$T,code="200",method="GET",protocol="http",service="shop-orders-http@kubernetescrd"} 4/s
traefik_service_requests_total{$T,code="200",method="GET",protocol="http",service="shop-eu-front-end-80@kubernetes"} 70/s
traefik_service_requests_total{$T,code="200",method="GET",protocol="http",service="bank-front-end-80@kubernetes"} 8/s
traefik_service_request_duration_seconds_sum{$T,code="200",method="GET",protocol="http",service="shop-front-end-80@kubernetes"} 0.2/s
traefik_service_request_duration_seconds_count{$T,code="200",method="GET",protocol="http",service="shop-front-end-80@kubernetes"} 10/s
traefik_service_server_up{$T,service="shop-front-end-80@kubernetes",url="http://10.0.0.1:80"} 0
traefik_service_server_up{$T,service="shop-front-end-80@kubernetes",url="http://10.0.0.2:80"} 1
process_cpu_seconds_total{$T} 0.3/s
process_cpu_seconds_total{namespace="other",pod="other-6d4b75cb6d-x2x9z",job="other",instance="10.0.0.8:80"} 5/s
"#;

#[test]
fn traefik_is_read_by_the_names_that_it_gives_services() {
    let target = r#"namespace="traefik",pod="traefik-6d4b75cb6d-x2x9z",job="traefik",instance="10.0.0.9:9100""#;
    let Some(server) = server("traefik", &[PODS, &TRAEFIK.replace("$T", target)]) else { return };
    let gateway = "traefik/traefik";
    for (namespace, front_end, orders) in
        [("shop", "front-end", "orders"), ("shop,bank", "shop/front-end", "shop/orders")]
    {
        let seen = look(&server, namespace).observation;
        assert_eq!(seen.entities.kind_of(gateway), EntityKind::Gateway);
        check(&seen, gateway, None, &[("latency_ms", 20.0), ("cpu_cores", 0.3)]);
        let calls = [("client_rps", 10.0), ("client_error_ratio", 0.1), ("client_latency_ms", 20.0)];
        check(&seen, gateway, Some(front_end), &calls);
        check(&seen, gateway, Some(orders), &[("client_rps", 4.0)]);
        // A gateway's metrics about the servers of a service are attributed to the service.
        check(&seen, front_end, None, &[("backends_down", 1.0)]);
        assert!(seen.frame.services().iter().all(|name| !name.contains("eu-front-end")), "that is another namespace");
    }
}

/// The metrics of HAProxy 2.6 for a frontend, a backend and its servers.
const HAPROXY: &str = r#"
haproxy_process_current_connections{$T} 96
haproxy_process_max_connections{$T} 100
haproxy_frontend_http_requests_total{$T,proxy="http"} 20/s
haproxy_frontend_http_responses_total{$T,proxy="http",code="2xx"} 15/s
haproxy_frontend_http_responses_total{$T,proxy="http",code="5xx"} 5/s
haproxy_backend_http_requests_total{$T,proxy="$B"} 20/s
haproxy_backend_http_responses_total{$T,proxy="$B",code="2xx"} 15/s
haproxy_backend_http_responses_total{$T,proxy="$B",code="5xx"} 5/s
haproxy_backend_queue_time_average_seconds{$T,proxy="$B"} 0.04
haproxy_backend_connect_time_average_seconds{$T,proxy="$B"} 0.001
haproxy_backend_response_time_average_seconds{$T,proxy="$B"} 0.009
haproxy_backend_current_queue{$T,proxy="$B"} 7
haproxy_server_status{$T,proxy="$B",server="o1",state="UP"} 1
haproxy_server_status{$T,proxy="$B",server="o1",state="DOWN"} 0
haproxy_server_status{$T,proxy="$B",server="o2",state="UP"} 0
haproxy_server_status{$T,proxy="$B",server="o2",state="DOWN"} 1
"#;

#[test]
fn haproxy_is_read_among_our_pods_and_as_a_controller_elsewhere() {
    let of = |namespace: &str, pod: &str, backend: &str| {
        let target = format!(r#"namespace="{namespace}",pod="{pod}",job="haproxy",instance="10.0.0.9:8404""#);
        HAPROXY.replace("$T", &target).replace("$B", backend)
    };
    let ours = of("shop", "edge-7d9f8b6c5-z9x2x", "orders");
    let Some(server) = server("haproxy", &[PODS, &ours]) else { return };
    for (namespace, edge, orders) in [("shop", "edge", "orders"), ("shop,bank", "shop/edge", "shop/orders")] {
        let seen = look(&server, namespace).observation;
        assert_eq!(seen.entities.kind_of(edge), EntityKind::Gateway);
        let own = [
            ("throughput_rps", 20.0),
            ("error_ratio", 0.25),
            ("latency_ms", 50.0),
            ("connections_used_ratio", 0.96),
            ("queue_depth", 7.0),
        ];
        check(&seen, edge, None, &own);
        let calls = [("client_rps", 20.0), ("client_error_ratio", 0.25), ("client_latency_ms", 10.0)];
        check(&seen, edge, Some(orders), &calls);
        check(&seen, orders, None, &[("backends_down", 1.0)]);
    }
    for backend in ["shop_orders_http", "shop_svc_orders_http"] {
        let controller = of("haproxy-controller", "haproxy-ingress-6d4b75cb6d-x2x9z", backend);
        let Some(server) = self::server("haproxy-ingress", &[PODS, &controller]) else { return };
        let seen = look(&server, "shop").observation;
        let gateway = "haproxy-controller/haproxy-ingress";
        check(
            &seen,
            gateway,
            None,
            &[("throughput_rps", 20.0), ("latency_ms", 50.0), ("connections_used_ratio", 0.96)],
        );
        check(&seen, gateway, Some("orders"), &[("client_latency_ms", 10.0), ("client_error_ratio", 0.25)]);
        check(&seen, "orders", None, &[("backends_down", 1.0)]);
    }
}

const ENVOY: &str = r#"
envoy_cluster_upstream_rq_xx{$T,envoy_cluster_name="$B",envoy_response_code_class="2"} 9/s
envoy_cluster_upstream_rq_xx{$T,envoy_cluster_name="$B",envoy_response_code_class="5"} 1/s
envoy_cluster_upstream_rq_xx{$T,envoy_cluster_name="httproute/bank/front-end/rule/0",envoy_response_code_class="2"} 40/s
envoy_cluster_upstream_rq_xx{$T,envoy_cluster_name="httproute/shop/all-of-it/rule/0",envoy_response_code_class="2"} 1/s
envoy_cluster_upstream_rq_time_sum{$T,envoy_cluster_name="$B"} 250/s
envoy_cluster_upstream_rq_time_count{$T,envoy_cluster_name="$B"} 10/s
envoy_cluster_membership_total{$T,envoy_cluster_name="$B"} 3
envoy_cluster_membership_healthy{$T,envoy_cluster_name="$B"} 1
envoy_cluster_upstream_rq_pending_overflow{$T,envoy_cluster_name="$B"} 2/s
"#;

#[test]
fn envoy_gateway_and_contour_are_read_by_the_names_of_their_clusters() {
    let target = r#"namespace="envoy-gateway-system",pod="envoy-edge-6d4b75cb6d-x2x9z",job="envoy""#;
    for cluster in ["httproute/shop/front-end/rule/0", "shop_front-end_80"] {
        let lines = ENVOY.replace("$T", target).replace("$B", cluster);
        let Some(server) = server("envoy", &[PODS, &lines]) else { return };
        for (namespace, front_end) in [("shop", "front-end"), ("shop,bank", "shop/front-end")] {
            let seen = look(&server, namespace).observation;
            let gateway = "envoy-gateway-system/envoy-edge";
            assert_eq!(seen.entities.kind_of(gateway), EntityKind::Gateway);
            check(&seen, gateway, None, &[("rejected_work_per_s", 2.0), ("latency_ms", 25.0)]);
            let calls = [("client_rps", 10.0), ("client_error_ratio", 0.1), ("client_latency_ms", 25.0)];
            check(&seen, gateway, Some(front_end), &calls);
            check(&seen, front_end, None, &[("backends_down", 2.0)]);
            let guessed = seen.frame.services().iter().any(|name| name.contains("all-of-it"));
            assert!(!guessed, "a route is not its service");
        }
    }
}

#[test]
fn the_exporter_of_nginx_tells_how_many_requests_enter() {
    let lines = r#"
nginx_http_requests_total{namespace="shop",pod="edge-7d9f8b6c5-z9x2x",job="nginx"} 30/s
nginx_connections_accepted{namespace="shop",pod="edge-7d9f8b6c5-z9x2x",job="nginx"} 10/s
nginx_connections_handled{namespace="shop",pod="edge-7d9f8b6c5-z9x2x",job="nginx"} 8/s
"#;
    let Some(server) = server("nginx", &[PODS, lines]) else { return };
    let seen = look(&server, "shop").observation;
    assert_eq!(seen.entities.kind_of("edge"), EntityKind::Gateway);
    check(&seen, "edge", None, &[("throughput_rps", 30.0), ("rejected_connections_per_s", 2.0)]);
}
