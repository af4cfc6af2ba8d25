//! The latest status, report, services and objectives of every target. The watcher of a target writes them; the API and MCP read them without
//! waiting for the watcher or its source.

use std::collections::BTreeMap;
use std::sync::Arc;

use automap_core::observation::Observation;
use automap_core::report::Report;
use automap_core::service_map::{self, MapKind, ServiceMap};
use automap_core::slo::SloStatus;
use parking_lot::RwLock;

use crate::system::{ServiceLevels, latest};
use crate::watcher::{TargetStatus, Tick};

/// The latest snapshot of every target. A clone refers to the same snapshots.
#[derive(Clone, Debug, Default)]
pub struct Snapshots {
    targets: Arc<RwLock<BTreeMap<String, TargetSnapshot>>>,
}

/// What is known of one target.
#[derive(Clone, Debug)]
pub struct TargetSnapshot {
    /// The state of the watching.
    pub status: TargetStatus,
    /// The report of the latest poll that could be diagnosed.
    pub report: Option<Arc<Report>>,
    /// What was observed of every service at the latest poll.
    pub services: Arc<BTreeMap<String, Observed>>,
    /// Who called whom at the latest poll that could be diagnosed.
    pub map: Option<Arc<ServiceMap>>,
    /// The state of its objectives.
    pub slos: Arc<Vec<SloStatus>>,
}

impl TargetSnapshot {
    /// Without any observation yet.
    fn new(status: TargetStatus) -> Self {
        Self { status, report: None, services: Arc::default(), map: None, slos: Arc::default() }
    }
}

/// What was observed of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Its metrics with at least one observed value, by name.
    pub metrics: Vec<String>,
    /// What it shows at the end of the data.
    pub levels: ServiceLevels,
    /// Whether any of its own metrics has a value there.
    pub is_seen: bool,
}

impl Snapshots {
    /// Sets the status of a target and keeps the rest.
    pub fn set_status(&self, status: TargetStatus) {
        self.change(status, |_| {});
    }

    /// Sets the outcome of a tick. A tick without a report or an observation keeps the previous one.
    pub fn set_tick(&self, status: TargetStatus, tick: &Tick) {
        let report = tick.report.clone().map(Arc::new);
        let services = tick.observation.as_ref().map(|o| Arc::new(services(o)));
        let map = tick.observation.as_ref().zip(tick.report.as_ref());
        let map = map.map(|(o, report)| Arc::new(service_map::compose(o, report, MapKind::Anomaly, &[])));
        self.change(status, |snapshot| {
            snapshot.report = report.or(snapshot.report.take());
            snapshot.map = map.or(snapshot.map.take());
            if let Some(services) = services {
                snapshot.services = services;
            }
        });
    }

    /// Sets the state of a target's objectives.
    pub fn set_slos(&self, target: &str, slos: Vec<SloStatus>) {
        if let Some(snapshot) = self.targets.write().get_mut(target) {
            snapshot.slos = Arc::new(slos);
        }
    }

    /// Sets the status of a target and drops what was observed of it: another replica watches it from now on.
    pub fn forget(&self, status: TargetStatus) {
        self.targets.write().insert(status.target.clone(), TargetSnapshot::new(status));
    }

    fn change(&self, status: TargetStatus, change: impl FnOnce(&mut TargetSnapshot)) {
        let mut targets = self.targets.write();
        let empty = || TargetSnapshot::new(TargetStatus::new(&status.target));
        let snapshot = targets.entry(status.target.clone()).or_insert_with(empty);
        snapshot.status = status;
        change(snapshot);
    }

    /// The snapshot of one target.
    pub fn get(&self, target: &str) -> Option<TargetSnapshot> {
        self.targets.read().get(target).cloned()
    }

    /// The snapshots of all targets, by name.
    pub fn all(&self) -> Vec<TargetSnapshot> {
        self.targets.read().values().cloned().collect()
    }
}

/// Every service that was observed.
pub(crate) fn services(observation: &Observation) -> BTreeMap<String, Observed> {
    let frame = &observation.frame;
    let mut services: BTreeMap<String, Observed> =
        observation.services().map(|s| (s.to_owned(), Observed::default())).collect();
    for series in frame.series().iter().filter(|s| s.values.iter().any(|v| v.is_finite())) {
        let Some(observed) = services.get_mut(frame.service(series.service)) else { continue };
        if !observed.metrics.iter().any(|m| *m == *series.metric.name) {
            observed.metrics.push(series.metric.name.clone());
        }
        observed.levels.take(series);
        observed.is_seen |= series.peer.is_none() && latest(series).is_some();
    }
    services.values_mut().for_each(|observed| observed.metrics.sort());
    services
}
