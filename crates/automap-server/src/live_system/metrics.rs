//! The watcher's counters for `/metrics`: those of each target, the incidents that are not closed, and the outbox.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use automap_core::incident::IncidentState;

use super::target::MonitoredTarget;
use crate::snapshots::Snapshots;
use crate::store::{IncidentFilter, MAX_PAGE, Store};
use crate::system::{SystemMetrics, TargetMetrics};
use crate::watcher::TargetStatus;

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
        open: status.map_or(0, |s| s.open_incidents.len() as u64),
        changes_waiting: status.map_or(0, |s| s.changes_waiting as u64),
        changes_lost: status.map_or(0, |s| s.changes_lost),
        restarts: counters.restarts(),
        last_success: status.and_then(|s| s.last_success),
    }
}
