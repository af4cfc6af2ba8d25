//! Hours of watching a real Prometheus in a minute or two: the server, the client, and all retained answers are real, the clock is not. It finds
//! memory that grows with the queries: samples, changes of six hours, names. A quiet shop of three services among forty workloads: most of a
//! namespace's data comes from kube-state-metrics, and does not change.
//!
//! Left out: incidents, which `watched_day` covers, and the time between two polls.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../automap-sources/tests/support/prometheus.rs"]
mod prometheus;

use std::fmt::Write as _;
use std::sync::Arc;

use automap_core::stats::{mann_kendall, theil_sen};
use automap_core::time::Timestamp;
use automap_core::watch::WatchOptions;
use automap_server::config::{ConfigDuration, Target};
use automap_server::prometheus_source::PrometheusSource;
use automap_server::store::sqlite::SqliteStore;
use automap_server::watcher::{Routes, State, TickInputs, Watcher};
use automap_sources::prometheus::Client;
use prometheus::Prometheus;

/// Start of the data, in Unix seconds; a multiple of two hours, so that it makes whole blocks.
const START_S: i64 = 1_794_996_000;
const SCRAPE_S: i64 = 15;
const HOURS: i64 = 10;
const HOUR_S: i64 = 3600;
/// Deployments known only from kube-state-metrics.
const WORKLOADS: usize = 40;
const POLL_S: i64 = 30;
/// From then on memory is compared: the metrics of an hour are full, the look-back for changes is not for five hours more.
const SETTLED_H: f64 = 2.0;
/// In MiB an hour. Unprocessed samples of changes would take 0.6.
const MAX_SLOPE: f64 = 0.15;

/// Series in the making.
#[derive(Default)]
struct Text(String);

impl Text {
    fn series(&mut self, name: &str, value: impl Fn(i64) -> f64) {
        for second in (0..HOURS * HOUR_S).step_by(SCRAPE_S as usize) {
            writeln!(self.0, "{name} {} {}", value(second), START_S + second).unwrap();
        }
    }

    /// The counters of one call as both ends report them: all requests take 40 ms, with slight variation.
    fn call(&mut self, from: &str, to: &str, rps: f64) {
        let count = |second: i64| rps * (second as f64 + 0.5 * ((second * 7919) % 7) as f64);
        for reporter in ["source", "destination"].into_iter().filter(|end| *end == "destination" || from != "unknown") {
            let labels = format!(
                r#"reporter="{reporter}",source_workload="{from}",source_workload_namespace="shop",destination_workload="{to}",destination_workload_namespace="shop",destination_service_name="{to}""#
            );
            self.series(&format!(r#"istio_requests_total{{{labels},response_code="200"}}"#), count);
            for (bound, share) in [("25", 0.0), ("50", 1.0), ("+Inf", 1.0)] {
                let name = format!(r#"istio_request_duration_milliseconds_bucket{{{labels},le="{bound}"}}"#);
                self.series(&name, |second| share * count(second));
            }
            self.series(&format!("istio_request_duration_milliseconds_sum{{{labels}}}"), |second| 40.0 * count(second));
            self.series(&format!("istio_request_duration_milliseconds_count{{{labels}}}"), count);
        }
    }

    /// The series of kube-state-metrics for a deployment with one pod.
    fn workload(&mut self, name: &str) {
        let (ksm, set) = (r#"job="ksm",namespace="shop""#, format!("{name}-77cd5fb6c4"));
        let pod = format!("{set}-x2x4z");
        for told in [
            format!(r#"kube_pod_owner{{{ksm},pod="{pod}",owner_kind="ReplicaSet",owner_name="{set}"}}"#),
            format!(
                r#"kube_pod_container_info{{{ksm},pod="{pod}",container="{name}",image="r/{name}:1",image_id="r/{name}@sha256:aa"}}"#
            ),
            format!(r#"kube_deployment_spec_replicas{{{ksm},deployment="{name}"}}"#),
            format!(r#"kube_replicaset_spec_replicas{{{ksm},replicaset="{set}"}}"#),
        ] {
            self.series(&told, |_| 1.0);
        }
    }

    fn shop() -> String {
        let mut text = Self::default();
        for (from, to) in [("unknown", "front-end"), ("front-end", "orders"), ("orders", "payment")] {
            text.call(from, to, 20.0);
            text.workload(to);
            let cpu = format!(
                r#"container_cpu_usage_seconds_total{{job="kubelet",namespace="shop",pod="{to}-77cd5fb6c4-x2x4z",container="{to}"}}"#
            );
            text.series(&cpu, |second| 0.1 * second as f64);
        }
        (0..WORKLOADS).for_each(|i| text.workload(&format!("worker-{i}")));
        text.0 + "# EOF\n"
    }
}

/// Prints the slope of the memory, and fails if it is above what an hour of watching may add.
#[test]
#[ignore = "minutes, and needs Prometheus; make watched-day"]
fn memory_is_flat_over_hours_of_a_real_prometheus() {
    let Some(server) = Prometheus::backfilled("watched", &Text::shop()) else { return };
    let url = server.url();
    let target = Target {
        scrape_interval: Some(ConfigDuration::from_ms(SCRAPE_S * 1000)),
        ..Target::new("shop", &url).unwrap()
    };
    let client = Client::new(target.prometheus.client_options().unwrap()).unwrap();
    let mut source = PrometheusSource::of(client, &target, Arc::default());
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("incidents.db")).unwrap());
    let mut watcher = Watcher::resume("shop", WatchOptions::default(), store, Routes::none()).unwrap();
    let page_bytes = procfs::page_size();
    let resident_mib = || {
        (procfs::process::Process::myself().unwrap().statm().unwrap().resident * page_bytes) as f64 / f64::from(1 << 20)
    };
    let (mut hours, mut mib) = (Vec::new(), Vec::new());
    for second in (HOUR_S / 2..HOURS * HOUR_S).step_by(POLL_S as usize) {
        watcher.tick(&mut source, &TickInputs::default(), Timestamp::from_ms((START_S + second) * 1000));
        assert_eq!(watcher.status().state, State::Watching, "{}", watcher.status().summary);
        let watched_h = second as f64 / HOUR_S as f64;
        if watched_h >= SETTLED_H && second % 120 == 0 {
            hours.push(watched_h);
            mib.push(resident_mib());
        }
    }
    let (line, kendall) = theil_sen(&hours, &mib).zip(mann_kendall(&mib)).unwrap();
    let (low, high) = line.interval(kendall.variance, 1.96);
    println!(
        "{HOURS} hours, {} polls; memory {:.1} MiB after {SETTLED_H} hours, {:.1} MiB at last; slope {:+.3} MiB an hour (95 %: {low:.3} to {high:.3})",
        watcher.status().ticks,
        mib[0],
        mib[mib.len() - 1],
        line.slope
    );
    assert!(line.slope <= MAX_SLOPE, "memory grows");
}
