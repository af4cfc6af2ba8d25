//! Alerts from Alertmanager and Grafana: the model, the parser of webhooks, the filter for repetitions, and the alerts that fire now. Nothing
//! here reads a clock or fetches anything; texts and numbers from outside are bounded.

pub mod firing;
mod legacy_grafana;
pub mod matching;
pub(crate) mod repeats;
pub mod webhook;
pub mod webhook_fields;

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

/// Most alerts of one group that are kept; the others are counted.
pub const MAX_ALERTS: usize = 500;
/// Most labels of one alert that are kept.
pub const MAX_LABELS: usize = 64;
/// Most suffixes of a pod's name after that of its workload: one of the ReplicaSet and one of the pod.
const MAX_POD_SUFFIXES: usize = 2;
/// Longest sentence of an annotation, in characters. Keys, names and values of labels are as long as a name may be.
pub const MAX_SENTENCE_CHARS: usize = 400;

/// A group of alerts as it came in one request.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertGroup {
    /// Who sent it.
    pub sender: AlertSender,
    /// The group's key, the same in every message about it.
    pub key: String,
    /// The receiver in the sender's configuration.
    pub receiver: String,
    /// The target named in the webhook's address; `None`: derived from the labels.
    pub target: Option<String>,
    /// Its alerts.
    pub alerts: Vec<ReceivedAlert>,
    /// Alerts that the sender or automap left out.
    pub left_out: u64,
}

/// Who sent alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertSender {
    /// Prometheus' Alertmanager.
    Alertmanager,
    /// Grafana's own alerting.
    Grafana,
}

/// One alert as its sender describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedAlert {
    /// Identifies the alert; the same in every message about it.
    pub fingerprint: String,
    /// Whether it fires now.
    pub is_firing: bool,
    /// When it began to fire; `None` if the sender does not state it.
    pub starts_at: Option<Timestamp>,
    /// When it ended; `None` while it fires.
    pub ends_at: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its text for people, if any.
    pub summary: Option<String>,
    /// Why it has no effect although it fires; `None` if it has one.
    pub without_effect: Option<WithoutEffect>,
}

/// Why a firing alert opens no incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutEffect {
    /// Its rule found no data.
    NoData,
    /// Its rule could not be evaluated.
    RuleFailed,
    /// It is silenced, inhibited, paused or pending.
    Suppressed,
}

impl WithoutEffect {
    /// As a sentence.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoData => {
                "its rule found no data, which says nothing of the services: look at the rule and its data source"
            }
            Self::RuleFailed => "its rule could not be evaluated, which says nothing of the services: look at the rule",
            Self::Suppressed => "it is silenced, inhibited, paused or pending at its sender",
        }
    }
}

impl ReceivedAlert {
    /// The rule's name.
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// The namespace that its labels name.
    pub fn namespace(&self) -> Option<&str> {
        // If an exporter reports on others and its scraper does not honour labels, `namespace` is the exporter's.
        self.first(&[
            "exported_namespace",
            "namespace",
            "destination_service_namespace",
            "destination_workload_namespace",
            "kubernetes_namespace",
            "k8s_namespace_name",
            "kube_namespace",
        ])
    }

    /// The cluster that its labels name.
    pub fn cluster(&self) -> Option<&str> {
        self.first(&["cluster", "k8s_cluster_name"])
    }

    /// The service that its labels name.
    pub fn service(&self) -> Option<&str> {
        // In Kubernetes' own monitoring, `service` is the scraped exporter; therefore labels of workloads are preferred.
        let of_exporter = self.first(&["exported_namespace"]).is_some();
        self.first(&[
            "destination_service_name",
            "destination_workload",
            "deployment",
            "statefulset",
            "daemonset",
            "exported_service",
            "service_name",
            "kubernetes_name",
        ])
        .or_else(|| self.first(&["app", "service"]).filter(|_| !of_exporter))
    }

    /// Candidates for the services it is about: the service that its labels name or, without one, names derived from those of its pod and container.
    /// The caller picks those that exist.
    ///
    /// The pod `cart-db-7f9c6d-x2x4q` of a Deployment may belong to `cart-db-7f9c6d` or `cart-db`.
    pub fn services(&self) -> Vec<String> {
        if let Some(service) = self.service() {
            return vec![service.to_owned()];
        }
        let pod = self.first(&["exported_pod", "pod"]).unwrap_or_default();
        let parents = pod.rmatch_indices('-').take(MAX_POD_SUFFIXES).map(|(end, _)| &pod[..end]);
        let container = self.first(&["exported_container", "container"]);
        parents.chain(container).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// When the reported problem began: the alert fired only after its rule had been true for `for_ms`.
    ///
    /// An alert that fires since 14:05:15 by a rule with `for: 2m` reports a problem that began at 14:03:15.
    pub fn onset(&self, for_ms: i64) -> Option<Timestamp> {
        self.starts_at.map(|t| t.plus_ms(for_ms.max(0).saturating_neg()))
    }

    fn first(&self, labels: &[&str]) -> Option<&str> {
        labels.iter().filter_map(|l| self.labels.get(*l)).map(String::as_str).find(|v| !v.is_empty())
    }
}

impl AlertGroup {
    /// When the earliest reported problem of the firing alerts began. `for_ms` returns the `for` of a rule by its name.
    pub fn onset(&self, for_ms: impl Fn(&str) -> i64) -> Option<Timestamp> {
        self.alerts.iter().filter(|a| a.is_firing).filter_map(|a| a.onset(for_ms(a.name()))).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_names_its_service_or_what_its_pod_may_belong_to() {
        let services = |labels: &[(&str, &str)]| {
            let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let (fingerprint, is_firing) = (String::new(), true);
            let (starts_at, ends_at, summary, without_effect) = (None, None, None, None);
            let alert = ReceivedAlert { fingerprint, is_firing, starts_at, ends_at, labels, summary, without_effect };
            alert.services()
        };
        assert_eq!(services(&[("deployment", "cart"), ("pod", "db-0")]), ["cart"]);
        let of_pod = services(&[("pod", "cart-db-7f9c6d-x2x4q"), ("container", "cart-db")]);
        assert_eq!(of_pod, ["cart-db-7f9c6d", "cart-db", "cart-db"]);
        assert_eq!(
            services(&[("pod", "db-0"), ("service", "kube-state-metrics"), ("exported_namespace", "shop")]),
            ["db"]
        );
        assert_eq!(services(&[("alertname", "Slow"), ("pod", "-")]), [""; 0]);
    }
}
