//! Maps labels to services. A service is a workload; if only the Kubernetes service in front of it is known, that name is used.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use automap_core::entity::{EntityKind, external_name, node_name};

use super::cluster::{ELSEWHERE, Ends};
use super::decode::Labels;
use super::hosts::is_address;
use super::nodes::Placed;
use super::pods::Owners;
use super::presets::{Key, Outside, Store};
use super::qualify::PLACE;
use super::query::Answer;
use super::scope::Scope;
use super::stores::{StoreName, Stores};

/// Istio's names for traffic that leaves the mesh or is refused at its edge.
pub(crate) const OUTSIDE: [&str; 7] = [
    "PassthroughCluster",
    "BlackHoleCluster",
    "InboundPassthroughCluster",
    "InboundPassthroughClusterIpv4",
    "InboundPassthroughClusterIpv6",
    "allow_any",
    "block_all",
];
/// A host of two parts is a service and its namespace, unless the second part is one of these.
const PUBLIC_DOMAINS: [&str; 8] = ["app", "cloud", "com", "dev", "example", "io", "net", "org"];
/// Istio's word for an unknown value.
const UNKNOWN: &str = "unknown";

/// The owner of a series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) service: String,
    pub(crate) peer: Option<String>,
}

/// What is needed to read labels.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    scope: Scope,
    owners: Owners,
    /// Kubernetes service → workloads observed behind it.
    behind: BTreeMap<String, BTreeSet<String>>,
    /// The observed services, if there are too many.
    kept: Option<BTreeSet<String>>,
    /// How exporters are matched to stores.
    stores: Stores,
    /// The nodes of pods.
    placed: Placed,
    /// How calls name clusters.
    ends: Ends,
}

impl Names {
    pub(crate) fn new(scope: &Scope, owners: Owners) -> Self {
        Self {
            scope: scope.clone(),
            owners,
            behind: BTreeMap::new(),
            kept: None,
            stores: Stores::default(),
            placed: Placed::default(),
            ends: Ends::default(),
        }
    }

    /// Sets how calls name the observed cluster and others.
    pub(crate) fn seen_from(self, ends: Ends) -> Self {
        Self { ends, ..self }
    }

    /// Sets where pods run.
    pub(crate) fn place(&mut self, placed: Placed) {
        self.placed = placed;
    }

    /// Where pods run.
    pub(crate) fn placed(&self) -> &Placed {
        &self.placed
    }

    /// Sets how exporters are matched to stores.
    pub(crate) fn match_stores(&mut self, stores: Stores) {
        self.stores = stores;
    }

    /// Adds names that are known from something other than an exporter.
    pub(crate) fn know(&mut self, names: BTreeSet<String>) {
        self.stores.know(names);
    }

    /// The store that an exporter's series belong to.
    pub(crate) fn store(&self, store: &'static Store, labels: &Labels) -> Option<StoreName> {
        let pod = known(labels, "pod").map(|pod| self.owners.workload(pod));
        let own = labels.get(PLACE);
        self.stores.name(store, labels, own.map(String::as_str), pod, |host| {
            let service = self.host(&own.map_or_else(|| host.to_owned(), |own| self.scope.host(host, own)));
            match self.behind.get(&service).map(|workloads| workloads.iter().collect::<Vec<_>>()).as_deref() {
                Some([workload]) => (*workload).clone(),
                _ => service,
            }
        })
    }

    /// The owners of pods.
    pub(crate) fn workloads(&self) -> &Owners {
        &self.owners
    }

    /// Learns the workload behind a service from a call whose destination is known.
    pub(crate) fn learn(&mut self, labels: &Labels) {
        let (Some(service), Some(workload)) = (self.service(labels), self.destination(labels)) else { return };
        self.behind.entry(service).or_default().insert(workload);
    }

    /// Restricts the observation to these services from now on.
    pub(crate) fn keep_only(&mut self, services: BTreeSet<String>) {
        self.kept = Some(services);
    }

    /// Whether services of other namespaces are distinguished from ours.
    pub(crate) fn has_beyond(&self) -> bool {
        self.scope.is_qualified
    }

    /// Whether a service belongs to a namespace that is not observed.
    pub(crate) fn is_beyond(&self, service: &str) -> bool {
        self.scope.is_beyond(service)
    }

