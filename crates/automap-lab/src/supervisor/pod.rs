//! One pod: an application and its side-car. A killed pod is replaced by one with a new name.
//!
//! Each pod of a service has a slot, which determines its address; a replacement takes over slot and node.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::container::{Container, ContainerSpec, seconds_since_1970};
use super::deployment::{PodState, ReplicaSet};
use super::names;
use super::node_model::Contention;
use super::options::SupervisorOptions;
use crate::behaviour::Behaviour;
use crate::control::protocol::PodStatus;
use crate::kubelet::{NetworkReading, PodReading, TerminatedUsage};
use crate::plan::{self, Component, REQUEST_OF_LIMIT, SIDECAR};
use automap_core::random::Rng;

/// Delay of a replacement pod, for scheduling, network and image.
const REPLACEMENT_DELAY: Duration = Duration::from_secs(2);
/// From the moment when a pod gets no new requests to its end: callers read the addresses every 200 ms.
const GRACE: Duration = Duration::from_secs(2);
const MIB: u64 = 1024 * 1024;
/// Limits that Istio's injector sets for the side-car.
const SIDECAR_CPU_LIMIT_CORES: f64 = 2.0;
const SIDECAR_MEMORY_LIMIT_BYTES: u64 = 1024 * MIB;
const SIDECAR_IMAGE: &str = "docker.io/istio/proxyv2:1.27.1";

/// The place of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of its service's addresses it has.
    pub(super) slot: u8,
    /// The node.
    pub(super) node: &'static str,
}

/// A pod of the shop.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) component: &'static Component,
    pub(super) name: String,
    pub(super) place: Place,
    /// Whether its readiness probes run.
    pub(super) is_probed: bool,
    /// When it ends; `None` while it is wanted.
    pub(super) leaves: Option<Instant>,
    pub(super) app: Container,
    pub(super) sidecar: Container,
    pub(super) network: Option<NetworkReading>,
    /// The contention that the application was last notified of.
    pub(super) told: Option<Contention>,
    version: ReplicaSet,
    uid: String,
    pause_id: String,
    created_s: f64,
    terminated: TerminatedUsage,
}

impl Pod {
    /// A pod that starts at once: one of the first.
    pub(super) fn new(component: &'static Component, version: &ReplicaSet, place: Place, rng: &mut Rng) -> Self {
        Self::starting_after(Duration::ZERO, component, version, place, rng)
    }

    /// A pod that is scheduled and pulls its image first.
    pub(super) fn scheduled(component: &'static Component, version: &ReplicaSet, place: Place, rng: &mut Rng) -> Self {
        Self::starting_after(REPLACEMENT_DELAY, component, version, place, rng)
    }

    fn starting_after(
        delay: Duration,
        component: &'static Component,
        version: &ReplicaSet,
        place: Place,
        rng: &mut Rng,
    ) -> Self {
        let start_at = Instant::now() + delay;
        Self {
            component,
            name: names::pod(&version.name, rng),
            place,
            is_probed: false,
            leaves: None,
            app: Container::new(app_spec(component, &version.image), start_at, rng),
            sidecar: Container::new(sidecar_spec(), start_at, rng),
            network: None,
            told: None,
            version: version.clone(),
            uid: names::uid(rng),
            pause_id: names::container_id(rng),
            created_s: seconds_since_1970(),
            terminated: TerminatedUsage::default(),
        }
    }

    /// Kills both processes and replaces this pod by a new one of the same ReplicaSet.
    pub(super) fn replace(&mut self, rng: &mut Rng) {
        self.take_down();
        *self = Self::scheduled(self.component, &self.version.clone(), self.place, rng);
    }

    /// Its own address.
    pub(super) fn ip(&self) -> Ipv4Addr {
        plan::pod_ip(self.place.slot)
    }

    /// How this version behaves.
    pub(super) fn behaviour(&self) -> Behaviour {
        self.version.behaviour
    }

    /// CPU use of the application in percent of its request; `None` before the first measurement.
    pub(super) fn app_use_percent(&self) -> Option<f64> {
        let request = self.component.cpu_limit_cores * REQUEST_OF_LIMIT;
        self.app.cpu_cores_measured().map(|cores| 100.0 * cores / request)
    }

