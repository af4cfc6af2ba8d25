//! The pods beside the shop, where a lab has them: the ingress gateway and the name server, each one process.
//!
//! They are restarted when they end, like containers of the shop, and appear to the kubelet and the API server as pods of their own namespaces. Left
//! out: their Deployments, changes to them, and their share of a node.

use std::net::Ipv4Addr;
use std::time::Instant;

use super::container::{Container, ContainerSpec, seconds_since_1970};
use super::names;
use crate::control::protocol::PodStatus;
use crate::kubelet::{NetworkReading, PodReading, TerminatedUsage};
use crate::plan::{self, GATEWAY, Ports, SIDECAR};
use crate::shop::http::Local;
use crate::surroundings::{DNS, Place, Surroundings};
use automap_core::random::Rng;

const GATEWAY_IMAGE: &str = "docker.io/istio/proxyv2:1.27.1";
const DNS_IMAGE: &str = "registry.k8s.io/coredns/coredns:v1.12.1";
const DNS_CPU_LIMIT_CORES: f64 = 1.0;
const DNS_MEMORY_LIMIT_MIB: u64 = 170;
/// The node that both run on.
const NODE: &str = "node-1";

/// One of them.
#[derive(Debug)]
pub(super) struct BesidePod {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) is_probed: bool,
    pub(super) container: Container,
    pub(super) network: Option<NetworkReading>,
    replica_set: String,
    uid: String,
    pause_id: String,
    created_s: f64,
}

impl BesidePod {
    fn new(place: Place, rng: &mut Rng) -> Self {
        let (workload, _) = place.workload();
        let is_gateway = place == Place::Gateway;
        let mib = if is_gateway { GATEWAY.memory_limit_mib } else { DNS_MEMORY_LIMIT_MIB };
        let spec = ContainerSpec {
            name: if is_gateway { SIDECAR } else { DNS }.to_owned(),
            image: if is_gateway { GATEWAY_IMAGE } else { DNS_IMAGE }.to_owned(),
            cpu_limit_cores: if is_gateway { GATEWAY.cpu_limit_cores } else { DNS_CPU_LIMIT_CORES },
            memory_limit_bytes: mib << 20,
        };
        let replica_set = names::replica_set(workload, rng);
        Self {
            place,
            name: names::pod(&replica_set, rng),
            is_probed: false,
            container: Container::new(spec, Instant::now(), rng),
            network: None,
            replica_set,
            uid: names::uid(rng),
            pause_id: names::container_id(rng),
            created_s: seconds_since_1970(),
        }
    }

    /// Its admin port.
    pub(super) fn admin(&self, ports: Ports) -> Local {
        admin(self.place, ports)
    }

    pub(super) fn reading(&self) -> PodReading {
        PodReading {
            namespace: self.place.workload().1.to_owned(),
            owner_kind: "ReplicaSet",
            owner: self.replica_set.clone(),
            phase: "Running",
            name: self.name.clone(),
            uid: self.uid.clone(),
            pause_id: self.pause_id.clone(),
            created_s: self.created_s,
            node: NODE.to_owned(),
            ip: Ipv4Addr::LOCALHOST.to_string(),
            host_ip: plan::node_ip(NODE).to_string(),
            terminated: TerminatedUsage::default(),
            containers: vec![self.container.reading()],
            network: self.network,
        }
    }

    pub(super) fn status(&self) -> PodStatus {
        PodStatus {
            service: self.place.workload().0.to_owned(),
            name: self.name.clone(),
            ready: u32::from(self.container.ready),
            containers: 1,
            restarts: self.container.restarts,
            pids: self.container.pid().into_iter().collect(),
            cpu_cores: self.container.cpu_cores(),
            memory_bytes: self.container.memory_bytes(),
        }
    }
}

/// The admin port of a workload beside the shop.
pub(super) fn admin(place: Place, ports: Ports) -> Local {
    Local::port(if place == Place::Gateway { ports.sidecar_admin(&GATEWAY) } else { ports.dns_admin() })
}

/// The ones that a lab has.
pub(super) fn pods(with: Surroundings, rng: &mut Rng) -> Vec<BesidePod> {
    let places = [(with.gateway, Place::Gateway), (with.dns, Place::NameServer)];
    places.into_iter().filter(|(is_there, _)| *is_there).map(|(_, place)| BesidePod::new(place, rng)).collect()
}