    /// Whether some services are not observed.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.kept.is_some()
    }

    fn is_kept(&self, owner: &Owner) -> bool {
        let Some(kept) = &self.kept else { return true };
        kept.contains(&owner.service) && owner.peer.as_ref().is_none_or(|peer| kept.contains(peer))
    }

    /// The owners of a series: none if it does not belong to a service of ours, several in equal shares if any of them may be meant.
    pub(crate) fn owners(&self, key: Key, labels: &Labels) -> Vec<Owner> {
        let plain = |name| known(labels, name).map(Cow::Borrowed);
        let (caller, callees) = match key {
            Key::Workload => (plain("destination_workload"), None),
            Key::Pod => (known(labels, "pod").map(|pod| Cow::Borrowed(self.owners.workload(pod))), None),
            // Nodes are few, and not counted as services.
            Key::Node => {
                let node = self.placed.node(labels).map(node_name);
                return node.into_iter().map(|service| Owner { service, peer: None }).collect();
            }
            Key::Store(store) => {
                let owner = self.store(store, labels).map(|found| Owner { service: found.name, peer: None });
                return owner.into_iter().filter(|o| self.is_kept(o)).collect();
            }
            // So are gateways and the DNS.
            Key::Outside(outside) => {
                let owner = outside.name(labels, &self.scope).map(|service| Owner { service, peer: None });
                return owner.into_iter().collect();
            }
            Key::OutsideCall(outside) => return self.calls_over(outside, labels),
            Key::OutsidePeer(outside) => {
                let peers = self.calls_over(outside, labels).into_iter().filter_map(|owner| owner.peer);
                return peers.map(|service| Owner { service, peer: None }).collect();
            }
            Key::Call => (plain("source_workload"), Some(self.callees(labels))),
            Key::ServedCall if self.is_from_outside(labels) => return Vec::new(),
            Key::ServedCall => {
                let callee = known(labels, "destination_workload").map(ToOwned::to_owned);
                let caller = plain("source_workload").map(|caller| self.of_end(labels, "source_cluster", caller));
                (caller, Some(callee.into_iter().collect()))
            }
        };
        let Some(service) = caller else { return Vec::new() };
        let owner = |peer| Owner { service: service.clone().into_owned(), peer };
        match callees {
            None => [owner(None)].into_iter().filter(|o| self.is_kept(o)).collect(),
            Some(callees) => {
                let owners = callees.into_iter().filter(|c| *c != service).map(|c| owner(Some(c)));
                owners.filter(|o| self.is_kept(o)).collect()
            }
        }
    }

    /// The calls from a gateway to services of ours, or from services of ours to external hosts.
    fn calls_over(&self, outside: &Outside, labels: &Labels) -> Vec<Owner> {
        let (caller, callees) = match outside.kind {
            EntityKind::External => {
                let host = known(labels, "destination_service_name").filter(|host| !is_address(host));
                let name = host.map(|host| self.host(host)).filter(|name| name.starts_with(&external_name("")));
                (known(labels, "source_workload").map(ToOwned::to_owned), name.into_iter().collect())
            }
            _ => (outside.name(labels, &self.scope), self.behind_gateway(outside, labels)),
        };
        let Some(service) = caller else { return Vec::new() };
        let owners = callees.into_iter().map(|peer| Owner { service: service.clone(), peer: Some(peer) });
        owners.filter(|o| o.peer.as_ref() != Some(&o.service) && self.is_kept_beside(outside, o)).collect()
    }

    /// The services of ours that a gateway calls.
    fn behind_gateway(&self, outside: &Outside, labels: &Labels) -> Vec<String> {
        let (host, namespace) =
            (known(labels, "destination_service_name"), known(labels, "destination_workload_namespace"));
        let mut callees = match (known(labels, "destination_workload"), host, namespace) {
            // A gateway's name for a service may contain its namespace, which is then in a separate label.
            (None, Some(host), Some(namespace)) if !host.contains(['.', '/']) => {
                let mut labels = labels.clone();
                labels.insert("destination_service_name".to_owned(), format!("{host}.{namespace}.svc"));
                self.callees(&labels)
            }
            _ => self.callees(labels),
        };
        let is_known = |name: &String| {
            self.owners.all().any(|workload| workload == name) || self.behind.values().any(|w| w.contains(name))
        };
        callees.retain(|name| !outside.known_only || is_known(name));
        callees
    }

    /// Gateways and external hosts are few and always kept; of the services at the other end, the observed ones.
    fn is_kept_beside(&self, outside: &Outside, owner: &Owner) -> bool {
        let Some(kept) = &self.kept else { return true };
        match outside.kind {
            EntityKind::External => kept.contains(&owner.service),
            _ => owner.peer.as_ref().is_some_and(|peer| kept.contains(peer)),
        }
    }

    /// Whether a call reported by its destination does not come from a workload of this namespace.
    pub(crate) fn is_from_outside(&self, labels: &Labels) -> bool {
        known(labels, "source_workload").is_none()
            || known(labels, "source_workload_namespace").is_some_and(|n| self.scope.is_elsewhere(n))
    }

    /// Services called from outside the namespace.
    pub(crate) fn entered(&self, answer: &Answer) -> BTreeSet<String> {
        let from_outside =
            answer.series.iter().filter(|s| self.is_from_outside(&s.labels) && s.points.iter().any(|p| p.1 > 0.0));
        from_outside.flat_map(|s| self.owners(Key::Workload, &s.labels)).map(|owner| owner.service).collect()
    }

    fn callees(&self, labels: &Labels) -> Vec<String> {
        let service = self.service(labels);
        if service.as_deref().is_some_and(|s| OUTSIDE.contains(&s)) {
            return Vec::new();
        }
        if let Some(workload) = self.destination(labels) {
            return vec![workload];
        }
        match service.filter(|s| !is_address(s)) {
            None => Vec::new(),
            Some(service) => match self.behind.get(&service) {
                Some(workloads) => workloads.iter().cloned().collect(),
                None => vec![service],
            },
        }
    }

    /// The called Kubernetes service. A sidecar that knows nothing about its peer writes the host: `payment.shop.svc.cluster.local`,
    /// `payment.shop:80`. A service of another namespace carries that in its name, as workloads do.
    fn service(&self, labels: &Labels) -> Option<String> {
        let name = known(labels, "destination_service_name")?;
        if is_address(name) {
            return Some(name.to_owned());
        }
        Some(self.host(name))
    }

    /// The Kubernetes service of a host name.
    fn host(&self, name: &str) -> String {
        let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let host = name.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(name, |(host, _)| host);
        let parts: Vec<&str> = host.split('.').collect();
        match parts.as_slice() {
            [service, namespace, rest @ ..]
                if !self.scope.is_elsewhere(namespace) && rest.first().is_none_or(|r| *r == "svc") =>
            {
                (*service).to_owned()
            }
            [service, namespace, "svc", ..] => format!("{namespace}/{service}"),
            [_, _, _, ..] => external_name(host),
            [_, domain] if PUBLIC_DOMAINS.contains(domain) => external_name(host),
            _ => host.to_owned(),
        }
    }

    /// The destination's workload; one of another namespace carries that in its name.
    fn destination(&self, labels: &Labels) -> Option<String> {
        let workload = known(labels, "destination_workload")?;
        let workload = match known(labels, "destination_workload_namespace") {
            Some(other) if self.scope.is_elsewhere(other) => Cow::Owned(format!("{other}/{workload}")),
            _ => Cow::Borrowed(workload),
        };
        Some(self.of_end(labels, "destination_cluster", workload).into_owned())
    }

    /// The name at an end of a call, marked if that end is in another cluster.
    fn of_end<'a>(&self, labels: &Labels, end: &str, name: Cow<'a, str>) -> Cow<'a, str> {
        match known(labels, end).and_then(|cluster| self.ends.elsewhere(cluster)) {
            Some(cluster) => Cow::Owned(format!("{ELSEWHERE}{}/{name}", cluster.replace('/', "_"))),
            None => name,
        }
    }
}

