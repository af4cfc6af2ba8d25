//! The state that all requests share: the configuration, the watcher, the store, the limits and what is remembered between requests. Handlers reach
//! blocking code through [`App::read`], [`App::ask`] and [`App::analyse`] only.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use automap_core::time::Timestamp;
use axum::extract::FromRef;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Semaphore, watch};
use tracing::error;

use crate::api::config::{ApiConfig, Limits};
use crate::api::error::ApiError;
use crate::api::http::extract::MaxBodyBytes;
use crate::api::http::problem::Problem;
use crate::api::http::request_id::RequestIds;
use crate::api::limits::body_budget::BodyBudgets;
use crate::api::limits::counts::HeldCounts;
use crate::api::limits::rate_limit::RateLimiter;
use crate::api::limits::worker_pool::WorkerPool;
use crate::api::state::alert_queue::AlertQueue;
use crate::api::state::diagnosis_jobs::DiagnosisJobs;
use crate::api::state::event_history::EventHistory;
use crate::api::state::request_metrics::RequestMetrics;
use crate::api::state::sessions::Sessions;
use crate::api::state::store_probe::StoreProbe;
use crate::api::tls::Tls;
use crate::auth::Authenticator;
use crate::store::{Store, StoreError};
use crate::system::System;

/// Reads of the store that run at once.
const STORE_READS: usize = 4;
/// Reads of the store that may wait.
const STORE_READS_WAITING: usize = 128;
/// Passwords that are checked at once: there is one block of memory for it.
const PASSWORD_CHECKS: usize = 1;
/// Logins at an identity provider that are completed at once: each waits for the provider.
const LOGINS: usize = 4;
/// Such logins that may wait.
const LOGINS_WAITING: usize = 32;
/// Passwords that may wait for their check.
const PASSWORD_CHECKS_WAITING: usize = 16;

/// What the API is built from.
#[derive(Clone)]
pub struct Dependencies {
    /// The running watcher.
    pub system: Arc<dyn System>,
    /// The incidents.
    pub store: Arc<dyn Store>,
    /// Returns the current time.
    pub clock: fn() -> Timestamp,
}

impl std::fmt::Debug for Dependencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dependencies").finish_non_exhaustive()
    }
}

/// The state that all requests share. A clone refers to the same state.
#[derive(Clone, Debug)]
pub struct App(Arc<Shared>);

/// What [`App`] refers to; its fields are visible inside this crate only.
#[derive(Debug)]
pub struct Shared {
    pub(crate) config: ApiConfig,
    pub(crate) dependencies: Dependencies,
    pub(crate) auth: Authenticator,
    pub(crate) request_ids: RequestIds,
    pub(crate) events: EventHistory,
    pub(crate) jobs: DiagnosisJobs,
    pub(crate) alerts: AlertQueue,
    pub(crate) requests: RateLimiter,
    pub(crate) wrong_credentials: RateLimiter,
    pub(crate) metrics: RequestMetrics,
    pub(crate) analyses: WorkerPool,
    pub(crate) reads: WorkerPool,
    pub(crate) passwords: WorkerPool,
    pub(crate) logins: WorkerPool,
    pub(crate) event_streams: Arc<Semaphore>,
    pub(crate) bodies: BodyBudgets,
    /// Event streams by the name of the user or token.
    pub(crate) streams_by_name: HeldCounts<String>,
    /// Event streams by the client's address.
    pub(crate) streams_by_address: HeldCounts<IpAddr>,
    /// The certificate; `None` with plain HTTP.
    pub(crate) tls: Option<Tls>,
    pub(crate) store_probe: StoreProbe,
    /// Browsers that logged in.
    pub(crate) sessions: Sessions,
    /// Becomes `true` when automap shuts down.
    pub(crate) closing: watch::Sender<bool>,
    /// Whether the background tasks were started, so that they start once.
    pub(crate) started: Mutex<bool>,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl FromRef<App> for MaxBodyBytes {
    fn from_ref(app: &App) -> Self {
        Self(app.limits().body_bytes)
    }
}

impl FromRef<App> for BodyBudgets {
    fn from_ref(app: &App) -> Self {
        app.bodies.clone()
    }
}

impl App {
    /// Checks the configuration and reads the secrets and the certificate.
    ///
    /// # Errors
    /// [`ApiError`] when the configuration would let everybody in by accident, is not valid, or names a file that cannot be read.
    pub fn open(config: ApiConfig, dependencies: Dependencies) -> Result<Self, ApiError> {
        config.check()?;
        let mut boot = [0u8; 4];
        SystemRandom::new().fill(&mut boot).map_err(|_| ApiError::NoRandomness)?;
        let boot = u32::from_be_bytes(boot);
        let limits = config.limits;
        let per_minute = f64::from(limits.wrong_credentials_per_minute);
        Ok(Self(Arc::new(Shared {
            auth: Authenticator::open(&config.auth)?,
            request_ids: RequestIds::new(boot),
            events: EventHistory::new(boot),
            jobs: DiagnosisJobs::default(),
            alerts: AlertQueue::new(limits.alerts_waiting),
            requests: RateLimiter::new(limits.rate_per_s.into(), limits.rate_burst.into()),
            wrong_credentials: RateLimiter::new(per_minute / 60.0, per_minute),
            metrics: RequestMetrics::new(),
            analyses: WorkerPool::new("analyses", limits.analyses, limits.analyses_waiting),
            reads: WorkerPool::new("reads of the store", STORE_READS, STORE_READS_WAITING),
            passwords: WorkerPool::new("logins", PASSWORD_CHECKS, PASSWORD_CHECKS_WAITING),
            logins: WorkerPool::new("logins at the identity provider", LOGINS, LOGINS_WAITING),
            bodies: BodyBudgets::new(limits.body_bytes),
            event_streams: Arc::new(Semaphore::new(limits.event_streams)),
            streams_by_name: HeldCounts::default(),
            streams_by_address: HeldCounts::default(),
            tls: config.tls.as_ref().map(|files| Tls::open(files, Instant::now(), dependencies.clock)).transpose()?,
            store_probe: StoreProbe::default(),
            sessions: Sessions::default(),
            closing: watch::Sender::new(false),
            started: Mutex::new(false),
            config,
            dependencies,
        })))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.dependencies.clock)()
    }

    /// Reads the store, in the pool of reads. An error goes to the log in full, and to the client without the database's own text.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.dependencies.store);
        let answer = self.reads.run(move || read(store.as_ref())).await?;
        answer.map_err(|error| {
            error!(target: "store", %error, "incidents cannot be read");
            error.into()
        })
    }

    /// Whether the store can be written to; while it can, this is probed at most every few seconds.
    ///
    /// # Errors
    /// [`Problem`] when it cannot, or does not answer.
    pub(crate) async fn check_writable(&self) -> Result<(), Problem> {
        self.store_probe.check(|| self.read(|store| store.check_writable())).await
    }

    /// Runs a query on the watcher that needs no analysis, in the pool of reads.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn System) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let system = Arc::clone(&self.dependencies.system);
        self.reads.run(move || ask(system.as_ref())).await
    }

    /// Runs an analysis of the watcher, which fetches metrics and takes seconds, in the pool of analyses.
    pub(crate) async fn analyse<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn System) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let system = Arc::clone(&self.dependencies.system);
        self.analyses.run(move || ask(system.as_ref())).await
    }
}
