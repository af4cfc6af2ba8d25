//! Counts of what the watcher did for one target since the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use automap_core::incident::Incident;

/// Counts of one target since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Queries sent by the watcher.
    pub(crate) queries: Arc<AtomicU64>,
    /// Time spent fetching, in milliseconds.
    pub(super) fetch_ms: AtomicU64,
    /// Polls that were diagnosed.
    pub(super) diagnoses: AtomicU64,
    /// Time spent diagnosing, in milliseconds.
    pub(super) diagnosis_ms: AtomicU64,
    /// Incidents opened.
    pub(super) opened: AtomicU64,
    /// Panics after which the watching was started again.
    restarts: AtomicU64,
}

impl Counters {
    /// Counts one poll.
    pub(crate) fn count_poll(&self, fetching: Duration, diagnosing: Duration, is_diagnosed: bool) {
        let add = |to: &AtomicU64, took: Duration| {
            to.fetch_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        };
        add(&self.fetch_ms, fetching);
        add(&self.diagnosis_ms, diagnosing);
        self.diagnoses.fetch_add(u64::from(is_diagnosed), Ordering::Relaxed);
    }

    /// Counts one panic. Returns how many there were.
    pub(crate) fn count_restart(&self) -> u64 {
        self.restarts.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Panics after which the watching was started again.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Counts the incident if this change opened it.
    pub(crate) fn count_change(&self, incident: &Incident) {
        self.opened.fetch_add(u64::from(incident.revision == 1), Ordering::Relaxed);
    }
}
