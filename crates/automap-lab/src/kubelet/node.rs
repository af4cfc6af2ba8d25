//! A node as its exporter and the API server see it. The counters come from the model by which the pods share it.

use crate::plan;

/// A node.
#[derive(Clone, Debug)]
pub struct NodeReading {
    /// Its name.
    pub name: String,
    /// Its address in the cluster. No process listens on it.
    pub internal_ip: String,
    /// Created at, in seconds since 1970.
    pub created_s: f64,
    /// CPU cores.
    pub cores: f64,
    /// Memory.
    pub memory_bytes: u64,
    /// Memory that is in use.
    pub memory_used_bytes: u64,
    /// Counters since it was created.
    pub counters: NodeCounters,
}

/// Counters and averages of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeCounters {
    /// Core seconds in use.
    pub cpu_busy_s: f64,
    /// Core seconds without work.
    pub cpu_idle_s: f64,
    /// Core seconds without work while something waited for the disk.
    pub cpu_iowait_s: f64,
    /// Seconds in which something waited for a core.
    pub cpu_pressure_s: f64,
    /// Seconds in which something waited for the disk.
    pub disk_pressure_s: f64,
    /// Seconds in which something waited for memory.
    pub memory_pressure_s: f64,
    /// Seconds in which the disk was busy.
    pub disk_busy_s: f64,
    /// Runnable threads, averaged over a minute.
    pub load1: f64,
    /// Bytes that its pods received.
    pub received_bytes: u64,
    /// Bytes that its pods sent.
    pub sent_bytes: u64,
    /// Containers killed for exceeding their memory limit.
    pub oom_kills: u64,
}

/// The memory that the kubelet keeps free (`evictionHard: memory.available`).
const MEMORY_KEPT_FREE_BYTES: u64 = 100 << 20;

impl NodeReading {
    /// Whether the kubelet reports memory pressure.
    pub fn is_short_of_memory(&self) -> bool {
        self.memory_bytes.saturating_sub(self.memory_used_bytes) < MEMORY_KEPT_FREE_BYTES
    }

    /// A node with all counters at 0.
    pub fn new(name: &str, created_s: f64) -> Self {
        Self {
            name: name.to_owned(),
            internal_ip: plan::node_ip(name).to_string(),
            created_s,
            cores: plan::NODE_CORES,
            memory_bytes: plan::NODE_MEMORY_BYTES,
            memory_used_bytes: 0,
            counters: NodeCounters::default(),
        }
    }
}
