//! The part of an incident that is read without its whole record: one row, and the metrics that changed in it.

use automap_core::time::{Timestamp, as_rfc3339};
use serde::Serialize;

/// One incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The watched system.
    pub target: String,
    /// When it was opened.
    #[serde(with = "as_rfc3339")]
    pub opened: Timestamp,
    /// When it began.
    #[serde(with = "as_rfc3339")]
    pub onset: Timestamp,
    /// When it was closed; `null` while it was open.
    #[serde(with = "as_rfc3339::option")]
    pub closed: Option<Timestamp>,
    /// `open`, `recovering` or `closed`.
    pub state: String,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// A one-line title.
    pub title: String,
    /// The service that was named; `null` if the evidence singled none out.
    pub cause: Option<String>,
    /// The kind of fault, such as `network` or `cpu`.
    pub mechanism: Option<String>,
    /// Confidence in the cause, 0 to 1.
    pub confidence: Option<f64>,
    /// The change that it may have started with.
    pub change: Option<String>,
    /// The candidate ranked first, named or not.
    pub first_candidate: Option<String>,
    /// The cause that a user confirmed.
    pub confirmed: Option<String>,
    /// Whether users felt it; `null` if that was not observed.
    pub users_feel_it: Option<bool>,
    /// Services that suffered from it.
    pub victims: Vec<String>,
}

impl Row {
    /// The best known cause: confirmed, else named.
    pub fn known_cause(&self) -> Option<&str> {
        self.confirmed.as_deref().or(self.cause.as_deref())
    }
}

/// One metric that changed in an incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The incident.
    pub id: String,
    /// The candidate or victim that it belongs to.
    pub service: String,
    /// Its rank among the candidates, 1 the most likely; `null` for a victim.
    pub rank: Option<u32>,
    /// The metric.
    pub metric: String,
    /// Who measured it.
    pub seen_by: String,
    /// The called service, for metrics of calls.
    pub peer: Option<String>,
    /// Level before.
    pub from: Option<f64>,
    /// Level in the incident.
    pub to: Option<f64>,
    /// Unit of both.
    pub unit: String,
    /// Evidence above the metric's noise, on a log scale.
    pub strength: f64,
}
