//! Counts the API's own requests, and renders `/metrics` in Prometheus' text format. The watcher's counters are read at every scrape. An unknown
//! value has no series, rather than a zero.

use std::fmt;
use std::time::Duration;

use automap_core::incident::IncidentState;
use axum::http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::api::tls::TlsStatus;
use crate::system::{SystemMetrics, TargetMetrics};

/// Upper bounds of the histogram of response times, in seconds.
const BUCKETS_S: [f64; 10] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0, 60.0];
/// Media type of Prometheus' text format.
pub(crate) const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

/// Counts of the requests. Labels are routes of the table, never paths, so that a client cannot create new series.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    requests: Family<Labels, Counter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
}

impl RequestMetrics {
    pub(crate) fn new() -> Self {
        Self { requests: Family::default(), durations: Family::new_with_constructor(|| Histogram::new(BUCKETS_S)) }
    }

    pub(crate) fn record(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = match *method {
            Method::GET | Method::POST | Method::HEAD | Method::OPTIONS => method.as_str(),
            _ => "other",
        };
        let labels =
            vec![("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_str().to_owned())];
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&vec![("route", route.to_owned())]).observe(took.as_secs_f64());
    }

    /// Everything that `/metrics` shows.
    pub(crate) fn text(&self, system: SystemMetrics, own: OwnMetrics) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register("automap_http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "automap_http_request_duration_seconds",
            "Time until an answer began",
            self.durations.clone(),
        );
        registry.register_collector(Box::new(SystemCollector { system, own, rss_bytes: rss_bytes() }));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// What the API itself knows at the time of the scrape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnMetrics {
    /// Whether the store can be written.
    pub(crate) is_store_writable: bool,
    /// The certificate; `None` with plain HTTP.
    pub(crate) tls: Option<TlsStatus>,
}

/// The watcher's counters at the time of the scrape.
#[derive(Debug)]
struct SystemCollector {
    system: SystemMetrics,
    own: OwnMetrics,
    rss_bytes: Option<u64>,
}

/// A counter or a gauge of a target: name, help, value.
type TargetCounter = (&'static str, &'static str, fn(&TargetMetrics) -> f64);

const TARGET_COUNTERS: [TargetCounter; 10] = [
    ("automap_queries", "Queries sent to the source", |t| t.queries as f64),
    ("automap_query_seconds", "Time spent waiting for the source", |t| t.query_seconds),
    ("automap_ticks", "Polls of the target by the watcher", |t| t.ticks as f64),
    ("automap_ticks_failed", "Polls without an answer from the source", |t| t.ticks_failed as f64),
    ("automap_ticks_late", "Polls that were late because the previous one took too long", |t| t.ticks_late as f64),
    ("automap_diagnoses", "Diagnoses made", |t| t.diagnoses as f64),
    ("automap_diagnosis_seconds", "Time spent on diagnoses", |t| t.diagnosis_seconds),
    ("automap_incidents_opened", "Incidents opened", |t| t.opened as f64),
    ("automap_changes_lost", "Incidents whose changes were given up: too many waited for the store", |t| {
        t.changes_lost as f64
    }),
    ("automap_watch_restarts", "Times that the watching broke off by a bug of automap and was started again", |t| {
        t.restarts as f64
    }),
];

const TARGET_GAUGES: [TargetCounter; 2] = [
    ("automap_incidents_open", "Incidents of the target that are open or recovering", |t| t.open as f64),
    ("automap_changes_waiting", "Incidents with changes that the store has not accepted yet", |t| {
        t.changes_waiting as f64
    }),
];

impl Collector for SystemCollector {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in TARGET_COUNTERS {
            let of = self.system.targets.iter().map(|t| (vec![("target", t.target.clone())], value(t)));
            counters(&mut to, name, help, of)?;
        }
        for (name, help, value) in TARGET_GAUGES {
            let of = self.system.targets.iter().map(|t| (vec![("target", t.target.clone())], value(t)));
            gauges(&mut to, name, help, of)?;
        }
        let last = self
            .system
            .targets
            .iter()
            .filter_map(|t| Some((vec![("target", t.target.clone())], t.last_success?.seconds())));
        gauges(&mut to, "automap_last_success_timestamp_seconds", "When the source last answered", last)?;
        let states =
            self.system.incidents.iter().map(|(state, n)| (vec![("state", state_label(*state).to_owned())], *n as f64));
        gauges(&mut to, "automap_incidents", "Incidents that are not closed, by state", states)?;
        let outbox = self.system.outbox.map(|n| (Vec::new(), n as f64));
        gauges(&mut to, "automap_outbox_messages", "Messages waiting to be delivered", outbox.into_iter())?;
        let given_up = self.system.given_up.map(|n| (Vec::new(), n as f64));
        gauges(&mut to, "automap_outbox_given_up", "Messages that were given up", given_up.into_iter())?;
        let writable = f64::from(u8::from(self.own.is_store_writable));
        let writable = std::iter::once((Vec::new(), writable));
        gauges(&mut to, "automap_store_writable", "Whether the store can be written: 1 or 0", writable)?;
        let expires = self.own.tls.and_then(|tls| tls.expires).map(|end| (Vec::new(), end.seconds()));
        let help = "Until when the API's certificate is valid";
        gauges(&mut to, "automap_tls_certificate_expiry_timestamp_seconds", help, expires.into_iter())?;
        let refused = self.own.tls.map(|tls| (Vec::new(), f64::from(u8::from(tls.is_reload_refused))));
        let help = "Whether the API's certificate was replaced by one that cannot be used: 1 or 0";
        gauges(&mut to, "automap_tls_certificate_reload_failed", help, refused.into_iter())?;
        let rss = self.rss_bytes.map(|n| (Vec::new(), n as f64));
        gauges(&mut to, "process_resident_memory_bytes", "Resident memory", rss.into_iter())?;
        let build = (vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0);
        gauges(&mut to, "automap_build_info", "The running version", std::iter::once(build))
    }
}

