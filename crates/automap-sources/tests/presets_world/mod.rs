//! A shop of two services in each system's series, on a real Prometheus: `front-end` serves 10 requests a second in 80 ms; 4 of them it passes on to
//! `orders`, which needs 40 ms and fails every fourth.

mod real;

pub(crate) use real::Real;

use std::fmt::Write as _;

/// Start of the data, in Unix seconds; a multiple of two hours, so that it makes one block.
pub(crate) const START_S: i64 = 1_794_996_000;
/// Length of the data.
pub(crate) const LENGTH_S: i64 = 1800;
/// Interval of samples.
const SCRAPE_S: i64 = 15;

/// A set of series under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(String);

impl Series {
    /// A counter with this growth per second: `name{labels}`.
    pub(crate) fn counter(mut self, series: &str, per_s: f64) -> Self {
        for t in (0..=LENGTH_S).step_by(SCRAPE_S as usize) {
            writeln!(self.0, "{series} {} {}", 1000.0 + per_s * t as f64, START_S + t).unwrap();
        }
        self
    }

    /// A histogram whose observations are all of this size.
    pub(crate) fn histogram(self, series: &str, per_s: f64, size: f64) -> Self {
        let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap();
        let bucket = |le: &str| format!(r#"{name}_bucket{{{labels},le="{le}"}}"#);
        self.counter(&bucket(&(size / 2.0).to_string()), 0.0)
            .counter(&bucket(&(size * 2.0).to_string()), per_s)
            .counter(&bucket("+Inf"), per_s)
            .counter(&format!("{name}_sum{{{labels}}}"), per_s * size)
            .counter(&format!("{name}_count{{{labels}}}"), per_s)
    }

    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The input of `promtool`.
    pub(crate) fn text(&self) -> String {
        format!("{}# EOF\n", self.0)
    }
}

/// One system.
pub(crate) struct System {
    pub(crate) preset: &'static str,
    pub(crate) series: Series,
    /// Whether it reports the calls between services.
    pub(crate) has_calls: bool,
}

/// All systems that are files, each with its labels and its pitfalls.
pub(crate) fn systems() -> Vec<System> {
    let system = |preset, has_calls, series| System { preset, series, has_calls };
    vec![
        system("istio-ambient", true, istio_ambient()),
        system("linkerd", true, linkerd()),
        system("cilium-hubble", true, hubble()),
        system("beyla-grpc", false, beyla_grpc()),
        system("otel-http", true, otel_http()),
        system("otel-http-old", true, otel_http_old()),
        system(
            "otel-span-metrics",
            false,
            spans("traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds", 1.0),
        ),
        system("otel-span-metrics", false, spans("span_metrics_calls_total", "span_metrics_duration_seconds", 1e-3)),
        system("otel-span-metrics-plain", false, spans("calls_total", "duration_milliseconds", 1.0)),
        system("otel-span-metrics-plain", false, spans("calls_total", "duration_seconds", 1e-3)),
        system(
            "tempo-span-metrics",
            false,
            spans("traces_spanmetrics_calls_total", "traces_spanmetrics_latency", 1e-3),
        ),
        system(
            "tempo-span-metrics",
            false,
            spans("traces_spanmetrics_calls_total", "traces_spanmetrics_duration_seconds", 1e-3),
        ),
        system("otel-service-graph", true, service_graph()),
        system("sock-shop", false, sock_shop(r#"kubernetes_namespace="shop",kubernetes_name="SERVICE""#)),
        system(
            "sock-shop-operator",
            false,
            sock_shop(r#"namespace="shop",job="SERVICE",pod="SERVICE-7d9f8b6c4-q9v2t""#),
        ),
        system("envoy", true, envoy()),
    ]
}

/// The preset that is a table, with its counts at both ends of every call.
pub(crate) fn istio_sidecars() -> System {
    let mut series = Series::default();
    for reporter in ["source", "destination"] {
        let call = format!(
            r#"reporter="{reporter}",job="mesh",source_workload="front-end",source_workload_namespace="shop",destination_workload="orders",destination_workload_namespace="shop",destination_service_name="orders""#
        );
        for (code, rps) in [("200", 3.0), ("503", 1.0)] {
            series = series.counter(&format!(r#"istio_requests_total{{{call},response_code="{code}"}}"#), rps);
        }
        series = series.histogram(&format!("istio_request_duration_milliseconds{{{call}}}"), 4.0, 40.0);
    }
    System { preset: "istio-sidecar", series, has_calls: true }
}

fn istio_ambient() -> Series {
    let to = |workload: &str, from: &str, from_ns: &str| {
        format!(
            r#"job="mesh",source_workload="{from}",source_workload_namespace="{from_ns}",destination_workload="{workload}",destination_workload_namespace="shop",destination_service_name="{workload}",destination_service_namespace="shop""#
        )
    };
    let (entry, call) = (to("front-end", "unknown", "unknown"), to("orders", "front-end", "shop"));
    let mut series = Series::default();
    for (labels, code, rps) in [(&entry, "200", 10.0), (&call, "200", 3.0), (&call, "503", 1.0)] {
        series = series
            .counter(&format!(r#"istio_requests_total{{reporter="waypoint",{labels},response_code="{code}"}}"#), rps);
    }
    for (labels, rps, ms) in [(&entry, 10.0, 80.0), (&call, 4.0, 40.0)] {
        series = series.histogram(
            &format!(r#"istio_request_duration_milliseconds{{reporter="waypoint",{labels}}}"#),
            rps,
            ms,
        );
    }
    // Both ztunnels count a connection; only the caller's is taken.
    for reporter in ["source", "destination"] {
        for metric in ["opened_total", "x"] {
            let name = if metric == "x" { "istio_tcp_sent_bytes_total" } else { "istio_tcp_connections_opened_total" };
            series = series.counter(&format!(r#"{name}{{app="ztunnel",reporter="{reporter}",{call}}}"#), 2.0);
        }
        let received = format!(r#"istio_tcp_received_bytes_total{{app="ztunnel",reporter="{reporter}",{call}}}"#);
        series = series.counter(&received, 8.0);
    }
    series
}

fn linkerd() -> Series {
    let inbound =
        |name: &str| format!(r#"job="linkerd-proxy",direction="inbound",namespace="shop",deployment="{name}""#);
    let outbound = r#"job="linkerd-proxy",direction="outbound",namespace="shop",deployment="front-end",dst_deployment="orders",dst_namespace="shop",dst_service="orders""#;
    let (front_end, orders) = (inbound("front-end"), inbound("orders"));
    let mut series = Series::default();
    for (labels, class, rps) in [
        (front_end.as_str(), "success", 10.0),
        (&orders, "success", 3.0),
        (&orders, "failure", 1.0),
        (outbound, "success", 3.0),
        (outbound, "failure", 1.0),
    ] {
        series = series.counter(&format!(r#"response_total{{{labels},classification="{class}"}}"#), rps);
    }
    for (labels, rps, ms) in [(front_end.as_str(), 10.0, 80.0), (&orders, 4.0, 40.0), (outbound, 4.0, 42.0)] {
        series = series.histogram(&format!("response_latency_ms{{{labels}}}"), rps, ms);
    }
    // The kubelet probes often, and is always answered at once.
    let probe = format!(r#"{orders},route_name="probe""#);
    series.counter(&format!(r#"response_total{{{probe},classification="success"}}"#), 100.0).histogram(
        &format!("response_latency_ms{{{probe}}}"),
        100.0,
        1.0,
    )
}

fn hubble() -> Series {
    let mut series = Series::default();
    for reporter in ["server", "client"] {
        let to = |to: &str, from: &str, ns: &str| {
            format!(
                r#"job="hubble",reporter="{reporter}",source_workload="{from}",source_namespace="{ns}",destination_workload="{to}",destination_namespace="shop""#
            )
        };
        let (entry, call) = (to("front-end", "", ""), to("orders", "front-end", "shop"));
        for (labels, status, rps) in [(&entry, "200", 10.0), (&call, "200", 3.0), (&call, "500", 1.0)] {
            series = series.counter(&format!(r#"hubble_http_requests_total{{{labels},status="{status}"}}"#), rps);
        }
        for (labels, rps, s) in [(&entry, 10.0, 0.08), (&call, 4.0, 0.04)] {
            series = series.histogram(&format!("hubble_http_request_duration_seconds{{{labels}}}"), rps, s);
        }
    }
    series
}

fn beyla_grpc() -> Series {
    let of = |name: &str, code: &str| {
        format!(
            r#"rpc_server_duration_seconds{{job="beyla",k8s_namespace_name="shop",k8s_deployment_name="{name}",service_name="{name}-svc",rpc_method="/shop.Orders/Put",rpc_grpc_status_code="{code}"}}"#
        )
    };
    Series::default()
        .histogram(&of("front-end", "0"), 10.0, 0.08)
        .histogram(&of("orders", "0"), 3.0, 0.04)
        .histogram(&of("orders", "14"), 1.0, 0.04)
        // Not found is the caller's mistake.
        .histogram(&of("front-end", "5").replace("front-end\"", "users\""), 1.0, 0.01)
}

fn otel_http() -> Series {
    let of = |name: &str, route: &str, code: &str| {
        format!(
            r#"http_server_request_duration_seconds{{job="shop/{name}",k8s_namespace_name="shop",k8s_deployment_name="{name}",service_name="{name}",http_route="{route}",http_response_status_code="{code}"}}"#
        )
    };
    let sent = |host: &str, outcome: &str| {
        format!(
            r#"http_client_request_duration_seconds{{job="shop/front-end",k8s_namespace_name="shop",k8s_deployment_name="front-end",service_name="front-end",server_address="{host}",{outcome}}}"#
        )
    };
    Series::default()
        .histogram(&of("front-end", "/", "200"), 10.0, 0.08)
        .histogram(&of("orders", "/orders", "201"), 3.0, 0.04)
        .histogram(&of("orders", "/orders", "500"), 1.0, 0.04)
        .histogram(&of("orders", "/health", "200"), 50.0, 0.001)
        .histogram(&sent("orders.shop.svc.cluster.local", r#"http_response_status_code="201""#), 3.0, 0.042)
        .histogram(&sent("orders.shop.svc.cluster.local", r#"error_type="connection_refused""#), 1.0, 0.042)
        .histogram(&sent("api.stripe.com", r#"http_response_status_code="200""#), 1.0, 0.2)
        .histogram(&sent("10.0.3.7", r#"http_response_status_code="200""#), 1.0, 0.2)
}

fn otel_http_old() -> Series {
    let of = |name: &str, code: &str| {
        format!(r#"http_server_duration_milliseconds{{job="shop/{name}",http_route="/x",http_status_code="{code}"}}"#)
    };
    let sent = |code: &str| {
        format!(
            r#"http_client_duration_milliseconds{{job="shop/front-end",net_peer_name="orders",http_status_code="{code}"}}"#
        )
    };
    Series::default()
        .histogram(&of("front-end", "200"), 10.0, 80.0)
        .histogram(&of("orders", "200"), 3.0, 40.0)
        .histogram(&of("orders", "500"), 1.0, 40.0)
        .histogram(&sent("200"), 3.0, 42.0)
        .histogram(&sent("500"), 1.0, 42.0)
}

fn spans(counter: &str, histogram: &str, unit: f64) -> Series {
    let of = |name: &str, kind: &str, status: &str| {
        format!(
            r#"{{job="collector",service_name="{name}",span_name="x",span_kind="SPAN_KIND_{kind}",status_code="STATUS_CODE_{status}"}}"#
        )
    };
    let mut series = Series::default();
    for (name, kind, status, rps, ms) in [
        ("front-end", "SERVER", "UNSET", 10.0, 80.0),
        // The caller's own spans, and inner ones, are not requests that it serves.
        ("front-end", "CLIENT", "ERROR", 4.0, 42.0),
        ("orders", "INTERNAL", "UNSET", 9.0, 1.0),
        ("orders", "SERVER", "UNSET", 3.0, 40.0),
        ("orders", "SERVER", "ERROR", 1.0, 40.0),
    ] {
        let labels = of(name, kind, status);
        series = series.counter(&format!("{counter}{labels}"), rps).histogram(
            &format!("{histogram}{labels}"),
            rps,
            ms * unit,
        );
    }
    series
}

fn service_graph() -> Series {
    let of = |client: &str, server: &str, kind: &str| {
        let kind = if kind.is_empty() { String::new() } else { format!(r#",connection_type="{kind}""#) };
        format!(r#"{{job="collector",client="{client}",server="{server}"{kind}}}"#)
    };
    let mut series = Series::default();
    for (labels, rps, failed, s) in [
        (of("user", "front-end", ""), 10.0, 0.0, 0.08),
        (of("front-end", "orders", ""), 4.0, 1.0, 0.04),
        (of("orders", "orders-db", "database"), 4.0, 0.0, 0.01),
    ] {
        series = series
            .counter(&format!("traces_service_graph_request_total{labels}"), rps)
            .counter(&format!("traces_service_graph_request_failed_total{labels}"), failed)
            .histogram(&format!("traces_service_graph_request_server_seconds{labels}"), rps, s)
            .histogram(&format!("traces_service_graph_request_client_seconds{labels}"), rps, s + 0.002);
    }
    series
}

fn sock_shop(labels: &str) -> Series {
    let of = |name: &str, route: &str, code: &str| {
        let labels = labels.replace("SERVICE", name);
        format!(r#"request_duration_seconds{{{labels},method="GET",route="{route}",status_code="{code}"}}"#)
    };
    Series::default()
        .histogram(&of("front-end", "", "200"), 10.0, 0.08)
        .histogram(&of("orders", "orders", "201"), 3.0, 0.04)
        .histogram(&of("orders", "orders", "500"), 1.0, 0.04)
        .histogram(&of("orders", "health", "200"), 50.0, 0.001)
        .histogram(&of("orders", "metrics", "200"), 50.0, 0.001)
}

fn envoy() -> Series {
    let served = |app: &str, prefix: &str| {
        format!(r#"job="envoy",namespace="shop",app="{app}",envoy_http_conn_manager_prefix="{prefix}""#)
    };
    let cluster = |name: &str| format!(r#"job="envoy",namespace="shop",app="front-end",envoy_cluster_name="{name}""#);
    let (front_end, orders) = (served("front-end", "ingress_http"), served("orders", "ingress_http"));
    let (call, own) = (cluster("outbound|80||orders.shop.svc.cluster.local"), cluster("xds_cluster_admin"));
    let mut series = Series::default();
    for (labels, class, rps) in [(&front_end, "2", 10.0), (&orders, "2", 3.0), (&orders, "5", 1.0)] {
        let labels = format!(r#"{labels},envoy_response_code_class="{class}""#);
        series = series.counter(&format!("envoy_http_downstream_rq_xx{{{labels}}}"), rps);
    }
    for (labels, class, rps) in [(&call, "2", 3.0), (&call, "5", 1.0), (&own, "2", 70.0)] {
        let labels = format!(r#"{labels},envoy_response_code_class="{class}""#);
        series = series.counter(&format!("envoy_cluster_upstream_rq_xx{{{labels}}}"), rps);
    }
    series
        .counter(&format!("envoy_cluster_upstream_rq_total{{{call}}}"), 4.0)
        .counter(
            &format!(r#"envoy_http_downstream_rq_xx{{{},envoy_response_code_class="2"}}"#, served("orders", "admin")),
            50.0,
        )
        .counter(&format!("envoy_cluster_upstream_cx_connect_fail{{{call}}}"), 0.5)
        .histogram(&format!("envoy_http_downstream_rq_time{{{front_end}}}"), 10.0, 80.0)
        .histogram(&format!("envoy_http_downstream_rq_time{{{orders}}}"), 4.0, 40.0)
        .histogram(&format!("envoy_cluster_upstream_rq_time{{{call}}}"), 4.0, 42.0)
}
