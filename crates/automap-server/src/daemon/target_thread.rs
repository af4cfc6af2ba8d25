//! The thread of one target. While this process holds the target's lease, it polls, diagnoses, stores and publishes; otherwise it waits for
//! the lease.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use automap_core::time::Timestamp;
use automap_core::watch::WatchOptions;
use automap_sources::slo::SloReader;
use tracing::warn;

use super::{Listener, event, supervise};
use crate::config::Target;
use crate::lead::Lead;
use crate::live_system::{LiveSystem, MonitoredTarget};
use crate::notify::NotifyConfig;
use crate::notify::outbox::Outbox;
use crate::owners::Owners;
use crate::profiles::Profiles;
use crate::prometheus_source::PrometheusSource;
use crate::store::{Store, StoreError};
use crate::watcher::{self, Clock, Routes, State, Stop, SystemClock, TargetStatus, Tick, TickInputs, Watcher};

/// Pause after a store that could not be read.
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// What the thread of one target needs.
pub(super) struct TargetThread {
    /// The index in [`LiveSystem::monitored`].
    pub(super) index: usize,
    pub(super) system: Arc<LiveSystem>,
    pub(super) store: Arc<dyn Store>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) watching: WatchOptions,
    pub(super) notify: Arc<NotifyConfig>,
    /// The name of this process in the leases.
    pub(super) holder: String,
    pub(super) lead: Lead,
    pub(super) stop: Stop,
    pub(super) listener: Listener,
}

impl TargetThread {
    /// Watches whenever this process holds the lease, until the stop; starts over after a panic.
    pub(super) fn run(&self) {
        let Some(monitored) = self.system.monitored().get(self.index) else { return };
        let name = &monitored.target.name;
        let broke_off = |pause| {
            let restarts = monitored.counters.count_restart();
            event::broke_off(name, restarts, pause);
            let source = monitored.client.address().to_owned();
            let status = TargetStatus { source, ..TargetStatus::broke_off(name, restarts, pause) };
            self.system.snapshots.set_status(status);
        };
        supervise::run(&self.stop, || self.watch_when_leading(monitored), broke_off);
        // A lease that another replica holds is not released: many targets end at once.
        if self.lead.is_ours()
            && let Err(error) = self.store.release(name, &self.holder)
        {
            event::store(&error);
        }
    }

    fn watch_when_leading(&self, monitored: &MonitoredTarget) {
        let owners = Arc::new(Owners::new(Arc::clone(&self.notify), &monitored.target));
        while let Some(turn) = self.lead.wait(&self.stop, || self.set_following(monitored)) {
            // The samples are dropped with the turn: another replica keeps them from now on, and many targets would add up.
            let queries = Arc::clone(&monitored.counters.queries);
            let mut source = PrometheusSource::of(monitored.client.clone(), &monitored.target, queries)
                .told_by(Arc::clone(&monitored.told))
                .behind(monitored.gate.clone(), self.stop.clone());
            match self.resume(&monitored.target, &owners) {
                Ok((watcher, profiles)) => {
                    self.watch(watcher, profiles, &owners, &mut source, monitored, turn.term());
                }
                Err(error) => {
                    event::store(&error);
                    self.stop.sleep(RETRY_AFTER);
                }
            }
        }
    }

    fn set_following(&self, monitored: &MonitoredTarget) {
        let source = monitored.client.address().to_owned();
        let restarts = monitored.counters.restarts();
        let status = TargetStatus { source, restarts, ..TargetStatus::following(&monitored.target.name) };
        self.system.snapshots.forget(status);
    }

    /// A watcher that continues with the incidents and the alerts in the store.
    fn resume(&self, target: &Target, owners: &Arc<Owners>) -> Result<(Watcher, Profiles), StoreError> {
        let (notify, owners) = (Arc::clone(&self.notify), Arc::clone(owners));
        let mutes = Arc::clone(&self.system.mutes);
        let routes = Routes::new(move |i, notified| notify.routes_for(i, notified), move |i| owners.of(i))
            .muted_by(move |incident, now| mutes.of(incident, now));
        let watching = WatchOptions { compare_with: target.compare_with, ..self.watching };
        let target = &target.name;
        let watcher = Watcher::resume(target, watching, Arc::clone(&self.store), routes)?;
        let now = SystemClock.now();
        self.system.alerts.restore(target, self.store.firing_alerts(target, now)?);
        Ok((watcher.held_by(&self.holder), Profiles::resume(target, &*self.store)?))
    }

