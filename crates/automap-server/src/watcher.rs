//! Watches one target: each tick fetches its metrics, judges them, and stores what changed. Blocking; runs on a thread of its own.
//!
//! A change that the store does not accept is kept in memory and offered again at the next tick, in its latest state; its timeline holds what
//! happened in between. Which routes are notified is decided by the caller ([`Routes`]); sending is left to the outbox.

mod round;
mod status;

use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_core::incident::{Incident, Owner, Severity, SloImpact};
use automap_core::observation::Observation;
use automap_core::report::Report;
use automap_core::time::Timestamp;
use automap_core::watch::{Alert, Watch, WatchInput, WatchOptions};
use tracing::debug_span;

pub use round::{Clock, SystemClock, run};
pub use status::{State, TargetStatus};

pub use crate::stop::Stop;

use crate::store::{IncidentFilter, Store, StoreError};

/// Most incidents of one target that are read after a restart.
const MAX_RESUMED: usize = 50;
/// Most changes that wait for a store that is unavailable. Incidents are hours apart.
const MAX_PENDING: usize = 16;
/// How often a change is written again after the incident was changed elsewhere at the same moment.
const MAX_CONFLICTS: usize = 3;

/// Where the metrics of a target come from.
pub trait Source: Send {
    /// The metrics up to now, normal time included.
    ///
    /// # Errors
    /// [`FetchError`]: why there are none.
    fn look(&mut self, now: Timestamp) -> Result<Observation, FetchError>;
}

/// Why a look brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The source does not answer, or not with what is needed; in words.
    Failed(String),
    /// It answers, and has not been there for long enough; in words.
    TooYoung(String),
}

impl From<&str> for FetchError {
    fn from(words: &str) -> Self {
        Self::Failed(words.to_owned())
    }
}

/// What speaks beside the metrics on a tick.
#[derive(Clone, Debug, Default)]
pub struct TickInputs {
    /// Objectives whose budget burns too fast now.
    pub slos: Vec<(SloImpact, Severity)>,
    /// Alerts that fire now.
    pub alerts: Vec<Alert>,
}

/// Watches one target.
#[derive(Debug)]
pub struct Watcher {
    watch: Watch,
    store: Arc<dyn Store>,
    /// The routes that are notified of a change.
    routes: Routes,
    /// Who writes, where only the holder of the target's lease may.
    holder: Option<String>,
    /// Changes that the store did not take, one for each incident, the oldest first.
    pending: Vec<Incident>,
    status: TargetStatus,
}

type Choose = dyn Fn(&Incident, &[String]) -> Vec<String> + Send;
type Own = dyn Fn(&Incident) -> Option<Owner> + Send;

/// The routes to notify of a change of an incident, given those notified before, and the incident's owner.
pub struct Routes {
    choose: Box<Choose>,
    owner: Box<Own>,
}

impl Routes {
    /// By functions.
    pub fn new(
        choose: impl Fn(&Incident, &[String]) -> Vec<String> + Send + 'static,
        owner: impl Fn(&Incident) -> Option<Owner> + Send + 'static,
    ) -> Self {
        Self { choose: Box::new(choose), owner: Box::new(owner) }
    }

    /// To nobody, of nobody.
    pub fn none() -> Self {
        Self::new(|_, _| Vec::new(), |_| None)
    }
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Routes")
    }
}

/// What came of one tick.
#[derive(Debug, Default)]
pub struct Tick {
    /// Incidents that the store took.
    pub kept: Vec<Incident>,
    /// The answer of now.
    pub report: Option<Report>,
    /// What was seen; `None` when the source failed.
    pub observation: Option<Observation>,
    /// How long the source took.
    pub look: Duration,
    /// How long judging took.
    pub judge: Duration,
}

