//! Prefixes the names in an answer about several namespaces with theirs, once, so that later code handles only names.

use super::decode::{LabelledSeries, Labels};
use super::names::OUTSIDE;
use super::promql::PART;
use super::query::Answer;
use super::scope::Scope;

/// The label for the place of a series in an answer about several namespaces: its namespace. No metric has a label of this name.
pub(crate) const PLACE: &str = "__place__";

impl Scope {
    /// Prefixes the names in an answer with their namespace, each part by the label that its sums keep.
    pub(crate) fn qualify(&self, answer: &mut Answer, labels: &[Option<String>]) {
        if !self.is_qualified {
            return;
        }
        for LabelledSeries { labels: of_series, .. } in &mut answer.series {
            let part = of_series.get(PART).and_then(|part| part.parse().ok()).unwrap_or(0);
            if let Some(Some(label)) = labels.get(part) {
                self.qualify_one(of_series, label);
            }
        }
    }

    fn qualify_one(&self, labels: &mut Labels, label: &str) {
        let Some(own) = labels.get(label).filter(|n| !n.is_empty() && *n != "unknown").cloned() else { return };
        let place = |labels: &mut Labels, label: &str| labels.remove(label).filter(|n| !n.is_empty() && n != "unknown");
        let caller = place(labels, "source_workload_namespace");
        let callee = place(labels, "destination_workload_namespace");
        let host = labels.get("destination_service_name").map(|name| self.host(name, &own));
        for (name, namespace) in [
            ("source_workload", caller.as_ref().unwrap_or(&own)),
            ("destination_workload", callee.as_ref().unwrap_or(&own)),
        ] {
            put_before(labels, name, namespace);
        }
        NAMES.iter().for_each(|name| put_before(labels, name, &own));
        if let Some(host) = host {
            labels.insert("destination_service_name".to_owned(), host);
        }
        labels.insert(PLACE.to_owned(), own);
    }

    /// A service as written by a caller in the namespace `own`: `payment`, `payment.bank`, `payment.bank.svc.cluster.local:80`.
    pub(crate) fn host(&self, name: &str, own: &str) -> String {
        let parts: Vec<&str> = name.split('.').collect();
        match parts.as_slice() {
            [service] if !service.is_empty() && *service != "unknown" && !OUTSIDE.contains(service) => {
                format!("{own}/{service}")
            }
            [service, namespace, rest @ ..] => {
                let namespace_only = namespace.split(':').next().unwrap_or(namespace);
                let is_service = rest.first().is_some_and(|r| r.split(':').next() == Some("svc"));
                match is_service || rest.is_empty() && self.has(namespace_only) {
                    true => format!("{namespace_only}/{service}"),
                    false => name.to_owned(),
                }
            }
            _ => name.to_owned(),
        }
    }
}

/// Labels that name an object of a namespace, in answers about pods and changes.
const NAMES: [&str; 16] = [
    "configmap",
    "daemonset",
    "deployment",
    "exported_pod",
    "horizontalpodautoscaler",
    "hpa",
    "job_name",
    "k8s_deployment_name",
    "name",
    "owner_name",
    "pod",
    "replicaset",
    "scaletargetref_name",
    "secret",
    "statefulset",
    "workload",
];

fn put_before(labels: &mut Labels, name: &str, namespace: &str) {
    if let Some(value) = labels.get_mut(name).filter(|v| !v.is_empty() && *v != "unknown" && *v != "<none>") {
        *value = format!("{namespace}/{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::scope::NamespaceSpec;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn two_services_of_one_name_stay_two() {
        let scope = NamespaceSpec::parse("shop,bank").scope();
        let qualified = |pairs: &[(&str, &str)], label: &str| {
            let mut labels = labels(pairs);
            scope.qualify_one(&mut labels, label);
            labels
        };
        let pod =
            |namespace: &str| qualified(&[("namespace", namespace), ("pod", "api-0")], "namespace")["pod"].clone();
        assert_eq!([pod("shop"), pod("bank")], ["shop/api-0", "bank/api-0"]);
        let call = |host: &str, workload: &str, namespace: &str| {
            let labels = qualified(
                &[
                    ("source_workload", "web"),
                    ("source_workload_namespace", "shop"),
                    ("destination_workload", workload),
                    ("destination_workload_namespace", namespace),
                    ("destination_service_name", host),
                ],
                "source_workload_namespace",
            );
            ["source_workload", "destination_workload", "destination_service_name"].map(|l| labels[l].clone())
        };
        assert_eq!(call("api", "api-v1", "bank"), ["shop/web", "bank/api-v1", "shop/api"]);
        assert_eq!(call("api.bank", "unknown", "unknown")[2], "bank/api");
        assert_eq!(call("api.bank:80", "unknown", "unknown")[2], "bank/api");
        assert_eq!(call("api.far.svc.cluster.local", "unknown", "unknown")[2], "far/api");
        assert_eq!(call("api.example.com", "unknown", "unknown")[2], "api.example.com");
        assert_eq!(call("PassthroughCluster", "unknown", "unknown")[2], "PassthroughCluster");
    }
}
