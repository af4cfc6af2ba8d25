//! A stand-in for the kubelet: the metrics that cAdvisor and kube-state-metrics would export about the lab's pods.
//!
//! It reproduces the rows of a real kubelet, including those that are easy to misread: a row with an empty container name for the sum over the pod,
//! the pause container, new series for a restarted container, and no disk series for containers without I/O.
//!
//! Pure except for [`proc`], which reads `/proc`: the supervisor collects a [`ClusterReading`] and serves the texts. They also include what
//! node_exporter would export about each node. Left out: network counters per process, which the kernel does not have; the side-car supplies them.

mod cadvisor;
mod exposition;
mod node;
mod node_exporter;
pub mod proc;
mod state_metrics;

pub use cadvisor::render as render_cadvisor;
pub use node::{NodeCounters, NodeReading};
pub use node_exporter::render as render_node;
pub use state_metrics::render as render_state_metrics;

pub(crate) use exposition::Exposition;

/// The combined knowledge of the kubelets and the API server.
#[derive(Clone, Debug, Default)]
pub struct ClusterReading {
    /// All pods, grouped by service.
    pub pods: Vec<PodReading>,
    /// All Deployments.
    pub deployments: Vec<DeploymentReading>,
    /// All config maps.
    pub config_maps: Vec<ConfigMapReading>,
    /// All autoscalers.
    pub autoscalers: Vec<AutoscalerReading>,
    /// All jobs.
    pub jobs: Vec<JobReading>,
    /// All nodes.
    pub nodes: Vec<NodeReading>,
}

/// A job. Times are in seconds since 1970.
#[derive(Clone, Debug)]
pub struct JobReading {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The cron job that started it.
    pub cron_job: Option<String>,
    /// Started at.
    pub created_s: f64,
    /// Completed at; `None`: still running.
    pub completed_s: Option<f64>,
}

/// A Deployment. Times are in seconds since 1970.
#[derive(Clone, Debug)]
pub struct DeploymentReading {
    /// Its name, which is also that of the service.
    pub name: String,
    /// Created at.
    pub created_s: f64,
    /// Incremented by every change of the desired state.
    pub generation: u64,
    /// The generation that the controller has observed.
    pub observed_generation: u64,
    /// Pods wanted.
    pub replicas: u32,
    /// Pods of the current version.
    pub replicas_updated: u32,
    /// All its pods.
    pub replicas_present: u32,
    /// Pods that are ready.
    pub replicas_available: u32,
    /// Of all versions, the current one last.
    pub replica_sets: Vec<ReplicaSetReading>,
}

/// A ReplicaSet.
#[derive(Clone, Debug)]
pub struct ReplicaSetReading {
    /// Its name.
    pub name: String,
    /// Created at, in seconds since 1970.
    pub created_s: f64,
    /// Pods wanted.
    pub replicas: u32,
}

/// A config map.
#[derive(Clone, Debug)]
pub struct ConfigMapReading {
    /// Its name.
    pub name: String,
    /// Created at, in seconds since 1970.
    pub created_s: f64,
    /// Incremented by every change.
    pub resource_version: u64,
}

/// An autoscaler.
#[derive(Clone, Debug)]
pub struct AutoscalerReading {
    /// Its Deployment, which has the same name.
    pub service: String,
    /// Minimum number of pods.
    pub min_replicas: u32,
    /// Maximum number of pods.
    pub max_replicas: u32,
    /// Its target for CPU use, in percent of the request.
    pub target_cpu_percent: f64,
    /// Pods that exist.
    pub current_replicas: u32,
    /// Pods that it wants, within minimum and maximum.
    pub desired_replicas: u32,
    /// Whether it wants more than its maximum.
    pub is_limited: bool,
}

/// A pod as the kubelet and the API server see it.
#[derive(Clone, Debug)]
pub struct PodReading {
    /// Its namespace.
    pub namespace: String,
    /// Kind of its owner: `ReplicaSet` or `Job`.
    pub owner_kind: &'static str,
    /// Name of its owner.
    pub owner: String,
    /// `Running` or `Succeeded`.
    pub phase: &'static str,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Container id of the pause container.
    pub pause_id: String,
    /// Created at, in seconds since 1970.
    pub created_s: f64,
    /// The node that it runs on.
    pub node: String,
    /// Its address.
    pub ip: String,
    /// The address of its node.
    pub host_ip: String,
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
    /// CPU time in seconds.
    pub cpu_s: f64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Enforcement periods.
    pub cfs: Cfs,
    /// Seconds of waiting for a core.
    pub cpu_wait_s: f64,
    /// Seconds of waiting for the disk.
    pub disk_wait_s: f64,
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
    /// Number of restarts.
    pub restarts: u32,
    /// Whether it answers its probe.
    pub ready: bool,
    /// The digest of its image.
    pub image_id: String,
    /// How the previous instance ended.
    pub last_end: Option<LastEnd>,
    /// Why there is no instance now, if the kubelet gives a reason.
    pub waiting_reason: Option<&'static str>,
    /// Started at, in seconds since 1970.
    pub started_s: f64,
    /// Number of kills for exceeding the memory limit.
    pub oom_events: u32,
    /// CPU limit in cores.
    pub cpu_limit_cores: f64,
    /// Memory limit.
    pub memory_limit_bytes: u64,
    /// Usage of its process; `None` while there is no process.
    pub usage: Option<Usage>,
    /// Enforcement periods; `None` if the process does not report them.
    pub cfs: Option<Cfs>,
    /// Seconds spent waiting for a core, because of its limit or its node; `None` if the process does not report them.
    pub cpu_wait_s: Option<f64>,
    /// Seconds spent waiting for the disk.
    pub disk_wait_s: Option<f64>,
}

/// How an instance of a container ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastEnd {
    /// `OOMKilled`, `Error`, `Completed`.
    pub reason: &'static str,
    /// Exit code; 137 for SIGKILL.
    pub exit_code: i32,
    /// When, in seconds since 1970.
    pub at_s: f64,
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
    /// Periods in which the limit was hit.
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
