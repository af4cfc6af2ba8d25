//! One pod: an application and its side-car. A killed pod is replaced by one with a new name.

use std::time::{Duration, Instant};

use super::container::{Container, ContainerSpec, seconds_since_1970};
use super::names;
use crate::control::protocol::PodStatus;
use crate::kubelet::{NetworkReading, PodReading, TerminatedUsage};
use crate::plan::{Component, SIDECAR};
use automap_core::random::Rng;

/// Delay of a replacement pod, for scheduling, network and image.
const REPLACEMENT_DELAY: Duration = Duration::from_secs(2);
const MIB: u64 = 1024 * 1024;
/// Limits that Istio's injector gives the side-car.
const SIDECAR_CPU_LIMIT_CORES: f64 = 2.0;
const SIDECAR_MEMORY_LIMIT_BYTES: u64 = 1024 * MIB;
const SIDECAR_IMAGE: &str = "docker.io/istio/proxyv2:1.27.1";

/// A pod of the shop.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) component: &'static Component,
    pub(super) name: String,
    pub(super) app: Container,
    pub(super) sidecar: Container,
    pub(super) network: Option<NetworkReading>,
    replica_set: String,
    uid: String,
    pause_id: String,
    created_s: f64,
    deployed_s: f64,
    terminated: TerminatedUsage,
}

impl Pod {
    pub(super) fn new(component: &'static Component, rng: &mut Rng) -> Self {
        let replica_set = names::replica_set(component.name, rng);
        Self::of_replica_set(component, replica_set, seconds_since_1970(), Duration::ZERO, rng)
    }

    fn of_replica_set(
        component: &'static Component,
        replica_set: String,
        deployed_s: f64,
        delay: Duration,
        rng: &mut Rng,
    ) -> Self {
        let start_at = Instant::now() + delay;
        Self {
            component,
            name: names::pod(&replica_set, rng),
            app: Container::new(app_spec(component), start_at, rng),
            sidecar: Container::new(sidecar_spec(), start_at, rng),
            network: None,
            replica_set,
            uid: names::uid(rng),
            pause_id: names::container_id(rng),
            created_s: seconds_since_1970(),
            deployed_s,
            terminated: TerminatedUsage::default(),
        }
    }

    /// Kills both processes and puts a new pod of the same ReplicaSet in this one's place.
    pub(super) fn replace(&mut self, rng: &mut Rng) {
        self.take_down();
        let replica_set = self.replica_set.clone();
        *self = Self::of_replica_set(self.component, replica_set, self.deployed_s, REPLACEMENT_DELAY, rng);
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
    }

    /// Reads the usage of both processes.
    pub(super) fn measure(&mut self, file_bytes: u64) {
        self.app.measure(file_bytes);
        self.sidecar.measure(0);
    }

    pub(super) fn reading(&self) -> PodReading {
        PodReading {
            service: self.component.name.to_owned(),
            replica_set: self.replica_set.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            pause_id: self.pause_id.clone(),
            created_s: self.created_s,
            deployed_s: self.deployed_s,
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
            cpu_cores: both.iter().map(|c| c.cpu_cores()).sum(),
            memory_bytes: both.iter().map(|c| c.memory_bytes()).sum(),
        }
    }
}

fn app_spec(component: &'static Component) -> ContainerSpec {
    ContainerSpec {
        name: component.name.to_owned(),
        image: image(component.name),
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

/// The images of the Sock Shop's manifests, with mongo pinned to one that works.
fn image(service: &str) -> String {
    let tag = match service {
        "carts" | "shipping" => "0.4.8",
        "catalogue" => "0.3.5",
        "catalogue-db" | "user-db" => "0.3.0",
        "front-end" => "0.3.12",
        "orders" | "user" => "0.4.7",
        "payment" => "0.4.3",
        "queue-master" => "0.3.1",
        "carts-db" | "orders-db" => return "docker.io/library/mongo:5.0.11".to_owned(),
        "rabbitmq" => return "docker.io/library/rabbitmq:3.6.8-management".to_owned(),
        _ => return "docker.io/library/redis:alpine".to_owned(),
    };
    format!("docker.io/weaveworksdemos/{service}:{tag}")
}
