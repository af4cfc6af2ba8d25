//! Everything that a configuration asks for, running: a thread for each target, one that renews the leases, one that sends messages, and one
//! that tidies the store.

mod event;
mod interface;

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use automap_core::incident::Incident;
use automap_core::watch::WatchOptions;
use automap_sources::prometheus::Client;
use automap_sources::slo::{SloFileError, SloReader};
use tracing::warn;

use crate::api::ApiError;
use crate::config::{Config, Keeping};
use crate::lead::{self, Lead};
use crate::live::{Counts, Live, Place};
use crate::notify::NotifyConfig;
use crate::notify::outbox::{self, Outbox};
use crate::owners::Owners;
use crate::profiles::Profiles;
use crate::prometheus_source::PrometheusSource;
use crate::replica::Replica;
use crate::store::{IncidentFilter, Retention, Store, StoreError};
use crate::watcher::{self, Clock, Routes, Stop, SystemClock, TargetStatus, Told, Watcher};

/// Called for every incident that opened, changed or ended and is stored; from several threads.
pub type Listener = Arc<dyn Fn(&Incident) + Send + Sync>;

/// How often the store is tidied.
const TIDY_EVERY: Duration = Duration::from_secs(3600);
/// Tidyings after which the space of what was forgotten is given back.
const VACUUM_AFTER: u32 = 24;
/// After a store that could not be read, before the next try.
const TRY_AGAIN: Duration = Duration::from_secs(3);

/// Why it cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration names nothing to watch.
    #[error("no target is configured: name one under `targets:`, or give --prometheus and --namespace")]
    NoTarget,
    /// A server's address, header or certificate cannot be used.
    #[error("target {target}: {message}")]
    Client {
        /// Which target.
        target: String,
        /// Why.
        message: String,
    },
    /// A file of objectives cannot be used.
    #[error(transparent)]
    Slo(#[from] SloFileError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no thread.
    #[error("no thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The threads.
#[derive(Debug)]
pub struct Running {
    /// What is known, and what can be asked.
    pub live: Arc<Live>,
    store: Arc<dyn Store>,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
    outbox: Arc<Outbox>,
    /// Kept until the end: the name is this process' own as long.
    _replica: Replica,
}

impl Live {
    /// For the targets of a configuration; nothing is asked of their servers yet.
    ///
    /// # Errors
    /// [`StartError`] when there is none, or an address, header or certificate cannot be used.
    pub fn of(config: &Config, store: &Arc<dyn Store>) -> Result<Self, StartError> {
        if config.targets.is_empty() {
            return Err(StartError::NoTarget);
        }
        let mut places = Vec::new();
        for target in &config.targets {
            let failed = |message: String| StartError::Client { target: target.name.clone(), message };
            let options = target.prometheus.client_options().map_err(|e| failed(e.to_string()))?;
            let client = Client::new(options).map_err(|e| failed(e.to_string()))?;
            let slos = target.objectives()?;
            places.push(Place { target: target.clone(), client, slos, counts: Arc::new(Counts::default()) });
        }
        Ok(Self::new(places, Arc::clone(store), Arc::new(config.notify.clone())))
    }
}

impl Running {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(
        config: &Config,
        store: &Arc<dyn Store>,
        replica: Replica,
        stop: &Stop,
        listener: &Listener,
    ) -> Result<Self, StartError> {
        let live = Arc::new(Live::of(config, store)?);
        store.list(&IncidentFilter { limit: 1, ..IncidentFilter::default() })?;
        let outbox = Arc::new(Outbox::start(outbox_parts(config, store, &replica))?);
        let leads: Vec<(String, Lead)> =
            config.targets.iter().map(|target| (target.name.clone(), Lead::default())).collect();
        let (holder, notify) = (replica.name.clone(), Arc::new(config.notify.clone()));
        let (live, store) = (live, Arc::clone(store));
        let mut running = Self { live, store, stop: stop.clone(), threads: Vec::new(), outbox, _replica: replica };
        for (i, (target, lead)) in leads.iter().enumerate() {
            let seat = Seat {
                i,
                live: Arc::clone(&running.live),
                store: Arc::clone(&running.store),
                outbox: Arc::clone(&running.outbox),
                watching: config.watching.options(),
                notify: Arc::clone(&notify),
                holder: holder.clone(),
                lead: lead.clone(),
                stop: stop.clone(),
                listener: Arc::clone(listener),
            };
            running.spawn(format!("watch-{target}"), move || seat.watch())?;
        }
        let (kept, end) = (Arc::clone(&running.store), stop.clone());
        running.spawn("leases".into(), move || renew(&leads, &*kept, &holder, &end))?;
        let (kept, keeping, end) = (Arc::clone(&running.store), config.store.clone(), stop.clone());
        running.spawn("tidy".into(), move || tidy(&keeping, &*kept, &end))?;
        Ok(running)
    }

    fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let spawned = std::thread::Builder::new().name(name).spawn(body);
        // Those that run already must not go on alone.
        self.threads.push(spawned.inspect_err(|_| self.stop.set())?);
        Ok(())
    }

    /// Serves the API, too. The address is the one that was really taken.
    ///
    /// # Errors
    /// [`ApiError`]; the watching goes on.
    pub fn serve(&mut self, config: &Config) -> Result<SocketAddr, ApiError> {
        let (live, store) = (Arc::clone(&self.live), Arc::clone(&self.store));
        let (address, thread) = interface::serve(config.api.clone(), live, store, &self.stop)?;
        self.threads.push(thread);
        Ok(address)
    }

    /// Waits until every thread has ended; they do when the stop is set. Whether none of them panicked.
    pub fn join(self) -> bool {
        let ends: Vec<bool> = self.threads.into_iter().map(|t| t.join().is_ok()).collect();
        // The worker's thread ends with its last owner, after the message that it is sending.
        drop(self.outbox);
        ends.into_iter().all(|well| well)
    }

    /// Asks every thread to end.
    pub fn stop(&self) {
        self.stop.set();
    }
}

