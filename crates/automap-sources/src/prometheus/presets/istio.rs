//! Istio with sidecars: both ends of every call count it.
//!
//! Never sum over both reporters. A refused connection is reported by the source alone, with the destination's workload and namespace "unknown"
//! (istio#28387, #24379, #49842), so calls are selected by the source's namespace. The ztunnel of an ambient mesh counts connections under the same
//! names; it has a preset of its own, as do meshes in which one reporter or a label is switched off (`built_in/istio_variants.yaml`).

use automap_core::breakdown::Label;

use super::{Absence, CountsByLabel, DurationCounts, Exporter, Formula, Key, RequestCounts, Signal};

pub(crate) const SIDE_CARS: Exporter = Exporter { native: Some(native::FORM), ..CLASSIC };

const CLASSIC: Exporter = Exporter {
    preset: "istio-sidecar",
    title: "Istio side-cars",
    file: None,
    selector: r#"{__name__=~"istio_requests_total|istio_tcp_connections_opened_total",app!="ztunnel",reporter!="waypoint",destination_workload!="",destination_workload_namespace=$NS}"#,
    or_selectors: &[],
    unless: None,
    remark: None,
    anywhere: "istio_requests_total",
    service_label: "destination_workload",
    namespace_label: "destination_workload_namespace",
    needs: Some(("reporter", "source or destination")),
    quotes_names: false,
    covers: "requests, latency, errors and calls",
    counts: Some(COUNTS),
    by_label: Some(BY_LABEL),
    signals: &SIGNALS,
    native: None,
    is_native: false,
    store: None,
    outside: None,
    callees: None,
};

const COUNTS: RequestCounts = RequestCounts {
    all: "sum(increase(istio_requests_total{$SERVER,destination_workload=$SERVICE}[$WINDOW]))",
    failed: Some(
        "(sum(increase(istio_requests_total{$SERVER,destination_workload=$SERVICE,$HTTP_FAILED}[$WINDOW])) or vector(0)) \
         + (sum(increase(istio_requests_total{$SERVER,destination_workload=$SERVICE,$GRPC_FAILED}[$WINDOW])) or vector(0))",
    ),
    durations: &[BUCKETS],
};

const BUCKETS: DurationCounts = DurationCounts {
    metric: "istio_request_duration_milliseconds_bucket",
    all: "sum(increase(istio_request_duration_milliseconds_bucket{$SERVER,destination_workload=$SERVICE,le=\"+Inf\"}[$WINDOW]))",
    within: "sum(increase(istio_request_duration_milliseconds_bucket{$SERVER,destination_workload=$SERVICE,le=$LE}[$WINDOW]))",
    bounds: Some(
        "group by (le) (last_over_time(istio_request_duration_milliseconds_bucket{$SERVER,destination_workload=$SERVICE}[$WINDOW]))",
    ),
    unit_ms: 1.0,
};

/// Rows of single pods.
macro_rules! of_pods {
    ($metric:literal, $matchers:literal) => {
        concat!($metric, "{", $matchers, ",pod!=\"\"}")
    };
}

/// Rows without a pod: sums over pods.
macro_rules! of_sums {
    ($metric:literal, $matchers:literal) => {
        concat!($metric, "{", $matchers, ",pod=\"\"}")
    };
}

/// Growth per second of counters, with one row for all scrapers of the same proxy (two jobs, two replicas of Prometheus). Rows without a pod are sums
/// over pods (recording rules, federation). Such a sum falls if one of its pods goes, and `rate` takes the rest for new growth: growth that cannot
/// have been counted within the window is left out.
macro_rules! growth {
    ($metric:literal, $matchers:literal) => {
        concat!(
            "(max without ($SCRAPER,instance) (rate(",
            of_pods!($metric, $matchers),
            "[$RATE])) or max without ($SCRAPER) (rate(",
            of_sums!($metric, $matchers),
            "[$RATE]) unless ",
            fallen!($metric, $matchers),
            "))"
        )
    };
}

