//! Alerts from Alertmanager and Grafana: the model, the parser of webhooks, the filter for repetitions, and the alerts that fire now. Nothing
//! here reads a clock or fetches anything; texts and numbers from outside are bounded.

pub mod firing;
pub(crate) mod repeats;
pub(crate) mod webhook;

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

/// Most alerts of one group that are kept; the others are counted.
pub const MAX_ALERTS: usize = 500;
/// Most labels of one alert that are kept.
pub const MAX_LABELS: usize = 64;
/// Longest key, name or value in bytes; the rest is cut off.
pub const MAX_TEXT_BYTES: usize = 1024;

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
    /// When it began to fire; `None` where the sender does not state it.
    pub starts_at: Option<Timestamp>,
    /// When it ended; `None` while it fires.
    pub ends_at: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its text for people, if any.
    pub summary: Option<String>,
}

impl ReceivedAlert {
    /// The rule's name.
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// The namespace that its labels name.
    pub fn namespace(&self) -> Option<&str> {
        self.first(&[
            "namespace",
            "destination_service_namespace",
            "exported_namespace",
            "destination_workload_namespace",
        ])
    }

    /// The service that its labels name.
    pub fn service(&self) -> Option<&str> {
        // In Kubernetes' own monitoring, `service` is the scraped exporter; therefore labels of workloads are preferred.
        self.first(&[
            "destination_service_name",
            "destination_workload",
            "deployment",
            "statefulset",
            "daemonset",
            "app",
            "service",
        ])
    }

    /// When the reported problem began: the alert fired only after its rule had been true for `for_ms`.
    ///
    /// An alert that fires since 14:05:15 by a rule with `for: 2m` reports a problem that began at 14:03:15.
    pub fn onset(&self, for_ms: i64) -> Option<Timestamp> {
        self.starts_at.map(|t| t.plus_ms(for_ms.max(0).saturating_neg()))
    }

    fn first(&self, labels: &[&str]) -> Option<&str> {
        labels.iter().find_map(|l| self.labels.get(*l)).map(String::as_str).filter(|v| !v.is_empty())
    }
}

impl AlertGroup {
    /// When the earliest reported problem of the firing alerts began. `for_ms` returns the `for` of a rule by its name.
    pub fn onset(&self, for_ms: impl Fn(&str) -> i64) -> Option<Timestamp> {
        self.alerts.iter().filter(|a| a.is_firing).filter_map(|a| a.onset(for_ms(a.name()))).min()
    }
}
