//! The optional parts beside the shop: an ingress gateway, a name server, and the exporters of stores and broker.
//!
//! Without them a lab is the shop alone. Each is switched on for the whole life of a lab.

use serde::{Deserialize, Serialize};

use crate::plan::{self, GATEWAY, NAMESPACE};

/// Namespace of the name server.
pub const DNS_NAMESPACE: &str = "kube-system";
/// Workload of the name server.
pub const DNS: &str = "coredns";

/// The parts that a lab has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// Users come through an ingress gateway of Istio.
    pub gateway: bool,
    /// Applications look up the names of other services.
    pub dns: bool,
    /// Stores and broker have their exporters.
    pub exporters: bool,
}

impl Surroundings {
    /// All of them.
    pub const ALL: Self = Self { gateway: true, dns: true, exporters: true };

    /// The union of both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            gateway: self.gateway || other.gateway,
            dns: self.dns || other.dns,
            exporters: self.exporters || other.exporters,
        }
    }

    /// Whether there is any.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}

/// Where an effect is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The application in every pod of a component of the shop.
    Service(&'static str),
    /// The ingress gateway.
    Gateway,
    /// The name server.
    NameServer,
}

impl Place {
    /// The workload and its namespace.
    pub fn workload(self) -> (&'static str, &'static str) {
        match self {
            Self::Service(name) => (name, NAMESPACE),
            Self::Gateway => (GATEWAY.name, GATEWAY.namespace),
            Self::NameServer => (DNS, DNS_NAMESPACE),
        }
    }

    /// Its name in an answer, prefixed by the namespace unless that is the shop's.
    pub fn answer_name(self) -> String {
        match self.workload() {
            (name, namespace) if namespace == NAMESPACE => name.to_owned(),
            (name, namespace) => format!("{namespace}/{name}"),
        }
    }

    /// Its kind, in the terms of the ledger.
    pub fn entity_kind(self) -> &'static str {
        match self {
            Self::Service(name) => match plan::component(name).map(|c| c.role) {
                Some(plan::Role::Store) => "store",
                Some(plan::Role::Broker) => "broker",
                _ => "service",
            },
            Self::Gateway => "gateway",
            Self::NameServer => "dns",
        }
    }

    /// The parts that a lab needs for it.
    pub fn needs(self) -> Surroundings {
        Surroundings {
            gateway: self == Self::Gateway,
            dns: self == Self::NameServer,
            exporters: self.entity_kind() == "store" || self.entity_kind() == "broker",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_outside_the_shop_is_named_with_its_namespace() {
        assert_eq!(Place::Gateway.answer_name(), "istio-system/istio-ingressgateway");
        assert_eq!(Place::NameServer.answer_name(), "kube-system/coredns");
        assert_eq!(Place::Service("carts-db").answer_name(), "carts-db");
        assert_eq!((Place::Service("carts-db").entity_kind(), Place::Gateway.entity_kind()), ("store", "gateway"));
        assert!(Place::Service("rabbitmq").needs().exporters && !Place::Service("orders").needs().is_any());
    }
}
