//! What stands around the services: gateways, DNS, nodes, stores, brokers, hosts outside. What was found of each, and what its metrics would tell where nothing
//! was. `discover` and `doctor` show it; nothing is fetched for it.

use automap_core::entity::EntityKind;
use automap_core::observation::Observation;
use automap_core::text::listed;
use serde::Serialize;

/// Names that a line holds.
const MAX_NAMES: usize = 6;

/// One kind of thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Surrounding {
    pub(crate) kind: EntityKind,
    /// Those that were found, by name.
    pub(crate) found: Vec<String>,
    /// What has to be exported to have it, and what it would tell; `null` where any was found.
    pub(crate) would_tell: Option<&'static str>,
}

/// All kinds, in order.
pub(crate) fn of(observation: &Observation) -> Vec<Surrounding> {
    let of_kind = |(kind, would_tell)| {
        let ours = observation
            .entities
            .iter()
            .filter(|(name, entity)| entity.kind == kind && observation.frame.find(name).is_some());
        let found: Vec<String> = ours.map(|(name, _)| name.to_owned()).collect();
        let would_tell = found.is_empty().then_some(would_tell);
        Surrounding { kind, found, would_tell }
    };
    KINDS.into_iter().map(of_kind).collect()
}

/// What each kind would tell, and by which metrics.
const KINDS: [(EntityKind, &str); 6] = [
    (
        EntityKind::Gateway,
        "a surge of requests, and a gateway that is at fault itself, are told by the metrics of Istio's gateway, ingress-nginx, Traefik, HAProxy or Envoy Gateway",
    ),
    (EntityKind::Dns, "slow and failing lookups are told by CoreDNS (coredns_dns_*, port 9153)"),
    (EntityKind::Node, "nodes that are used up, and who uses them up, are told by node_exporter and kube_pod_info"),
    (EntityKind::Store, "locks, full connections and evictions of databases and caches are told by their exporters"),
    (EntityKind::Broker, "queues without consumers and lag are told by the exporters of brokers"),
    (
        EntityKind::External,
        "hosts outside that are slow or blocked are told by Istio's side-cars (ServiceEntry) or OpenTelemetry's client metrics (server_address)",
    ),
];

impl Surrounding {
    /// `gateway: istio-system/istio-ingressgateway`, or `gateway: none; a surge of requests … are told by …`.
    pub(crate) fn line(&self) -> String {
        let word = self.kind.word();
        match self.would_tell {
            Some(would_tell) => format!("{word}: none; {would_tell}"),
            None => format!("{word}: {}", listed(&self.found, MAX_NAMES)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_listed_and_what_is_missing_says_what_it_would_tell() {
        let of = |found: &[&str], would_tell| Surrounding {
            kind: EntityKind::Dns,
            found: found.iter().map(|n| (*n).to_owned()).collect(),
            would_tell,
        };
        assert_eq!(of(&["a", "b"], None).line(), "DNS: a, b");
        assert_eq!(of(&["1", "2", "3", "4", "5", "6", "7"], None).line(), "DNS: 1, 2, 3, 4, 5, 6 and 1 more");
        assert_eq!(of(&[], Some("slow lookups are told by it")).line(), "DNS: none; slow lookups are told by it");
    }
}
