//! What is known of every target right now: written by its watcher, read by everybody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use automap_core::observation::Observation;
use automap_core::report::Report;
use automap_core::slo::SloStatus;
use parking_lot::RwLock;

use crate::watcher::{TargetStatus, Tick};

/// The latest of every target.
#[derive(Clone, Debug, Default)]
pub struct Board {
    targets: Arc<RwLock<BTreeMap<String, Seen>>>,
}

/// The latest of one target.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How the watching goes.
    pub status: TargetStatus,
    /// The answer of the last look that could be judged.
    pub report: Option<Arc<Report>>,
    /// Every service of the last look, and the metrics of which something was seen.
    pub services: Arc<BTreeMap<String, Vec<String>>>,
    /// How its objectives stand.
    pub slos: Arc<Vec<SloStatus>>,
}

impl Board {
    /// Puts up how a target is; what was seen of it stays up.
    pub fn put(&self, status: TargetStatus) {
        self.change(status, |_| {});
    }

    /// Puts up what came of a tick; an answer stays up until there is a newer one.
    pub fn put_tick(&self, status: TargetStatus, tick: &Tick) {
        let report = tick.report.clone().map(Arc::new);
        let services = tick.observation.as_ref().map(|o| Arc::new(services(o)));
        self.change(status, |seen| {
            seen.report = report.or(seen.report.take());
            if let Some(services) = services {
                seen.services = services;
            }
        });
    }

    /// Puts up how the objectives of a target stand.
    pub fn put_slos(&self, target: &str, slos: Vec<SloStatus>) {
        if let Some(seen) = self.targets.write().get_mut(target) {
            seen.slos = Arc::new(slos);
        }
    }

    fn change(&self, status: TargetStatus, change: impl FnOnce(&mut Seen)) {
        let mut targets = self.targets.write();
        let nothing = || Seen {
            status: TargetStatus::new(&status.target),
            report: None,
            services: Arc::default(),
            slos: Arc::default(),
        };
        let seen = targets.entry(status.target.clone()).or_insert_with(nothing);
        seen.status = status;
        change(seen);
    }

    /// The latest of one target.
    pub fn get(&self, target: &str) -> Option<Seen> {
        self.targets.read().get(target).cloned()
    }

    /// The latest of all, by name.
    pub fn all(&self) -> Vec<Seen> {
        self.targets.read().values().cloned().collect()
    }
}

fn services(observation: &Observation) -> BTreeMap<String, Vec<String>> {
    let frame = &observation.frame;
    let mut services: BTreeMap<String, Vec<String>> =
        frame.services().iter().map(|s| (s.clone(), Vec::new())).collect();
    for series in frame.series().iter().filter(|s| s.values.iter().any(|v| v.is_finite())) {
        if let Some(metrics) = services.get_mut(frame.service(series.service))
            && !metrics.iter().any(|m| *m == *series.metric.name)
        {
            metrics.push(series.metric.name.to_string());
        }
    }
    services.values_mut().for_each(|metrics| metrics.sort());
    services
}
