//! What a fault does to one process of the shop. The supervisor turns Chaos Mesh YAML into effects and sends them;
//! the process makes them real. `PUT /effects/<id>` with the JSON applies one, `DELETE /effects/<id>` ends it,
//! on the admin port of the side-car (network) or of the application (everything else).

use serde::{Deserialize, Serialize};

/// One effect. Percentages are 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Side-car: every packet that leaves the pod waits.
    NetworkDelay {
        /// Mean delay.
        latency_ms: f64,
        /// Uniform jitter around it.
        jitter_ms: f64,
        /// How much one packet's delay follows the one before.
        correlation_percent: f64,
        /// Only traffic to these services; `None`: all.
        peers: Option<Vec<String>>,
    },
    /// Side-car: packets that leave the pod are lost; TCP retransmits after its timer, which doubles.
    NetworkLoss {
        /// Share of packets.
        loss_percent: f64,
        /// How much one loss follows the one before.
        correlation_percent: f64,
        /// Only traffic to these services; `None`: all.
        peers: Option<Vec<String>>,
    },
    /// Side-car: nothing that leaves the pod arrives; connections hang.
    NetworkPartition {
        /// Only traffic to these services; `None`: all.
        peers: Option<Vec<String>>,
    },
    /// Side-car: what leaves the pod is throttled (token bucket).
    NetworkBandwidth {
        /// Bytes per second.
        rate_bytes_per_s: u64,
        /// Bucket size in bytes.
        buffer_bytes: u64,
        /// Only traffic to these services; `None`: all.
        peers: Option<Vec<String>>,
    },
    /// Application: threads burn CPU.
    CpuStress {
        /// Number of threads.
        workers: u32,
        /// Share of one core for each.
        load_percent: f64,
    },
    /// Application: memory is allocated and touched.
    MemoryStress {
        /// Number of workers; each holds `size_bytes`.
        workers: u32,
        /// Bytes for each worker.
        size_bytes: u64,
    },
    /// Application: file operations wait.
    IoLatency {
        /// Wait before each operation.
        delay_ms: f64,
        /// Share of operations.
        percent: f64,
    },
    /// Application: connections are cut before (request) or after (response) the handler ran.
    HttpAbort {
        /// Which requests.
        matching: HttpMatch,
        /// Cut the response instead of the request.
        on_response: bool,
    },
    /// Application: requests or responses wait.
    HttpDelay {
        /// Which requests.
        matching: HttpMatch,
        /// How long.
        delay_ms: f64,
        /// Delay the response instead of the request.
        on_response: bool,
    },
}

/// Which requests an HTTP effect hits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpMatch {
    /// Path with `*` for any run of characters.
    pub path: String,
    /// Method; `None`: all.
    pub method: Option<String>,
}

impl Effect {
    /// Whether the side-car carries it out (the pod's network) or the application.
    pub fn is_network(&self) -> bool {
        matches!(
            self,
            Self::NetworkDelay { .. }
                | Self::NetworkLoss { .. }
                | Self::NetworkPartition { .. }
                | Self::NetworkBandwidth { .. }
        )
    }
}
