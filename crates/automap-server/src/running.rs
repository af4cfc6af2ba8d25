//! Everything that a configuration asks for, running: a thread for each target, and one that tidies the store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use automap_core::DiagnoseOptions;
use automap_core::incident::Incident;
use automap_core::time::{Timestamp, WindowHint};
use automap_sources::prometheus::{Client, ObserveOptions, observe};

use crate::api::{Api, Diagnose, DiagnoseRequest, Feed, MAX_DIAGNOSES, Problem, ServeError, serve};
use crate::board::Board;
use crate::config::{Config, Keeping, Target};
use crate::inbox::Inbox;
use crate::notify::{Notifier, Routing};
use crate::prometheus_source::PrometheusSource;
use crate::store::{SqliteStore, Store, StoreError};
use crate::watcher::{self, Clock, Routes, State, Stop, SystemClock, Told, Watcher};

/// How often old incidents are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// How often the outbox is looked at.
const DELIVER_EVERY: Duration = Duration::from_secs(1);

/// What happened, for logs and standard output.
#[derive(Clone, Debug)]
pub enum Event {
    /// An incident opened, changed or ended, and is kept.
    Incident(Box<Incident>),
    /// The watching of a target changed its state.
    State {
        /// Which target.
        target: String,
        /// Its state now.
        state: State,
        /// In a sentence.
        summary: String,
    },
    /// A message was not taken.
    Message {
        /// Which.
        key: String,
        /// What the receiver said.
        reason: String,
        /// Whether it is not tried again.
        is_given_up: bool,
    },
    /// The store could not be read or tidied.
    Store(String),
}

/// Hears what happened; called from several threads.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

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
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The API does not serve.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The system gives no thread.
    #[error("no thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The threads.
#[derive(Debug)]
pub struct Running {
    /// What is known right now.
    pub board: Board,
    /// Alerts from outside.
    pub inbox: Inbox,
    /// Changes, live.
    pub feed: Feed,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts a thread for each target and one for the store.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(
        config: &Config,
        store: &Arc<SqliteStore>,
        stop: &Stop,
        listener: &Listener,
    ) -> Result<Self, StartError> {
        if config.targets.is_empty() {
            return Err(StartError::NoTarget);
        }
        let board = Board::default();
        let mut ready = Vec::new();
        for target in &config.targets {
            let fail =
                |e: &dyn std::fmt::Display| StartError::Client { target: target.name.clone(), message: e.to_string() };
            let client = Client::new(target.prometheus.client_options()).map_err(|e| fail(&e))?;
            let kept: Arc<dyn Store> = Arc::<SqliteStore>::clone(store);
            let watcher = Watcher::resume(&target.name, config.watching.options(), kept, routes(config))?;
            ready.push((target.clone(), client, watcher));
        }
        let (inbox, feed) = (Inbox::new(&config.targets), Feed::new(SystemClock.now().ms()));
        let mut running = Self { board, inbox, feed, stop: stop.clone(), threads: Vec::new() };
        let outbox: Arc<dyn Store> = Arc::<SqliteStore>::clone(store);
        let notifier = Notifier::new(outbox, Routing::new(&config.routes, &config.owners), &config.receivers);
        let (ears, end) = (Arc::clone(listener), stop.clone());
        let body = move || deliver(&notifier, &end, &ears);
        running.threads.push(std::thread::Builder::new().name("notify".into()).spawn(body)?);
        for (target, client, watcher) in ready {
            let (stop, listener) = (stop.clone(), Arc::clone(listener));
            let places = (running.board.clone(), running.inbox.clone(), running.feed.clone());
            let name = format!("watch-{}", target.name);
            let body = move || watch(&target, client, watcher, &places, &stop, &listener);
            running.threads.push(std::thread::Builder::new().name(name).spawn(body)?);
        }
        let (keeping, store, stop, listener) =
            (config.store.clone(), Arc::clone(store), stop.clone(), Arc::clone(listener));
        let body = move || tidy(&keeping, &store, &stop, &listener);
        running.threads.push(std::thread::Builder::new().name("tidy".into()).spawn(body)?);
        Ok(running)
    }

