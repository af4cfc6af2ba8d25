//! Which clusters are observed, and which cluster a series belongs to.
//!
//! Stores such as Thanos and Mimir hold several clusters, which often have the same namespaces, services and nodes. Their sums would describe a
//! system that does not exist. So each cluster is queried separately, by the label that names it, and if there are several, names carry the cluster
//! (`clusters.rs`). The probe for an exporter returns the labels that name a cluster; a label with one value, or none, decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::entity::Entity;

use super::decode::LabelledSeries;
use super::error::RequestError;
use super::presets::Exporter;
use super::promql::{self, Cluster, OF_ISTIO};
use super::query::Answer;
use super::scope::{fits, parts};

/// Within a look, marks the name of a call's end in another cluster: `@us/carts`. Kubernetes names cannot contain this character.
pub(crate) const ELSEWHERE: char = '@';

/// Most clusters of one observation: the first ones by name. Each costs a full set of requests.
pub const MAX_CLUSTERS: usize = 10;

/// The requested clusters: a name, several separated by commas, or patterns in which `*` stands for anything.
///
/// ```
/// use automap_sources::prometheus::ClusterSpec;
///
/// let spec = ClusterSpec::parse("prod-eu, test-*");
/// assert!(spec.matches("prod-eu") && spec.matches("test-7") && !spec.matches("prod-us"));
/// assert!(!spec.is_one() && ClusterSpec::parse("prod-eu").is_one());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpec(Vec<String>);

impl ClusterSpec {
    /// Parses the user's input. Empty parts and repetitions are dropped.
    pub fn parse(text: &str) -> Self {
        Self(parts(text))
    }

    /// Whether it is a single name, so that names need no cluster.
    pub fn is_one(&self) -> bool {
        matches!(self.0.as_slice(), [name] if !name.contains('*'))
    }

    /// Whether a cluster is included.
    pub fn matches(&self, cluster: &str) -> bool {
        self.0.iter().any(|part| fits(part, cluster))
    }

    /// The plain names among them, without patterns.
    pub(crate) fn plain(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|part| !part.contains('*'))
    }
}

/// The end of a cluster's name: `prod` of `arn:aws:eks:eu-west-1:123:cluster/prod`, and the whole of a name without a slash.
pub fn short_cluster_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Labels that name a cluster, usually external labels of its Prometheus.
pub(crate) const LABELS: [&str; 6] =
    ["cluster", "cluster_name", "k8s_cluster", "k8s_cluster_name", "kubernetes_cluster", "k8s.cluster.name"];

/// The clusters of one exporter's series: label → names.
pub(crate) type Clusters = BTreeMap<&'static str, BTreeSet<String>>;

/// The labels that a probe must return, each preceded by a comma.
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

/// Both ends of a call have a cluster; the series belongs to the reporter's.
fn says_who_reports(exporter: &Exporter) -> bool {
    exporter.needs.is_some_and(|(label, _)| label == "reporter") || exporter.selector.contains("reporter=")
}

/// The clusters named in the answer to a probe. Without a dedicated label, Istio's own labels count.
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

/// The first label with several clusters, with their names.
pub(crate) fn several(clusters: &Clusters) -> Option<(&'static str, Vec<String>)> {
    let (label, names) = clusters.iter().find(|(_, names)| names.len() > 1)?;
    Some((label, names.iter().cloned().collect()))
}

/// The cluster of this name.
pub(crate) fn named(clusters: &Clusters, name: &str) -> Option<Cluster> {
    let (label, _) = clusters.iter().find(|(_, names)| names.contains(name))?;
    Some(Cluster { label: (*label).to_owned(), name: name.to_owned(), or_none: false })
}

