//! Which cluster the series of a namespace are of.
//!
//! Stores such as Thanos and Mimir hold several clusters, which often have the same namespaces and services. Their sums would describe a
//! system that nobody runs, so one of them has to be chosen. The probe for an exporter returns the labels that name a cluster; a label
//! with one value, or none, decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::decode::LabelledSeries;
use super::presets::Exporter;
use super::promql::{self, Cluster, OF_ISTIO};

/// Labels that name a cluster, usually external labels of its Prometheus.
pub(crate) const LABELS: [&str; 6] =
    ["cluster", "cluster_name", "k8s_cluster", "k8s_cluster_name", "kubernetes_cluster", "k8s.cluster.name"];

/// The clusters of one exporter's series: label → names.
pub(crate) type Clusters = BTreeMap<&'static str, BTreeSet<String>>;

/// The labels that a probe has to return, each with a comma in front.
pub(crate) fn grouping(exporter: &Exporter) -> String {
    let mut labels: Vec<&str> = LABELS.to_vec();
    labels.retain(|label| exporter.quotes_names || promql::is_plain_label(label));
    if says_who_reports(exporter) {
        labels.extend(["source_cluster", "destination_cluster"]);
        if exporter.needs.is_none() {
            labels.push("reporter");
        }
    }
    labels.iter().map(|label| format!(", {}", promql::label_name(label))).collect()
}

/// Both ends of a call have a cluster; that of the series is the reporter's.
fn says_who_reports(exporter: &Exporter) -> bool {
    exporter.needs.is_some_and(|(label, _)| label == "reporter") || exporter.selector.contains("reporter=")
}

/// The clusters named in the answer to a probe. Where no label is meant for it, Istio's own labels count.
pub(crate) fn of(series: &[LabelledSeries]) -> Clusters {
    let mut all = Clusters::new();
    for LabelledSeries { labels, .. } in series {
        let value = |label: &str| labels.get(label).filter(|v| !v.is_empty() && *v != "unknown").cloned();
        let mut named = false;
        for label in LABELS {
            if let Some(name) = value(label) {
                named = true;
                all.entry(label).or_default().insert(name);
            }
        }
        let own = match labels.get("reporter").map(String::as_str) {
            Some("source") => value("source_cluster"),
            Some("destination") => value("destination_cluster"),
            _ => None,
        };
        if let (false, Some(name)) = (named, own) {
            all.entry(OF_ISTIO).or_default().insert(name);
        }
    }
    all
}

/// The first label that tells several clusters apart, with their names.
pub(crate) fn several(clusters: &Clusters) -> Option<(&'static str, Vec<String>)> {
    let (label, names) = clusters.iter().find(|(_, names)| names.len() > 1)?;
    Some((label, names.iter().cloned().collect()))
}

/// The cluster of this name.
pub(crate) fn named(clusters: &Clusters, name: &str) -> Option<Cluster> {
    let (label, _) = clusters.iter().find(|(_, names)| names.contains(name))?;
    Some(Cluster { label: (*label).to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(pairs: &[(&str, &str)]) -> LabelledSeries {
        let labels = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        LabelledSeries { labels, points: Vec::new() }
    }

    #[test]
    fn a_label_with_two_values_tells_two_clusters_apart() {
        let eu = series(&[("cluster", "eu"), ("reporter", "source"), ("source_cluster", "Kubernetes")]);
        let us = series(&[("cluster", "us")]);
        assert_eq!(several(&of(&[eu.clone(), eu.clone()])), None);
        let both = of(&[eu, us, series(&[("job", "x")])]);
        assert_eq!(several(&both), Some(("cluster", vec!["eu".into(), "us".into()])));
        assert_eq!(named(&both, "us").map(|c| c.label), Some("cluster".into()));
        assert_eq!(named(&both, "Kubernetes"), None, "every cluster calls itself that");
    }

    #[test]
    fn calls_into_another_cluster_are_no_second_cluster() {
        let call = |reporter: &str, from: &str, to: &str| {
            series(&[("reporter", reporter), ("source_cluster", from), ("destination_cluster", to)])
        };
        assert_eq!(several(&of(&[call("source", "a", "b"), call("destination", "b", "a")])), None);
        let two = of(&[call("source", "a", "b"), call("destination", "a", "b")]);
        assert_eq!(several(&two), Some((OF_ISTIO, vec!["a".into(), "b".into()])));
    }
}
