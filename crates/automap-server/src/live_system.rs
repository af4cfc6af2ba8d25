//! The [`System`] of a running automap: answers from the latest snapshots where they suffice, and from the targets' servers where metrics are
//! needed. `automap mcp` uses it without a watcher; it then knows what the store keeps, and can analyse.

mod analyses;
mod confirmation;
mod counters;
mod metrics;
mod mute_names;
mod target;

use std::sync::{Arc, OnceLock};

use automap_core::compare::Comparison;
use automap_core::dossier::{Dossier, ServiceDossier};
use automap_core::explain::Explanation;
use automap_core::incident::Incident;
use automap_core::profile::ProfileTable;
use automap_core::report::Report;
use automap_core::service_map::ServiceMap;
use automap_core::slo::SloStatus;
use automap_core::time::{Interval, Timestamp};
use tokio::sync::broadcast;

use crate::alerts::AlertGroup;
use crate::alerts::firing::FiringAlerts;
use crate::alerts::matching::AlertTargets;
use crate::config::{Config, Target};
use crate::dossiers::Dossiers;
use crate::mutes::{self, ListedMute, MuteOrigin, MuteRequest, Mutes};
use crate::notify::NotifyConfig;
use crate::snapshots::{Observed, Snapshots};
use crate::store::{ChangeFate, Mute, Store, ToldChange};
use crate::system::{
    CompareRequest, DiagnoseRequest, DrillStage, Experiment, ExperimentSource, IncidentChange, ServiceStatus, System,
    SystemError, SystemMetrics, TargetCoverage, period_beside,
};
use crate::watcher::{Clock, SystemClock, TargetStatus};

pub use confirmation::{confirm, note};
pub(crate) use target::MonitoredTarget;
pub use target::SetupError;

/// How many changes a listener may lag behind before the oldest are dropped for it.
const MAX_BEHIND: usize = 256;

/// The targets of a configuration, and what is known of them.
#[derive(Debug)]
pub struct LiveSystem {
    /// The latest status and report of every target.
    pub snapshots: Snapshots,
    /// Alerts from outside that fire now.
    pub alerts: FiringAlerts,
    /// When nobody is notified.
    pub mutes: Arc<Mutes>,
    targets: Vec<MonitoredTarget>,
    store: Arc<dyn Store>,
    notify: Arc<NotifyConfig>,
    changes: broadcast::Sender<IncidentChange>,
    experiments: OnceLock<Box<dyn ExperimentSource>>,
    drill_stage: OnceLock<Box<dyn DrillStage>>,
    dossiers: Dossiers,
}

impl LiveSystem {
    /// For the targets of a configuration. Their servers are not contacted yet.
    ///
    /// # Errors
    /// [`SetupError`] when there is no target, or an address, header, certificate or file of objectives cannot be used.
    pub fn new(config: &Config, store: &Arc<dyn Store>) -> Result<Self, SetupError> {
        let targets = MonitoredTarget::all_of(config, store)?;
        let snapshots = Snapshots::default();
        for monitored in &targets {
            let source = monitored.client.address().to_owned();
            snapshots.set_status(TargetStatus { source, ..TargetStatus::new(&monitored.target.name) });
        }
        let configured: Vec<Target> = targets.iter().map(|t| t.target.clone()).collect();
        Ok(Self {
            snapshots,
            alerts: FiringAlerts::new(&configured),
            mutes: Arc::new(Mutes::new(&config.mutes, config.places())),
            targets,
            store: Arc::clone(store),
            notify: Arc::new(config.notify.clone()),
            changes: broadcast::Sender::new(MAX_BEHIND),
            experiments: OnceLock::new(),
            drill_stage: OnceLock::new(),
            dossiers: Dossiers::default(),
        })
    }

    /// Shows these experiments beside incidents. Only the first source counts.
    pub fn show_experiments(&self, source: Box<dyn ExperimentSource>) {
        let _ = self.experiments.set(source);
    }

    /// Lets operators inject the faults of this stage from now on. Only the first stage counts.
    pub fn allow_drills(&self, stage: Box<dyn DrillStage>) {
        let _ = self.drill_stage.set(stage);
    }

    pub(crate) fn monitored(&self) -> &[MonitoredTarget] {
        &self.targets
    }

    /// Sends a change of an incident to all listeners.
    pub fn publish(&self, incident: &Incident) {
        // Fails when there is no listener, which is the usual state.
        let _ = self.changes.send(IncidentChange::of(incident));
    }

