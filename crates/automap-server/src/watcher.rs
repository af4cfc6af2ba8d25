//! Watches one target: each tick fetches its metrics, judges them, and stores what changed. Blocking; runs on a thread of its own.
//!
//! A change that the store does not accept is kept in memory and offered again at the next tick, in its newest revision ([`unsaved`]). Which routes are notified is decided by the caller ([`Routes`]); sending is left to the outbox.

mod days;
mod parts;
mod round;
mod source;
mod status;
mod unsaved;

use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_core::incident::{Incident, IncidentState, Muted, Owner, Severity, SloImpact};
use automap_core::observation::Observation;
use automap_core::report::Report;
use automap_core::time::Timestamp;
use automap_core::verdict::time_of_day;
use automap_core::watch::{Alert, Reported, Watch, WatchInput, WatchOptions, WatchOutcome};
use tracing::{debug_span, error};

pub use round::{Clock, SystemClock, run};
pub use source::{FetchError, Source};
pub use status::{State, TargetStatus};

pub use crate::stop::Stop;

use crate::store::{IncidentFilter, Store, StoreError, history};
use days::Days;
use parts::Parts;
use unsaved::Unsaved;

/// Most incidents of one target that are read after a restart.
const MAX_RESUMED: usize = 50;
/// How often a change is written again after the incident was changed elsewhere at the same moment.
const MAX_CONFLICTS: usize = 3;

/// Evidence other than metrics that a tick takes into account.
#[derive(Clone, Debug, Default)]
pub struct TickInputs {
    /// Objectives whose budget burns too fast now.
    pub slos: Vec<(SloImpact, Severity)>,
    /// Names of the objectives of which it is not known whether they burn.
    pub uncounted: Vec<String>,
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
    /// The name under which this replica holds the target's lease; `None` when the store needs no lease.
    holder: Option<String>,
    /// Changes that the store has not accepted yet.
    unsaved: Unsaved,
    /// Breakdowns of the open incidents' causes by part, such as pods.
    parts: Parts,
    /// The same hours of earlier days, if they were fetched.
    days: Days,
    /// Whether given-up changes were logged since the store last accepted one.
    has_told_loss: bool,
    status: TargetStatus,
}

type ChooseRoutes = dyn Fn(&Incident, &[String]) -> Vec<String> + Send;
type FindOwner = dyn Fn(&Incident) -> Option<Owner> + Send;
type FindMute = dyn Fn(&Incident, Timestamp) -> Option<Muted> + Send;

/// The routes to notify of a change of an incident, given those notified before, the incident's owner, and the mute that applies to it.
pub struct Routes {
    choose: Box<ChooseRoutes>,
    owner: Box<FindOwner>,
    muted: Box<FindMute>,
}

impl Routes {
    /// From one function for the routes and one for the owner.
    pub fn new(
        choose: impl Fn(&Incident, &[String]) -> Vec<String> + Send + 'static,
        owner: impl Fn(&Incident) -> Option<Owner> + Send + 'static,
    ) -> Self {
        Self { choose: Box::new(choose), owner: Box::new(owner), muted: Box::new(|_, _| None) }
    }

    /// With a function that finds the mute of an incident.
    #[must_use]
    pub fn muted_by(mut self, muted: impl Fn(&Incident, Timestamp) -> Option<Muted> + Send + 'static) -> Self {
        self.muted = Box::new(muted);
        self
    }

    /// Notifies no route and finds no owner.
    pub fn none() -> Self {
        Self::new(|_, _| Vec::new(), |_| None)
    }
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Routes")
    }
}

/// The result of one tick.
#[derive(Debug, Default)]
pub struct Tick {
    /// Incidents that the store accepted.
    pub kept: Vec<Incident>,
    /// The diagnosis of this tick, if there was one.
    pub report: Option<Report>,
    /// What the source returned; `None` when it failed.
    pub observation: Option<Observation>,
    /// How long the source took to answer.
    pub poll_time: Duration,
    /// How long the evaluation took, with the diagnosis if there was one.
    pub diagnosis_time: Duration,
}

