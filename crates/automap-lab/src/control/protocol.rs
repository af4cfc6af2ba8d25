//! The messages between the supervisor and its clients, as JSON over HTTP.

use serde::{Deserialize, Serialize};

use crate::change::Change;

/// Requests that change something must carry this header. Browsers do not let a web page send it to another origin without a preflight, so no page
/// open on this machine can stop the lab or inject a fault.
pub const HEADER: &str = "x-automap-lab";

/// The phase of a lab's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Pods or Prometheus are not ready yet.
    Starting,
    /// All pods were ready and Prometheus has scraped them.
    Ready,
    /// Stopping.
    Stopping,
}

/// The status of a lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The phase of the lab's life.
    pub phase: Phase,
    /// Process id of the supervisor.
    pub supervisor_pid: u32,
    /// Start of the supervisor (RFC 3339).
    pub since: String,
    /// First port.
    pub base_port: u16,
    /// URL of Prometheus; `None` if the lab runs without one.
    pub prometheus_url: Option<String>,
    /// Targets that Prometheus has scraped.
    pub targets_up: u32,
    /// Number of targets that it should scrape.
    pub targets: u32,
    /// New users per second of the load that the supervisor runs; `None` without load.
    pub load_rate_per_s: Option<f64>,
    /// Every pod, ordered by service.
    pub pods: Vec<PodStatus>,
    /// Faults that are active, or from which the lab has not recovered.
    pub faults: Vec<FaultStatus>,
    /// Services whose pods do not match the desired state yet, during a roll-out or while the number of pods changes.
    pub rolling_out: Vec<String>,
}

impl Status {
    /// Pods with all containers ready.
    pub fn pods_ready(&self) -> usize {
        self.pods.iter().filter(|p| p.ready == p.containers).count()
    }

    /// The services with a pod that is not ready.
    pub fn services_unready(&self) -> Vec<String> {
        self.pods.iter().filter(|p| p.ready < p.containers).map(|p| p.service.clone()).collect()
    }
}

/// One pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PodStatus {
    /// Its service.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Ready containers.
    pub ready: u32,
    /// All containers.
    pub containers: u32,
    /// Restarts of all containers.
    pub restarts: u32,
    /// Process ids of the application and the side-car, if they run.
    pub pids: Vec<u32>,
    /// CPU cores used by both processes over the last seconds.
    pub cpu_cores: f64,
    /// Working set of both processes.
    pub memory_bytes: u64,
}

/// One active fault.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FaultStatus {
    /// Id in the ledger.
    pub id: String,
    /// Name of the experiment.
    pub experiment: String,
    /// `NetworkChaos delay`, …
    pub what: String,
    /// Services hit.
    pub services: Vec<String>,
    /// Seconds until it ends; `None` for a kill, which ends when the pod is ready again.
    pub left_s: Option<u64>,
    /// Whether it stays until a later change replaces it.
    pub stays: bool,
}

/// A request to inject the experiments of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InjectRequest {
    /// Name of the file, for error messages.
    pub file: String,
    /// Its content.
    pub yaml: String,
}

/// A request to change the desired state of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeRequest {
    /// The service.
    pub service: String,
    /// The change.
    pub change: Change,
}

/// A request to change the load.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LoadRequest {
    /// New users per second; 0 stops the load.
    pub rate_per_s: f64,
}

/// The answer to a refused request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The reason, for the user.
    pub error: String,
}