fn counters(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels, f64)>,
) -> fmt::Result {
    let kind = ConstCounter::new(0.0).metric_type();
    let mut metric = to.encode_descriptor(name, help, None, kind)?;
    values.into_iter().try_for_each(|(labels, v)| ConstCounter::new(v).encode(metric.encode_family(&labels)?))
}

fn gauges(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels, f64)>,
) -> fmt::Result {
    let kind = ConstGauge::new(0.0).metric_type();
    let mut metric = to.encode_descriptor(name, help, None, kind)?;
    values.into_iter().try_for_each(|(labels, v)| ConstGauge::new(v).encode(metric.encode_family(&labels)?))
}

fn state_label(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "open",
        IncidentState::Recovering => "recovering",
        IncidentState::Closed => "closed",
    }
}

/// Resident memory as Linux reports it; `None` on other systems.
fn rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_value_has_no_series_and_labels_are_escaped() {
        let target =
            TargetMetrics { target: "a\"b\n".into(), queries: 7, restarts: 3, open: 2, ..TargetMetrics::default() };
        let system = SystemMetrics {
            targets: vec![target],
            incidents: vec![(IncidentState::Open, 2)],
            outbox: None,
            given_up: None,
        };
        let http = RequestMetrics::new();
        http.record(&Method::GET, "/healthz", StatusCode::OK, Duration::from_millis(3));
        let text = http.text(system, OwnMetrics { is_store_writable: true, tls: None }).unwrap();
        for line in [
            r#"automap_queries_total{target="a\"b\n"} 7"#,
            r#"automap_incidents{state="open"} 2"#,
            r#"automap_watch_restarts_total{target="a\"b\n"} 3"#,
            r#"automap_incidents_open{target="a\"b\n"} 2"#,
            r#"automap_http_requests_total{method="GET",route="/healthz",status="200"} 1"#,
            r#"automap_http_request_duration_seconds_bucket{route="/healthz",le="0.005"} 1"#,
        ] {
            assert!(text.lines().any(|l| l.strip_suffix(".0").unwrap_or(l) == line), "{line} is not in\n{text}");
        }
        assert!(
            !text.contains("\nautomap_outbox_messages ") && !text.contains("\nautomap_last_success_timestamp_seconds{")
        );
    }
}
