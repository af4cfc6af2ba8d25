//! Runs what a configuration describes: one thread for each target, one that renews the leases, one that sends messages, one that prunes the store
//! and, with `automap serve`, one for the API. All of them end when the [`Stop`] is set.

mod api_thread;
mod event;
mod supervise;
mod target_thread;
mod upkeep;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use automap_core::incident::Incident;

use crate::api::ApiError;
use crate::config::Config;
use crate::lead::Lead;
use crate::live_system::{LiveSystem, SetupError};
use crate::notify::outbox::{self, Outbox};
use crate::replica::Replica;
use crate::store::{IncidentFilter, Store, StoreError};
use crate::system::System;
use crate::threads::Threads;
use crate::watcher::{Clock, Stop, SystemClock};
use target_thread::TargetThread;

pub use api_thread::prepare as serve_api;

/// How long the threads may take to end after the stop. Those still inside a query, a request or a store call are then left behind: the work they
/// lose is repeated after the next start.
const GRACE: Duration = Duration::from_secs(8);

/// Called from several threads, for every stored incident that opened, changed or closed.
pub type Listener = Arc<dyn Fn(&Incident) + Send + Sync>;

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration's targets cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system refuses another thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why the daemon ended, unless it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// A bug.
    #[error("a thread panicked ({0}); this is a bug")]
    Panicked(String),
    /// The API cannot be served any more; a supervisor should start the process again.
    #[error("the API has stopped; the log says why")]
    Api,
}

/// The running threads.
#[derive(Debug)]
pub struct Daemon {
    /// The state of the targets, and the interface to query it.
    pub system: Arc<LiveSystem>,
    store: Arc<dyn Store>,
    stop: Stop,
    threads: Threads,
    outbox: Arc<Outbox>,
    /// Whether the API ended without being asked to.
    has_lost_api: Arc<AtomicBool>,
    /// Held until the end, so that the replica's name stays with this process.
    _replica: Replica,
}

