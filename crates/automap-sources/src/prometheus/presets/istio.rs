//! Istio with side-cars: both ends of every call count it.
//!
//! Never sum over both reporters. A refused connection is reported by the source alone, with the destination's
//! workload and namespace "unknown" (istio#28387, #24379, #49842), so calls are selected by the source's namespace. The
//! ztunnel of an ambient mesh counts connections under the same names; it is a preset of its own.

use super::{Absence, DurationCounts, Exporter, Formula, Key, RequestCounts, Signal};

pub(super) const SIDE_CARS: Exporter = Exporter {
    preset: "istio-sidecar",
    title: "Istio side-cars",
    file: None,
    selector: r#"{__name__=~"istio_requests_total|istio_tcp_connections_opened_total",app!="ztunnel",reporter!="waypoint",destination_workload_namespace=$NS}"#,
    anywhere: "istio_requests_total",
    service_label: "destination_workload",
    namespace_label: "destination_workload_namespace",
    needs: Some(("reporter", "source or destination")),
    covers: "requests, latency, errors and calls",
    counts: Some(COUNTS),
    signals: &SIGNALS,
};

const COUNTS: RequestCounts = RequestCounts {
    all: "sum(increase(istio_requests_total{$SERVER,destination_workload=$SERVICE}[$WINDOW]))",
    failed: Some(
        "(sum(increase(istio_requests_total{$SERVER,destination_workload=$SERVICE,$HTTP_FAILED}[$WINDOW])) or vector(0)) \
         + (sum(increase(istio_requests_total{$SERVER,destination_workload=$SERVICE,$GRPC_FAILED}[$WINDOW])) or vector(0))",
    ),
    durations: Some(DurationCounts {
        metric: "istio_request_duration_milliseconds_bucket",
        within: "sum(increase(istio_request_duration_milliseconds_bucket{$SERVER,destination_workload=$SERVICE,le=$LE}[$WINDOW]))",
        bounds: "group by (le) (last_over_time(istio_request_duration_milliseconds_bucket{$SERVER,destination_workload=$SERVICE}[$WINDOW]))",
        unit_ms: 1.0,
    }),
};

/// Events per second of counters that are born with their first event. `rate` needs two samples and takes the first one as
/// zero point, so a burst between two scrapes into a new series (the first 503 ever) would never be seen. A series
/// that was not there one window ago has grown by all it holds, provided that its workload was watched then.
macro_rules! events {
    ($series:literal, by $by:literal, $alive:literal) => {
        concat!(
            "((",
            $series,
            " unless ",
            $series,
            " offset $RATE) and on (",
            $by,
            ") ",
            $alive,
            " offset $RATE) / $RATE_S or rate(",
            $series,
            "[$RATE])"
        )
    };
}

const SERVED: &str = "sum by (destination_workload) (rate(istio_requests_total{$SERVER}[$RATE]))";
const SENT: &str = "sum by ($CALL) (rate(istio_requests_total{$CLIENT}[$RATE]))";
const CONNECTIONS: &str = "sum by ($CALL) (rate(istio_tcp_connections_opened_total{$CLIENT}[$RATE]))";

const NO_REQUESTS: Absence = Absence::Unobserved("no HTTP or gRPC request was counted in this window");
const NO_HISTOGRAM: Absence = Absence::Unobserved("istio_request_duration_milliseconds is absent or thinned out");

const SIGNALS: [Signal; 11] = [
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
                "sum by (destination_workload) (",
                events!("istio_requests_total{$SERVER,$HTTP_FAILED}", by "destination_workload", "istio_requests_total{$SERVER}"),
                " or rate(istio_requests_total{$SERVER,$GRPC_FAILED}[$RATE]))"
            ),
            whole: SERVED,
        },
        absence: NO_REQUESTS,
    },
    Signal {
        name: "latency_ms",
        request: "latency",
        key: Key::Workload,
        formula: Formula::Mean {
            total: "sum by (destination_workload) (rate(istio_request_duration_milliseconds_sum{$SERVER}[$RATE]))",
            count: "sum by (destination_workload) (rate(istio_request_duration_milliseconds_count{$SERVER}[$RATE]))",
        },
        absence: NO_HISTOGRAM,
    },
    Signal {
        name: "latency_p95_ms",
        request: "latency quantile",
        key: Key::Workload,
        formula: Formula::Sum(
            "histogram_quantile($Q, sum by (le, destination_workload) \
             (rate(istio_request_duration_milliseconds_bucket{$SERVER}[$RATE])))",
        ),
        absence: NO_HISTOGRAM,
    },
    Signal { name: "client_rps", request: "calls", key: Key::Call, formula: Formula::Sum(SENT), absence: NO_REQUESTS },
    Signal {
        name: "client_error_ratio",
        request: "calls",
        key: Key::Call,
        formula: Formula::Share {
            part: concat!(
                "sum by ($CALL) (",
                events!("istio_requests_total{$CLIENT,$HTTP_FAILED}", by "source_workload", "istio_requests_total{$CLIENT}"),
                " or rate(istio_requests_total{$CLIENT,$GRPC_FAILED}[$RATE]))"
            ),
            whole: SENT,
        },
        absence: NO_REQUESTS,
    },
    Signal {
        name: "client_latency_ms",
        request: "latency of calls",
        key: Key::Call,
        formula: Formula::Mean {
            total: "sum by ($CALL) (rate(istio_request_duration_milliseconds_sum{$CLIENT}[$RATE]))",
            count: "sum by ($CALL) (rate(istio_request_duration_milliseconds_count{$CLIENT}[$RATE]))",
        },
        absence: NO_HISTOGRAM,
    },
    // The same calls as their destination reports them: the difference is spent on the network and in proxies.
    Signal {
        name: "served_latency_ms",
        request: "latency of calls served",
        key: Key::ServedCall,
        formula: Formula::Mean {
            total: "sum by (source_workload, source_workload_namespace, destination_workload) \
                    (rate(istio_request_duration_milliseconds_sum{$SERVER}[$RATE]))",
            count: "sum by (source_workload, source_workload_namespace, destination_workload) \
                    (rate(istio_request_duration_milliseconds_count{$SERVER}[$RATE]))",
        },
        absence: NO_HISTOGRAM,
    },
    // Istio names the two directions backwards (istio#32399); the sum does not care.
    Signal {
        name: "tcp_bytes_per_s",
        request: "connections",
        key: Key::Call,
        formula: Formula::Sum(
            "(sum by ($CALL) (rate(istio_tcp_sent_bytes_total{$CLIENT}[$RATE])) \
             + sum by ($CALL) (rate(istio_tcp_received_bytes_total{$CLIENT}[$RATE])))",
        ),
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
                "sum by ($CALL) (",
                events!(
                    "istio_tcp_connections_opened_total{$CLIENT,response_flags!=\"-\"}",
                    by "source_workload",
                    "istio_tcp_connections_opened_total{$CLIENT}"
                ),
                ")"
            ),
            among: CONNECTIONS,
        },
        absence: Absence::Expected,
    },
];
