//! What surrounds the services: gateways, DNS, nodes, stores, brokers, external hosts. Lists what was found of each kind, or what its
//! metrics would show. `discover` and `doctor` print it; nothing is fetched for it.

use automap_core::entity::EntityKind;
use automap_core::observation::Observation;
use automap_core::text::listed;
use serde::Serialize;

/// Most names on a line.
const MAX_NAMES: usize = 6;

/// One kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Surrounding {
    pub(crate) kind: EntityKind,
    /// Those that were found, by name.
    pub(crate) found: Vec<String>,
    /// What it would show, and what has to be exported for that; `null` if any was found.
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

/// What each kind would show, and with which metrics.
const KINDS: [(EntityKind, &str); 6] = [
    (
        EntityKind::Gateway,
        "to see surges of requests and faults of the gateway itself, scrape Istio's gateway, ingress-nginx, Traefik, HAProxy or Envoy Gateway",
    ),
    (EntityKind::Dns, "to see slow and failing lookups, scrape CoreDNS (coredns_dns_*, port 9153)"),
    (EntityKind::Node, "to see full nodes and the pods that fill them, scrape node_exporter and kube_pod_info"),
    (EntityKind::Store, "to see locks, full connections and evictions of databases and caches, scrape their exporters"),
    (EntityKind::Broker, "to see queues without consumers and lag, scrape the exporters of brokers"),
    (
        EntityKind::External,
        "to see slow or blocked external hosts, use Istio's side-cars (ServiceEntry) or OpenTelemetry's client metrics (server_address)",
    ),
];

impl Surrounding {
    /// `gateway: istio-system/istio-ingressgateway`, or `gateway: none; to see surges of requests …, scrape …`.
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
        assert_eq!(of(&[], Some("to see slow lookups, scrape it")).line(), "DNS: none; to see slow lookups, scrape it");
    }
}