/// Sums that fell within the rate window, but not to near zero as a restarted counter does.
macro_rules! fallen {
    ($metric:literal, $matchers:literal) => {
        concat!(
            "(resets(",
            of_sums!($metric, $matchers),
            "[$RATE]) > 0 and min_over_time(",
            of_sums!($metric, $matchers),
            "[$RATE]) > 0.1 * max_over_time(",
            of_sums!($metric, $matchers),
            "[$RATE]) unless min_over_time(",
            of_sums!($metric, $matchers),
            "[$RATE]) <= 4 * $RATE_S * rate(",
            of_sums!($metric, $matchers),
            "[$RATE] offset $RATE))"
        )
    };
}

/// A counter's rows, one for all scrapers.
macro_rules! rows {
    ($metric:literal, $matchers:literal, $offset:literal) => {
        concat!(
            "(max without ($SCRAPER,instance) (",
            of_pods!($metric, $matchers),
            $offset,
            ") or max without ($SCRAPER) (",
            of_sums!($metric, $matchers),
            $offset,
            "))"
        )
    };
}

/// Events per second of counters that appear with their first event. `rate` needs two samples and takes the first one as the zero point, so a burst
/// between two scrapes into a new series (the first 503 ever) would never be seen. A series that did not exist one window ago has grown by its full
/// value, if its workload was observed then.
macro_rules! events {
    ($metric:literal, $matchers:literal, by $by:literal, $alive:literal) => {
        concat!(
            "((",
            rows!($metric, $matchers, ""),
            " unless ",
            rows!($metric, $matchers, " offset $RATE"),
            ") and on (",
            $by,
            "$AND_SCOPE) ",
            $metric,
            "{",
            $alive,
            "} offset $RATE) / $RATE_S or ",
            growth!($metric, $matchers)
        )
    };
}

// Below the macros, which it uses.
mod native;

/// Istio has no labels for methods and routes; these are the usual ones that users add with its Telemetry API.
const BY_LABEL: CountsByLabel = CountsByLabel {
    requests: growth!("istio_requests_total", "$SERVER,destination_workload=$SERVICE,response_code!=\"\""),
    failed: Some(concat!(
        "(",
        events!(
            "istio_requests_total",
            "$SERVER,destination_workload=$SERVICE,$HTTP_FAILED",
            by "destination_workload",
            "$SERVER,destination_workload=$SERVICE"
        ),
        " or ",
        growth!("istio_requests_total", "$SERVER,destination_workload=$SERVICE,$GRPC_FAILED"),
        ")"
    )),
    duration: Some((
        growth!("istio_request_duration_milliseconds_sum", "$SERVER,destination_workload=$SERVICE"),
        growth!("istio_request_duration_milliseconds_count", "$SERVER,destination_workload=$SERVICE"),
    )),
    labels: &[
        (Label::Pod, &["pod", "kubernetes_pod_name", "pod_name"]),
        (Label::Version, &["destination_version", "destination_canonical_revision"]),
        (Label::ResponseCode, &["response_code"]),
        (Label::GrpcStatus, &["grpc_response_status"]),
        (Label::ResponseFlag, &["response_flags"]),
        (Label::Caller, &["source_workload"]),
        (Label::Method, &["request_method"]),
        (Label::Route, &["request_operation", "http_route"]),
    ],
};

const SERVED: &str =
    concat!("sum by (destination_workload$AND_SCOPE) (", growth!("istio_requests_total", "$SERVER"), ")");
/// Requests whose outcome is known: if the labels are switched off, it is unknown whether any failed.
const SERVED_WITH_OUTCOME: &str = concat!(
    "sum by (destination_workload$AND_SCOPE) (",
    growth!("istio_requests_total", "$SERVER,response_code!=\"\""),
    ")"
);
const SENT_WITH_OUTCOME: &str =
    concat!("sum by ($CALL$AND_SCOPE) (", growth!("istio_requests_total", "$CLIENT,response_code!=\"\""), ")");
