//! Counts of what the watcher did for each target since the start, and their sum with the store's counts for `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use automap_core::incident::{Incident, IncidentState};

use super::MonitoredTarget;
use crate::snapshots::Snapshots;
use crate::store::{IncidentFilter, MAX_PAGE, Store};
use crate::system::{SystemMetrics, TargetMetrics};
use crate::watcher::TargetStatus;

/// Counts of one target since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Queries sent by the watcher.
    pub(crate) queries: Arc<AtomicU64>,
    /// Time spent fetching, in milliseconds.
    fetch_ms: AtomicU64,
    /// Polls that were diagnosed.
    diagnoses: AtomicU64,
    /// Time spent diagnosing, in milliseconds.
    diagnosis_ms: AtomicU64,
    /// Incidents opened.
    opened: AtomicU64,
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

    /// Counts the incident if this change opened it.
    pub(crate) fn count_change(&self, incident: &Incident) {
        self.opened.fetch_add(u64::from(incident.revision == 1), Ordering::Relaxed);
    }
}

/// The counters of all targets, the incidents that are not closed, and the outbox.
pub(super) fn metrics(targets: &[MonitoredTarget], snapshots: &Snapshots, store: &dyn Store) -> SystemMetrics {
    let statuses: BTreeMap<String, TargetStatus> =
        snapshots.all().into_iter().map(|s| (s.status.target.clone(), s.status)).collect();
    let active = [IncidentState::Open, IncidentState::Recovering];
    let filter = IncidentFilter { states: active.to_vec(), limit: MAX_PAGE, ..IncidentFilter::default() };
    let incidents = store.list(&filter).ok();
    let count = |state| Some((state, incidents.as_ref()?.iter().filter(|i| i.state == state).count() as u64));
    let outbox = store.outbox().ok();
    SystemMetrics {
        targets: targets.iter().map(|t| target_metrics(t, statuses.get(&t.target.name))).collect(),
        incidents: active.into_iter().filter_map(count).collect(),
        outbox: outbox.as_ref().map(|o| o.waiting),
        given_up: outbox.as_ref().map(|o| o.given_up),
    }
}

fn target_metrics(monitored: &MonitoredTarget, status: Option<&TargetStatus>) -> TargetMetrics {
    let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
    let counters = &monitored.counters;
    TargetMetrics {
        target: monitored.target.name.clone(),
        queries: read(&counters.queries),
        query_seconds: read(&counters.fetch_ms) as f64 / 1e3,
        ticks: status.map_or(0, |s| s.ticks),
        ticks_failed: status.map_or(0, |s| s.ticks_failed),
        ticks_late: status.map_or(0, |s| s.ticks_late),
        diagnoses: read(&counters.diagnoses),
        diagnosis_seconds: read(&counters.diagnosis_ms) as f64 / 1e3,
        opened: read(&counters.opened),
        last_success: status.and_then(|s| s.looked),
    }
}
