//! A namespace in which everything changes once, as recorded by a real Prometheus: six hours, scraped every 30 s.
//!
//! Backfilled data has no staleness markers, so series that end remain visible for five minutes.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use automap_core::change::Change;
use automap_core::time::Timestamp;
use automap_sources::prometheus::{Client, ClientOptions, Fetched, ObserveOptions, observe};

use crate::prometheus::Prometheus;

/// Start of the data, in Unix seconds; a multiple of two hours, so that it makes whole blocks.
const START_S: i64 = 1_794_996_000;
/// Length of the data, in minutes.
pub(crate) const LENGTH: i64 = 360;
/// Interval of samples, in seconds.
const SCRAPE_S: i64 = 30;

/// Unix seconds of a minute.
pub(crate) fn at_s(minute: f64) -> f64 {
    START_S as f64 + minute * 60.0
}

pub(crate) fn at(minute: f64) -> Timestamp {
    Timestamp::from_seconds(at_s(minute)).unwrap()
}

/// A set of series under construction.
#[derive(Clone, Default)]
pub(crate) struct World(String);

impl World {
    /// Two services with CPU metrics, so that there is something to observe, and their pods.
    pub(crate) fn shop() -> Self {
        let mut world = Self::default();
        for (service, hash) in [("orders", "77cd5fb6c4"), ("carts", "6b8d6fb9c5")] {
            let pod = format!("{service}-{hash}-x2x4z");
            let cpu = format!(
                r#"container_cpu_usage_seconds_total{{job="kubelet",namespace="shop",pod="{pod}",container="{service}"}}"#
            );
            world = world.values(&cpu, 0..LENGTH, |minute| minute * 6.0);
            let owner = format!(
                r#"kube_pod_owner{{KSM,pod="{pod}",owner_kind="ReplicaSet",owner_name="{service}-{hash}",owner_is_controller="true"}}"#
            );
            world = world.there(&owner, 0..LENGTH);
        }
        world
    }

    /// A series with these values by minute. `KSM` stands for the labels of kube-state-metrics and our namespace.
    pub(crate) fn values(mut self, series: &str, minutes: std::ops::Range<i64>, value: impl Fn(f64) -> f64) -> Self {
        let series = series.replace("KSM", r#"job="ksm",instance="ksm-1:8080",namespace="shop""#);
        for second in (minutes.start * 60..minutes.end * 60).step_by(SCRAPE_S as usize) {
            writeln!(self.0, "{series} {} {}", value(second as f64 / 60.0), START_S + second).unwrap();
        }
        self
    }

    /// A series with the value 1.
    pub(crate) fn there(self, series: &str, minutes: std::ops::Range<i64>) -> Self {
        self.values(series, minutes, |_| 1.0)
    }

    /// A value that is a time.
    pub(crate) fn time(self, series: &str, minutes: std::ops::Range<i64>, at: f64) -> Self {
        self.values(series, minutes, |_| at_s(at).floor())
    }

    /// The same with other labels everywhere.
    pub(crate) fn replaced(&self, from: &str, to: &str) -> Self {
        Self(self.0.replace(from, to))
    }

    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.0 += &other.0;
        self
    }

    /// `None` where Prometheus is not installed.
    pub(crate) fn start(&self, name: &str) -> Option<Real> {
        Prometheus::backfilled(&format!("changes-{name}"), &format!("{}# EOF\n", self.0)).map(Real)
    }
}

pub(crate) struct Real(Prometheus);

/// A VictoriaMetrics of a test's own.
pub(crate) struct Victoria {
    process: Child,
    _dir: tempfile::TempDir,
    pub(crate) url: String,
}

impl Victoria {
    /// This program with the given data.
    pub(crate) fn start(program: &str, world: &World) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new(program)
            .arg(format!("-storageDataPath={}", dir.path().display()))
            .arg(format!("-httpListenAddr={address}"))
            .args(["-retentionPeriod=20y", "-search.disableCache", "-loggerLevel=ERROR"])
            .spawn()
            .unwrap();
        let server = Self { process, _dir: dir, url: format!("http://{address}") };
        let answers = |_| {
            thread::sleep(Duration::from_millis(100));
            TcpStream::connect(address).is_ok()
        };
        assert!((0..600).any(answers), "{program} does not answer");
        // Its timestamps are milliseconds.
        let body: String = world.0.lines().map(|line| format!("{line}000\n")).collect();
        for path in ["/api/v1/import/prometheus", "/internal/force_flush"] {
            let body = if path.contains("import") { body.as_str() } else { "" };
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "POST {path} HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.contains(" 20"), "{answer}");
        }
        server
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        // Both fail only if there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Real {
    pub(crate) fn client(&self, cluster: Option<&str>) -> Client {
        let cluster = cluster.map(str::to_owned);
        Client::new(ClientOptions { cluster, ..ClientOptions::new(self.0.url()) }).unwrap()
    }

    /// A diagnosis of the last hour before this minute.
    pub(crate) fn observe(&self, minute: i64) -> Fetched {
        observe(&self.client(None), &options(minute), &|_| {}).unwrap()
    }
}

pub(crate) fn options(minute: i64) -> ObserveOptions {
    let now = at(minute as f64);
    ObserveOptions {
        scrape_interval_ms: Some(SCRAPE_S * 1000),
        ..ObserveOptions::new("shop", now.plus_ms(-3_600_000), now, now)
    }
}

/// `184.5 release orders: deployment orders 1 → 2 ±0`, the time in minutes.
pub(crate) fn words(change: &Change) -> String {
    let or_none = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
    format!(
        "{} {} {}: {} {} → {} ±{}",
        (change.at.seconds() - at_s(0.0)) / 60.0,
        change.kind.words(),
        or_none(&change.service),
        change.subject,
        or_none(&change.from),
        or_none(&change.to),
        change.uncertainty_ms / 1000
    )
}

pub(crate) fn all(fetched: &Fetched) -> Vec<String> {
    fetched.observation.changes.changes.iter().map(words).collect()
}