fn outbox_parts(config: &Config, store: &Arc<dyn Store>, replica: &Replica) -> outbox::Parts {
    let notify = Arc::new(config.notify.clone());
    let seed = u64::from(std::process::id());
    outbox::Parts {
        store: Arc::clone(store),
        config: Box::new(move || Arc::clone(&notify)),
        clock: Box::new(|| SystemClock.now()),
        holder: replica.name.clone(),
        seed,
        report: Box::new(move |step| match step {
            Ok(step) => event::step(&step),
            Err(error) => event::store(&error),
        }),
    }
}

/// What the thread of one target needs.
struct Seat {
    i: usize,
    live: Arc<Live>,
    store: Arc<dyn Store>,
    outbox: Arc<Outbox>,
    watching: WatchOptions,
    notify: Arc<NotifyConfig>,
    holder: String,
    lead: Lead,
    stop: Stop,
    listener: Listener,
}

impl Seat {
    /// Whenever this process leads, until told to stop.
    fn watch(&self) {
        let Some(place) = self.live.places().get(self.i) else { return };
        let name = &place.target.name;
        let mut source = PrometheusSource::of(place.client.clone(), &place.target, Arc::clone(&place.counts.queries));
        let owners = Arc::new(Owners::new(Arc::clone(&self.notify), &place.target));
        let address = place.client.address().to_owned();
        self.live.board.put(TargetStatus { source: address.clone(), ..TargetStatus::following(name) });
        while let Some(term) = self.lead.wait(&self.stop) {
            match self.resume(name, &owners) {
                Ok((watcher, profiles)) => self.run(watcher, profiles, &owners, &mut source, place, &term),
                Err(error) => {
                    event::store(&error);
                    self.stop.sleep(TRY_AGAIN);
                }
            }
            let status = TargetStatus { source: address.clone(), ..TargetStatus::following(name) };
            self.live.board.put(status);
        }
        if let Err(error) = self.store.release(name, &self.holder) {
            event::store(&error);
        }
    }

