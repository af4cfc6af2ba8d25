//! What the supervisor and its clients tell each other, as JSON.

use serde::{Deserialize, Serialize};

/// Requests that change something carry this header. A web page cannot send it across origins without asking first,
/// so no page in a browser on this machine can stop the lab or inject a fault.
pub const HEADER: &str = "x-automap-lab";

/// How far the lab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Pods or Prometheus are not ready yet.
    Starting,
    /// All pods were ready and Prometheus has scraped them.
    Ready,
    /// Going down.
    Stopping,
}

/// The whole lab at a glance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// How far the lab is.
    pub phase: Phase,
    /// Process id of the supervisor.
    pub supervisor_pid: u32,
    /// Up since (RFC 3339).
    pub since: String,
    /// First port.
    pub base_port: u16,
    /// Where to query. `None`: runs without Prometheus.
    pub prometheus_url: Option<String>,
    /// Targets that Prometheus has scraped.
    pub targets_up: u32,
    /// Targets that it should scrape.
    pub targets: u32,
    /// Journeys per second of the load that the supervisor runs.
    pub load_rate_per_s: Option<f64>,
    /// Every pod, ordered by service.
    pub pods: Vec<PodStatus>,
    /// Faults in place or not yet recovered from.
    pub faults: Vec<FaultStatus>,
}

impl Status {
    /// Pods with all containers ready.
    pub fn pods_ready(&self) -> usize {
        self.pods.iter().filter(|p| p.ready == p.containers).count()
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
    /// Process ids of the application and the side-car, where they run.
    pub pids: Vec<u32>,
    /// CPU in use, both processes, over the last seconds.
    pub cpu_cores: f64,
    /// Working set of both processes.
    pub memory_bytes: u64,
}

/// One fault in place.
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
    /// Seconds until it ends; `None`: when what was killed is ready again.
    pub left_s: Option<u64>,
}

/// Asks for the experiments in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InjectRequest {
    /// Name of the file, for messages.
    pub file: String,
    /// Its content.
    pub yaml: String,
}

/// Asks for load from the supervisor.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LoadRequest {
    /// Journeys per second; 0 stops the load.
    pub rate_per_s: f64,
}

/// Why a request was refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// For the user.
    pub error: String,
}