    /// Polls until the lease is lost or the stop is set.
    fn watch(
        &self,
        mut watcher: Watcher,
        mut profiles: Profiles,
        owners: &Owners,
        source: &mut PrometheusSource,
        monitored: &MonitoredTarget,
        term: &Stop,
    ) {
        let target = &monitored.target;
        let mut last_state = None;
        let mut objectives = SloReader::new(&target.namespace, monitored.slos.clone());
        let onset = Cell::new(first_onset(&watcher));
        let before_tick = |now| self.before_tick(monitored, owners, &mut objectives, onset.get(), now);
        let after_tick = |watcher: &Watcher, tick: &Tick| {
            onset.set(first_onset(watcher));
            self.after_tick(monitored, &mut profiles, &mut last_state, watcher, tick);
        };
        watcher::run(&mut watcher, source, &SystemClock, target.every.duration(), term, before_tick, after_tick);
    }

    /// Refreshes the owners, and returns the reasons besides metrics for which an incident may open: burning objectives and firing alerts.
    fn before_tick(
        &self,
        monitored: &MonitoredTarget,
        owners: &Owners,
        objectives: &mut SloReader,
        onset: Option<Timestamp>,
        now: Timestamp,
    ) -> TickInputs {
        let name = &monitored.target.name;
        if let Err(error) = owners.refresh(&monitored.client, now) {
            warn!(target: "owners", target = name, error, "the labels of teams cannot be read");
        }
        let (slos, uncounted) = match objectives.read(&monitored.client, now, onset) {
            Ok(counted) => {
                self.system.snapshots.set_slos(name, counted.statuses);
                (counted.burning, counted.uncounted)
            }
            Err(error) => {
                warn!(target: "slos", target = name, %error, "the objectives cannot be counted");
                (Vec::new(), objectives.names())
            }
        };
        // A store that does not answer is reported where the lease is renewed.
        let _ = self.system.mutes.refresh(&*self.store, now);
        // Another replica may have received them; this process' own memory is used while the store does not answer.
        let kept = self.store.firing_alerts(name, now);
        let alerts = kept.map(|kept| kept.into_iter().map(|(alert, _)| alert).collect());
        let alerts = alerts.unwrap_or_else(|_| self.system.alerts.firing(name, now));
        TickInputs { slos, uncounted, alerts }
    }

    /// Publishes the result of a tick: to listeners, the outbox, the profiles and the snapshots.
    fn after_tick(
        &self,
        monitored: &MonitoredTarget,
        profiles: &mut Profiles,
        last_state: &mut Option<State>,
        watcher: &Watcher,
        tick: &Tick,
    ) {
        monitored.counters.count_poll(tick.poll_time, tick.diagnosis_time, tick.report.is_some());
        let (source, restarts) = (monitored.client.address().to_owned(), monitored.counters.restarts());
        let status = TargetStatus { source, restarts, ..watcher.status().clone() };
        if last_state.replace(status.state) != Some(status.state) {
            event::state(&status);
        }
        if !tick.kept.is_empty() {
            self.outbox.wake();
        }
        for incident in &tick.kept {
            monitored.counters.count_change(incident);
            self.system.publish(incident);
            event::incident(incident);
            (self.listener)(incident);
        }
        if let Some(observation) = &tick.observation
            && let Err(error) = profiles.after_poll(&status, observation, &*self.store)
        {
            event::store(&error);
        }
        self.system.snapshots.set_tick(status, tick);
    }
}

/// When the first of the open incidents began: their cost to the objectives is counted from then on.
fn first_onset(watcher: &Watcher) -> Option<Timestamp> {
    watcher.open().iter().map(|i| i.onset).min()
}