    /// Serves the API, too. The address is the one that was really taken.
    ///
    /// # Errors
    /// [`ServeError`]; the watching goes on.
    pub fn serve(&mut self, config: &Config, store: &Arc<SqliteStore>) -> Result<SocketAddr, ServeError> {
        let api = Api {
            store: Arc::<SqliteStore>::clone(store),
            board: self.board.clone(),
            inbox: self.inbox.clone(),
            feed: self.feed.clone(),
            diagnose: diagnoser(config),
            room: Arc::new(tokio::sync::Semaphore::new(MAX_DIAGNOSES)),
            config: Arc::new(config.api.clone()),
        };
        let (address, thread) = serve(api, &self.stop)?;
        self.threads.push(thread);
        Ok(address)
    }

    /// Waits until every thread has ended; they do when the stop is set. Whether none of them panicked.
    pub fn join(self) -> bool {
        let ends: Vec<bool> = self.threads.into_iter().map(|t| t.join().is_ok()).collect();
        ends.into_iter().all(|well| well)
    }

    /// Asks every thread to end.
    pub fn stop(&self) {
        self.stop.set();
    }
}

/// Where a watcher writes and reads.
type Places = (Board, Inbox, Feed);

fn watch(
    target: &Target,
    client: Client,
    mut watcher: Watcher,
    (board, inbox, feed): &Places,
    stop: &Stop,
    listener: &Listener,
) {
    let mut source = PrometheusSource::of(client, target);
    let mut told_state = None;
    let told = |now| Told { alerts: inbox.firing(&target.name, now), ..Told::default() };
    watcher::run(&mut watcher, &mut source, &SystemClock, target.every.duration(), stop, told, |watcher, tick| {
        let status = watcher.status().clone();
        if told_state.replace(status.state) != Some(status.state) {
            let summary = status.summary.clone();
            listener(Event::State { target: target.name.clone(), state: status.state, summary });
        }
        for incident in &tick.kept {
            feed.publish(incident);
            listener(Event::Incident(Box::new(incident.clone())));
        }
        board.put(status, tick.report.clone());
    });
}

/// Asks the server of a configured target, and nobody else.
fn diagnoser(config: &Config) -> Arc<Diagnose> {
    let targets = config.targets.clone();
    Arc::new(move |request: &DiagnoseRequest| {
        let target = targets.iter().find(|t| t.name == request.target);
        let target =
            target.ok_or_else(|| Problem::new(404, "there is no such target", "/api/v1/targets lists them"))?;
        let now = SystemClock.now();
        let start = request.incident_start.as_deref().and_then(Timestamp::parse_rfc3339);
        let hint = WindowHint { incident_start: start, ..WindowHint::default() };
        let from = start.unwrap_or(now).min(now).plus_ms(-request.since_s.unwrap_or(3600) * 1000);
        let options = ObserveOptions { hint, ..ObserveOptions::new(&target.namespace, from, now, now) };
        let away =
            |e: &dyn std::fmt::Display| Problem::new(502, format!("{}: {e}", target.name), "look at its Prometheus");
        let client = Client::new(target.prometheus.client_options()).map_err(|e| away(&e))?;
        let fetched = observe(&client, &options, &|_| {}).map_err(|e| away(&e))?;
        let few = |e: automap_core::DiagnoseError| Problem::new(422, e.to_string(), "ask for a longer time");
        automap_core::diagnose(&fetched.observation, &DiagnoseOptions::default()).map_err(few)
    })
}

fn routes(config: &Config) -> Routes {
    let routing = Routing::new(&config.routes, &config.owners);
    Routes::new(move |incident| routing.receivers(incident))
}

/// Until told to stop; what is left then is delivered after the next start.
fn deliver(notifier: &Notifier, stop: &Stop, listener: &Listener) {
    while !stop.sleep(DELIVER_EVERY) {
        match notifier.round(SystemClock.now()) {
            Ok(round) => {
                for (key, reason) in round.postponed {
                    listener(Event::Message { key, reason, is_given_up: false });
                }
                for (key, reason) in round.given_up {
                    listener(Event::Message { key, reason, is_given_up: true });
                }
            }
            Err(error) => listener(Event::Store(error.to_string())),
        }
    }
}

fn tidy(keeping: &Keeping, store: &SqliteStore, stop: &Stop, listener: &Listener) {
    loop {
        let before: Timestamp = SystemClock.now().plus_ms(-keeping.keep.ms());
        let tidied = store.forget_before(before).and_then(|_| store.shrink_to(keeping.max_mib << 20));
        if let Err(error) = tidied {
            listener(Event::Store(error.to_string()));
        }
        if stop.sleep(TIDY_EVERY) {
            return;
        }
    }
}
