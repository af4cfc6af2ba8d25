//! What the interface needs of the running watcher: one trait, and the values that pass through it.
//!
//! Every method may block; the interface calls them on threads where that does no harm, a bounded number at once. A method that panics is
//! answered with an error and harms nobody else.

use std::sync::Arc;

use automap_core::incident::{Incident, IncidentState, IndicatorChange, Severity};
use automap_core::profile::ProfileTable;
use automap_core::report::Report;
use automap_core::slo::SloStatus;
use automap_core::time::{Timestamp, as_rfc3339};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::broadcast;

use super::alerts::AlertGroup;
use crate::watcher::TargetStatus;

/// The running watcher, as the interface sees it.
pub trait System: Send + Sync + 'static {
    /// Every target of the configuration and how it is, by name. Must not wait for a source: probes ask it, too.
    fn targets(&self) -> Vec<TargetStatus>;

    /// The latest report of a target, incident or not; `None` before the first.
    fn snapshot(&self, target: &str) -> Option<Arc<Report>>;

    /// The services of a target as last seen, by name.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] for an unknown target.
    fn services(&self, target: &str) -> Result<Vec<ServiceStatus>, SystemError>;

    /// How the objectives of a target stand.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] for an unknown target.
    fn slos(&self, target: &str) -> Result<Arc<Vec<SloStatus>>, SystemError>;

    /// The profiles of a target's services as last computed.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] for an unknown target or before the first.
    fn profiles(&self, target: &str) -> Result<ProfileTable, SystemError>;

    /// Fetches and diagnoses now.
    ///
    /// # Errors
    /// [`SystemError`] when the request makes no sense, or the source does not answer.
    fn diagnose(&self, request: &DiagnoseRequest) -> Result<Report, SystemError>;

    /// The service map of an incident.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] when there is no such incident or its graph was not kept.
    fn graph(&self, incident: &str) -> Result<Value, SystemError>;

    /// What differs between two periods.
    ///
    /// # Errors
    /// As [`Self::diagnose`].
    fn compare(&self, request: &CompareRequest) -> Result<Value, SystemError>;

    /// Why a service stands where it stands in an incident.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] when there is no such incident or service.
    fn explain(&self, incident: &str, service: &str) -> Result<Value, SystemError>;

    /// Alerts from outside. They were parsed, bounded and deduplicated; which target they belong to is decided here.
    ///
    /// # Errors
    /// Only logged: the sender has long gone.
    fn alert(&self, group: &AlertGroup) -> Result<(), SystemError>;

    /// Somebody (`by`) says which service was the cause. Answers with the incident as it is now.
    ///
    /// # Errors
    /// [`SystemError::NotFound`] when there is no such incident; [`SystemError::Refused`] when it has no such service.
    fn confirm(&self, incident: &str, service: &str, by: &str) -> Result<Incident, SystemError>;

    /// Changes of incidents from now on.
    fn subscribe(&self) -> broadcast::Receiver<IncidentChange>;

    /// Counters since the start.
    fn metrics(&self) -> SystemMetrics;
}

/// Why the watcher did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SystemError {
    /// There is no such thing.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// `target`, `incident`, `service`.
        what: &'static str,
        /// As asked for.
        name: String,
    },
    /// The request makes no sense.
    #[error("{message}")]
    Refused {
        /// What is wrong, in words for the asker.
        message: String,
        /// What to try.
        next: String,
    },
    /// A source or database does not answer.
    #[error("{place}: {message}")]
    Unavailable {
        /// Which, without credentials.
        place: String,
        /// What happened.
        message: String,
    },
}

/// How a service is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceStatus {
    /// Its name.
    pub service: String,
    /// Its metrics of which something was seen, by name.
    pub metrics: Vec<String>,
    /// What its users feel now; empty is nothing.
    pub signs: Vec<IndicatorChange>,
}

/// What to diagnose. Where the metrics come from stands in the configuration; a request cannot say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiagnoseRequest {
    /// A target of the configuration.
    pub target: String,
    /// When the incident began; unset: found out.
    #[serde(default, with = "as_rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub incident_start: Option<Timestamp>,
    /// Normal time; unset: before the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Period>,
    /// The engine; unset: the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineName>,
}

/// A span of time, start included, end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First instant inside.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub start: Timestamp,
    /// First instant outside.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub end: Timestamp,
}

/// The engines by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// Evidence of every series, explained away along the calls.
    Evidence,
    /// A behaviour graph and a random walk.
    Automap,
}

/// Two periods of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareRequest {
    /// A target of the configuration.
    pub target: String,
    /// The earlier or normal one.
    pub before: Period,
    /// The later one.
    pub after: Period,
}

/// An incident changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentChange {
    /// Which.
    pub id: String,
    /// Its target.
    pub target: String,
    /// Where it stands now.
    pub state: IncidentState,
    /// How bad it is.
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
    /// What listeners are told of an incident.
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

/// Counters since the start. A target of the configuration is there from the beginning, with zeros.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemMetrics {
    /// Of each target.
    pub targets: Vec<TargetMetrics>,
    /// Incidents that go on, by state.
    pub incidents: Vec<(IncidentState, u64)>,
    /// Messages that wait to be delivered; `None` when the store does not answer.
    pub outbox: Option<u64>,
    /// Messages that were given up and are still remembered; `None` likewise.
    pub given_up: Option<u64>,
}

/// Counters of one target since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetMetrics {
    /// Its name.
    pub target: String,
    /// Queries sent.
    pub queries: u64,
    /// Time spent waiting for answers.
    pub query_seconds: f64,
    /// Ticks of the watcher.
    pub ticks: u64,
    /// Of them, without an answer of the source.
    pub ticks_failed: u64,
    /// Of them, late because the one before took too long.
    pub ticks_late: u64,
    /// Diagnoses made.
    pub diagnoses: u64,
    /// Time spent on them.
    pub diagnosis_seconds: f64,
    /// Incidents opened.
    pub opened: u64,
    /// When the source last answered.
    pub last_success: Option<Timestamp>,
}