/// The clusters that the exporters of services know, each by the label that distinguishes several, else by its first one. Stores are left out, since
/// one may call its own members a cluster.
pub(crate) fn known(probed: &[(&'static Exporter, Result<Answer, RequestError>)]) -> Known {
    let mut known = Known::default();
    for (exporter, answer) in probed.iter().filter(|(exporter, _)| exporter.is_of_services()) {
        let Ok(answer) = answer else { continue };
        let clusters = of(&answer.series);
        let label = several(&clusters).map(|(label, _)| label).or(clusters.keys().next().copied());
        if let Some((label, names)) = label.and_then(|label| clusters.get_key_value(label)) {
            known.by_label.entry(*label).or_default().extend(names.iter().cloned());
        }
        known.all.extend(clusters.into_values().flatten());
        if says_who_reports(exporter) {
            known.learn(&answer.series);
        }
    }
    known
}

/// The clusters of a server.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// By the labels that distinguish them.
    by_label: Clusters,
    /// By any label.
    pub(crate) all: BTreeSet<String>,
    /// Istio's name of a cluster, and its name in other labels.
    of_istio: BTreeSet<(String, String)>,
}

impl Known {
    /// All of them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.by_label.values().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// A label that distinguishes several, with their names.
    pub(crate) fn several(&self) -> Option<(&'static str, Vec<String>)> {
        several(&self.by_label)
    }

    /// The reporting end of a call is in the cluster of its series.
    fn learn(&mut self, series: &[LabelledSeries]) {
        for one in series {
            let end = match one.labels.get("reporter").map(String::as_str) {
                Some("source") => "source_cluster",
                Some("destination") => "destination_cluster",
                _ => continue,
            };
            let Some(istio) = one.labels.get(end).filter(|v| !v.is_empty() && *v != "unknown") else { continue };
            for name in of(std::slice::from_ref(one)).into_values().flatten() {
                self.of_istio.insert((istio.clone(), name));
            }
        }
    }

    /// How calls name clusters, seen from one of them; `prefixes` are those of the observed clusters.
    pub(crate) fn ends(&self, own: &str, prefixes: &BTreeMap<&str, &str>) -> Ends {
        let of_own = self.of_istio.iter().filter(|(_, name)| name == own).map(|(istio, _)| istio.clone());
        let own: BTreeSet<String> = of_own.chain([own.to_owned()]).collect();
        let mut others: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
        for (istio, name) in self.of_istio.iter().filter(|(istio, _)| !own.contains(istio)) {
            others.entry(istio.clone()).or_default().insert(name);
        }
        let only = |names: BTreeSet<&String>| {
            let name = names.first().filter(|_| names.len() == 1)?.as_str();
            Some((*prefixes.get(name).unwrap_or(&name)).to_owned())
        };
        let others = others.into_iter().filter_map(|(istio, names)| Some((istio, only(names)?))).collect();
        Ends { own, others }
    }
}

/// The names of clusters in the labels of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The observed one; empty if all are treated as one.
    own: BTreeSet<String>,
    /// Others: the label's name → the name in their own series.
    others: BTreeMap<String, String>,
}

impl Ends {
    /// The cluster that a call's label names, if it is another one.
    pub(crate) fn elsewhere<'a>(&'a self, named: &'a str) -> Option<&'a str> {
        let is_other = !self.own.is_empty() && !self.own.contains(named);
        is_other.then(|| self.others.get(named).map_or(named, String::as_str))
    }
}

/// The entity for a call's end in another cluster: `@us/shop/carts` if names carry their namespace, else `@us/carts`.
pub(crate) fn elsewhere(marked: &str) -> Option<Entity> {
    let (cluster, name) = marked.strip_prefix(ELSEWHERE)?.split_once('/')?;
    let namespace = name.split_once('/').map(|(namespace, _)| namespace.to_owned());
    Some(Entity { cluster: Some(cluster.to_owned()), namespace, ..Entity::default() })
}

#[cfg(test)]
impl Known {
    /// These clusters, distinguished by a label.
    pub(crate) fn of(label: &'static str, names: &[&str]) -> Self {
        let names: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
        let by_label = if names.is_empty() { Clusters::new() } else { Clusters::from([(label, names.clone())]) };
        Self { by_label, all: names, ..Self::default() }
    }
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
    fn the_other_end_of_a_call_has_the_name_that_its_own_series_give_it() {
        let call = |cluster: &str, reporter: &str, from: &str, to: &str| {
            series(&[
                ("cluster", cluster),
                ("reporter", reporter),
                ("source_cluster", from),
                ("destination_cluster", to),
            ])
        };
        let mut known = Known::default();
        known.learn(&[call("eu", "source", "c1", "c2"), call("us", "destination", "c1", "c2")]);
        let ends = known.ends("eu", &BTreeMap::new());
        assert_eq!(["c1", "eu", "c2", "c3"].map(|name| ends.elsewhere(name)), [None, None, Some("us"), Some("c3")]);
        let mut alike = Known::default();
        alike.learn(&[call("eu", "source", "Kubernetes", "Kubernetes"), call("us", "source", "Kubernetes", "")]);
        assert_eq!(alike.ends("eu", &BTreeMap::new()).elsewhere("Kubernetes"), None, "every cluster calls itself that");
        assert_eq!(Ends::default().elsewhere("c1"), None);
    }

    #[test]
    fn a_marked_name_tells_its_cluster_and_namespace() {
        let marked = elsewhere("@us/shop/pay").unwrap();
        assert_eq!((marked.cluster.as_deref(), marked.namespace.as_deref()), (Some("us"), Some("shop")));
        assert_eq!(elsewhere("shop/pay"), None);
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
