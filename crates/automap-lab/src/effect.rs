//! The effects of a fault on one process of the shop.
//!
//! The supervisor translates Chaos Mesh experiments into effects and sends them to the processes, which imitate them. `PUT /effects/<id>` with the
//! effect as JSON starts one, `DELETE /effects/<id>` ends it. Network effects go to the admin port of the side-car, all others to that of the
//! application.

use serde::{Deserialize, Serialize};

/// One effect. Percentages are 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Side-car: every packet that leaves the pod is delayed.
    NetworkDelay {
        /// Mean delay.
        latency_ms: f64,
        /// Uniform jitter around it.
        jitter_ms: f64,
        /// Correlation of a packet's delay with that of the previous packet.
        correlation_percent: f64,
        /// Only traffic to these services; `None`: all.
        peers: Option<Vec<String>>,
    },
    /// Side-car: packets that leave the pod are lost; TCP retransmits after its timer, which doubles.
    NetworkLoss {
        /// Share of packets.
        loss_percent: f64,
        /// Correlation of a loss with the previous packet.
        correlation_percent: f64,
        /// Only traffic to these services; `None`: all.
        peers: Option<Vec<String>>,
    },
    /// Side-car: nothing that leaves the pod arrives, so connections hang.
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
    /// Application: file operations are delayed.
    IoLatency {
        /// Delay before each operation.
        delay_ms: f64,
        /// Share of operations.
        percent: f64,
    },
    /// Application: connections are cut before (request) or after (response) the handler has run.
    HttpAbort {
        /// Which requests.
        matching: HttpMatch,
        /// Cut the response instead of the request.
        on_response: bool,
    },
    /// Application: requests or responses are delayed.
    HttpDelay {
        /// Which requests.
        matching: HttpMatch,
        /// How long.
        delay_ms: f64,
        /// Delay the response instead of the request.
        on_response: bool,
    },
    /// Application: calls to other services are abandoned after this time.
    CallTimeout {
        /// Longest wait for an answer.
        timeout_ms: f64,
    },
    /// Application: this many requests are handled at a time, the others wait.
    RequestSlots {
        /// Requests at a time.
        max: u32,
    },
    /// Application: its node lacks cores or disk time for everything that runs on it.
    NodeContention {
        /// Mean wait for a core before a piece of work starts.
        dispatch_wait_ms: f64,
        /// Work takes this many times its CPU time.
        stretch: f64,
        /// Mean wait before a file operation.
        disk_wait_ms: f64,
        /// Mean wait for memory before a piece of work.
        memory_wait_ms: f64,
    },
    /// A store's application: something repeatedly holds a lock that every command needs.
    StoreLock {
        /// How long it is held each time.
        hold_ms: f64,
        /// How long it is free in between.
        free_ms: f64,
    },
    /// A store's application: other clients hold all of its connections except these.
    StoreSessions {
        /// Connections left for the shop.
        left: u32,
    },
    /// A consumer's application: it takes nothing from its queue.
    ConsumerStop,
    /// The broker's application: a queue holds this many messages and rejects more.
    QueueLimit {
        /// Messages.
        max: u32,
    },
    /// The name server: answers late, or without an address.
    NameService {
        /// Delay before an answer.
        delay_ms: f64,
        /// Share of the questions.
        percent: f64,
        /// Whether it answers that the server failed.
        fails: bool,
    },
    /// A proxy: its certificate has expired, so that no peer accepts a new connection from it, and its existing ones are closed.
    CertificateExpired,
    /// Application: a request costs more CPU time.
    RequestWork {
        /// Multiple of the usual cost.
        factor: f64,
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
    /// Whether it affects the pod's network or its proxy, so that the side-car applies it; otherwise the application does.
    pub fn is_network(&self) -> bool {
        matches!(
            self,
            Self::NetworkDelay { .. }
                | Self::NetworkLoss { .. }
                | Self::NetworkPartition { .. }
                | Self::NetworkBandwidth { .. }
                | Self::CertificateExpired
        )
    }
}