const SENT: &str = concat!("sum by ($CALL$AND_SCOPE) (", growth!("istio_requests_total", "$CLIENT"), ")");
const CONNECTIONS: &str =
    concat!("sum by ($CALL$AND_SCOPE) (", growth!("istio_tcp_connections_opened_total", "$CLIENT"), ")");

/// Which workloads are behind which Kubernetes service, as reported by the workloads' own proxies.
pub(super) const BEHIND_SERVICES: &str = "group by (destination_service_name, destination_workload, destination_workload_namespace$AND_SCOPE) \
                                          (last_over_time(istio_requests_total{$SERVER}[$SPAN]))";

/// Workloads whose counters are sums over pods, and fell. A fall in a proxy's own counters is an ordinary restart.
pub(super) const FALLEN_SUMS: &str = "sum by (destination_workload$AND_SCOPE) (resets(istio_requests_total{$SERVER,pod=\"\",instance=\"\",\
                                      kubernetes_pod_name=\"\",pod_name=\"\"}[$SPAN])) > 0";

const NO_REQUESTS: Absence = Absence::Unobserved("no HTTP or gRPC request was counted in this window");
const NO_OUTCOMES: Absence = Absence::Unobserved(
    "no request was counted, or istio_requests_total lacks the label response_code: keep it in the Telemetry configuration",
);
const NOT_AS_SOURCE: Absence =
    Absence::Unobserved("no call was reported by its caller (reporter=\"source\"), or the histogram is switched off");
const NOT_AS_DESTINATION: Absence = Absence::Unobserved(
    "no call was reported by its callee (reporter=\"destination\"), or the histogram is switched off",
);
const NO_HISTOGRAM: Absence = Absence::Unobserved("istio_request_duration_milliseconds is absent or thinned out");