    fn target(&self, name: &str) -> Result<&MonitoredTarget, SystemError> {
        let found = self.targets.iter().find(|t| t.target.name == name);
        found.ok_or_else(|| SystemError::NotFound { what: "target", name: name.to_owned() })
    }

    fn incident(&self, id: &str) -> Result<Incident, SystemError> {
        let found = self.store.get(id)?;
        found.ok_or_else(|| SystemError::NotFound { what: "incident", name: id.to_owned() })
    }
}

impl System for LiveSystem {
    fn targets(&self) -> Vec<TargetStatus> {
        // The database's own text may contain paths and addresses: it is for the log only.
        let without_details = |status: TargetStatus| TargetStatus {
            store_error: status.store_error.map(|_| "the store does not accept changes; see automap's log".to_owned()),
            namespace: self.target(&status.target).ok().map(|t| t.target.namespace.clone()),
            query_page: self.target(&status.target).ok().map(MonitoredTarget::query_page),
            ..status
        };
        self.snapshots.all().into_iter().map(|snapshot| without_details(snapshot.status)).collect()
    }

    fn latest_report(&self, target: &str) -> Option<Arc<Report>> {
        self.snapshots.get(target)?.report
    }

    fn services(&self, target: &str) -> Result<Vec<ServiceStatus>, SystemError> {
        self.target(target)?;
        let Some(snapshot) = self.snapshots.get(target) else { return Ok(Vec::new()) };
        let status = |(service, observed): (&String, &Observed)| ServiceStatus {
            service: service.clone(),
            metrics: observed.metrics.clone(),
            levels: observed.levels,
            is_seen: observed.is_seen,
            signs: snapshot.status.signs.iter().filter(|s| s.service == *service).cloned().collect(),
        };
        Ok(snapshot.services.iter().map(status).collect())
    }

    fn slos(&self, target: &str) -> Result<Arc<Vec<SloStatus>>, SystemError> {
        self.target(target)?;
        Ok(self.snapshots.get(target).map(|snapshot| snapshot.slos).unwrap_or_default())
    }

    fn profiles(&self, target: &str) -> Result<ProfileTable, SystemError> {
        self.target(target)?;
        let latest = self.store.profiles(target, Timestamp::from_ms(0), 1)?;
        let latest = latest
            .first()
            .ok_or_else(|| SystemError::NotFound { what: "profile yet of target", name: target.to_owned() })?;
        serde_json::from_str(&latest.json).map_err(|e| SystemError::Unavailable {
            place: "the store".into(),
            message: format!("a profile cannot be read: {e}"),
        })
    }

    fn diagnose(&self, request: &DiagnoseRequest) -> Result<Report, SystemError> {
        analyses::diagnose(self.target(&request.target)?, request, SystemClock.now())
    }

    fn service_map(&self, incident: &str) -> Result<ServiceMap, SystemError> {
        let incident = self.incident(incident)?;
        analyses::service_map(self.target(&incident.target)?, &incident, SystemClock.now())
    }

    fn dossier(&self, incident: &str) -> Result<Arc<Dossier>, SystemError> {
        let incident = self.incident(incident)?;
        let target = self.target(&incident.target)?;
        self.dossiers.get_or_make(&incident, || analyses::dossier(target, &incident, SystemClock.now()))
    }

    fn latest_map(&self, target: &str) -> Result<Arc<ServiceMap>, SystemError> {
        self.target(target)?;
        let map = self.snapshots.get(target).and_then(|snapshot| snapshot.map);
        map.ok_or_else(|| SystemError::NotFound { what: "map yet of target", name: target.to_owned() })
    }

    fn service_dossier(&self, target: &str, service: &str) -> Result<ServiceDossier, SystemError> {
        analyses::service_dossier(self.target(target)?, service, SystemClock.now())
    }

    fn compare(&self, request: &CompareRequest) -> Result<Comparison, SystemError> {
        analyses::compare(self.target(&request.target)?, request, SystemClock.now())
    }

    fn explain(&self, incident: &str, service: &str) -> Result<Explanation, SystemError> {
        let incident = self.incident(incident)?;
        analyses::explain(self.target(&incident.target)?, &incident, service, SystemClock.now())
    }

    fn alert_targets(&self) -> AlertTargets {
        self.alerts.targets()
    }

    fn keep_alerts(&self, group: &AlertGroup) -> Result<(), SystemError> {
        let now = SystemClock.now();
        self.store.put_alerts(&self.alerts.changes(group, now), now)?;
        self.alerts.renew(group, now);
        Ok(())
    }

