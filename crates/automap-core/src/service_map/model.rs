//! The service map's shape: what every picture of a graph is drawn from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityKind;
use crate::graph::MetricType;
use crate::graph::service_class::ServiceClass;
use crate::note::Note;
use crate::time::{Timestamp, as_rfc3339};

/// Version of [`ServiceMap`]'s shape.
pub const MAP_SCHEMA_VERSION: u32 = 1;

/// Services and what connects them, ready to draw. Nodes by name, edges by (from, to).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceMap {
    /// Version of this shape.
    pub schema_version: u32,
    /// Which time the data edges were learnt on.
    pub kind: MapKind,
    /// One line for people: what, where, when.
    pub title: String,
    /// The services.
    pub nodes: Vec<MapNode>,
    /// What connects them. An edge's ends are always among the nodes.
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
    /// The incident's graph against the baseline's.
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
    /// What it is in this incident.
    pub role: NodeRole,
    /// Place in the ranking, from 1; `null` where it is not ranked or the graph is of the baseline.
    pub rank: Option<usize>,
    /// Confidence that it is the cause, 0 to 1; `null` as for `rank`.
    pub confidence: Option<f64>,
    /// The class of its profile.
    pub class: Option<ServiceClass>,
    /// No service in the graph calls it: users enter here.
    pub is_entry: bool,
    /// Its clearest change, for people: `p95 latency 48.7 → 488 ms`.
    pub summary: Option<String>,
    /// When that change began.
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(schema_with = "as_rfc3339::option::schema")]
    pub onset: Option<Timestamp>,
}

impl MapNode {
    /// A service of which no more is known than what kind of thing it is: normal, not ranked, no entry.
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

/// What a service is in an incident.
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

/// One connection. `from → to` is the direction of the call where one was observed or asserted, else the direction in which the data
/// says that the change travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MapEdge {
    /// Caller, or the earlier end.
    pub from: String,
    /// Callee, or the later end.
    pub to: String,
    /// Calls were observed.
    pub observed: bool,
    /// Calls were declared by the user.
    pub asserted: bool,
    /// The metrics whose data connects the two; empty for a call that no metric shows. The weights of an edge sum to 1.
    pub metrics: Vec<EdgeMetric>,
    /// Against the other graph, in a difference: what all its metrics say, else `same`.
    pub change: EdgeChange,
    /// Lies on the path from the cause to the users.
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
    /// Against the other graph, in a difference: two services may gain one metric and lose another.
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
    /// The data does not tell.
    Undirected,
}

/// How an edge compares with the other graph of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeChange {
    /// In both, or no comparison is made.
    Same,
    /// Only in the incident.
    New,
    /// Only in the baseline.
    Gone,
}
