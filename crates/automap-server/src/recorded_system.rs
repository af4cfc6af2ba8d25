//! The [`System`] of a recording: one target with the incidents that a watcher would have opened or, for a saved report, the one that it is about.
//!
//! The same page and API serve a capture, a table, a single fetch from a server, or a saved report, with nothing else running. Nothing is watched or
//! notified, and no change is received; requests that a recording, or a report without its metrics, cannot answer are refused with the reason.

mod incidents;
mod saved;

use std::sync::Arc;

use automap_core::compare::{self, CompareOptions, Comparison};
use automap_core::dossier::{Dossier, ServiceDossier};
use automap_core::explain::Explanation;
use automap_core::incident::Incident;
use automap_core::observation::Observation;
use automap_core::profile::ProfileTable;
use automap_core::report::Report;
use automap_core::service_map::{self, MapKind, ServiceMap};
use automap_core::slo::SloStatus;
use automap_core::time::{Interval, WindowHint};
use automap_core::{DiagnoseError, DiagnoseOptions, analyse};
use tokio::sync::broadcast;

use crate::alerts::AlertGroup;
use crate::alerts::matching::AlertTargets;
use crate::analysed::Analysed;
use crate::dossiers::Dossiers;
use crate::live_system::{confirm, note};
use crate::mutes::{ListedMute, MuteRequest};
use crate::notify::NotifyConfig;
use crate::snapshots::{self, Observed};
use crate::store::memory::MemoryStore;
use crate::store::{ChangeFate, IncidentStore, Mute, ToldChange};
use crate::system::{
    CompareRequest, DiagnoseRequest, Experiment, IncidentChange, ServiceStatus, System, SystemError, SystemMetrics,
    TargetCoverage, period_beside,
};
use crate::watcher::{Clock, State, SystemClock, TargetStatus};

/// How many changes a listener may lag behind.
const MAX_BEHIND: usize = 16;

pub use incidents::of_report as incident_of_report;

/// A recording, its answer and its incidents.
#[derive(Debug)]
pub struct RecordedSystem {
    target: String,
    source: String,
    span: Interval,
    data: Data,
    report: Arc<Report>,
    map: Arc<ServiceMap>,
    store: Arc<MemoryStore>,
    experiments: Vec<Experiment>,
    dossiers: Dossiers,
    changes: broadcast::Sender<IncidentChange>,
}

/// What a recording holds.
#[derive(Debug)]
enum Data {
    /// All that was measured.
    Metrics(Box<Analysed>),
    /// What a page shows of it.
    Saved(Arc<Dossier>),
}

impl RecordedSystem {
    /// Diagnoses the recording and replays it; its incidents are in `store` then.
    ///
    /// # Errors
    /// [`DiagnoseError`] where the recording holds too little for an answer.
    pub fn new(
        target: &str,
        observation: Observation,
        experiments: Vec<Experiment>,
        store: &Arc<MemoryStore>,
    ) -> Result<Self, DiagnoseError> {
        let options = DiagnoseOptions::default();
        let analysis = analyse(&observation, &options)?;
        let whole = Analysed { observation, analysis, options };
        let report = whole.report();
        let map = service_map::compose(&whole.observation, &report, MapKind::Anomaly, &[]);
        for incident in incidents::of(target, &whole.observation, &report) {
            // The store is empty, and each incident is consistent: only a bug could make it refuse one.
            let stored = store.put(&incident, &[], incident.updated);
            debug_assert!(stored.is_ok(), "{stored:?}");
        }
        Ok(Self {
            target: target.to_owned(),
            source: whole.observation.source.clone(),
            span: whole.observation.frame.span(),
            data: Data::Metrics(Box::new(whole)),
            report: Arc::new(report),
            map: Arc::new(map),
            store: Arc::clone(store),
            experiments,
            dossiers: Dossiers::default(),
            changes: broadcast::Sender::new(MAX_BEHIND),
        })
    }

    fn check_target(&self, name: &str) -> Result<(), SystemError> {
        let is_it = name == self.target;
        is_it.then_some(()).ok_or_else(|| SystemError::NotFound { what: "target", name: name.to_owned() })
    }

    fn incident(&self, id: &str) -> Result<Incident, SystemError> {
        let found = self.store.get(id)?;
        found.ok_or_else(|| SystemError::NotFound { what: "incident", name: id.to_owned() })
    }

    /// What was measured; refused if only a report was saved.
    fn metrics(&self) -> Result<&Analysed, SystemError> {
        match &self.data {
            Data::Metrics(whole) => Ok(whole),
            Data::Saved(_) => Err(saved::without_metrics()),
        }
    }

