//! Envoy's metrics as those of Istio's side-cars: the same names and labels as Istio's own filter of statistics gives.
//!
//! Envoy tags requests with what it knows about them (which listener, the peer's certificate, response code and flags). For example
//! `envoy_istio_requests_total{edge="to-user",peer="user",response_flags="-",response_code="200"} 3` at front-end becomes
//! `istio_requests_total{reporter="source",source_workload="front-end",…,destination_workload="user",…} 3`. Its counters of TCP bytes carry the
//! name of the listener only.

use std::fmt::Write as _;

use super::super::labels::{Labels, Reporter};
use crate::plan::{Component, proxied};

/// Envoy's counters of bytes, with Istio's names: *received* are those of the client.
const TCP_BYTES: [(&str, &str); 2] = [
    ("envoy_tcp_downstream_cx_rx_bytes_total", "istio_tcp_received_bytes_total"),
    ("envoy_tcp_downstream_cx_tx_bytes_total", "istio_tcp_sent_bytes_total"),
];

/// Translates the text of Envoy's `/stats/prometheus`. Other metrics, and lines that cannot be read, are left out.
pub(super) fn as_istio(text: &str, own: &'static Component) -> String {
    let mut out = String::with_capacity(text.len() * 4);
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            if let Some((name, kind)) = kind.split_once(' ')
                && let Some(name) = istio_name(name)
            {
                // Writing to a string cannot fail; here and below.
                let _written = writeln!(out, "# TYPE {name} {kind}");
            }
        } else if let Some((name, labels, value)) = sample(line, own) {
            let _written = writeln!(out, "{name}{{{labels}}} {value}");
        }
    }
    out
}

fn istio_name(envoy: &str) -> Option<&str> {
    let of_bytes = TCP_BYTES.iter().find(|(theirs, _)| *theirs == envoy).map(|(_, ours)| *ours);
    of_bytes.or_else(|| envoy.strip_prefix("envoy_").filter(|name| name.starts_with("istio_")))
}

fn sample<'a>(line: &'a str, own: &'static Component) -> Option<(&'a str, String, &'a str)> {
    let (name, rest) = line.split_once('{')?;
    let (labels, value) = rest.rsplit_once("} ")?;
    let name = istio_name(name)?;
    // No value of these labels contains a quote or a comma before one.
    let label = |wanted: &str| {
        labels.split("\",").find_map(|pair| pair.trim_end_matches('"').strip_prefix(wanted)?.strip_prefix("=\""))
    };
    let edge = label("edge").or_else(|| label("envoy_tcp_prefix"))?;
    let (reporter, source, destination) = if let Some(callee) = edge.strip_prefix("to-") {
        (Reporter::Source, Some(own.name), proxied(callee)?.name)
    } else {
        (Reporter::Destination, proxied(edge.strip_prefix("from-")?).map(|caller| caller.name), own.name)
    };
    let is_measured_apart = label("edge").is_none();
    let reached =
        reporter == Reporter::Destination || is_measured_apart || label("peer").is_some_and(|p| !p.is_empty());
    let response_code = match label("response_code") {
        Some(code) => Some(code.parse().ok()?),
        None => None,
    };
    let flags = label("response_flags").unwrap_or("-");
    let mut text = Labels { reporter, source, destination, reached, response_code, flags }.text();
    if let Some(bound) = label("le") {
        let _written = write!(text, ",le=\"{bound}\"");
    }
    Some((name, text, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::component;

    fn of(name: &str, text: &str) -> String {
        as_istio(text, component(name).unwrap())
    }

    #[test]
    fn requests_and_durations_get_the_labels_of_istio() {
        let text = "# TYPE envoy_istio_requests_total counter\n\
            envoy_istio_requests_total{edge=\"to-user\",peer=\"user\",response_flags=\"-\",response_code=\"200\"} 3\n\
            # TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n\
            envoy_istio_request_duration_milliseconds_bucket{edge=\"to-user\",peer=\"user\",response_flags=\"-\",response_code=\"200\",le=\"0.5\"} 2\n";
        let istio = of("front-end", text);
        let lines: Vec<&str> = istio.lines().collect();
        assert_eq!(lines[0], "# TYPE istio_requests_total counter");
        assert!(
            lines[1].starts_with("istio_requests_total{reporter=\"source\",source_workload=\"front-end\","),
            "{istio}"
        );
        assert!(lines[1].contains("destination_workload=\"user\"") && lines[1].ends_with("\"} 3"), "{istio}");
        assert!(lines[2].starts_with("istio_request_duration_milliseconds_bucket{"), "{istio}");
        assert!(lines[2].ends_with(",le=\"0.5\"} 2"), "{istio}");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_callee_that_was_not_reached_is_unknown() {
        let line =
            "envoy_istio_requests_total{edge=\"to-user\",peer=\"\",response_flags=\"URX,UF\",response_code=\"503\"} 1";
        let istio = of("orders", line);
        assert!(istio.contains("destination_workload=\"unknown\""), "{istio}");
        assert!(
            istio.contains("destination_service_name=\"user\"") && istio.contains("response_flags=\"URX,UF\""),
            "{istio}"
        );
    }

    #[test]
    fn callers_are_told_apart_at_the_destination_also_for_bytes() {
        let of_orders = of("carts", "envoy_istio_requests_total{edge=\"from-orders\",response_code=\"201\"} 7");
        assert!(of_orders.contains("reporter=\"destination\",source_workload=\"orders\""), "{of_orders}");
        let users = of("front-end", "envoy_istio_requests_total{edge=\"from-unknown\",response_code=\"200\"} 7");
        assert!(
            users.contains("source_workload=\"unknown\",") && users.contains("security_policy=\"none\""),
            "{users}"
        );
        let bytes = of("user", "envoy_tcp_downstream_cx_rx_bytes_total{envoy_tcp_prefix=\"to-user-db\"} 42");
        assert!(bytes.starts_with("istio_tcp_received_bytes_total{reporter=\"source\""), "{bytes}");
        assert!(
            bytes.contains("destination_workload=\"user-db\"") && bytes.contains("request_protocol=\"tcp\""),
            "{bytes}"
        );
    }
}
