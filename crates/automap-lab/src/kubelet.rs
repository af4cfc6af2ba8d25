//! A stand-in for the kubelet: the metrics that cAdvisor and kube-state-metrics would export about the lab's pods.
//!
//! It reproduces the rows of a real kubelet, including those that are easy to misread: the sum over the pod in a row with an empty container
//! name, the pause container, new series for a restarted container, and no disk series for containers without I/O.
//!
//! Pure except for [`proc`], which reads `/proc`: the supervisor collects [`PodReading`]s and serves both texts. Left out: everything per
//! node, and network counters per process, which the kernel does not have; the side-car supplies them.

mod cadvisor;
mod exposition;
pub mod proc;
mod state_metrics;

pub use cadvisor::render as render_cadvisor;
pub use state_metrics::render as render_state_metrics;

/// Name of the only node.
pub(crate) const NODE: &str = "lab";

/// A pod as the kubelet and the API server see it.
#[derive(Clone, Debug)]
pub struct PodReading {
    /// Its Deployment.
    pub service: String,
    /// Its ReplicaSet.
    pub replica_set: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Container id of the pause container.
    pub pause_id: String,
    /// Created at, in seconds since 1970.
    pub created_s: f64,
    /// When the Deployment was created, in seconds since 1970.
    pub deployed_s: f64,
    /// Usage of this pod's terminated containers.
    pub terminated: TerminatedUsage,
    /// The containers, application first.
    pub containers: Vec<ContainerReading>,
    /// Traffic of the pod; `None` until the side-car has reported it.
    pub network: Option<NetworkReading>,
}

impl PodReading {
    /// Whether every container is ready.
    pub fn is_ready(&self) -> bool {
        self.containers.iter().all(|c| c.ready)
    }
}

/// The share of terminated containers in the counters of the pod's control group.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminatedUsage {
    /// CPU seconds.
    pub cpu_s: f64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Enforcement periods.
    pub cfs: Cfs,
}

/// One container.
#[derive(Clone, Debug)]
pub struct ContainerReading {
    /// `orders` or `istio-proxy`.
    pub name: String,
    /// Image with tag.
    pub image: String,
    /// Id of this instance; a restart brings a new one.
    pub id: String,
    /// Times it was started again.
    pub restarts: u32,
    /// Whether it answers its probe.
    pub ready: bool,
    /// Why the instance before ended.
    pub last_terminated_reason: Option<String>,
    /// Started at, in seconds since 1970.
    pub started_s: f64,
    /// Times it was killed for its memory.
    pub oom_events: u32,
    /// CPU limit in cores.
    pub cpu_limit_cores: f64,
    /// Memory limit.
    pub memory_limit_bytes: u64,
    /// What its process uses; `None` while there is no process.
    pub usage: Option<Usage>,
    /// Enforcement periods; `None` if the process does not report them.
    pub cfs: Option<Cfs>,
}

/// Resources of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// CPU seconds since its start.
    pub cpu_s: f64,
    /// Anonymous memory.
    pub rss_bytes: u64,
    /// Memory that the kernel cannot drop at once.
    pub working_set_bytes: u64,
    /// Working set and page cache.
    pub usage_bytes: u64,
    /// Bytes read from block devices.
    pub read_bytes: u64,
    /// Bytes written to block devices.
    pub write_bytes: u64,
}

/// Enforcement of the CPU limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cfs {
    /// 100 ms periods.
    pub periods: u64,
    /// Those in which the limit was hit.
    pub throttled_periods: u64,
}

/// Traffic of a pod since its side-car started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkReading {
    /// Bytes in.
    pub receive_bytes: u64,
    /// Bytes out.
    pub transmit_bytes: u64,
    /// Packets in.
    pub receive_packets: u64,
    /// Packets out.
    pub transmit_packets: u64,
}

#[cfg(test)]
mod tests;