    fn resume(&self, target: &str, owners: &Arc<Owners>) -> Result<(Watcher, Profiles), StoreError> {
        let (notify, owners) = (Arc::clone(&self.notify), Arc::clone(owners));
        let routes = Routes::new(move |i, told| notify.routes_for(i, told), move |i| owners.of(i));
        let watcher = Watcher::resume(target, self.watching, Arc::clone(&self.store), routes)?;
        Ok((watcher.held_by(&self.holder), Profiles::resume(target, &*self.store)?))
    }

    fn run(
        &self,
        mut watcher: Watcher,
        mut profiles: Profiles,
        owners: &Owners,
        source: &mut PrometheusSource,
        place: &Place,
        term: &Stop,
    ) {
        let target = &place.target;
        let mut told_state = None;
        let mut slos = SloReader::new(&target.namespace, place.slos.clone());
        let onset = Cell::new(watcher.open().map(|i| i.onset));
        let told = |now| {
            if let Err(error) = owners.refresh(&place.client, now) {
                warn!(target: "owners", target = target.name, error, "the labels of teams cannot be read");
            }
            let burning = match slos.read(&place.client, now, onset.get()) {
                Ok(counted) => {
                    self.live.board.put_slos(&target.name, counted.statuses);
                    counted.burning
                }
                Err(error) => {
                    warn!(target: "slos", target = target.name, %error, "the objectives cannot be counted");
                    Vec::new()
                }
            };
            Told { slos: burning, alerts: self.live.inbox.firing(&target.name, now) }
        };
        watcher::run(&mut watcher, source, &SystemClock, target.every.duration(), term, told, |watcher, tick| {
            onset.set(watcher.open().map(|i| i.onset));
            place.counts.looked(tick.look, tick.judge, tick.report.is_some());
            let status = TargetStatus { source: place.client.address().to_owned(), ..watcher.status().clone() };
            if told_state.replace(status.state) != Some(status.state) {
                event::state(&status);
            }
            if !tick.kept.is_empty() {
                self.outbox.ring();
            }
            for incident in &tick.kept {
                place.counts.saw(incident);
                self.live.publish(incident);
                event::incident(incident);
                (self.listener)(incident);
            }
            if let Some(observation) = &tick.observation
                && let Err(error) = profiles.looked(&status, observation, &*self.store)
            {
                event::store(&error);
            }
            self.live.board.put_tick(status, tick);
        });
    }
}

fn renew(leads: &[(String, Lead)], store: &dyn Store, holder: &str, stop: &Stop) {
    loop {
        if let Err(error) = lead::renew(leads, store, holder, &SystemClock, stop) {
            event::store(&error);
        }
        if stop.sleep(lead::RENEW) {
            return;
        }
    }
}

fn tidy(keeping: &Keeping, store: &dyn Store, stop: &Stop) {
    let mut forgotten = 0;
    for round in 1u32.. {
        let mut tidied =
            store.prune(SystemClock.now(), keeping.retention()).map(|pruned| forgotten += pruned.incidents);
        if round.is_multiple_of(VACUUM_AFTER) && forgotten > 0 {
            tidied = tidied.and_then(|()| store.vacuum());
            forgotten = 0;
        }
        if let Err(error) = tidied {
            event::store(&error);
        }
        if stop.sleep(TIDY_EVERY) {
            return;
        }
    }
}

impl Keeping {
    fn retention(&self) -> Retention {
        const DAY_MS: i64 = 86_400_000;
        let days = u32::try_from((self.keep.ms() + DAY_MS - 1) / DAY_MS).unwrap_or(u32::MAX);
        Retention { keep_days: days, max_bytes: self.max_mib << 20 }
    }
}