    /// Cores in use by both containers.
    pub(super) fn cpu_cores(&self) -> f64 {
        self.app.cpu_cores() + self.sidecar.cpu_cores()
    }

    /// Memory in use by both containers.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.app.memory_bytes() + self.sidecar.memory_bytes()
    }

    /// The view of its Deployment.
    pub(super) fn state(&self) -> PodState {
        PodState {
            name: self.name.clone(),
            replica_set: self.version.name.clone(),
            is_ready: self.is_ready(),
            is_leaving: self.leaves.is_some(),
        }
    }

    /// Takes it out of service; its processes end a little later, when pending requests are done.
    pub(super) fn leave(&mut self) {
        self.leaves.get_or_insert_with(|| Instant::now() + GRACE);
    }

    pub(super) fn containers(&mut self) -> [&mut Container; 2] {
        [&mut self.app, &mut self.sidecar]
    }

    pub(super) fn container(&mut self, name: &str) -> &mut Container {
        if name == SIDECAR { &mut self.sidecar } else { &mut self.app }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.app.ready && self.sidecar.ready
    }

    /// Reaps processes that have ended. Returns whether any had.
    pub(super) fn reap(&mut self) -> bool {
        let ended: Vec<TerminatedUsage> = self.containers().into_iter().filter_map(Container::reap).collect();
        ended.iter().for_each(|r| self.add(*r));
        !ended.is_empty()
    }

    /// Takes both processes down until [`Self::bring_up`].
    pub(super) fn take_down(&mut self) {
        let ended = self.containers().map(Container::take_down);
        ended.iter().for_each(|r| self.add(*r));
    }

    pub(super) fn bring_up(&mut self) {
        self.containers().into_iter().for_each(Container::bring_up);
    }

    fn add(&mut self, gone: TerminatedUsage) {
        self.terminated.cpu_s += gone.cpu_s;
        self.terminated.read_bytes += gone.read_bytes;
        self.terminated.write_bytes += gone.write_bytes;
        self.terminated.cfs.periods += gone.cfs.periods;
        self.terminated.cfs.throttled_periods += gone.cfs.throttled_periods;
        self.terminated.cpu_wait_s += gone.cpu_wait_s;
        self.terminated.disk_wait_s += gone.disk_wait_s;
    }

    /// Reads the usage of both processes.
    pub(super) fn measure(&mut self, file_bytes: u64, options: &SupervisorOptions) {
        self.app.measure(file_bytes, options.stores.server(self.component.name).is_some());
        self.sidecar.measure(0, options.envoy.is_some());
    }

    pub(super) fn reading(&self) -> PodReading {
        PodReading {
            namespace: plan::NAMESPACE.to_owned(),
            owner_kind: "ReplicaSet",
            owner: self.version.name.clone(),
            phase: "Running",
            node: self.place.node.to_owned(),
            ip: self.ip().to_string(),
            host_ip: plan::node_ip(self.place.node).to_string(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            pause_id: self.pause_id.clone(),
            created_s: self.created_s,
            terminated: self.terminated,
            containers: vec![self.app.reading(), self.sidecar.reading()],
            network: self.network,
        }
    }

    pub(super) fn status(&self) -> PodStatus {
        let both = [&self.app, &self.sidecar];
        PodStatus {
            service: self.component.name.to_owned(),
            name: self.name.clone(),
            ready: both.iter().map(|c| u32::from(c.ready)).sum(),
            containers: both.len() as u32,
            restarts: both.iter().map(|c| c.restarts).sum(),
            pids: both.iter().filter_map(|c| c.pid()).collect(),
            cpu_cores: self.cpu_cores(),
            memory_bytes: self.memory_bytes(),
        }
    }
}

fn app_spec(component: &'static Component, image: &str) -> ContainerSpec {
    ContainerSpec {
        name: component.name.to_owned(),
        image: image.to_owned(),
        cpu_limit_cores: component.cpu_limit_cores,
        memory_limit_bytes: component.memory_limit_mib * MIB,
    }
}

fn sidecar_spec() -> ContainerSpec {
    ContainerSpec {
        name: SIDECAR.to_owned(),
        image: SIDECAR_IMAGE.to_owned(),
        cpu_limit_cores: SIDECAR_CPU_LIMIT_CORES,
        memory_limit_bytes: SIDECAR_MEMORY_LIMIT_BYTES,
    }
}