    fn alert(&self, group: &AlertGroup) -> Result<(), SystemError> {
        let intake = self.alerts.receive(group, SystemClock.now());
        let (message, next) = match (intake.unmatched, intake.dropped) {
            (0, 0) => return Ok(()),
            (0, dropped) => (format!("{dropped} alerts exceed the limit of firing alerts"), "group the alerts"),
            (unmatched, _) => (
                format!("{unmatched} alerts belong to no target"),
                "name the target in the webhook's address: ?target=NAME, or label the alerts automap_target",
            ),
        };
        Err(SystemError::Refused { message, next: next.to_owned() })
    }

    fn tell_changes(&self, changes: &[ToldChange]) -> Result<Vec<ChangeFate>, SystemError> {
        Ok(self.store.put_changes(changes, SystemClock.now())?)
    }

    fn confirm(&self, incident: &str, service: &str, by: &str) -> Result<Incident, SystemError> {
        let now = SystemClock.now();
        let confirmed = confirm(&*self.store, &self.notify, (incident, service, by), false, now)?;
        self.publish(&confirmed);
        // The confirmation is stored in any case; learning from it needs the metrics, which may be gone.
        if let Ok(target) = self.target(&confirmed.target)
            && let Ok(Some(case)) = analyses::confirmed_case(target, &confirmed, service, now)
        {
            self.store.confirm(&case)?;
        }
        Ok(confirmed)
    }

    fn experiments(&self, incident: &str) -> Result<Vec<Experiment>, SystemError> {
        let incident = self.incident(incident)?;
        self.experiments_during(period_beside(&incident, SystemClock.now()))
    }

    fn experiments_during(&self, period: Interval) -> Result<Vec<Experiment>, SystemError> {
        let source = self.experiments.get().ok_or_else(|| SystemError::Refused {
            message: "no ledger of experiments is read".into(),
            next: "start automap with `serve --ledger FILE`; `automap chaos record` writes the file".into(),
        })?;
        let unavailable = |message| SystemError::Unavailable { place: "the ledger of experiments".into(), message };
        source.during(period).map_err(unavailable)
    }

    fn note(&self, incident: &str, text: &str, by: &str) -> Result<Incident, SystemError> {
        let noted = note(&*self.store, (incident, text, by), SystemClock.now())?;
        self.publish(&noted);
        Ok(noted)
    }

    fn capture(&self, incident: &str) -> Result<Vec<u8>, SystemError> {
        let incident = self.incident(incident)?;
        analyses::capture(self.target(&incident.target)?, &incident, SystemClock.now())
    }

    fn coverage(&self, target: &str) -> Result<TargetCoverage, SystemError> {
        analyses::coverage(self.target(target)?, SystemClock.now())
    }

    fn drill_stage(&self) -> Option<&dyn DrillStage> {
        self.drill_stage.get().map(AsRef::as_ref)
    }

    fn mutes(&self) -> Vec<ListedMute> {
        let now = SystemClock.now();
        // Another replica or the command line may have added some; while the store does not answer, those read before stay valid.
        let _ = self.mutes.refresh(&*self.store, now);
        self.mutes.list(now)
    }

    fn add_mute(&self, request: &MuteRequest, by: &str) -> Result<Mute, SystemError> {
        let now = SystemClock.now();
        let known = mute_names::known(&self.targets, &self.snapshots, &*self.store, request)?;
        let mute = mutes::add(&*self.store, request, &known, by, now)?;
        self.mutes.refresh(&*self.store, now)?;
        Ok(mute)
    }

    fn end_mute(&self, id: &str) -> Result<(), SystemError> {
        let now = SystemClock.now();
        if self.store.end_mute(id, now)? {
            return Ok(self.mutes.refresh(&*self.store, now)?);
        }
        let origin = self.mutes.list(now).into_iter().find(|m| m.mute.id == id).map(|m| m.origin);
        let refuse = |message: &str, next: &str| SystemError::Refused { message: message.into(), next: next.into() };
        Err(match origin {
            Some(MuteOrigin::Configuration) => refuse("it is a window of the configuration", "change mutes.windows"),
            Some(MuteOrigin::Alertmanager) => refuse("it is a silence of an Alertmanager", "expire it there"),
            _ => SystemError::NotFound { what: "mute", name: id.to_owned() },
        })
    }

    fn subscribe(&self) -> broadcast::Receiver<IncidentChange> {
        self.changes.subscribe()
    }

    fn metrics(&self) -> SystemMetrics {
        metrics::metrics(&self.targets, &self.snapshots, &*self.store)
    }
}
