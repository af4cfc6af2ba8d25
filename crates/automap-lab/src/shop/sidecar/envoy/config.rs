//! Envoy's configuration: one listener for what comes in and one for each callee, with mutual TLS between pods.
//!
//! As Istio's permissive mode does, the inbound listener also accepts plain connections: those of users. It distinguishes callers by the server name that
//! each sends (Istio's proxies exchange metadata for this purpose), and has a chain of filters for each, whose counters so belong to one caller.

use std::path::Path;

use serde_json::{Value, json};

use super::super::proxy::Proxy;
use super::super::registry::BUCKETS_MS;
use super::addresses;
use super::sockets::Sockets;
use crate::mesh::certificates::{self, Files};
use crate::plan::{COMPONENTS, Component, GATEWAY, Role};

/// The cluster of the pod's own application.
const APP: &str = "app";
/// The time limits of the built-in side-car: for a whole response at the source, and at the destination.
const OUTBOUND_LIMIT: &str = "15s";
const INBOUND_LIMIT: &str = "60s";

/// At which end of a call a listener is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
}

/// The whole configuration of a pod's Envoy.
pub(super) fn bootstrap(
    pod: &Proxy,
    callees: &[&'static Component],
    sockets: &Sockets,
    files: &Files,
    dir: &Path,
) -> Value {
    let component = pod.component;
    let mut clusters: Vec<Value> = callees.iter().map(|callee| callee_cluster(component, callee, files, dir)).collect();
    let mut listeners: Vec<Value> = callees.iter().map(|callee| outbound(pod, callee)).collect();
    if component.name != GATEWAY.name {
        clusters.push(app_cluster(pod));
        listeners.push(inbound(component, sockets, files));
    }
    json!({
        "node": {"id": component.name, "cluster": "automap-lab"},
        "admin": {"address": sockets.admin().envoy_address()},
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [{"prefix": "istio."}, {"prefix": "tcp."}]}},
            "histogram_bucket_settings": [
                {"match": {"suffix": "request_duration_milliseconds"}, "buckets": BUCKETS_MS},
                {"match": {"suffix": "_bytes"}, "buckets": [1_048_576.0]},
            ],
        },
        // Histograms are complete when they are asked for.
        "stats_flush_on_admin": true,
        "static_resources": {"listeners": listeners, "clusters": clusters},
    })
}

/// Calls of the application to `callee`.
fn outbound(pod: &Proxy, callee: &Component) -> Value {
    let name = format!("to-{}", callee.name);
    let filter = match callee.role {
        Role::Service => http_filter(&name, callee.name, OUTBOUND_LIMIT, Side::Source),
        Role::Store | Role::Broker => tcp_filter(&name, callee.name, Side::Source),
    };
    json!({
        "name": name,
        "address": tcp(pod, super::port_for(pod, callee)),
        "filter_chains": [{"filters": [filter]}],
    })
}

/// Calls from the network to the application.
fn inbound(component: &Component, sockets: &Sockets, files: &Files) -> Value {
    let mut chains: Vec<Value> = callers(component).map(|caller| from(caller.name, component, Some(files))).collect();
    chains.push(from("unknown", component, None));
    json!({
        "name": "inbound",
        "address": sockets.inbound().envoy_address(),
        "listener_filters": [typed(
            "envoy.filters.listener.tls_inspector", "filters.listener.tls_inspector.v3.TlsInspector", json!({}),
        )],
        "filter_chains": chains,
    })
}

/// The chain of filters for one caller: with TLS, or plain for those outside the mesh.
fn from(caller: &str, component: &Component, files: Option<&Files>) -> Value {
    let name = format!("from-{caller}");
    let filter = match component.role {
        Role::Service => http_filter(&name, APP, INBOUND_LIMIT, Side::Destination),
        Role::Store | Role::Broker => tcp_filter(&name, APP, Side::Destination),
    };
    match files {
        Some(files) => json!({
            "filter_chain_match": {"server_names": [caller]},
            "transport_socket": tls("Downstream", files, json!({"require_client_certificate": true})),
            "filters": [filter],
        }),
        None => json!({"filter_chain_match": {"transport_protocol": "raw_buffer"}, "filters": [filter]}),
    }
}