impl Watcher {
    /// Continues with the incidents of this target that the store holds.
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
        // However long ago they were opened: nobody else would close them.
        let open = IncidentFilter { states: vec![IncidentState::Open, IncidentState::Recovering], ..filter.clone() };
        let mut known = store.list(&open)?;
        known.extend(store.list(&filter)?.into_iter().filter(|i| !i.is_open()));
        for incident in known.iter_mut().filter(|i| i.is_open()) {
            if let Some(whole) = store.get(&incident.id)? {
                *incident = whole;
            }
        }
        let watch = Watch::resume(target, options, known);
        Ok(Self {
            watch,
            store,
            routes,
            holder: None,
            unsaved: Unsaved::default(),
            parts: Parts::default(),
            days: Days::default(),
            has_told_loss: false,
            status: TargetStatus::new(target),
        })
    }

    /// Writes only while `holder` has the lease of the target; changes are kept and offered again until then.
    #[must_use]
    pub fn held_by(mut self, holder: impl Into<String>) -> Self {
        self.holder = Some(holder.into());
        self
    }

    /// Polls the source, evaluates what it returned and stores what changed.
    pub fn tick(&mut self, source: &mut dyn Source, inputs: &TickInputs, now: Timestamp) -> Tick {
        self.status.ticks += 1;
        let mut tick = Tick::default();
        tick.kept.extend(self.offer_again(now));
        let begun = Instant::now();
        let polled = debug_span!(target: "poll", "poll", target = self.status.target).in_scope(|| source.poll(now));
        tick.poll_time = begun.elapsed();
        match polled {
            Err(why) => {
                self.status.unanswered(now, why);
                tick.kept.extend(self.take_reports(inputs, now));
            }
            Ok(mut observation) => {
                self.parts.add_to(&mut observation);
                let is_any_open = !self.watch.open_incidents().is_empty();
                self.days.add_to(&mut observation, is_any_open, source, now);
                self.reload_if_changed_elsewhere(now);
                let begun = Instant::now();
                let mut outcome = self.evaluate(&observation, inputs, now);
                for _ in 0..time_of_day::MAX_ROUNDS {
                    if outcome.wanted_days.is_empty() {
                        break;
                    }
                    self.days.ask(&outcome.wanted_days, &mut observation, source, now);
                    outcome = self.evaluate(&observation, inputs, now);
                }
                tick.diagnosis_time = begun.elapsed();
                self.status.polled(now, &outcome, observation.services().count());
                self.parts.ask(&mut outcome, source, now);
                tick.report = outcome.report;
                for change in outcome.changes {
                    tick.kept.extend(self.keep(change, now));
                }
                tick.observation = Some(observation);
            }
        }
        tick.kept.extend(self.follow_mutes(now));
        self.parts.keep_while(!self.watch.open_incidents().is_empty());
        self.status.set_open(&self.watch.open_incidents());
        self.status.changes_waiting = self.unsaved.len();
        tick
    }

    fn evaluate(&mut self, observation: &Observation, inputs: &TickInputs, now: Timestamp) -> WatchOutcome {
        let TickInputs { slos, uncounted, alerts } = inputs;
        let input = WatchInput { now, observation, slos, uncounted, alerts };
        let span = debug_span!(target: "diagnosis", "diagnosis", target = self.status.target);
        span.in_scope(|| self.watch.evaluate(&input))
    }

    /// A poll without data: what is reported opens an incident or joins one all the same, since it may be over when the source is back.
    fn take_reports(&mut self, inputs: &TickInputs, now: Timestamp) -> Vec<Incident> {
        let TickInputs { slos, alerts, .. } = inputs;
        if slos.is_empty() && alerts.is_empty() {
            return Vec::new();
        }
        self.reload_if_changed_elsewhere(now);
        let reported = Reported { now, slos, alerts, why: &self.status.without_data(), data_since: None };
        let changes = self.watch.evaluate_unjudged(&reported);
        changes.into_iter().filter_map(|change| self.keep(change, now)).collect()
    }

    /// Makes a change of each open incident for which a mute began or ended since its last change, so that the routes it concerns are notified then.
    fn follow_mutes(&mut self, now: Timestamp) -> Vec<Incident> {
        if !self.unsaved.is_empty() {
            return Vec::new();
        }
        let open: Vec<Incident> = self.watch.open_incidents().into_iter().cloned().collect();
        let change = |mut open: Incident| {
            let muted = (self.routes.muted)(&open, now);
            if !open.set_muted(now, muted) {
                return None;
            }
            open.revision += 1;
            open.updated = now;
            self.keep(open, now)
        };
        open.into_iter().filter_map(change).collect()
    }

    /// The current status.
    pub fn status(&self) -> &TargetStatus {
        &self.status
    }

    /// The open incidents, the most severe first.
    pub fn open(&self) -> Vec<&Incident> {
        self.watch.open_incidents()
    }

    /// Writes a change. One that the store does not accept is kept for the next tick.
    fn keep(&mut self, mut change: Incident, now: Timestamp) -> Option<Incident> {
        if let Some(older) = self.unsaved.take(&change.id) {
            change.revision = older.revision;
        }
        change.owner = (self.routes.owner)(&change);
        let muted = (self.routes.muted)(&change, now);
        change.set_muted(now, muted);
        for _ in 0..MAX_CONFLICTS {
            match self.write(&change, now) {
                Ok(()) => {
                    self.watch.take_over(change.clone());
                    self.status.store_error = None;
                    self.has_told_loss = false;
                    return Some(change);
                }
                Err(StoreError::Conflict { .. } | StoreError::History { .. }) => {
                    if !self.rebase(&mut change) {
                        return None;
                    }
                }
                Err(error) => {
                    self.status.store_error = Some(error.to_string());
                    break;
                }
            }
        }
        self.watch.take_over(change.clone());
        if let Some(lost) = self.unsaved.keep(change) {
            // Logged once per outage; the count covers all that are lost.
            if !std::mem::replace(&mut self.has_told_loss, true) {
                error!(
                    target: "store", target = self.status.target, incident = lost.id,
                    "too many incidents wait for the store: the oldest ones are given up; automap_changes_lost_total counts them"
                );
            }
            self.status.changes_lost += 1;
        }
        None
    }

    fn write(&self, change: &Incident, now: Timestamp) -> Result<(), StoreError> {
        let routes = (self.routes.choose)(change, &self.store.notified_routes(&change.id)?);
        match &self.holder {
            Some(holder) => self.store.put_leading(change, &routes, now, holder),
            None => self.store.put(change, &routes, now),
        }
    }

    /// Offers the waiting changes, until the store refuses one: an unavailable store is not waited for repeatedly.
    fn offer_again(&mut self, now: Timestamp) -> Vec<Incident> {
        let mut kept = Vec::new();
        let mut waiting = self.unsaved.take_all().into_iter();
        while let Some(change) = waiting.next() {
            match self.keep(change, now) {
                Some(change) => kept.push(change),
                None if self.status.store_error.is_none() => {}
                None => {
                    for other in waiting.by_ref() {
                        self.unsaved.keep(other);
                    }
                }
            }
        }
        kept
    }

    /// Applies our change on top of one that another writer stored meanwhile: a confirmation, an alert. A record of another incident is left alone,
    /// and ours gets its own id; a closed one is left alone as well, unless ours reopened after that. Returns whether our change still has to be
    /// written.
    fn rebase(&mut self, change: &mut Incident) -> bool {
        let stored = match self.store.get(&change.id) {
            Ok(Some(stored)) => stored,
            // Its opening was never stored: given up while the store was unavailable, or pruned.
            Ok(None) => {
                change.revision = 1;
                return true;
            }
            Err(_) => return true,
        };
        if !history::is_same(&stored, change) {
            let renamed = self.watch.rename(&change.id);
            change.revision = 1;
            return renamed.map(|id| change.id = id).is_some();
        }
        if !stored.is_open() && change.reopened <= stored.reopened {
            self.watch.take_over(stored);
            return false;
        }
        join(change, &stored);
        change.revision = stored.revision + 1;
        true
    }

    /// Reloads what a user or another replica changed since the last tick: open incidents, and closed ones that may still be reopened.
    fn reload_if_changed_elsewhere(&mut self, now: Timestamp) {
        if !self.unsaved.is_empty() {
            return;
        }
        let of = |i: &Incident| (i.id.clone(), i.revision);
        let known: Vec<(String, u64)> =
            self.watch.open_incidents().into_iter().chain(self.watch.recently_closed(now)).map(of).collect();
        for (id, revision) in known {
            if let Ok(Some(stored)) = self.store.get(&id)
                && stored.revision > revision
            {
                self.watch.take_over(stored);
            }
        }
    }
}

/// Takes over what only other writers add: the confirmed cause, and timeline entries that we do not have.
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
