//! Gateways that reload their configuration, read through a real Prometheus from their own metrics.

use automap_core::change::ChangeKind;
use automap_sources::prometheus::{Fetched, ObserveOptions, Tail, observe, observe_incrementally};

use crate::changes_world::{LENGTH, Real, World, all, at, at_s, options};

const ALL: std::ops::Range<i64> = 0..LENGTH;

/// Seconds since 1970 at this minute, and from minute `from` on at another one; milliseconds with a `unit` of 1000.
fn reloaded(before: f64, from: f64, after: f64, unit: f64) -> impl Fn(f64) -> f64 {
    move |minute| unit * at_s(if minute < from { before } else { after }).floor()
}

/// A controller for the ingresses of a namespace, reloaded in minute 299.6; another one that belongs to somebody else, reloaded in minute 310.
fn ingress_nginx(namespace: &str) -> World {
    let one = |pod: &str, namespace: &str, from: f64, after: f64| {
        let of = format!(
            r#"controller_class="k8s.io/ingress-nginx",controller_namespace="ingress-nginx",controller_pod="{pod}""#
        );
        let requests = format!(
            r#"nginx_ingress_controller_requests{{{of},namespace="{namespace}",ingress="web",service="orders",status="200"}}"#
        );
        let time = |metric: &str| format!("nginx_ingress_controller_{metric}{{{of}}}");
        World::default()
            .values(&requests, ALL, |m| m * 60.0)
            .values(&time("nginx_process_oldest_start_time_seconds"), ALL, |_| at_s(-31.0))
            .values(&time("config_last_reload_successful_timestamp_seconds"), ALL, reloaded(-30.9, from, after, 1.0))
    };
    let ours = one("ingress-nginx-controller-7d9f8b6c5-x2x9z", namespace, 300.0, 299.6);
    let replica = one("ingress-nginx-controller-7d9f8b6c5-z9x2x", namespace, 300.0, 299.7);
    ours.and(&replica).and(&one("internal-controller-7d9f8b6c5-x2x9z", "elsewhere", 310.5, 310.0))
}

