//! The running watcher, as the interface and the MCP server see it.

mod analyse;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use automap_core::incident::{Incident, IncidentState, TimelineKind};
use automap_core::profile::ProfileTable;
use automap_core::report::Report;
use automap_core::slo::SloStatus;
use automap_core::time::Timestamp;
use automap_sources::prometheus::Client;
use automap_sources::slo::Slo;
use serde_json::Value;
use tokio::sync::broadcast;

use crate::api::alerts::AlertGroup;
pub use crate::api::system::SystemError;
use crate::api::system::{
    CompareRequest, DiagnoseRequest, IncidentChange, ServiceStatus, System, SystemMetrics, TargetMetrics,
};
use crate::board::Board;
use crate::config::Target;
use crate::inbox::Inbox;
use crate::notify::NotifyConfig;
use crate::store::{IncidentFilter, MAX_PAGE, Store, StoreError};
use crate::watcher::{Clock, SystemClock, TargetStatus};

/// Changes that a slow listener may be behind before it is told that something is missing.
const MAX_BEHIND: usize = 256;
/// How often a confirmation is tried again when a watcher changed the incident at the same moment.
const MAX_CONFLICTS: usize = 5;

/// What runs.
#[derive(Debug)]
pub struct Live {
    /// What is known right now.
    pub board: Board,
    /// Alerts from outside.
    pub inbox: Inbox,
    targets: Vec<Place>,
    store: Arc<dyn Store>,
    notify: Arc<NotifyConfig>,
    changes: broadcast::Sender<IncidentChange>,
}

/// A target and its server.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) client: Client,
    pub(crate) slos: Vec<Slo>,
    pub(crate) counts: Arc<Counts>,
}

/// Counted since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Queries sent by the watcher.
    pub queries: Arc<AtomicU64>,
    /// Time that looks took, in milliseconds.
    pub look_ms: AtomicU64,
    /// Looks that were diagnosed.
    pub diagnoses: AtomicU64,
    /// Time that judging took, in milliseconds.
    pub diagnosis_ms: AtomicU64,
    /// Incidents opened.
    pub opened: AtomicU64,
}

impl Counts {
    pub(crate) fn looked(&self, look: Duration, judge: Duration, is_diagnosed: bool) {
        let add = |to: &AtomicU64, took: Duration| {
            to.fetch_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        };
        add(&self.look_ms, look);
        add(&self.diagnosis_ms, judge);
        self.diagnoses.fetch_add(u64::from(is_diagnosed), Ordering::Relaxed);
    }

    pub(crate) fn saw(&self, change: &Incident) {
        self.opened.fetch_add(u64::from(change.revision == 1), Ordering::Relaxed);
    }
}

impl Live {
    /// For these targets; nothing was looked at yet.
    pub(crate) fn new(places: Vec<Place>, store: Arc<dyn Store>, notify: Arc<NotifyConfig>) -> Self {
        let board = Board::default();
        for place in &places {
            board.put(TargetStatus {
                source: place.client.address().to_owned(),
                ..TargetStatus::new(&place.target.name)
            });
        }
        let targets: Vec<Target> = places.iter().map(|p| p.target.clone()).collect();
        let changes = broadcast::Sender::new(MAX_BEHIND);
        Self { board, inbox: Inbox::new(&targets), targets: places, store, notify, changes }
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.targets
    }

    /// Tells listeners of a change.
    pub fn publish(&self, incident: &Incident) {
        // Nobody listens most of the time.
        let _ = self.changes.send(IncidentChange::of(incident));
    }

    fn place(&self, target: &str) -> Result<&Place, SystemError> {
        let found = self.targets.iter().find(|p| p.target.name == target);
        found.ok_or_else(|| SystemError::NotFound { what: "target", name: target.to_owned() })
    }

    fn incident(&self, id: &str) -> Result<Incident, SystemError> {
        let found = self.store.get(id).map_err(away)?;
        found.ok_or_else(|| SystemError::NotFound { what: "incident", name: id.to_owned() })
    }
}

