//! A target that exposes past series: every scrape gets the samples of the next instant, with times that end now.
//!
//! `promtool` creates blocks of classic histograms only. A Prometheus that scrapes can store native ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use automap_core::time::Timestamp;

/// Time limit for all scrapes.
const TIMEOUT: Duration = Duration::from_secs(90);

pub(super) struct Exposition {
    pub(super) port: u16,
    instants: usize,
    given: Arc<AtomicUsize>,
    end: Timestamp,
}

impl Exposition {
    pub(super) fn start(text: &str) -> Self {
        let mut instants: BTreeMap<i64, Vec<(&str, &str)>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (rest, time) = line.rsplit_once(' ').unwrap();
            instants.entry(time.parse().unwrap()).or_default().push(rest.rsplit_once(' ').unwrap());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let shift = now - instants.keys().next_back().unwrap();
        let bodies: Vec<String> = instants.iter().map(|(time, samples)| body(samples, time + shift)).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, given, count) = (listener.local_addr().unwrap().port(), Arc::default(), bodies.len());
        let counted = Arc::clone(&given);
        std::thread::spawn(move || serve(&listener, &bodies, &counted));
        Self { port, instants: count, given, end: Timestamp::from_ms(now * 1000) }
    }

    /// Waits until everything is scraped; returns the time of the last sample.
    pub(super) fn wait(&self) -> Timestamp {
        let begun = Instant::now();
        // The last answer has been read once another request arrives.
        while self.given.load(Ordering::SeqCst) <= self.instants {
            assert!(begun.elapsed() < TIMEOUT, "prometheus does not scrape");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.end
    }
}

fn serve(listener: &TcpListener, bodies: &[String], given: &AtomicUsize) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let body = bodies.get(given.fetch_add(1, Ordering::SeqCst)).map_or("", String::as_str);
        let kind = "text/plain; version=1.0.0; escaping=allow-utf-8";
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
        // The scraper may have gone: the test has ended.
        let _ = stream.write_all((head + body).as_bytes());
    }
}

/// Families one after the other, each with its type: only those marked as histogram become native ones.
fn body(samples: &[(&str, &str)], time_s: i64) -> String {
    let name = |series: &str| match series.strip_prefix("{\"") {
        Some(quoted) => quoted.split('"').next().unwrap().to_owned(),
        None => series.split('{').next().unwrap().to_owned(),
    };
    let histograms: BTreeSet<String> =
        samples.iter().filter_map(|(series, _)| Some(name(series).strip_suffix("_bucket")?.to_owned())).collect();
    let family = |series: &str| {
        let name = name(series);
        let of = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).map(ToOwned::to_owned);
        of.filter(|of| histograms.contains(of)).unwrap_or(name)
    };
    let mut families: BTreeMap<String, String> = BTreeMap::new();
    for (series, value) in samples {
        writeln!(families.entry(family(series)).or_default(), "{series} {value} {time_s}000").unwrap();
    }
    let mut out = String::new();
    for (family, lines) in families {
        let kind = if histograms.contains(&family) { "histogram" } else { "counter" };
        let name = if family.contains('.') { format!("\"{family}\"") } else { family };
        writeln!(out, "# TYPE {name} {kind}\n{}", lines.trim_end()).unwrap();
    }
    out
}

/// OpenTelemetry's names as they are before a scraper turns dots into underscores.
pub(super) fn with_dots(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once('{').unwrap();
        let (labels, sample) = rest.rsplit_once("} ").unwrap();
        let name = name.replacen("http_server_request_", "http.server.request.", 1);
        let name = name.replacen("http_client_request_", "http.client.request.", 1);
        let mut labels = labels.to_owned();
        for (plain, dotted) in [
            ("k8s_namespace_name=", "\"k8s.namespace.name\"="),
            ("k8s_deployment_name=", "\"k8s.deployment.name\"="),
            ("service_name=", "\"service.name\"="),
            ("http_route=", "\"http.route\"="),
            ("http_response_status_code=", "\"http.response.status_code\"="),
            ("server_address=", "\"server.address\"="),
            ("error_type=", "\"error.type\"="),
        ] {
            labels = labels.replacen(plain, dotted, 1);
        }
        writeln!(out, "{{\"{name}\",{labels}}} {sample}").unwrap();
    }
    out
}
