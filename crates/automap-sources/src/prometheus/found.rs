//! What was found in one cluster: its exporters, their series in it, and how queries are narrowed to it.

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

/// The findings for one cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The observed cluster.
    pub(crate) chosen: Chosen,
    /// How calls name clusters.
    pub(crate) ends: Ends,
    /// The observed namespaces.
    pub(crate) scope: Scope,
    /// Exporters that know the namespace.
    pub(crate) exporters: Vec<&'static Exporter>,
    /// Exporters of things outside the namespace that serve it or are called by it. Their presence does not show that the namespace exists.
    pub(crate) outside: Vec<&'static Exporter>,
    /// The cluster that each of `outside` is narrowed to, by title.
    pub(crate) outside_clusters: BTreeMap<&'static str, Cluster>,
    /// Their scrape jobs.
    pub(crate) jobs: BTreeSet<String>,
    /// The cluster that each exporter is narrowed to, by title.
    pub(crate) clusters: BTreeMap<&'static str, Cluster>,
    /// Narrows series without a namespace, if no cluster was requested.
    pub(crate) implied: Option<Cluster>,
    /// Clusters that an exporter knows besides the requested one.
    pub(crate) other_clusters: BTreeSet<String>,
    /// How many series count requests between workloads: at least as many as there are services that answer requests.
    pub(crate) request_series: u64,
    /// The services that are observed, if there are more than can be fetched.
    pub(crate) preselected: Option<Preselected>,
    /// Exporters that do not know the namespace.
    pub(crate) absent: Vec<&'static Exporter>,
    pub(crate) notes: Vec<Note>,
    pub(crate) not_checked: Vec<NotChecked>,
    /// The signals of exporters whose probe failed.
    pub(crate) unanswered: Vec<QueryRecord>,
    /// The server's warnings about incomplete answers.
    pub(crate) warned: Warnings,
}

/// The part of a probe's answer that belongs to the cluster.
pub(super) enum Ours {
    Taken(Vec<LabelledSeries>),
    /// Only series of other clusters, or of an unknown one.
    Elsewhere,
}

impl Found {
    /// The series of the cluster. Those without a cluster are used, with a note, if one cluster is observed; among several, nothing shows where they
    /// belong.
    pub(super) fn of_cluster(&mut self, exporter: &'static Exporter, series: &[LabelledSeries], known: &Known) -> Ours {
        let mut clusters = cluster::of(series);
        if exporter.store.is_some() {
            // A store's exporter may also use a cluster label for its members.
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

    /// If a cluster was requested: checks that it is known, and notes series without a cluster.
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

    /// Narrows series that have no namespace, such as those of nodes: the cluster of this exporter.
    pub(crate) fn cluster_around(&self, title: &str) -> Option<Cluster> {
        self.clusters.get(title).or(self.implied.as_ref()).cloned()
    }
}