impl Daemon {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`StartError`]; no thread runs then.
    pub fn start(
        config: &Config,
        store: &Arc<dyn Store>,
        replica: Replica,
        stop: &Stop,
        listener: &Listener,
    ) -> Result<Self, StartError> {
        let system = Arc::new(LiveSystem::new(config, store)?);
        store.list(&IncidentFilter { limit: 1, ..IncidentFilter::default() })?;
        let outbox = Arc::new(Outbox::start(outbox_parts(config, store, &replica))?);
        let holder = replica.name.clone();
        let store = Arc::clone(store);
        let mut daemon = Self {
            system,
            store,
            stop: stop.clone(),
            threads: Threads::default(),
            outbox,
            has_lost_api: Arc::default(),
            _replica: replica,
        };
        let leads: Vec<(String, Lead)> =
            config.targets.iter().map(|target| (target.name.clone(), Lead::default())).collect();
        daemon.spawn_targets(config, &leads, &holder, listener)?;
        let (store, end) = (Arc::clone(&daemon.store), stop.clone());
        daemon.spawn("leases", move || upkeep::renew_leases(&leads, &*store, &holder, &end))?;
        if !config.mutes.alertmanagers.is_empty() {
            let (mutes, end) = (Arc::clone(&daemon.system.mutes), stop.clone());
            let sources = config.mutes.alertmanagers.clone();
            daemon.spawn("silences", move || upkeep::follow_silences(&sources, &mutes, &end))?;
        }
        let (store, keeping, end) = (Arc::clone(&daemon.store), config.store.clone(), stop.clone());
        daemon.spawn("tidy", move || upkeep::prune_store(&keeping, &*store, &end))?;
        Ok(daemon)
    }

    fn spawn_targets(
        &mut self,
        config: &Config,
        leads: &[(String, Lead)],
        holder: &str,
        listener: &Listener,
    ) -> Result<(), StartError> {
        let notify = Arc::new(config.notify.clone());
        for (index, (target, lead)) in leads.iter().enumerate() {
            let thread = TargetThread {
                index,
                system: Arc::clone(&self.system),
                store: Arc::clone(&self.store),
                outbox: Arc::clone(&self.outbox),
                watching: config.watching.options(),
                notify: Arc::clone(&notify),
                holder: holder.to_owned(),
                lead: lead.clone(),
                stop: self.stop.clone(),
                listener: Arc::clone(listener),
            };
            self.spawn(&format!("watch-{target}"), move || thread.run())?;
        }
        Ok(())
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        // Threads that run already must not continue without the others.
        self.threads.spawn(name, body).inspect_err(|_| self.stop.set())
    }

    /// Serves the API as well. Returns the listening address, with the port that the operating system chose if it was 0.
    ///
    /// # Errors
    /// [`ApiError`]; the watching continues.
    pub fn serve(&mut self, config: &Config) -> Result<SocketAddr, ApiError> {
        let (system, store) = (Arc::clone(&self.system) as Arc<dyn System>, Arc::clone(&self.store));
        let (address, serve) = api_thread::prepare(config.api.clone(), system, store, &self.stop)?;
        let (stop, has_lost_api) = (self.stop.clone(), Arc::clone(&self.has_lost_api));
        let body = move || {
            // Dropped when the API ends, even by a panic: a process that watches without its API would go unnoticed.
            let _end = EndOfApi { stop, has_lost_api };
            serve();
        };
        let unusable = |e: std::io::Error| ApiError::Listen { listen: config.api.listen, reason: e.to_string() };
        self.spawn("api", body).map_err(unusable)?;
        Ok(address)
    }

    /// Blocks until the stop is set, then until every thread has ended or eight seconds have passed.
    ///
    /// # Errors
    /// [`EndError`] when something other than the stop ended it.
    pub fn join(mut self) -> Result<(), EndError> {
        self.stop.block();
        let deadline = Instant::now() + GRACE;
        self.outbox.stop();
        let mut left = self.threads.wait(deadline);
        left.extend(self.outbox.stop_until(deadline));
        if !left.is_empty() {
            event::left_behind(&left);
        }
        match self.threads.panicked().first() {
            Some(name) => Err(EndError::Panicked(name.clone())),
            None if self.has_lost_api.load(Ordering::Acquire) => Err(EndError::Api),
            None => Ok(()),
        }
    }

    /// Asks every thread to end.
    pub fn stop(&self) {
        self.stop.set();
    }
}

/// Ends the process when the API ends without being asked to.
struct EndOfApi {
    stop: Stop,
    has_lost_api: Arc<AtomicBool>,
}

impl Drop for EndOfApi {
    fn drop(&mut self) {
        if !self.stop.is_set() {
            self.has_lost_api.store(true, Ordering::Release);
            self.stop.set();
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::memory::MemoryStore;

    /// Panics twice; each time it starts again and reports it.
    #[test]
    fn a_target_whose_watching_panics_is_watched_again() {
        let yaml = "targets: [{name: shop, namespace: shop, every: 1s, prometheus: {url: 'http://127.0.0.1:9'}}]";
        let config = Config::parse(yaml, Path::new("test.yaml")).unwrap();
        let memory = Arc::new(MemoryStore::default());
        memory.panics.store(2, Ordering::SeqCst);
        let (store, stop): (Arc<dyn Store>, _) = (memory.clone(), Stop::default());
        let folder = tempfile::tempdir().unwrap();
        let replica = Replica::new(&folder.path().join("lock"));
        let listener: Listener = Arc::new(|_: &Incident| {});
        let daemon = Daemon::start(&config, &store, replica, &stop, &listener).unwrap();
        let begun = Instant::now();
        let mut seen = Vec::new();
        let polled = loop {
            let status = daemon.system.targets().remove(0);
            if seen.last() != Some(&status.summary) {
                seen.push(status.summary.clone());
            }
            if status.ticks > 1 {
                break status;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{seen:#?}");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!((polled.restarts, daemon.system.metrics().targets[0].restarts), (2, 2));
        let is_told = seen.iter().any(|s| s.contains("broke off by a bug of automap") && s.contains("begins again in"));
        assert!(is_told, "{seen:#?}");
        stop.set();
        daemon.join().unwrap();
    }
}
