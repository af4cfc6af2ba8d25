//! What was found of one cluster: its exporters, what of their series is of it, and what they are narrowed by.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::note::{NotChecked, Note};
use automap_core::observation::QueryRecord;

use super::chosen::Chosen;
use super::cluster::{self, Ends, Known};
use super::decode::LabelledSeries;
use super::preselection::Preselected;
use super::presets::Exporter;
use super::promql::{Cluster, OF_ISTIO};
use super::scope::Scope;
use super::source_error::SourceError;
use super::warnings::Warnings;

/// What is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The cluster that is looked at.
    pub(crate) chosen: Chosen,
    /// How calls name clusters.
    pub(crate) ends: Ends,
    /// The namespaces that are looked at.
    pub(crate) scope: Scope,
    /// Exporters that know the namespace.
    pub(crate) exporters: Vec<&'static Exporter>,
    /// Exporters of what stands outside of the namespace and serves it, or is called. That they are there does not say that the namespace is.
    pub(crate) outside: Vec<&'static Exporter>,
    /// The cluster that each of those is narrowed to, by title.
    pub(crate) outside_clusters: BTreeMap<&'static str, Cluster>,
    /// Their scrape jobs.
    pub(crate) jobs: BTreeSet<String>,
    /// The cluster that each exporter is narrowed to, by title.
    pub(crate) clusters: BTreeMap<&'static str, Cluster>,
    /// What narrows that which names no namespace, where nobody chose a cluster.
    pub(crate) implied: Option<Cluster>,
    /// Clusters that an exporter knows besides the one asked for.
    pub(crate) other_clusters: BTreeSet<String>,
    /// How many series count requests between workloads, which are at least as many as services that answer them.
    pub(crate) request_series: u64,
    /// The services that are looked at, where there are more than can be fetched.
    pub(crate) preselected: Option<Preselected>,
    /// Exporters that do not know it.
    pub(crate) absent: Vec<&'static Exporter>,
    pub(crate) notes: Vec<Note>,
    pub(crate) not_checked: Vec<NotChecked>,
    /// The signals of exporters that could not be looked for.
    pub(crate) unanswered: Vec<QueryRecord>,
    /// What the server said about incomplete answers.
    pub(crate) warned: Warnings,
}

/// What an answer to a probe has of the cluster.
pub(super) enum Ours {
    Taken(Vec<LabelledSeries>),
    /// Series of other clusters only, or of nobody knows which.
    Elsewhere,
}

impl Found {
    /// The series of the cluster. Those that name none are taken where one cluster is looked at, with a remark; among several nobody could say whose they are.
    pub(super) fn of_cluster(&mut self, exporter: &'static Exporter, series: &[LabelledSeries], known: &Known) -> Ours {
        let mut clusters = cluster::of(series);
        if exporter.store.is_some() {
            // The members of a store may be called a cluster, too.
            clusters.values_mut().for_each(|names| names.retain(|name| known.all.contains(name)));
            clusters.retain(|_, names| !names.is_empty());
        }
        let all = || Ours::Taken(series.to_vec());
        let narrowed = match &self.chosen {
            Chosen::Any if exporter.outside.is_none() => return all(),
            Chosen::Any => None,
            Chosen::Implied(name) => {
                let implied = cluster::named(&clusters, name).map(|cluster| Cluster { or_none: true, ..cluster });
                if exporter.outside.is_none() {
                    self.implied = self.implied.take().or(implied.filter(|cluster| cluster.label != OF_ISTIO));
                    return all();
                }
                implied
            }
            Chosen::One(name) => cluster::named(&clusters, name),
            Chosen::OneOfSeveral(place) => cluster::named(&clusters, &place.cluster),
        };
        match narrowed {
            Some(cluster) => {
                let is_ours = |one: &&LabelledSeries| match self.chosen.place() {
                    Some(place) => cluster::named(&cluster::of(std::slice::from_ref(one)), &place.cluster).is_some(),
                    None => true,
                };
                let ours = series.iter().filter(is_ours).cloned().collect();
                let of = if exporter.outside.is_some() { &mut self.outside_clusters } else { &mut self.clusters };
                of.insert(exporter.title, cluster);
                Ours::Taken(ours)
            }
            None if clusters.is_empty() && self.chosen.place().is_some() && !series.is_empty() => {
                self.leave_out(exporter);
                Ours::Elsewhere
            }
            None if clusters.is_empty() => all(),
            None if exporter.outside.is_some() && self.chosen.asked().is_none() => match cluster::several(&clusters) {
                Some(_) => Ours::Taken(Vec::new()),
                None => all(),
            },
            None => {
                if exporter.outside.is_none() {
                    self.other_clusters.extend(clusters.into_values().flatten());
                }
                Ours::Elsewhere
            }
        }
    }

    fn leave_out(&mut self, exporter: &Exporter) {
        let reason = format!(
            "the series of {} name no cluster and are left out: nobody can say which of several they are of",
            exporter.title
        );
        self.notes.push(Note::warning("no_cluster", reason.clone()));
        self.not_checked.push(NotChecked { signal: exporter.covers.to_owned(), services: Vec::new(), reason });
    }

    /// A cluster was asked for: is it known, and which series cannot tell?
    pub(super) fn check_cluster(&mut self, namespace: &str) -> Result<(), SourceError> {
        let Some(name) = self.chosen.asked() else { return Ok(()) };
        if self.clusters.is_empty() && !(self.exporters.is_empty() && self.other_clusters.is_empty()) {
            let (cluster, namespace) = (name.to_owned(), namespace.to_owned());
            let known = self.other_clusters.iter().cloned().collect();
            return Err(SourceError::UnknownCluster { cluster, namespace, known });
        }
        let cannot_tell = self.exporters.iter().filter(|e| !self.clusters.contains_key(e.title));
        let notes: Vec<Note> = cannot_tell
            .map(|e| {
                let text =
                    format!("the series of {} name no cluster: those of other clusters may be among them", e.title);
                Note::warning("no_cluster", text)
            })
            .collect();
        self.notes.extend(notes);
        Ok(())
    }

    /// What narrows series that have no namespace, such as those of nodes: the cluster of this exporter.
    pub(crate) fn cluster_around(&self, title: &str) -> Option<Cluster> {
        self.clusters.get(title).or(self.implied.as_ref()).cloned()
    }
}
