//! What the watcher reports about services and incidents, beside whole reports.

use automap_core::incident::{Incident, IncidentState, IndicatorChange, Severity};
use automap_core::time::{Timestamp, as_rfc3339};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceStatus {
    /// Its name.
    pub service: String,
    /// Its metrics with at least one observed value, by name.
    pub metrics: Vec<String>,
    /// What its users notice now; empty when they notice nothing.
    pub signs: Vec<IndicatorChange>,
}

/// An incident changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentChange {
    /// The incident's id.
    pub id: String,
    /// Its target.
    pub target: String,
    /// Its state now.
    pub state: IncidentState,
    /// Its severity now.
    pub severity: Severity,
    /// Its revision.
    pub revision: u64,
    /// One line for people.
    pub title: String,
    /// When it changed.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    pub at: Timestamp,
}

impl IncidentChange {
    /// The latest change of an incident, as listeners receive it.
    pub fn of(incident: &Incident) -> Self {
        Self {
            id: incident.id.clone(),
            target: incident.target.clone(),
            state: incident.state,
            severity: incident.severity,
            revision: incident.revision,
            title: incident.title.clone(),
            at: incident.updated,
        }
    }
}