impl System for Live {
    fn targets(&self) -> Vec<TargetStatus> {
        // The database's own words are for the log.
        let plain = |status: TargetStatus| TargetStatus {
            store_error: status.store_error.map(|_| "the store does not take changes; see automap's log".to_owned()),
            ..status
        };
        self.board.all().into_iter().map(|seen| plain(seen.status)).collect()
    }

    fn snapshot(&self, target: &str) -> Option<Arc<Report>> {
        self.board.get(target)?.report
    }

    fn services(&self, target: &str) -> Result<Vec<ServiceStatus>, SystemError> {
        self.place(target)?;
        let Some(seen) = self.board.get(target) else { return Ok(Vec::new()) };
        let status = |(service, metrics): (&String, &Vec<String>)| ServiceStatus {
            service: service.clone(),
            metrics: metrics.clone(),
            signs: seen.status.signs.iter().filter(|s| s.service == *service).cloned().collect(),
        };
        Ok(seen.services.iter().map(status).collect())
    }

    fn slos(&self, target: &str) -> Result<Arc<Vec<SloStatus>>, SystemError> {
        self.place(target)?;
        Ok(self.board.get(target).map(|seen| seen.slos).unwrap_or_default())
    }

    fn profiles(&self, target: &str) -> Result<ProfileTable, SystemError> {
        self.place(target)?;
        let latest = self.store.profiles(target, Timestamp::from_ms(0), 1).map_err(away)?;
        let latest = latest
            .first()
            .ok_or_else(|| SystemError::NotFound { what: "profile yet of target", name: target.to_owned() })?;
        serde_json::from_str(&latest.json)
            .map_err(|e| SystemError::Unavailable { place: "the store".into(), message: format!("a profile: {e}") })
    }

    fn diagnose(&self, request: &DiagnoseRequest) -> Result<Report, SystemError> {
        analyse::diagnose(self.place(&request.target)?, request, SystemClock.now())
    }

    fn graph(&self, incident: &str) -> Result<Value, SystemError> {
        let incident = self.incident(incident)?;
        analyse::graph(self.place(&incident.target)?, &incident, SystemClock.now())
    }

    fn compare(&self, request: &CompareRequest) -> Result<Value, SystemError> {
        analyse::compare(self.place(&request.target)?, request, SystemClock.now())
    }

    fn explain(&self, incident: &str, service: &str) -> Result<Value, SystemError> {
        let incident = self.incident(incident)?;
        analyse::explain(self.place(&incident.target)?, &incident, service, SystemClock.now())
    }

    fn alert(&self, group: &AlertGroup) -> Result<(), SystemError> {
        let taken = self.inbox.take(group, SystemClock.now());
        let next =
            "name the target in the webhook's address: ?target=NAME, or label the alerts automap_target".to_owned();
        match (taken.strange, taken.dropped) {
            (0, 0) => Ok(()),
            (0, dropped) => Err(SystemError::Refused {
                message: format!("{dropped} alerts found no room"),
                next: "group them".into(),
            }),
            (strange, _) => {
                Err(SystemError::Refused { message: format!("{strange} alerts belong to no target"), next })
            }
        }
    }

    fn confirm(&self, incident: &str, service: &str, by: &str) -> Result<Incident, SystemError> {
        let confirmed = confirm(&*self.store, &self.notify, (incident, service, by), false, SystemClock.now())?;
        self.publish(&confirmed);
        // The mark is kept; what can be learnt from it needs the metrics, which may be gone.
        if let Ok(place) = self.place(&confirmed.target)
            && let Ok(Some(case)) = analyse::case(place, &confirmed, service, SystemClock.now())
        {
            self.store.confirm(&case).map_err(away)?;
        }
        Ok(confirmed)
    }

    fn subscribe(&self) -> broadcast::Receiver<IncidentChange> {
        self.changes.subscribe()
    }

