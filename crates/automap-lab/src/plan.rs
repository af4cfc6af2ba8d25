//! The components of the Sock Shop and their ports: the one table that shop, supervisor and load share.
//!
//! The call graph follows the code of microservices-demo (front-end `api/*.js`, `OrdersController.java`, shipping, queue-master), because its
//! published diagrams are wrong in places.

use std::net::Ipv4Addr;

/// What a component does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An HTTP service.
    Service,
    /// A database or cache behind TCP.
    Store,
    /// The message broker behind TCP.
    Broker,
}

/// One component of the shop: a Deployment, its Service and its `name` label all carry `name`.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// `orders`, `orders-db`, …
    pub name: &'static str,
    /// Its namespace.
    pub namespace: &'static str,
    /// What it does.
    pub role: Role,
    /// Port of the Service in Kubernetes.
    pub service_port: u16,
    /// The components that it calls, in the order of its outbound listeners.
    pub calls: &'static [&'static str],
    /// CPU limit in cores, enforced in 100 ms periods like the kernel's CFS quota.
    pub cpu_limit_cores: f64,
    /// Memory limit in MiB, reported by kube-state-metrics.
    pub memory_limit_mib: u64,
}

/// Name of the side-car's container, as in Istio.
pub const SIDECAR: &str = "istio-proxy";
/// Resource requests are this share of the limits.
pub const REQUEST_OF_LIMIT: f64 = 0.5;
/// The namespace of the shop.
pub const NAMESPACE: &str = "sock-shop";

const fn part(
    name: &'static str,
    role: Role,
    service_port: u16,
    calls: &'static [&'static str],
    cpu_limit_cores: f64,
    memory_limit_mib: u64,
) -> Component {
    Component { name, namespace: NAMESPACE, role, service_port, calls, cpu_limit_cores, memory_limit_mib }
}

/// All 14 components, ordered by name.
pub const COMPONENTS: [Component; 14] = [
    part("carts", Role::Service, 80, &["carts-db"], 0.3, 500),
    part("carts-db", Role::Store, 27017, &[], 0.3, 500),
    part("catalogue", Role::Service, 80, &["catalogue-db"], 0.3, 200),
    part("catalogue-db", Role::Store, 3306, &[], 0.3, 500),
    part("front-end", Role::Service, 80, &["carts", "catalogue", "orders", "session-db", "user"], 0.5, 1000),
    part("orders", Role::Service, 80, &["carts", "orders-db", "payment", "shipping", "user"], 0.5, 500),
    part("orders-db", Role::Store, 27017, &[], 0.3, 500),
    part("payment", Role::Service, 80, &[], 0.2, 200),
    part("queue-master", Role::Service, 80, &["rabbitmq"], 0.3, 500),
    part("rabbitmq", Role::Broker, 5672, &[], 0.3, 500),
    part("session-db", Role::Store, 6379, &[], 0.2, 200),
    part("shipping", Role::Service, 80, &["rabbitmq"], 0.3, 500),
    part("user", Role::Service, 80, &["user-db"], 0.3, 200),
    part("user-db", Role::Store, 27017, &[], 0.3, 500),
];

/// The ingress gateway, which a lab has on request. It is a proxy without an application, and not part of the shop.
pub static GATEWAY: Component = Component {
    namespace: "istio-system",
    ..part("istio-ingressgateway", Role::Service, 80, &["front-end"], 2.0, 1024)
};

/// Maximum number of pods of one service that can be requested.
pub const MAX_REPLICAS: u32 = 4;
/// Pods of one service at a time: those requested, one more during a roll-out, and those that are terminating.
pub const SLOTS: u8 = 8;

/// The address of the pod in a slot of its service: 127.0.0.1 for the first, 127.0.0.2 for the second, … The ports are the same.
pub const fn pod_ip(slot: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, slot.saturating_add(1))
}

/// Cores of a node: more than the shop can use on any machine that runs it at its usual load.
pub const NODE_CORES: f64 = 8.0;
/// Memory of a node.
pub const NODE_MEMORY_BYTES: u64 = 16 << 30;
/// The nodes of the lab.
pub const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];