/// Everyone who calls a component.
fn callers(component: &Component) -> impl Iterator<Item = &'static Component> {
    let name = component.name;
    COMPONENTS.iter().chain([&GATEWAY]).filter(move |caller| caller.calls.contains(&name))
}

fn callee_cluster(own: &Component, callee: &Component, files: &Files, dir: &Path) -> Value {
    json!({
        "name": callee.name,
        "type": "EDS",
        "connect_timeout": "10s",
        "circuit_breakers": {"thresholds": [no_limits()]},
        "eds_cluster_config": {"eds_config": {
            "resource_api_version": "V3",
            "path_config_source": {"path": addresses::path(dir, callee)},
        }},
        "transport_socket": tls("Upstream", files, json!({"sni": own.name})),
    })
}

/// Istio's defaults: Envoy's own are so low that retries would be refused during a fault.
fn no_limits() -> Value {
    let none = u32::MAX;
    json!({"max_connections": none, "max_pending_requests": none, "max_requests": none, "max_retries": none})
}

fn app_cluster(pod: &Proxy) -> Value {
    let address = tcp(pod, pod.ports.app(pod.component));
    json!({
        "name": APP,
        "type": "STATIC",
        "connect_timeout": "10s",
        "load_assignment": {"cluster_name": APP, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]},
    })
}

fn tcp(pod: &Proxy, port: u16) -> Value {
    json!({"socket_address": {"address": pod.ip, "port_value": port}})
}

fn tls(side: &str, files: &Files, more: Value) -> Value {
    let mut config = more;
    config["common_tls_context"] = json!({
        "tls_certificates": [{
            "certificate_chain": {"filename": files.certificate},
            "private_key": {"filename": files.key},
        }],
        "validation_context": {
            "trusted_ca": {"filename": files.authority},
            "match_typed_subject_alt_names": identities(),
        },
    });
    typed("envoy.transport_sockets.tls", &format!("transport_sockets.tls.v3.{side}TlsContext"), config)
}

/// Whom a side-car trusts.
fn identities() -> Vec<Value> {
    let exact =
        |component: &Component| json!({"san_type": "URI", "matcher": {"exact": certificates::identity(component)}});
    vec![exact(&COMPONENTS[0]), exact(&GATEWAY)]
}