impl Watcher {
    /// Goes on with what the store remembers of this target.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn resume(
        target: &str,
        options: WatchOptions,
        store: Arc<dyn Store>,
        routes: Routes,
    ) -> Result<Self, StoreError> {
        let filter =
            IncidentFilter { target: Some(target.to_owned()), limit: MAX_RESUMED, ..IncidentFilter::default() };
        let mut known = store.list(&filter)?;
        for incident in known.iter_mut().filter(|i| i.is_open()) {
            if let Some(whole) = store.get(&incident.id)? {
                *incident = whole;
            }
        }
        let watch = Watch::resume(target, options, known);
        Ok(Self { watch, store, routes, holder: None, pending: Vec::new(), status: TargetStatus::new(target) })
    }

    /// Writes only while `holder` has the lease of the target; what it may not write waits like what the store did not take.
    #[must_use]
    pub fn held_by(mut self, holder: impl Into<String>) -> Self {
        self.holder = Some(holder.into());
        self
    }

    /// One look at the target.
    pub fn tick(&mut self, source: &mut dyn Source, inputs: &TickInputs, now: Timestamp) -> Tick {
        self.status.ticks += 1;
        let mut tick = Tick::default();
        tick.kept.extend(self.offer_again(now));
        let begun = Instant::now();
        let looked = debug_span!(target: "poll", "poll", target = self.status.target).in_scope(|| source.look(now));
        tick.look = begun.elapsed();
        match looked {
            Err(FetchError::Failed(error)) => self.status.failed(now, error),
            Err(FetchError::TooYoung(words)) => self.status.too_young(words),
            Ok(observation) => {
                self.take_over_what_others_changed();
                let begun = Instant::now();
                let look = WatchInput { now, observation: &observation, slos: &inputs.slos, alerts: &inputs.alerts };
                let step = debug_span!(target: "diagnosis", "diagnosis", target = self.status.target)
                    .in_scope(|| self.watch.evaluate(&look));
                tick.judge = begun.elapsed();
                self.status.looked(now, &step, observation.frame.services().len());
                tick.report = step.report;
                if let Some(change) = step.change {
                    tick.kept.extend(self.keep(change, now));
                }
                tick.observation = Some(observation);
            }
        }
        self.status.open = self.watch.open_incident().map(|i| i.id.clone());
        tick
    }

    /// How the watching goes.
    pub fn status(&self) -> &TargetStatus {
        &self.status
    }

    /// The incident that goes on.
    pub fn open(&self) -> Option<&Incident> {
        self.watch.open_incident()
    }

    /// Writes a change; one that the store does not take is kept for the next tick.
    fn keep(&mut self, mut change: Incident, now: Timestamp) -> Option<Incident> {
        if let Some(i) = self.pending.iter().position(|p| p.id == change.id) {
            change.revision = self.pending.remove(i).revision;
        }
        change.owner = (self.routes.owner)(&change);
        for _ in 0..MAX_CONFLICTS {
            match self.write(&change, now) {
                Ok(()) => {
                    self.watch.replace_open(change.clone());
                    self.status.store_error = None;
                    return Some(change);
                }
                Err(StoreError::Conflict { .. }) => self.rebase(&mut change),
                Err(error) => {
                    self.status.store_error = Some(error.to_string());
                    break;
                }
            }
        }
        self.watch.replace_open(change.clone());
        if self.pending.len() == MAX_PENDING {
            self.pending.remove(0);
        }
        self.pending.push(change);
        None
    }

    fn write(&self, change: &Incident, now: Timestamp) -> Result<(), StoreError> {
        let routes = (self.routes.choose)(change, &self.store.notified_routes(&change.id)?);
        match &self.holder {
            Some(holder) => self.store.put_leading(change, &routes, now, holder),
            None => self.store.put(change, &routes, now),
        }
    }

    fn offer_again(&mut self, now: Timestamp) -> Vec<Incident> {
        std::mem::take(&mut self.pending).into_iter().filter_map(|change| self.keep(change, now)).collect()
    }

    /// Puts our change on top of somebody else's: a confirmation, an alert.
    fn rebase(&self, change: &mut Incident) {
        if let Ok(Some(stored)) = self.store.get(&change.id) {
            join(change, &stored);
            change.revision = stored.revision + 1;
        }
    }

    /// Somebody confirmed the cause since the last tick.
    fn take_over_what_others_changed(&mut self) {
        let Some(open) = self.watch.open_incident().filter(|_| self.pending.is_empty()) else { return };
        if let Ok(Some(stored)) = self.store.get(&open.id)
            && stored.revision > open.revision
        {
            self.watch.replace_open(stored);
        }
    }
}

/// What only others write: the confirmed cause, and moments that we did not see.
fn join(ours: &mut Incident, theirs: &Incident) {
    if ours.confirmed.is_none() {
        ours.confirmed.clone_from(&theirs.confirmed);
    }
    let missed: Vec<_> = theirs.timeline.iter().filter(|e| !ours.timeline.contains(e)).cloned().collect();
    ours.timeline.extend(missed);
    ours.timeline.sort_by_key(|e| e.at);
}

#[cfg(test)]
mod tests;