    fn metrics(&self) -> SystemMetrics {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let seen: BTreeMap<String, TargetStatus> =
            self.board.all().into_iter().map(|s| (s.status.target.clone(), s.status)).collect();
        let of = |place: &Place| {
            let status = seen.get(&place.target.name);
            TargetMetrics {
                target: place.target.name.clone(),
                queries: read(&place.counts.queries),
                query_seconds: read(&place.counts.look_ms) as f64 / 1e3,
                ticks: status.map_or(0, |s| s.ticks),
                ticks_failed: status.map_or(0, |s| s.ticks_failed),
                ticks_late: status.map_or(0, |s| s.ticks_late),
                diagnoses: read(&place.counts.diagnoses),
                diagnosis_seconds: read(&place.counts.diagnosis_ms) as f64 / 1e3,
                opened: read(&place.counts.opened),
                last_success: status.and_then(|s| s.looked),
            }
        };
        let going_on = [IncidentState::Open, IncidentState::Recovering];
        let filter = IncidentFilter { states: going_on.to_vec(), limit: MAX_PAGE, ..IncidentFilter::default() };
        let open = self.store.list(&filter).ok();
        let count = |state| Some((state, open.as_ref()?.iter().filter(|i| i.state == state).count() as u64));
        SystemMetrics {
            targets: self.targets.iter().map(of).collect(),
            incidents: going_on.into_iter().filter_map(count).collect(),
            outbox: self.store.outbox().ok().map(|o| o.waiting),
            given_up: self.store.outbox().ok().map(|o| o.given_up),
        }
    }
}

/// Marks which `service` the cause of the incident `id` was, as `by` says, and tells the routes that heard of it.
///
/// # Errors
/// [`SystemError::NotFound`] when there is no such incident; [`SystemError::Refused`] when its report knows no such service, unless it is forced.
pub fn confirm(
    store: &dyn Store,
    notify: &NotifyConfig,
    (id, service, by): (&str, &str, &str),
    is_forced: bool,
    now: Timestamp,
) -> Result<Incident, SystemError> {
    for _ in 0..MAX_CONFLICTS {
        let found = store.get(id).map_err(away)?;
        let mut incident = found.ok_or_else(|| SystemError::NotFound { what: "incident", name: id.to_owned() })?;
        if !is_forced {
            check_service(&incident, service)?;
        }
        incident.confirmed = Some(service.to_owned());
        incident.add_entry(now, TimelineKind::Confirmed, format!("{service} was the cause, says {by}"));
        incident.revision += 1;
        incident.updated = incident.updated.max(now);
        let told = store.notified_routes(id).map_err(away)?;
        match store.put(&incident, &notify.routes_for(&incident, &told), now) {
            Ok(()) => return Ok(incident),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(away(error)),
        }
    }
    Err(SystemError::Unavailable {
        place: format!("incident {id}"),
        message: "it changes all the time; try again".into(),
    })
}

/// A service that the incident's report speaks of: any other one is a slip of the pen.
fn check_service(incident: &Incident, service: &str) -> Result<(), SystemError> {
    let causes = incident.report.iter().flat_map(|r| r.causes.iter().map(|c| c.service.as_str()));
    let symptoms = incident.symptoms.iter().map(|s| s.service.as_str());
    let known: Vec<String> =
        causes.chain(symptoms).chain(incident.victims.iter().map(String::as_str)).map(ToOwned::to_owned).collect();
    if known.is_empty() || known.iter().any(|k| k == service) {
        return Ok(());
    }
    let next = match automap_core::similar::similar_names(service, &known).first() {
        Some(name) => format!("did you mean '{name}'?"),
        None => format!("it speaks of {}", known.join(", ")),
    };
    Err(SystemError::Refused { message: format!("the report of {} does not know '{service}'", incident.id), next })
}

/// The database's own words may hold paths and addresses; they are in the log, since every renewal of a lease fails, too.
fn away(_: StoreError) -> SystemError {
    SystemError::Unavailable { place: "the store".into(), message: "it does not answer; see automap's log".into() }
}