fn http_filter(name: &str, cluster: &str, limit: &str, side: Side) -> Value {
    let mut route = json!({"cluster": cluster, "timeout": limit});
    if side == Side::Source {
        route["retry_policy"] =
            json!({"retry_on": "connect-failure,refused-stream,unavailable,cancelled", "num_retries": 2});
    }
    let host = json!({"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]});
    let config = json!({
        "stat_prefix": name,
        "route_config": {"virtual_hosts": [host]},
        "access_log": [http_log(name, side)],
        "http_filters": [typed("envoy.filters.http.router", "filters.http.router.v3.Router", json!({}))],
    });
    typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        config,
    )
}

fn tcp_filter(name: &str, cluster: &str, side: Side) -> Value {
    let config = json!({
        "stat_prefix": name,
        "cluster": cluster,
        "access_log": tcp_logs(name, side),
        "access_log_options": {"flush_access_log_on_connected": true},
        "idle_timeout": "0s",
    });
    typed("envoy.filters.network.tcp_proxy", "filters.network.tcp_proxy.v3.TcpProxy", config)
}

/// The tags from which [`exposition`](super::exposition) makes Istio's labels. The source adds the workload in the peer's certificate, which is
/// absent if no peer was reached.
fn tags(edge: &str, side: Side, response_code: Option<&str>) -> Vec<Value> {
    let peer = (side == Side::Source).then_some("%UPSTREAM_PEER_DNS_SAN%");
    let all = [
        ("edge", Some(edge)),
        ("peer", peer),
        ("response_flags", Some("%RESPONSE_FLAGS%")),
        ("response_code", response_code),
    ];
    let known = all.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    known.map(|(name, value)| json!({"name": name, "value_format": value})).collect()
}

fn http_log(edge: &str, side: Side) -> Value {
    let tags = tags(edge, side, Some("%RESPONSE_CODE%"));
    let histogram = |name: &str, unit: &str, value: &str| json!({"stat": {"name": name, "tags": tags}, "unit": unit, "value_format": value});
    stats_log(json!({
        "counters": [{"stat": {"name": "requests_total", "tags": tags}, "value_fixed": 1}],
        "histograms": [
            histogram("request_duration_milliseconds", "Milliseconds", "%DURATION%"),
            histogram("request_bytes", "Bytes", "%BYTES_RECEIVED%"),
            histogram("response_bytes", "Bytes", "%BYTES_SENT%"),
        ],
    }))
}

/// Connections that were established or failed, and those that ended. Their bytes are counters of Envoy's own, which change while a connection
/// is open.
fn tcp_logs(edge: &str, side: Side) -> Vec<Value> {
    let counter = |name: &str, only: Value| {
        let mut log = stats_log(json!({
            "counters": [{"stat": {"name": name, "tags": tags(edge, side, None)}, "value_fixed": 1}],
        }));
        log["filter"] = only;
        log
    };
    let types = |names: &[&str]| json!({"log_type_filter": {"types": names}});
    let failed = json!({"and_filter": {"filters": [
        types(&["TcpConnectionEnd"]),
        {"response_flag_filter": {"flags": ["UF", "UH", "URX"]}},
    ]}});
    let opened = json!({"or_filter": {"filters": [types(&["TcpUpstreamConnected"]), failed]}});
    vec![
        counter("tcp_connections_opened_total", opened),
        counter("tcp_connections_closed_total", types(&["TcpConnectionEnd"])),
    ]
}

fn stats_log(config: Value) -> Value {
    let mut config = config;
    config["stat_prefix"] = "istio".into();
    typed("envoy.access_loggers.stats", "access_loggers.stats.v3.Config", config)
}

/// An extension of Envoy with its configuration.
fn typed(name: &str, kind: &str, config: Value) -> Value {
    let mut config = config;
    config["@type"] = format!("type.googleapis.com/envoy.extensions.{kind}").into();
    json!({"name": name, "typed_config": config})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Ports, component};
    use crate::shop::sidecar::SidecarOptions;

    fn config_of(component: &'static Component) -> Value {
        let options = SidecarOptions {
            name: component.name.to_owned(),
            ports: Ports { base: 21000 },
            ip: std::net::Ipv4Addr::LOCALHOST,
            pod_name: format!("{}-1", component.name),
            endpoints: None,
            envoy: None,
        };
        let pod = Proxy::new(component, &options);
        let callees: Vec<_> = component.calls.iter().filter_map(|name| crate::plan::component(name)).collect();
        let files = Files::of(component.name, Path::new("/mesh"));
        bootstrap(&pod, &callees, &Sockets::of(&pod), &files, Path::new("/mesh/pods/1"))
    }

    fn listeners(config: &Value) -> Vec<&str> {
        let all = config["static_resources"]["listeners"].as_array().unwrap();
        all.iter().filter_map(|listener| listener["name"].as_str()).collect()
    }

    #[tokio::test]
    async fn every_callee_has_a_listener_and_every_caller_a_chain() {
        let orders = config_of(component("orders").unwrap());
        assert_eq!(listeners(&orders), ["to-carts", "to-orders-db", "to-payment", "to-shipping", "to-user", "inbound"]);
        let user = config_of(component("user").unwrap());
        let chains = user["static_resources"]["listeners"][1]["filter_chains"].as_array().unwrap();
        let names: Vec<_> = chains.iter().map(|c| c["filters"][0]["typed_config"]["stat_prefix"].as_str()).collect();
        assert_eq!(names, [Some("from-front-end"), Some("from-orders"), Some("from-unknown")]);
    }

    #[tokio::test]
    async fn users_call_the_gateway_at_its_own_port() {
        let gateway = config_of(&GATEWAY);
        assert_eq!(listeners(&gateway), ["to-front-end"]);
        let port = &gateway["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"];
        assert_eq!(*port, Ports { base: 21000 }.pod(&GATEWAY));
    }
}
