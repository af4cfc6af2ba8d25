//! The watcher's counters, for `/metrics`.

use automap_core::incident::IncidentState;
use automap_core::time::Timestamp;

/// Counters since the start. Every target of the configuration is listed from the beginning, with zeros.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemMetrics {
    /// Counters of each target.
    pub targets: Vec<TargetMetrics>,
    /// Incidents that are not closed, by state.
    pub incidents: Vec<(IncidentState, u64)>,
    /// Messages waiting to be delivered; `None` when the store does not answer.
    pub outbox: Option<u64>,
    /// Messages that were given up and are still kept; `None` when the store does not answer.
    pub given_up: Option<u64>,
}

/// Counters of one target since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetMetrics {
    /// Its name.
    pub target: String,
    /// Queries sent.
    pub queries: u64,
    /// Time spent waiting for the source, in seconds.
    pub query_seconds: f64,
    /// Polls by the watcher.
    pub ticks: u64,
    /// Polls without an answer from the source.
    pub ticks_failed: u64,
    /// Polls that were late because the previous one took too long.
    pub ticks_late: u64,
    /// Diagnoses made.
    pub diagnoses: u64,
    /// Time spent on diagnoses, in seconds.
    pub diagnosis_seconds: f64,
    /// Incidents opened.
    pub opened: u64,
    /// Incidents that are open now.
    pub open: u64,
    /// Incidents with changes that the store has not accepted yet.
    pub changes_waiting: u64,
    /// Incidents whose changes were given up, because too many waited for the store.
    pub changes_lost: u64,
    /// How often the watching broke off by a bug of automap and was started again.
    pub restarts: u64,
    /// When the source last answered.
    pub last_success: Option<Timestamp>,
}