/// A label's value, unless it is empty or unknown.
fn known<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels.get(name).map(String::as_str).filter(|value| !value.is_empty() && *value != UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn call(workload: &str, namespace: &str, service: &str) -> Labels {
        labels(&[
            ("source_workload", "orders"),
            ("destination_workload", workload),
            ("destination_workload_namespace", namespace),
            ("destination_service_name", service),
        ])
    }

    #[test]
    fn every_destination_finds_its_name() {
        let mut names = Names::new(&Scope::from("shop"), Owners::default());
        for (workload, service) in [("payment-v1", "payment"), ("reviews-v1", "reviews"), ("reviews-v2", "reviews")] {
            names.learn(&call(workload, "shop", service));
        }
        for (workload, namespace, service, expected) in [
            ("payment-v1", "shop", "payment", &["payment-v1"][..]),
            ("unknown", "unknown", "payment", &["payment-v1"]),
            ("unknown", "unknown", "reviews", &["reviews-v1", "reviews-v2"]),
            ("unknown", "unknown", "orders-db", &["orders-db"]),
            ("jaeger", "istio-system", "jaeger", &["istio-system/jaeger"]),
            ("unknown", "unknown", "PassthroughCluster", &[]),
            ("unknown", "unknown", "10.2.3.4", &[]),
            ("unknown", "unknown", "payment.shop.svc.cluster.local", &["payment-v1"]),
            ("unknown", "unknown", "payment.shop.svc:80", &["payment-v1"]),
            ("unknown", "unknown", "payment.shop", &["payment-v1"]),
            ("unknown", "unknown", "payment:8080", &["payment-v1"]),
            ("unknown", "unknown", "payment.bank.svc.cluster.local", &["bank/payment"]),
            ("unknown", "unknown", "api.example.com", &["external/api.example.com"]),
            ("unknown", "unknown", "example.com:443", &["external/example.com"]),
            ("unknown", "unknown", "10.2.3.4:8080", &[]),
            ("unknown", "unknown", "fd00::1", &[]),
            ("unknown", "unknown", "unknown", &[]),
            ("orders", "shop", "orders", &[]),
        ] {
            let owners = names.owners(Key::Call, &call(workload, namespace, service));
            let peers: Vec<String> = owners.into_iter().filter_map(|o| o.peer).collect();
            assert_eq!(peers, expected, "{workload} {service}");
        }
    }

    #[test]
    fn callers_from_outside_are_no_services() {
        let names = Names::new(&Scope::from("shop"), Owners::default());
        for (caller, namespace, outside) in
            [("unknown", "unknown", true), ("gateway", "istio-system", true), ("orders", "shop", false)]
        {
            let labels = labels(&[
                ("source_workload", caller),
                ("source_workload_namespace", namespace),
                ("destination_workload", "front-end"),
            ]);
            assert_eq!(names.is_from_outside(&labels), outside);
            assert_eq!(names.owners(Key::ServedCall, &labels).is_empty(), outside);
        }
    }
}
