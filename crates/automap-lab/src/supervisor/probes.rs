//! Readiness: one task per container polls `/health` and then `/stats`. Another task decides when the whole lab is ready.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde_json::Value;

use super::lab_state::{LabState, SharedState};
use super::{experiments, nodes};
use crate::control::http;
use crate::control::protocol::Phase;
use crate::kubelet::{Cfs, NetworkReading};
use crate::prometheus_server;
use crate::shop::http::{HttpClient, Local};

const WITHIN: Duration = Duration::from_secs(1);
const INTERVAL_READY: Duration = Duration::from_secs(1);
const INTERVAL_NOT_READY: Duration = Duration::from_millis(200);
/// This many failures in a row make a running container unready.
const FAILURES_MAX: u32 = 3;
const LAB_INTERVAL: Duration = Duration::from_millis(500);

/// Starts the task that decides about the whole lab. Each pod has its own probes.
pub(super) fn spawn(shared: &Arc<SharedState>) {
    tokio::spawn(watch_lab(Arc::clone(shared)));
    tokio::spawn(nodes::run(Arc::clone(shared)));
}

/// Starts the probes of pods that have none yet.
pub(super) fn watch_new_pods(shared: &Arc<SharedState>, state: &mut LabState) {
    for pod in state.beside.iter_mut().filter(|p| !p.is_probed) {
        pod.is_probed = true;
        let address = pod.admin(shared.ports);
        let client = HttpClient::new(address, 1);
        let probe = Probe { pod: pod.name.clone(), sidecar: true, address, client, failures: 0 };
        tokio::spawn(probe.run(Arc::clone(shared)));
    }
    for pod in state.pods.iter_mut().filter(|p| !p.is_probed) {
        pod.is_probed = true;
        for sidecar in [false, true] {
            let ports = shared.ports;
            let port = if sidecar { ports.sidecar_admin(pod.component) } else { ports.app_admin(pod.component) };
            let address = Local::at(pod.ip(), port);
            let client = HttpClient::new(address, 1);
            let probe = Probe { pod: pod.name.clone(), sidecar, address, client, failures: 0 };
            tokio::spawn(probe.run(Arc::clone(shared)));
        }
    }
}

struct Probe {
    pod: String,
    sidecar: bool,
    address: Local,
    client: HttpClient<Local>,
    failures: u32,
}

impl Probe {
    /// Polls until the pod is gone.
    async fn run(mut self, shared: Arc<SharedState>) {
        while let Some(pid) = self.with_container(&shared, |_, pid| pid) {
            let ready = match pid {
                Some(pid) => self.once(&shared, pid).await,
                None => false,
            };
            tokio::time::sleep(if ready { INTERVAL_READY } else { INTERVAL_NOT_READY }).await;
        }
    }

    /// Probes the process `pid` and stores the result, unless another process has replaced it meanwhile.
    async fn once(&mut self, shared: &Arc<SharedState>, pid: u32) -> bool {
        let healthy = self.ask("/health").await.is_some();
        let stats = if healthy { self.ask("/stats").await } else { None };
        let stats: Value = stats.and_then(|s| serde_json::from_slice(&s).ok()).unwrap_or_default();
        self.failures = if healthy { 0 } else { self.failures + 1 };
        let unready = self.failures >= FAILURES_MAX;
        let change = self.with_container(shared, |container, now| {
            if now != Some(pid) {
                return None;
            }
            let before = container.ready;
            container.ready = (before || healthy) && !unready;
            if let Some(cfs) = cfs(&stats) {
                container.cfs = Some(cfs);
            }
            if let Some(waits) = waits(&stats) {
                container.waits = Some(waits);
            }
            Some((before, container.ready))
        });
        if self.sidecar
            && let Some(network) = network(&stats)
        {
            let mut state = shared.state();
            if let Some(pod) = state.pod(&self.pod) {
                pod.network = Some(network);
            } else if let Some(pod) = state.beside.iter_mut().find(|b| b.name == self.pod) {
                pod.network = Some(network);
            }
        }
        match change.flatten() {
            Some((false, true)) => {
                experiments::reapply(shared, &self.pod, self.sidecar).await;
                true
            }
            Some((_, ready)) => ready,
            None => false,
        }
    }

    async fn ask(&self, path: &str) -> Option<Bytes> {
        let response = http::call(&self.client, Method::GET, self.address, path, Bytes::new(), WITHIN).await.ok()?;
        http::body_of(response, self.address, path).ok()
    }

    fn with_container<T>(
        &self,
        shared: &SharedState,
        f: impl FnOnce(&mut super::container::Container, Option<u32>) -> T,
    ) -> Option<T> {
        let mut state = shared.state();
        let container = state.container(&self.pod, self.sidecar)?;
        let pid = container.pid();
        Some(f(container, pid))
    }
}

fn number(stats: &Value, key: &str) -> Option<u64> {
    stats.get(key)?.as_u64()
}

fn cfs(stats: &Value) -> Option<Cfs> {
    let (periods, throttled_periods) = (number(stats, "cfs_periods")?, number(stats, "cfs_throttled_periods")?);
    Some(Cfs { periods, throttled_periods })
}

fn waits(stats: &Value) -> Option<(f64, f64)> {
    Some((stats.get("cpu_wait_s")?.as_f64()?, stats.get("disk_wait_s")?.as_f64()?))
}

fn network(stats: &Value) -> Option<NetworkReading> {
    Some(NetworkReading {
        receive_bytes: number(stats, "network_receive_bytes")?,
        transmit_bytes: number(stats, "network_transmit_bytes")?,
        receive_packets: number(stats, "network_receive_packets")?,
        transmit_packets: number(stats, "network_transmit_packets")?,
    })
}

/// Decides when the lab is ready, and kills containers that exceed their memory limit.
async fn watch_lab(shared: Arc<SharedState>) {
    loop {
        tokio::time::sleep(LAB_INTERVAL).await;
        let targets_up = match shared.options.prometheus {
            Some(_) if shared.state().phase == Phase::Starting => prometheus_server::targets_up(shared.ports).await,
            _ => 0,
        };
        let mut state = shared.state();
        if state.phase == Phase::Starting {
            state.targets_up = targets_up;
            let scraped = shared.options.prometheus.is_none() || targets_up >= state.targets(shared.options.with);
            if scraped && state.all_ready() {
                state.phase = Phase::Ready;
            }
        }
        shared.measure(&mut state);
        kill_for_memory(&mut state);
    }
}

/// The kernel would kill at the limit at once; here it takes up to half a second longer.
fn kill_for_memory(state: &mut LabState) {
    let LabState { pods, nodes, .. } = state;
    for pod in pods {
        let node = pod.place.node;
        for container in pod.containers() {
            if container.memory_bytes() > container.spec.memory_limit_bytes {
                container.kill_for_memory();
                nodes.iter_mut().filter(|n| n.name == node).for_each(|n| n.reading.counters.oom_kills += 1);
            }
        }
    }
}
