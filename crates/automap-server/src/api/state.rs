//! What all requests share.

use std::sync::Arc;

use automap_core::time::Timestamp;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::access::RequestIds;
use super::alert_inbox::Inbox;
use super::config::{ApiConfig, Limits};
use super::error::ApiError;
use super::hub::Hub;
use super::jobs::Jobs;
use super::metrics::HttpMetrics;
use super::pool::Pool;
use super::problem::Problem;
use super::rate::Rate;
use super::system::System;
use crate::auth::Authenticator;
use crate::auth::remote_keys::{FETCH_AGAIN, RemoteKeys, TRY_AGAIN};
use crate::store::Store;

/// Reads of the database that run at once.
const STORE_AT_ONCE: usize = 4;
/// Reads that wait.
const STORE_WAITING: usize = 128;
/// Passwords that are checked at once: each takes 19 MiB.
const PASSWORDS_AT_ONCE: usize = 2;
/// Passwords that wait.
const PASSWORDS_WAITING: usize = 16;

/// What the interface is built from.
#[derive(Clone)]
pub struct Parts {
    /// The running watcher.
    pub system: Arc<dyn System>,
    /// The incidents.
    pub store: Arc<dyn Store>,
    /// The present.
    pub clock: fn() -> Timestamp,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// The interface's state; a clone is the same one.
#[derive(Clone, Debug)]
pub struct App(Arc<Shared>);

/// What [`App`] points to; its parts are seen inside this crate only.
#[derive(Debug)]
pub struct Shared {
    pub(crate) config: ApiConfig,
    pub(crate) parts: Parts,
    pub(crate) auth: Authenticator,
    pub(crate) ids: RequestIds,
    pub(crate) hub: Hub,
    pub(crate) jobs: Jobs,
    pub(crate) inbox: Inbox,
    pub(crate) rate: Rate,
    pub(crate) wrong_credentials: Rate,
    pub(crate) metrics: HttpMetrics,
    pub(crate) analyses: Pool,
    pub(crate) reads: Pool,
    pub(crate) passwords: Pool,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) closing: watch::Sender<bool>,
    /// Until `close`, so that [`App::start`] works once.
    started: Mutex<bool>,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Checks the configuration and reads the secrets.
    ///
    /// # Errors
    /// [`ApiError`] when the configuration would be open to all, makes no sense, or names what cannot be read.
    pub fn open(config: ApiConfig, parts: Parts) -> Result<Self, ApiError> {
        config.check()?;
        let mut boot = [0u8; 4];
        SystemRandom::new().fill(&mut boot).map_err(|_| ApiError::NoRandomness)?;
        let boot = u32::from_be_bytes(boot);
        let limits = config.limits;
        let per_minute = f64::from(limits.wrong_credentials_per_minute);
        Ok(Self(Arc::new(Shared {
            auth: Authenticator::open(&config.auth)?,
            ids: RequestIds::new(boot),
            hub: Hub::new(boot),
            jobs: Jobs::default(),
            inbox: Inbox::new(limits.alerts_waiting),
            rate: Rate::new(limits.rate_per_s.into(), limits.rate_burst.into()),
            wrong_credentials: Rate::new(per_minute / 60.0, per_minute),
            metrics: HttpMetrics::new(),
            analyses: Pool::new("analyses", limits.analyses, limits.analyses_waiting),
            reads: Pool::new("reads of the store", STORE_AT_ONCE, STORE_WAITING),
            passwords: Pool::new("logins", PASSWORDS_AT_ONCE, PASSWORDS_WAITING),
            streams: Arc::new(Semaphore::new(limits.event_streams)),
            closing: watch::Sender::new(false),
            started: Mutex::new(false),
            config,
            parts,
        })))
    }

    /// Starts what goes on between requests: events to listeners and alerts to the watcher. The second call does nothing. Stops when the
    /// answer is dropped.
    pub fn start(&self) -> Workers {
        let mut workers = JoinSet::new();
        let started = std::mem::replace(&mut *self.started.lock(), true);
        if !started {
            workers.spawn(pump(self.clone()));
            workers.spawn(super::alert_inbox::deliver(self.clone()));
            workers.spawn(fetch_keys(self.clone()));
        }
        Workers(workers)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.parts.clock)()
    }

    /// Reads of the store, in their pool.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, crate::store::StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.parts.store);
        let answer = self.reads.run(move || read(store.as_ref())).await?;
        answer.map_err(|error| {
            error!(target: "store", %error, "incidents cannot be read");
            error.into()
        })
    }

    /// Quick questions to the watcher, in the pool of reads.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn System) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let system = Arc::clone(&self.parts.system);
        self.reads.run(move || ask(system.as_ref())).await
    }

    /// Questions that are expensive to answer.
    pub(crate) async fn analyse<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn System) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let system = Arc::clone(&self.parts.system);
        self.analyses.run(move || ask(system.as_ref())).await
    }
}

/// What goes on between requests; stops when dropped.
#[derive(Debug)]
pub struct Workers(JoinSet<()>);

impl Workers {
    /// Stops all of it.
    pub fn stop(mut self) {
        self.0.abort_all();
    }
}

/// Fetches the identity provider's keys now and then, if they have to be fetched.
async fn fetch_keys(app: App) {
    while app.auth.remote_keys().is_some() {
        let fetching = app.clone();
        let fetched =
            tokio::task::spawn_blocking(move || fetching.auth.remote_keys().map_or(Ok(()), RemoteKeys::fetch));
        let pause = match fetched.await {
            Ok(Ok(())) => FETCH_AGAIN,
            Ok(Err(error)) => {
                warn!(target: "jwks", error, "the identity provider's keys cannot be fetched");
                TRY_AGAIN
            }
            Err(_) => TRY_AGAIN,
        };
        tokio::time::sleep(pause).await;
    }
}

/// From the watcher's changes to the listeners.
async fn pump(app: App) {
    let mut changes = app.parts.system.subscribe();
    loop {
        match changes.recv().await {
            Ok(change) => app.hub.publish(&change),
            Err(broadcast::error::RecvError::Lagged(_)) => app.hub.gap(),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
