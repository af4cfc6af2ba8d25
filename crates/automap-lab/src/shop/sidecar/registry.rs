//! The side-car's counters and their exposition for Prometheus, ordered by labels so that equal counts give equal text.
//!
//! Istio's histograms of request and response sizes have only sum, count and the `+Inf` bucket here: all buckets would triple the size of a
//! scrape, and quantiles of sizes are not used.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::labels::Labels;

/// Upper bounds of Istio's latency buckets.
pub(super) const BUCKETS_MS: [f64; 19] = [
    0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 10e3, 30e3, 60e3, 300e3, 600e3, 1800e3,
    3600e3,
];
/// Maximum number of series; an application that answers with ever new status codes cannot grow the registry beyond it.
const MAX_SERIES: usize = 1000;

type SeriesMap<S> = BTreeMap<Labels<'static>, S>;

/// All series of one side-car.
#[derive(Debug, Default)]
pub(super) struct Registry {
    http: SeriesMap<HttpSeries>,
    tcp: SeriesMap<TcpSeries>,
}

/// The properties of one finished request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    pub(super) duration: Duration,
    pub(super) request_bytes: usize,
    pub(super) response_bytes: usize,
}

#[derive(Debug, Default)]
struct HttpSeries {
    requests: u64,
    duration_ms_sum: f64,
    /// Not cumulative; the last one counts values beyond all bounds.
    buckets: [u64; BUCKETS_MS.len() + 1],
    request_bytes: u64,
    response_bytes: u64,
}

/// Plain TCP between one pair. The byte counters are named from the server's point of view, as in Istio: *sent* are
/// bytes of responses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TcpSeries {
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    pub(super) opened: u64,
    pub(super) closed: u64,
}

impl Registry {
    /// Counts one request.
    pub(super) fn observe(&mut self, labels: Labels<'static>, observed: Observation) {
        let Some(series) = bounded_entry(&mut self.http, labels) else { return };
        let ms = observed.duration.as_secs_f64() * 1000.0;
        let bucket = BUCKETS_MS.iter().position(|bound| ms <= *bound).unwrap_or(BUCKETS_MS.len());
        series.requests += 1;
        series.duration_ms_sum += ms;
        if let Some(count) = series.buckets.get_mut(bucket) {
            *count += 1;
        }
        series.request_bytes += observed.request_bytes as u64;
        series.response_bytes += observed.response_bytes as u64;
    }

    /// Changes the counters of one pair.
    pub(super) fn tcp(&mut self, labels: &Labels<'static>, change: impl FnOnce(&mut TcpSeries)) {
        if let Some(series) = bounded_entry(&mut self.tcp, labels.clone()) {
            change(series);
        }
    }

    /// The text of `/stats/prometheus`.
    pub(super) fn exposition(&self) -> String {
        let mut out = Exposition::default();
        let http: Vec<_> = self.http.iter().map(|(labels, series)| (labels.text(), series)).collect();
        let tcp: Vec<_> = self.tcp.iter().map(|(labels, series)| (labels.text(), series)).collect();
        out.counters("istio_requests_total", &http, |s| s.requests);
        out.durations(&http);
        out.sizes("istio_request_bytes", &http, |s| s.request_bytes);
        out.sizes("istio_response_bytes", &http, |s| s.response_bytes);
        out.counters("istio_tcp_connections_opened_total", &tcp, |s| s.opened);
        out.counters("istio_tcp_connections_closed_total", &tcp, |s| s.closed);
        out.counters("istio_tcp_sent_bytes_total", &tcp, |s| s.sent_bytes);
        out.counters("istio_tcp_received_bytes_total", &tcp, |s| s.received_bytes);
        out.text
    }
}

fn bounded_entry<'a, S: Default>(map: &'a mut SeriesMap<S>, labels: Labels<'static>) -> Option<&'a mut S> {
    if map.len() >= MAX_SERIES && !map.contains_key(&labels) {
        return None;
    }
    Some(map.entry(labels).or_default())
}