const SIGNALS: [Signal; 13] = [
    Signal {
        name: "throughput_rps",
        request: "requests served",
        key: Key::Workload,
        formula: Formula::Sum(SERVED),
        absence: NO_REQUESTS,
    },
    Signal {
        name: "error_ratio",
        request: "requests served",
        key: Key::Workload,
        formula: Formula::Share {
            part: concat!(
                "sum by (destination_workload$AND_SCOPE) (",
                events!("istio_requests_total", "$SERVER,$HTTP_FAILED", by "destination_workload", "$SERVER"),
                " or ",
                growth!("istio_requests_total", "$SERVER,$GRPC_FAILED"),
                ")"
            ),
            whole: SERVED_WITH_OUTCOME,
        },
        absence: NO_OUTCOMES,
    },
    // A client that hangs up has often waited too long, and that never counts as the server's failure.
    Signal {
        name: "hung_up_ratio",
        request: "requests served",
        key: Key::Workload,
        formula: Formula::Share {
            part: concat!(
                "sum by (destination_workload$AND_SCOPE) (",
                growth!("istio_requests_total", "$SERVER,response_flags=~\"$CLIENT_LEFT\""),
                ")"
            ),
            whole: SERVED,
        },
        absence: Absence::Expected,
    },
    // Reported by the agent beside the proxy: seconds left, below 0 after expiry. It shares the request for requests, which is sent anyway.
    Signal {
        name: "certificate_expired",
        request: "requests served",
        key: Key::Pod,
        formula: Formula::Sum(
            "max by (pod$AND_SCOPE) (istio_agent_cert_expiry_seconds{namespace=$NS,pod!=\"\"} <= bool 0)",
        ),
        absence: Absence::Expected,
    },
    Signal {
        name: "latency_ms",
        request: "latency",
        key: Key::Workload,
        formula: Formula::Mean {
            total: concat!(
                "sum by (destination_workload$AND_SCOPE) (",
                growth!("istio_request_duration_milliseconds_sum", "$SERVER"),
                ")"
            ),
            count: concat!(
                "sum by (destination_workload$AND_SCOPE) (",
                growth!("istio_request_duration_milliseconds_count", "$SERVER"),
                ")"
            ),
        },
        absence: NO_HISTOGRAM,
    },
    Signal {
        name: "latency_p95_ms",
        request: "latency quantile",
        key: Key::Workload,
        formula: Formula::Sum(concat!(
            "histogram_quantile($Q, sum by (le, vmrange, destination_workload$AND_SCOPE) (",
            growth!("istio_request_duration_milliseconds_bucket", "$SERVER"),
            "))"
        )),
        absence: NO_HISTOGRAM,
    },
    Signal { name: "client_rps", request: "calls", key: Key::Call, formula: Formula::Sum(SENT), absence: NO_REQUESTS },
    Signal {
        name: "client_error_ratio",
        request: "calls",
        key: Key::Call,
        formula: Formula::Share {
            part: concat!(
                "sum by ($CALL$AND_SCOPE) (",
                events!("istio_requests_total", "$CLIENT,$HTTP_FAILED", by "source_workload", "$CLIENT"),
                " or ",
                growth!("istio_requests_total", "$CLIENT,$GRPC_FAILED"),
                ")"
            ),
            whole: SENT_WITH_OUTCOME,
        },
        absence: NO_OUTCOMES,
    },
    Signal {
        name: "client_latency_ms",
        request: "latency of calls",
        key: Key::Call,
        formula: Formula::Mean {
            total: concat!(
                "sum by ($CALL$AND_SCOPE) (",
                growth!("istio_request_duration_milliseconds_sum", "$CLIENT"),
                ")"
            ),
            count: concat!(
                "sum by ($CALL$AND_SCOPE) (",
                growth!("istio_request_duration_milliseconds_count", "$CLIENT"),
                ")"
            ),
        },
        absence: NOT_AS_SOURCE,
    },
    // The same calls as reported by their destination: the difference is spent on the network and in proxies.
    Signal {
        name: "served_latency_ms",
        request: "latency of calls served",
        key: Key::ServedCall,
        formula: Formula::Mean {
            total: concat!(
                "sum by (source_workload, source_workload_namespace, destination_workload$AND_SCOPE) (",
                growth!("istio_request_duration_milliseconds_sum", "$SERVER"),
                ")"
            ),
            count: concat!(
                "sum by (source_workload, source_workload_namespace, destination_workload$AND_SCOPE) (",
                growth!("istio_request_duration_milliseconds_count", "$SERVER"),
                ")"
            ),
        },
        absence: NOT_AS_DESTINATION,
    },
    // Istio's names for the two directions are swapped (istio#32399), which does not affect the sum.
    Signal {
        name: "tcp_bytes_per_s",
        request: "connections",
        key: Key::Call,
        formula: Formula::Sum(concat!(
            "(sum by ($CALL$AND_SCOPE) (",
            growth!("istio_tcp_sent_bytes_total", "$CLIENT"),
            ") + sum by ($CALL$AND_SCOPE) (",
            growth!("istio_tcp_received_bytes_total", "$CLIENT"),
            "))"
        )),
        absence: Absence::Expected,
    },
    Signal {
        name: "tcp_connections_per_s",
        request: "connections",
        key: Key::Call,
        formula: Formula::Sum(CONNECTIONS),
        absence: Absence::Expected,
    },
    Signal {
        name: "tcp_failures_per_s",
        request: "connections",
        key: Key::Call,
        formula: Formula::Events {
            events: concat!(
                "sum by ($CALL$AND_SCOPE) (",
                events!(
                    "istio_tcp_connections_opened_total",
                    "$CLIENT,response_flags!=\"-\",response_flags!~\"$CLIENT_LEFT\"",
                    by "source_workload",
                    "$CLIENT"
                ),
                ")"
            ),
            among: CONNECTIONS,
        },
        absence: Absence::Expected,
    },
];
