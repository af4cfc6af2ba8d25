//! The data model of the service map, from which every picture of a graph is drawn.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityKind;
use crate::graph::MetricType;
use crate::graph::service_class::ServiceClass;
use crate::note::Note;
use crate::time::{Timestamp, as_rfc3339};

/// Version of [`ServiceMap`]'s schema.
pub const MAP_SCHEMA_VERSION: u32 = 1;

/// Services and their connections, ready to draw. Nodes by name, edges by (from, to).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceMap {
    /// Version of this schema.
    pub schema_version: u32,
    /// The window that the data edges were learnt on.
    pub kind: MapKind,
    /// One line of text: what, where, when.
    pub title: String,
    /// The services.
    pub nodes: Vec<MapNode>,
    /// The connections. An edge's ends are always among the nodes.
    pub edges: Vec<MapEdge>,
    /// What could not be learnt, and why.
    pub notes: Vec<Note>,
}

/// Which graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MapKind {
    /// Learnt on the baseline.
    Normal,
    /// Learnt on the incident.
    Anomaly,
    /// The incident's graph compared with the baseline's.
    Difference,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MapNode {
    /// Its name.
    pub service: String,
    /// What kind of thing it is.
    #[serde(default)]
    pub kind: EntityKind,
    /// Its role in this incident.
    pub role: NodeRole,
    /// Place in the ranking, from 1; `null` if it is not ranked or the graph is of the baseline.
    pub rank: Option<usize>,
    /// Confidence that it is the cause, 0 to 1; `null` as for `rank`.
    pub confidence: Option<f64>,
    /// The class of its profile.
    pub class: Option<ServiceClass>,
    /// Whether no service in the graph calls it, so that users enter here.
    pub is_entry: bool,
    /// Its clearest change, as text: `p95 latency 48.7 → 488 ms`.
    pub summary: Option<String>,
    /// When that change began.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub onset: Option<Timestamp>,
}

impl MapNode {
    /// A service of which only the kind is known: normal, not ranked, not an entry.
    pub fn new(service: &str, kind: EntityKind) -> Self {
        Self {
            service: service.to_owned(),
            kind,
            role: NodeRole::Normal,
            rank: None,
            confidence: None,
            class: None,
            is_entry: false,
            summary: None,
            onset: None,
        }
    }
}

/// The role of a service in an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// Named as the cause.
    Cause,
    /// Among the first candidates with some confidence, but not named.
    Candidate,
    /// Shows symptoms of another service's fault.
    Victim,
    /// Stayed normal.
    Normal,
    /// No series of its own could be judged.
    Unobserved,
}

/// One connection. `from → to` is the direction of the call if one was observed or asserted, else the direction in which the change
/// travels according to the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MapEdge {
    /// Caller, or the earlier end.
    pub from: String,
    /// Callee, or the later end.
    pub to: String,
    /// Whether calls were observed.
    pub observed: bool,
    /// Whether calls were declared by the user.
    pub asserted: bool,
    /// The metrics whose data connects the two; empty for a call without such a metric. The weights of an edge sum to 1.
    pub metrics: Vec<EdgeMetric>,
    /// Compared with the other graph, in a difference: the change if all its metrics agree, else `same`.
    pub change: EdgeChange,
    /// Whether it lies on the path from the cause to the users.
    pub on_path: bool,
}

/// One metric that connects two services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeMetric {
    /// Which of the seven metric types.
    pub metric: MetricType,
    /// Its share of the edge, 0 to 1.
    pub weight: f64,
    /// In which direction the influence goes, relative to the edge's own `from → to`.
    pub influence: Influence,
    /// Compared with the other graph, in a difference: two services may gain one metric and lose another.
    pub change: EdgeChange,
}

/// Direction of an influence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Influence {
    /// As the edge is written.
    Forward,
    /// Against it.
    Backward,
    /// The data does not show the direction.
    Undirected,
}

/// How an edge compares with the other graph of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeChange {
    /// In both, or without a comparison.
    Same,
    /// Only in the incident.
    New,
    /// Only in the baseline.
    Gone,
}