/// The address of a node in the cluster. Nothing listens there.
pub fn node_ip(node: &str) -> Ipv4Addr {
    let nth = NODES.iter().position(|n| *n == node).unwrap_or(NODES.len());
    Ipv4Addr::new(10, 0, 0, (11 + nth) as u8)
}

/// The node on which the scheduler places the `nth` pod of a component, counted from 0. Each branch of the shop stays on one node (front-end and
/// carts; catalogue and user; orders with payment and shipping); further pods go to the other nodes in turn.
pub fn node_of(component: &Component, nth: usize) -> &'static str {
    let home = match component.name {
        "front-end" | "carts" | "carts-db" | "session-db" | "queue-master" => 0,
        "catalogue" | "catalogue-db" | "user" | "user-db" | "rabbitmq" => 1,
        _ => 2,
    };
    NODES.get((home + nth) % NODES.len()).copied().unwrap_or("node-1")
}

/// Finds a component of the shop by name.
pub fn component(name: &str) -> Option<&'static Component> {
    COMPONENTS.iter().find(|c| c.name == name)
}

/// Finds anything that has a proxy: a component of the shop, or the gateway.
pub(crate) fn proxied(name: &str) -> Option<&'static Component> {
    component(name).or_else(|| (name == GATEWAY.name).then_some(&GATEWAY))
}

/// The ports of all components, relative to one base port. Every pod of a component has the same ones, at an address of its own.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The first port.
    pub base: u16,
}

impl Ports {
    const PER_COMPONENT: u16 = 20;

    fn of(self, component: &Component) -> u16 {
        // The gateway comes after all components.
        let index = COMPONENTS.iter().position(|c| c.name == component.name).unwrap_or(COMPONENTS.len());
        self.base + index as u16 * Self::PER_COMPONENT
    }

    /// The pod's address on the network: the side-car's inbound listener.
    pub fn pod(self, component: &Component) -> u16 {
        self.of(component)
    }

    /// The application itself; only its own side-car connects here.
    pub fn app(self, component: &Component) -> u16 {
        self.of(component) + 1
    }

    /// The side-car's `/stats/prometheus` and its effects.
    pub fn sidecar_admin(self, component: &Component) -> u16 {
        self.of(component) + 2
    }

    /// The application's effects (stress, I/O, HTTP faults) and health.
    pub fn app_admin(self, component: &Component) -> u16 {
        self.of(component) + 3
    }

    /// The real server of a store, started by the application in front of it.
    pub fn server(self, component: &Component) -> u16 {
        self.of(component) + 4
    }

    /// The exporter of a real server.
    pub fn exporter(self, component: &Component) -> u16 {
        self.of(component) + 5
    }

    /// Two ports that a real broker uses internally.
    pub fn broker_internals(self, component: &Component) -> [u16; 2] {
        [self.of(component) + 6, self.of(component) + 7]
    }

    /// The side-car's listener for calls from the application to `callee`. `None` if there is no such call.
    pub fn outbound(self, component: &Component, callee: &str) -> Option<u16> {
        let k = component.calls.iter().position(|c| *c == callee)?;
        Some(self.of(component) + 10 + k as u16)
    }

    /// The name server, over UDP.
    pub fn dns(self) -> u16 {
        self.of(&GATEWAY) + 4
    }

    /// The name server's metrics and effects.
    pub fn dns_admin(self) -> u16 {
        self.of(&GATEWAY) + 5
    }

    /// The supervisor: cAdvisor, kube-state-metrics and the control API.
    pub fn kubelet(self) -> u16 {
        self.base + 300
    }

    /// Prometheus.
    pub fn prometheus(self) -> u16 {
        self.base + 301
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_callee_exists_and_no_two_listeners_share_a_port() {
        let ports = Ports { base: 21000 };
        let mut all = vec![ports.kubelet(), ports.prometheus(), ports.dns(), ports.dns_admin()];
        for c in COMPONENTS.iter().chain([&GATEWAY]) {
            all.extend([ports.pod(c), ports.app(c), ports.sidecar_admin(c), ports.app_admin(c)]);
            if c.role != Role::Service {
                all.extend([ports.server(c), ports.exporter(c)].into_iter().chain(ports.broker_internals(c)));
            }
            for callee in c.calls {
                assert!(component(callee).is_some(), "{} calls {callee}", c.name);
                all.extend(ports.outbound(c, callee));
            }
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
