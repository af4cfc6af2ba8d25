//! From labels to services. A service is a workload; what only has a name in front of it goes by that name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::decode::Labels;
use super::pods::Owners;
use super::presets::Key;

/// What Istio calls traffic that leaves the mesh or is refused at its edge.
const OUTSIDE: [&str; 4] =
    ["PassthroughCluster", "BlackHoleCluster", "InboundPassthroughCluster", "InboundPassthroughClusterIpv4"];
/// What Istio writes where it does not know.
const UNKNOWN: &str = "unknown";

/// Whose value a series is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) service: String,
    pub(crate) peer: Option<String>,
}

/// What is needed to read labels.
#[derive(Debug)]
pub(crate) struct Names {
    namespace: String,
    owners: Owners,
    /// Kubernetes service → workloads seen behind it.
    behind: BTreeMap<String, BTreeSet<String>>,
}

impl Names {
    pub(crate) fn new(namespace: &str, owners: Owners) -> Self {
        Self { namespace: namespace.to_owned(), owners, behind: BTreeMap::new() }
    }

    /// Learns from a call whose destination is known which workload stands behind which service.
    pub(crate) fn learn(&mut self, labels: &Labels) {
        let (Some(service), Some(workload)) = (known(labels, "destination_service_name"), self.destination(labels))
        else {
            return;
        };
        self.behind.entry(service.to_owned()).or_default().insert(workload);
    }

    /// Whose value a series is; `None` for what is no service of ours.
    pub(crate) fn owner(&self, key: Key, labels: &Labels) -> Option<Owner> {
        let own = |service: &str| Owner { service: service.to_owned(), peer: None };
        match key {
            Key::Workload => known(labels, "destination_workload").map(own),
            Key::Pod => known(labels, "pod").map(|pod| own(self.owners.workload(pod))),
            Key::Call => self.call(known(labels, "source_workload")?, self.callee(labels)?),
            Key::ServedCall if self.is_from_outside(labels) => None,
            Key::ServedCall => {
                let callee = known(labels, "destination_workload")?;
                self.call(known(labels, "source_workload")?, callee.to_owned())
            }
        }
    }

    /// Whether a call as its destination reports it comes from no workload of this namespace.
    pub(crate) fn is_from_outside(&self, labels: &Labels) -> bool {
        known(labels, "source_workload").is_none()
            || known(labels, "source_workload_namespace").is_some_and(|n| n != self.namespace)
    }

    fn call(&self, caller: &str, callee: String) -> Option<Owner> {
        (caller != callee).then(|| Owner { service: caller.to_owned(), peer: Some(callee) })
    }

    fn callee(&self, labels: &Labels) -> Option<String> {
        let service = known(labels, "destination_service_name");
        if service.is_some_and(|s| OUTSIDE.contains(&s)) {
            return None;
        }
        if let Some(workload) = self.destination(labels) {
            return Some(workload);
        }
        let service = service.filter(|s| !is_address(s))?;
        // Of several workloads behind one name any may be meant: the name itself is all that is known.
        match self.behind.get(service).map(|all| (all.len(), all.first())) {
            Some((1, Some(only))) => Some(only.clone()),
            _ => Some(service.to_owned()),
        }
    }

    /// The destination's workload; one of another namespace carries it in its name.
    fn destination(&self, labels: &Labels) -> Option<String> {
        let workload = known(labels, "destination_workload")?;
        match known(labels, "destination_workload_namespace") {
            Some(other) if other != self.namespace => Some(format!("{workload}.{other}")),
            _ => Some(workload.to_owned()),
        }
    }
}

/// A label's value, if it says something.
fn known<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels.get(name).map(String::as_str).filter(|value| !value.is_empty() && *value != UNKNOWN)
}

/// Istio writes bare addresses while pods come and go.
fn is_address(name: &str) -> bool {
    let host = name.rsplit_once(':').map_or(name, |(host, _)| host);
    name.parse::<IpAddr>().is_ok() || host.parse::<IpAddr>().is_ok()
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
        let mut names = Names::new("shop", Owners::default());
        for (workload, service) in [("payment-v1", "payment"), ("reviews-v1", "reviews"), ("reviews-v2", "reviews")] {
            names.learn(&call(workload, "shop", service));
        }
        for (workload, namespace, service, expected) in [
            ("payment-v1", "shop", "payment", Some("payment-v1")),
            ("unknown", "unknown", "payment", Some("payment-v1")),
            ("unknown", "unknown", "reviews", Some("reviews")),
            ("unknown", "unknown", "orders-db", Some("orders-db")),
            ("jaeger", "istio-system", "jaeger", Some("jaeger.istio-system")),
            ("unknown", "unknown", "PassthroughCluster", None),
            ("unknown", "unknown", "10.2.3.4", None),
            ("unknown", "unknown", "10.2.3.4:8080", None),
            ("unknown", "unknown", "fd00::1", None),
            ("unknown", "unknown", "unknown", None),
            ("orders", "shop", "orders", None),
        ] {
            let peer = names.owner(Key::Call, &call(workload, namespace, service)).and_then(|o| o.peer);
            assert_eq!(peer.as_deref(), expected, "{workload} {service}");
        }
    }

    #[test]
    fn callers_from_outside_are_no_services() {
        let names = Names::new("shop", Owners::default());
        for (caller, namespace, outside) in
            [("unknown", "unknown", true), ("gateway", "istio-system", true), ("orders", "shop", false)]
        {
            let labels = labels(&[
                ("source_workload", caller),
                ("source_workload_namespace", namespace),
                ("destination_workload", "front-end"),
            ]);
            assert_eq!(names.is_from_outside(&labels), outside);
            assert_eq!(names.owner(Key::ServedCall, &labels).is_none(), outside);
        }
    }
}
