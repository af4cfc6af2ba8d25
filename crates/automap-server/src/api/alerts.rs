//! Alerts from Alertmanager and Grafana: what a sender says, made safe and plain. Pure: no clock, no network, nothing fetched.

pub(crate) mod parse;
pub(crate) mod seen;

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

/// Most alerts of one group that are taken; the rest is counted.
pub const MAX_ALERTS: usize = 500;
/// Most labels of one alert that are taken.
pub const MAX_LABELS: usize = 64;
/// Longest key, name or value that is taken; the rest is cut off.
pub const MAX_TEXT: usize = 1024;

/// A group of alerts as it came in one request.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertGroup {
    /// Who sent it.
    pub sender: AlertSender,
    /// The group's key, the same in every message about it.
    pub key: String,
    /// The receiver in the sender's configuration.
    pub receiver: String,
    /// The target that the sender named in the address; `None`: to be found from the labels.
    pub target: Option<String>,
    /// Its alerts, as far as they are new.
    pub alerts: Vec<Alert>,
    /// Alerts that were not sent or not taken.
    pub left_out: u64,
}

/// Who sent alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertSender {
    /// Prometheus' Alertmanager.
    Alertmanager,
    /// Grafana's own.
    Grafana,
}

/// One alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The same in every message about it.
    pub fingerprint: String,
    /// Whether it goes on.
    pub firing: bool,
    /// When it began to fire; `None` where the sender does not say.
    pub starts_at: Option<Timestamp>,
    /// When it ended; `None` while it fires.
    pub ends_at: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its text for people, where there is one.
    pub summary: Option<String>,
}

impl Alert {
    /// The rule's name.
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// The namespace that it speaks of.
    pub fn namespace(&self) -> Option<&str> {
        self.first(&[
            "namespace",
            "destination_service_namespace",
            "exported_namespace",
            "destination_workload_namespace",
        ])
    }

    /// The service that it speaks of.
    pub fn service(&self) -> Option<&str> {
        // Kubernetes' own monitoring writes the scraped exporter into `service`, so workloads come first.
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

    /// When what it speaks of began: it fired only after its rule had been true for `for_ms`.
    pub fn onset(&self, for_ms: i64) -> Option<Timestamp> {
        self.starts_at.map(|t| t.plus_ms(for_ms.max(0).saturating_neg()))
    }

    fn first(&self, labels: &[&str]) -> Option<&str> {
        labels.iter().find_map(|l| self.labels.get(*l)).map(String::as_str).filter(|v| !v.is_empty())
    }
}

impl AlertGroup {
    /// When the earliest of its firing alerts says that something began. `for_ms` gives each rule's `for`, by name.
    pub fn onset(&self, for_ms: impl Fn(&str) -> i64) -> Option<Timestamp> {
        self.alerts.iter().filter(|a| a.firing).filter_map(|a| a.onset(for_ms(a.name()))).min()
    }
}