/// Reloaded in minutes 120.2 and 300.5.
fn traefik() -> World {
    let of = r#"job="traefik",instance="10.0.0.5:9100",namespace="traefik",pod="traefik-5d4f8c7b9-x2x9z""#;
    let reload = |minute: f64| match minute {
        m if m < 120.5 => -60.0,
        m if m < 300.5 => 120.2,
        _ => 300.5,
    };
    World::default()
        .values(
            &format!(r#"traefik_service_requests_total{{{of},service="shop-orders-80@kubernetes",code="200"}}"#),
            ALL,
            |m| m * 60.0,
        )
        .values(&format!("traefik_config_last_reload_success{{{of}}}"), ALL, move |m| at_s(reload(m)).floor())
}

/// HAProxy in the namespace, which is another process from minute 250 on, and an Envoy that got other routes in minute 260.
fn haproxy_and_envoy() -> World {
    let edge = r#"job="edge",instance="10.0.0.6:8404",namespace="shop",pod="edge-5d4f8c7b9-x2x9z""#;
    let envoy =
        r#"job="envoy",instance="10.0.0.7:19001",namespace="envoy-gateway-system",pod="envoy-eg-5d4f8c7b9-x2x9z""#;
    let routes = format!(r#"envoy_http_rds_config_reload_time_ms{{{envoy},envoy_rds_route_config="shop/eg/http"}}"#);
    let cluster = format!(
        r#"envoy_cluster_upstream_rq_xx{{{envoy},envoy_cluster_name="httproute/shop/orders/rule/0",envoy_response_code_class="2"}}"#
    );
    World::default()
        .values(&format!(r#"haproxy_frontend_http_requests_total{{{edge},proxy="shop"}}"#), ALL, |m| m * 60.0)
        .values(&format!(r#"haproxy_backend_http_requests_total{{{edge},proxy="orders"}}"#), ALL, |m| m * 60.0)
        .values(&format!("haproxy_process_start_time_seconds{{{edge}}}"), ALL, reloaded(-600.0, 250.0, 249.75, 1.0))
        .values(&cluster, ALL, |m| m * 60.0)
        .values(&routes, ALL, reloaded(-600.0, 260.0, 259.75, 1000.0))
}

fn of_namespace(server: &Real, namespace: &str) -> Fetched {
    let options = ObserveOptions { namespace: namespace.to_owned(), ..options(LENGTH) };
    observe(&server.client(None), &options, &|_| {}).unwrap()
}

#[test]
fn a_reload_of_ingress_nginx_is_dated_to_the_second_and_told_of_the_gateway() {
    let Some(server) = World::shop().and(&ingress_nginx("shop")).start("reload-nginx") else { return };
    let told = ["299.6 gateway reloaded ingress-nginx/ingress-nginx-controller: ingress-nginx configuration - → - ±0"];
    for namespace in ["shop", "shop,bank"] {
        let fetched = of_namespace(&server, namespace);
        assert_eq!(all(&fetched), told, "once for both replicas, and nothing of somebody else's");
        assert!(fetched.observation.frame.find("ingress-nginx/ingress-nginx-controller").is_some());
        assert!(!fetched.observation.changes.unseen.contains(&ChangeKind::GatewayReload));
    }
    let without = ObserveOptions { changes: false, ..options(LENGTH) };
    let frame_only = observe(&server.client(None), &without, &|_| {}).unwrap().stats.requests;
    assert_eq!(server.observe(LENGTH).stats.requests, frame_only + 3, "it travels with the others");
    // If the scraper's own namespace comes first.
    let renamed = ingress_nginx("shop")
        .replaced(r#"namespace="shop",ingress"#, r#"namespace="monitoring",exported_namespace="shop",ingress"#);
    let renamed = renamed.replaced(r#"service="orders""#, r#"exported_service="orders""#);
    let Some(server) = World::shop().and(&renamed).start("reload-exported") else { return };
    assert_eq!(all(&of_namespace(&server, "shop")), told);
}

#[test]
fn traefik_also_reloads_for_pods_which_is_no_change_of_its_own() {
    let set = r#"kube_replicaset_spec_replicas{KSM,replicaset="orders-88cd5fb6c4"}"#;
    let owner = r#"kube_pod_owner{KSM,pod="orders-88cd5fb6c4-x2x4z",owner_kind="ReplicaSet",owner_name="orders-88cd5fb6c4",owner_is_controller="true"}"#;
    let released = World::shop().there(owner, 120..LENGTH).there(set, 120..LENGTH);
    let Some(server) = released.and(&traefik()).start("reload-traefik") else { return };
    let changes = of_namespace(&server, "shop").observation.changes.changes;
    let reloads = changes.iter().filter(|c| c.kind == ChangeKind::GatewayReload);
    let told: Vec<_> = reloads.map(|c| (c.service.as_deref().unwrap(), (c.at.ms() - at(300.5).ms()) / 1000)).collect();
    assert_eq!(told, [("traefik/traefik", 0)], "{changes:?}");
}

#[test]
fn haproxy_and_envoy_tell_it_in_their_ways() {
    let Some(server) = World::shop().and(&haproxy_and_envoy()).start("reload-others") else { return };
    let told = [
        "249.75 gateway reloaded edge: HAProxy (or begun anew) - → - ±0",
        "259.75 gateway reloaded envoy-gateway-system/envoy-eg: Envoy routes - → - ±0",
    ];
    let fetched = of_namespace(&server, "shop");
    assert_eq!(all(&fetched), told);
    assert!(
        ["edge", "envoy-gateway-system/envoy-eg"].iter().all(|name| fetched.observation.frame.find(name).is_some())
    );
    // A watcher gets the same.
    let (client, mut tail) = (server.client(None), Tail::default());
    let mut last = None;
    for minute in 240..=270 {
        let now = at(f64::from(minute));
        let ours = ObserveOptions { from: now.plus_ms(-3_600_000), to: now, now, ..options(200) };
        last = Some(observe_incrementally(&mut tail, &client, &ours, &|_| {}).unwrap());
    }
    assert_eq!(all(&last.unwrap()), told);
}

#[test]
fn without_a_gateway_reloads_are_not_observed_and_nothing_is_asked() {
    let Some(server) = World::shop().start("reload-none") else { return };
    let fetched = of_namespace(&server, "shop");
    assert!(fetched.observation.changes.unseen.contains(&ChangeKind::GatewayReload));
    assert!(
        fetched.observation.queries.iter().all(|q| !q.promql.contains("reload")),
        "{:?}",
        fetched.observation.queries
    );
}
