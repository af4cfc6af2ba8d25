//! The part of a capture that a table of samples cannot hold, as JSON in the file's metadata.

use automap_core::breakdown::Breakdown;
use automap_core::change::ChangeLog;
use automap_core::entity::Entities;
use automap_core::note::{NotChecked, Note};
use automap_core::observation::{Observation, QueryRecord};
use automap_core::time::WindowHint;
use automap_core::topology::{CallGraph, Protocol};
use serde::{Deserialize, Serialize};

use super::axis::{self, Run};
use super::days::{self, StoredDay};
use super::{NO_CHECKSUM, SCHEMA_VERSION};

/// The JSON document beside the rows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub(super) schema_version: u32,
    pub(super) source: String,
    pub(super) axis: Vec<Run>,
    /// Series without any sample, as `(service, metric)`: no row mentions them.
    pub(super) empty_series: Vec<(String, String)>,
    pub(super) calls: Vec<(String, String, Protocol)>,
    /// Calls that the user declared and that were not observed. Absent in files of older versions.
    #[serde(default)]
    pub(super) asserted_calls: Vec<(String, String)>,
    /// Nodes that are only a caller's view of another node.
    pub(super) views: Vec<String>,
    /// The kind of entity that each name stands for, and what runs on what. Absent in files of older versions.
    #[serde(default, skip_serializing_if = "Entities::is_empty")]
    pub(super) entities: Entities,
    /// What was changed, and when. Absent in files of older versions, which did not record changes.
    #[serde(default)]
    pub(super) changes: ChangeLog,
    /// Breakdowns of the suspects by part. Absent if none were counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) breakdowns: Vec<Breakdown>,
    /// The same hours of earlier days, whose rows are in the table as well. Absent if none were requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) earlier_days: Vec<StoredDay>,
    pub(super) hint: WindowHint,
    pub(super) notes: Vec<Note>,
    pub(super) not_checked: Vec<NotChecked>,
    pub(super) queries: Vec<QueryRecord>,
    /// Whether the file was written with a checksum. Absent in files of older versions.
    #[serde(default)]
    pub(super) has_checksum: bool,
}

/// The fields needed to name any version in an error.
#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) schema_version: u32,
}

impl Metadata {
    pub(super) fn of(observation: &Observation, empty_series: Vec<(String, String)>) -> Self {
        let Observation {
            frame, calls, entities, changes, breakdowns, hint, notes, not_checked, queries, source, ..
        } = observation;
        let observed = calls.edges().filter(|(from, to, _)| !calls.is_asserted(from, to));
        let asserted = calls.edges().filter(|(from, to, _)| calls.is_asserted(from, to));
        Self {
            schema_version: SCHEMA_VERSION,
            source: source.clone(),
            axis: axis::runs(frame.times()),
            empty_series,
            calls: observed.map(|(from, to, p)| (from.to_owned(), to.to_owned(), p)).collect(),
            asserted_calls: asserted.map(|(from, to, _)| (from.to_owned(), to.to_owned())).collect(),
            views: calls.views().map(ToOwned::to_owned).collect(),
            entities: entities.clone(),
            changes: changes.clone(),
            breakdowns: breakdowns.clone(),
            earlier_days: days::stored(observation),
            hint: *hint,
            notes: notes.iter().filter(|note| note.code != NO_CHECKSUM).cloned().collect(),
            not_checked: not_checked.clone(),
            queries: queries.clone(),
            has_checksum: true,
        }
    }

    pub(super) fn call_graph(&self) -> CallGraph {
        let mut graph = CallGraph::new();
        self.calls.iter().for_each(|(from, to, protocol)| graph.add(from, to, *protocol));
        self.asserted_calls.iter().for_each(|(from, to)| graph.assert_call(from, to));
        self.views.iter().for_each(|node| graph.mark_view(node));
        graph
    }
}