#[derive(Default)]
struct Exposition {
    text: String,
}

impl Exposition {
    fn counters<S>(&mut self, name: &str, series: &[(String, &S)], value: impl Fn(&S) -> u64) {
        self.kind(name, "counter", series.is_empty());
        for (labels, s) in series {
            self.line(name, labels, value(s));
        }
    }

    fn durations(&mut self, series: &[(String, &HttpSeries)]) {
        const NAME: &str = "istio_request_duration_milliseconds";
        self.kind(NAME, "histogram", series.is_empty());
        for (labels, s) in series {
            let mut cumulative = 0;
            for (bound, count) in BUCKETS_MS.iter().zip(s.buckets) {
                cumulative += count;
                self.line(&format!("{NAME}_bucket"), &format!("{labels},le=\"{bound}\""), cumulative);
            }
            self.line(&format!("{NAME}_bucket"), &format!("{labels},le=\"+Inf\""), s.requests);
            self.line(&format!("{NAME}_sum"), labels, s.duration_ms_sum);
            self.line(&format!("{NAME}_count"), labels, s.requests);
        }
    }

    fn sizes(&mut self, name: &str, series: &[(String, &HttpSeries)], bytes: impl Fn(&HttpSeries) -> u64) {
        self.kind(name, "histogram", series.is_empty());
        for (labels, s) in series {
            self.line(&format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), s.requests);
            self.line(&format!("{name}_sum"), labels, bytes(s));
            self.line(&format!("{name}_count"), labels, s.requests);
        }
    }

    fn kind(&mut self, name: &str, kind: &str, empty: bool) {
        if !empty {
            // Writing to a string cannot fail; here and below.
            let _written = writeln!(self.text, "# TYPE {name} {kind}");
        }
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let _written = writeln!(self.text, "{name}{{{labels}}} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::sidecar::labels::Reporter;

    fn labels(response_code: Option<u16>) -> Labels<'static> {
        let reporter = Reporter::Destination;
        Labels { reporter, source: Some("orders"), destination: "payment", reached: true, response_code, flags: "-" }
    }

    fn observation(ms: u64) -> Observation {
        Observation { duration: Duration::from_millis(ms), request_bytes: 10, response_bytes: 20 }
    }

    #[test]
    fn buckets_are_cumulative_and_labels_are_istios() {
        let mut registry = Registry::default();
        for ms in [3, 7, 7_200_000] {
            registry.observe(labels(Some(200)), observation(ms));
        }
        let text = registry.exposition();
        let bucket = |le: &str| {
            let end = format!("le=\"{le}\"}} ");
            let line = text.lines().find(|l| l.contains("duration_milliseconds_bucket") && l.contains(&end)).unwrap();
            line.rsplit(' ').next().unwrap().to_owned()
        };
        assert_eq!(["1", "5", "10", "3600000", "+Inf"].map(bucket), ["0", "1", "2", "2", "3"]);
        assert!(text.contains(
            "istio_requests_total{reporter=\"destination\",source_workload=\"orders\",\
             source_workload_namespace=\"sock-shop\",\
             source_principal=\"spiffe://cluster.local/ns/sock-shop/sa/default\",source_app=\"unknown\""
        ));
        assert!(text.contains("response_flags=\"-\",connection_security_policy=\"mutual_tls\"} 3\n"));
    }

    #[test]
    fn tcp_series_carry_no_response_code() {
        let mut registry = Registry::default();
        registry.tcp(&labels(None), |s| s.sent_bytes += 5);
        let text = registry.exposition();
        assert!(text.contains("istio_tcp_sent_bytes_total{") && text.contains("request_protocol=\"tcp\""));
        assert!(!text.contains("response_code") && !text.contains("istio_requests_total"));
    }

    #[test]
    fn series_are_bounded() {
        let mut registry = Registry::default();
        for code in 0..2000 {
            registry.observe(labels(Some(code)), observation(1));
        }
        assert_eq!(registry.http.len(), MAX_SERIES);
    }
}