    /// The recording up to the end of an incident, in the windows of its report.
    fn analyse_incident(&self, incident: &Incident) -> Result<Analysed, SystemError> {
        let mut observation = self.metrics()?.observation.clone();
        if let Some(windows) = incident.report.as_ref().map(|r| &r.windows) {
            let start = observation.frame.span().start.min(windows.baseline_start);
            if let Some(until) = Interval::new(start, windows.incident_end) {
                observation.frame = observation.frame.within(until).map_err(|e| refused(&e))?;
            }
            observation.hint = WindowHint {
                incident_start: Some(windows.incident_start),
                start_tolerance_ms: Some(0),
                incident_end: Some(windows.incident_end),
                baseline: Some(windows.baseline()),
            };
        }
        let options = DiagnoseOptions::default();
        let analysis = analyse(&observation, &options).map_err(|e| refused(&e))?;
        Ok(Analysed { observation, analysis, options })
    }
}

impl System for RecordedSystem {
    fn targets(&self) -> Vec<TargetStatus> {
        let Interval { start, end } = self.span;
        let open_incidents = self.open_ids();
        let is_named = self.report.verdict.service.is_some();
        let (what, services) = match &self.data {
            Data::Metrics(whole) => ("a recording", whole.observation.services().count()),
            Data::Saved(dossier) => ("a saved report, without its metrics,", dossier.map.nodes.len()),
        };
        let incidents = incidents::counted(&self.store.list(&incidents::all()).unwrap_or_default());
        vec![TargetStatus {
            source: self.source.clone(),
            state: State::Recorded,
            summary: format!("{what} from {} to {}: {incidents}", start.rfc3339(), end.rfc3339()),
            last_success: Some(end),
            services: Some(services),
            open: open_incidents.first().filter(|_| is_named).cloned(),
            open_incidents,
            ..TargetStatus::new(&self.target)
        }]
    }

    fn latest_report(&self, target: &str) -> Option<Arc<Report>> {
        (target == self.target).then(|| Arc::clone(&self.report))
    }

    fn services(&self, target: &str) -> Result<Vec<ServiceStatus>, SystemError> {
        self.check_target(target)?;
        let symptoms: Vec<_> = self.open_incidents().into_iter().flat_map(|i| i.symptoms).collect();
        let observed = match &self.data {
            Data::Metrics(whole) => snapshots::services(&whole.observation),
            Data::Saved(dossier) => saved::services(dossier),
        };
        let status = |(service, Observed { metrics, levels, is_seen }): (String, Observed)| ServiceStatus {
            signs: symptoms.iter().filter(|s| s.service == service).cloned().collect(),
            service,
            metrics,
            levels,
            is_seen,
        };
        Ok(observed.into_iter().map(status).collect())
    }

    fn slos(&self, target: &str) -> Result<Arc<Vec<SloStatus>>, SystemError> {
        self.check_target(target).map(|()| Arc::default())
    }

    fn profiles(&self, target: &str) -> Result<ProfileTable, SystemError> {
        self.check_target(target)?;
        Err(cannot("keeps no profiles", "use `automap profile` on the recording"))
    }

    fn diagnose(&self, request: &DiagnoseRequest) -> Result<Report, SystemError> {
        self.check_target(&request.target)?;
        let baseline = request.baseline.and_then(|p| Interval::new(p.start, p.end));
        let hint = WindowHint { incident_start: request.incident_start, baseline, ..WindowHint::default() };
        let options = DiagnoseOptions { engine: request.engine(), ..DiagnoseOptions::default() };
        let observation = Observation { hint, ..self.metrics()?.observation.clone() };
        automap_core::diagnose(&observation, &options).map_err(|e| refused(&e))
    }

    fn service_map(&self, incident: &str) -> Result<ServiceMap, SystemError> {
        let incident = self.incident(incident)?;
        match &self.data {
            Data::Metrics(_) => Ok(self.analyse_incident(&incident)?.service_map()),
            Data::Saved(dossier) => Ok(dossier.map.clone()),
        }
    }

    fn dossier(&self, incident: &str) -> Result<Arc<Dossier>, SystemError> {
        let incident = self.incident(incident)?;
        if let Data::Saved(dossier) = &self.data {
            return Ok(Arc::clone(dossier));
        }
        self.dossiers.get_or_make(&incident, || Ok(self.analyse_incident(&incident)?.dossier(&incident)))
    }

    fn latest_map(&self, target: &str) -> Result<Arc<ServiceMap>, SystemError> {
        self.check_target(target).map(|()| Arc::clone(&self.map))
    }

    fn service_dossier(&self, target: &str, service: &str) -> Result<ServiceDossier, SystemError> {
        self.check_target(target)?;
        match &self.data {
            Data::Metrics(whole) => whole.service_dossier(&self.report, service),
            Data::Saved(dossier) => dossier
                .service(service)
                .ok_or_else(|| SystemError::NotFound { what: "service", name: service.to_owned() }),
        }
    }

    fn compare(&self, request: &CompareRequest) -> Result<Comparison, SystemError> {
        self.check_target(&request.target)?;
        let whole = self.metrics()?;
        let observed = |name: &str, period: &crate::system::Period| {
            let window = Interval::new(period.start, period.end);
            compare::Period::new(name, &whole.observation, window).map_err(|e| refused(&e))
        };
        let periods = [observed("before", &request.before)?, observed("after", &request.after)?];
        compare::compare(&periods, &CompareOptions::default()).map_err(|e| refused(&e))
    }

    fn explain(&self, incident: &str, service: &str) -> Result<Explanation, SystemError> {
        self.analyse_incident(&self.incident(incident)?)?.explain(service)
    }

    fn alert_targets(&self) -> AlertTargets {
        AlertTargets::new(Vec::new())
    }

    fn keep_alerts(&self, _: &AlertGroup) -> Result<(), SystemError> {
        Err(cannot("receives no alerts", SERVE))
    }

    fn alert(&self, _: &AlertGroup) -> Result<(), SystemError> {
        Err(cannot("receives no alerts", SERVE))
    }

    fn tell_changes(&self, _: &[ToldChange]) -> Result<Vec<ChangeFate>, SystemError> {
        Err(cannot("receives no changes", SERVE))
    }

    fn confirm(&self, incident: &str, service: &str, by: &str) -> Result<Incident, SystemError> {
        let by = (incident, service, by);
        let confirmed = confirm(&*self.store, &NotifyConfig::default(), by, false, SystemClock.now())?;
        self.publish(&confirmed);
        Ok(confirmed)
    }

    fn note(&self, incident: &str, text: &str, by: &str) -> Result<Incident, SystemError> {
        let noted = note(&*self.store, (incident, text, by), SystemClock.now())?;
        self.publish(&noted);
        Ok(noted)
    }

    fn capture(&self, incident: &str) -> Result<Vec<u8>, SystemError> {
        self.analyse_incident(&self.incident(incident)?)?.capture()
    }

    fn coverage(&self, target: &str) -> Result<TargetCoverage, SystemError> {
        self.check_target(target)?;
        let observation = &self.metrics()?.observation;
        Ok(TargetCoverage::of(target, observation, observation.frame.span().end))
    }

    fn experiments(&self, incident: &str) -> Result<Vec<Experiment>, SystemError> {
        self.experiments_during(period_beside(&self.incident(incident)?, self.span.end))
    }

    fn experiments_during(&self, period: Interval) -> Result<Vec<Experiment>, SystemError> {
        let is_within =
            |e: &&Experiment| e.started.is_none_or(|at| at < period.end) && e.ended.is_none_or(|at| at > period.start);
        Ok(self.experiments.iter().filter(is_within).cloned().collect())
    }

    fn mutes(&self) -> Vec<ListedMute> {
        Vec::new()
    }

    fn add_mute(&self, _: &MuteRequest, _: &str) -> Result<Mute, SystemError> {
        Err(cannot("notifies nobody, so nothing can be muted", SERVE))
    }

    fn end_mute(&self, id: &str) -> Result<(), SystemError> {
        Err(SystemError::NotFound { what: "mute", name: id.to_owned() })
    }

    fn subscribe(&self) -> broadcast::Receiver<IncidentChange> {
        self.changes.subscribe()
    }

    fn metrics(&self) -> SystemMetrics {
        SystemMetrics::default()
    }
}

impl RecordedSystem {
    fn publish(&self, incident: &Incident) {
        // Fails when there is no listener, which is the usual state.
        let _ = self.changes.send(IncidentChange::of(incident));
    }

    fn open_incidents(&self) -> Vec<Incident> {
        let all = self.store.list(&incidents::all()).unwrap_or_default();
        all.into_iter().filter(Incident::is_open).collect()
    }

    fn open_ids(&self) -> Vec<String> {
        self.open_incidents().into_iter().map(|i| i.id).collect()
    }
}

const SERVE: &str = "start `automap serve`";

fn cannot(what: &str, next: &str) -> SystemError {
    SystemError::Refused { message: format!("a recording {what}"), next: next.to_owned() }
}

fn refused(error: &dyn std::fmt::Display) -> SystemError {
    SystemError::Refused { message: error.to_string(), next: "choose other periods, or a longer recording".to_owned() }
}
