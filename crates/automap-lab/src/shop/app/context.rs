//! What every application has: its limits, its active effects, clients of the components that it calls, and its random variation.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::counters::Counters;
use super::cpu_limiter::CpuLimiter;
use super::effects::Effects;
use super::exporter;
use super::lookups::Lookups;
use super::options::AppOptions;
use super::record_client::{RecordClient, RecordError};
use super::version::{self, RequestFate};
use super::work::{Cost, burn, cost_of};
use crate::behaviour::Behaviour;
use crate::effect::Effect;
use crate::plan::{Component, Role, component};
use crate::shop::admin::Admin;
use crate::shop::http::{CallError, HttpClient, Local, Request, Response};
use crate::shop::locked;
use crate::stores::Server;
use automap_core::random::Rng;

/// Connections to one callee at a time.
const MAX_CONNECTIONS_PER_CALLEE: usize = 128;
/// `http.timeout` of orders.
const ORDERS_CALL_LIMIT: Duration = Duration::from_secs(5);
/// The other services set none; this one applies only where the side-car has no time-out.
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// Bodies an application keeps in memory, as caches and heaps do.
const CACHED_BODIES: usize = 512;
/// What a command to a real server costs in the relay.
const RELAYED_CPU_US: f64 = 30.0;

/// One running application.
pub(super) struct App {
    pub(super) component: &'static Component,
    pub(super) effects: Effects,
    pub(super) counters: Counters,
    pub(super) lookups: Option<Lookups>,
    cpu_limiter: Arc<CpuLimiter>,
    cost: Cost,
    behaviour: Behaviour,
    call_limit: Duration,
    server: Option<Server>,
    services: BTreeMap<&'static str, HttpClient<Local>>,
    stores: BTreeMap<&'static str, RecordClient>,
    rng: Mutex<Rng>,
    cache: Mutex<VecDeque<Bytes>>,
    requests: AtomicU64,
    cpu_wait_us: AtomicU64,
    disk_wait_us: AtomicU64,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{callee}: {source}")]
    Call { callee: &'static str, source: CallError },
    #[error("{callee}: {source}")]
    Record { callee: &'static str, source: RecordError },
    #[error("{callee} answered {status}")]
    Status { callee: &'static str, status: StatusCode },
    #[error("{1}")]
    Refused(StatusCode, &'static str),
    #[error("{0} is not a callee of this component")]
    NoCallee(&'static str),
    #[error("{0}: the name server gave no address")]
    NoAddress(&'static str),
}

impl App {
    pub(super) fn new(component: &'static Component, options: &AppOptions, cpu_limiter: CpuLimiter) -> Self {
        let (services, stores) = clients(component, options);
        Self {
            component,
            effects: Effects::default(),
            counters: Counters::default(),
            lookups: options.dns.then(|| Lookups::new(component.name, options.ports)),
            cpu_limiter: Arc::new(cpu_limiter),
            cost: cost_of(component.name),
            behaviour: options.behaviour,
            call_limit: if component.name == "orders" { ORDERS_CALL_LIMIT } else { CALL_LIMIT },
            server: options.stores.server(component.name),
            services,
            stores,
            rng: Mutex::new(Rng::named(options.seed, component.name)),
            cache: Mutex::default(),
            requests: AtomicU64::new(0),
            cpu_wait_us: AtomicU64::new(0),
            disk_wait_us: AtomicU64::new(0),
        }
    }

    /// Spends the cost of one request: CPU time under the CPU limiter, then a wait. Both vary.
    pub(super) async fn work(&self) {
        self.requests.fetch_add(1, Relaxed);
        let (cpu_us, wait_ms) = {
            let mut rng = locked(&self.rng);
            (self.cost.cpu_us * (0.6 + rng.exponential(0.4)), rng.exponential(self.cost.wait_ms))
        };
        let cpu_us = cpu_us * self.effects.work_factor();
        self.wait_for_a_core(cpu_us);
        burn(&self.cpu_limiter, Duration::from_secs_f64(cpu_us / 1e6));
        tokio::time::sleep(Duration::from_secs_f64(wait_ms / 1e3)).await;
    }

    /// Waits for the node's resources, blocking the thread as the kernel would.
    fn wait_for_a_core(&self, cpu_us: f64) {
        let Some(node) = self.effects.contention() else { return };
        let varied = 0.5 + locked(&self.rng).unit();
        let stretched_s = cpu_us / 1e6 * (node.stretch - 1.0).max(0.0);
        let wait = node.dispatch.mul_f64(varied) + Duration::try_from_secs_f64(stretched_s).unwrap_or_default();
        // A missing page blocks like a missing core.
        std::thread::sleep(wait + node.memory.mul_f64(varied));
        self.cpu_wait_us.fetch_add(wait.as_micros() as u64, Relaxed);
    }

    /// How this version affects the next request.
    pub(super) fn fate(&self) -> RequestFate {
        version::fate(self.behaviour, &mut locked(&self.rng))
    }

    /// Waits if an I/O effect is active.
    pub(super) async fn before_file_operation(&self) {
        let mut delay = self.effects.io_delay(&mut locked(&self.rng));
        if let Some(node) = self.effects.contention() {
            let disk_s = locked(&self.rng).exponential(node.disk.as_secs_f64());
            delay += Duration::try_from_secs_f64(disk_s).unwrap_or_default();
        }
        self.disk_wait_us.fetch_add(delay.as_micros() as u64, Relaxed);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    /// Waits as a command for a real server must in this pod: for a core of its node, its share of the CPU limit, and the disk.
    pub(super) async fn wait_as_its_pod(&self) {
        self.requests.fetch_add(1, Relaxed);
        self.wait_for_a_core(RELAYED_CPU_US);
        burn(&self.cpu_limiter, Duration::from_secs_f64(RELAYED_CPU_US / 1e6));
        self.before_file_operation().await;
    }

    /// Keeps a copy in memory for a while.
    pub(super) fn remember(&self, body: &[u8]) {
        let mut cache = locked(&self.cache);
        if cache.len() >= CACHED_BODIES {
            cache.pop_front();
        }
        cache.push_back(Bytes::copy_from_slice(body));
    }

    /// A random identifier.
    pub(super) fn new_id(&self) -> String {
        format!("{:016x}", locked(&self.rng).bits())
    }

    /// Calls a service, whatever it answers.
    pub(super) async fn call(&self, callee: &'static str, request: Request) -> Result<Response, Failure> {
        let client = self.services.get(callee).ok_or(Failure::NoCallee(callee))?;
        self.look_up(callee).await?;
        client
            .call(request, self.effects.call_limit().unwrap_or(self.call_limit))
            .await
            .map_err(|source| Failure::Call { callee, source })
    }

    /// Waits for the address of a service, if the lab has a name server.
    async fn look_up(&self, callee: &'static str) -> Result<(), Failure> {
        match &self.lookups {
            Some(lookups) if !lookups.find(callee).await => Err(Failure::NoAddress(callee)),
            _ => Ok(()),
        }
    }

    /// Waits while something holds the lock that every command of this store needs.
    pub(super) async fn wait_for_lock(&self) {
        if let Some(wait) = self.effects.lock_wait() {
            let _counted = self.counters.wait_for_lock();
            tokio::time::sleep(wait).await;
        }
    }

    fn connections_max(&self) -> u32 {
        self.server.map_or_else(|| exporter::connections_max(self.component.name), Server::connections_max)
    }

    /// Connections that are held by somebody else.
    pub(super) fn sessions_taken(&self) -> u32 {
        let max = self.connections_max();
        self.effects.sessions_left().map_or(0, |left| max.saturating_sub(left))
    }

    /// Whether the shop, with `more` connections, would exceed those available to it.
    pub(super) fn has_too_many_sessions(&self, more: u64) -> bool {
        let max = self.connections_max().saturating_sub(self.sessions_taken());
        self.counters.sessions.load(Relaxed) + more > u64::from(max)
    }

    /// Calls a service and accepts only a success.
    pub(super) async fn call_ok(&self, callee: &'static str, request: Request) -> Result<Value, Failure> {
        let response = self.call(callee, request).await?;
        if !response.status().is_success() {
            return Err(Failure::Status { callee, status: response.status() });
        }
        Ok(serde_json::from_slice(response.body()).unwrap_or_default())
    }

    /// The value of a record as JSON.
    pub(super) async fn load(&self, store: &'static str, key: &str) -> Result<Option<Value>, Failure> {
        let value = self.store(store)?.get(key).await.map_err(|source| Failure::Record { callee: store, source })?;
        Ok(value.map(|bytes| serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// Writes a record.
    pub(super) async fn save(&self, store: &'static str, key: &str, value: &Value) -> Result<(), Failure> {
        let written = self.store(store)?.put(key, value.to_string()).await;
        written.map_err(|source| Failure::Record { callee: store, source })
    }

    /// The client of a store or the broker.
    pub(super) fn store(&self, callee: &'static str) -> Result<&RecordClient, Failure> {
        self.stores.get(callee).ok_or(Failure::NoCallee(callee))
    }
}

type Clients = (BTreeMap<&'static str, HttpClient<Local>>, BTreeMap<&'static str, RecordClient>);

/// One client for each callee, through the side-car's outbound listeners.
fn clients(component_: &'static Component, options: &AppOptions) -> Clients {
    let mut clients: Clients = Clients::default();
    for &callee in component_.calls {
        let Some(port) = options.ports.outbound(component_, callee) else { continue };
        if component(callee).is_some_and(|c| c.role == Role::Service) {
            clients.0.insert(callee, HttpClient::new(Local::at(options.ip, port), MAX_CONNECTIONS_PER_CALLEE));
        } else {
            let client = RecordClient::new(Local::at(options.ip, port), options.stores.server(callee));
            clients.1.insert(callee, client);
        }
    }
    clients
}

impl Admin for App {
    fn stats(&self) -> Value {
        let cfs = self.cpu_limiter.stats();
        json!({
            "component": self.component.name,
            "cpu_limit_cores": self.component.cpu_limit_cores,
            "cfs_periods": cfs.periods,
            "cfs_throttled_periods": cfs.throttled_periods,
            "requests": self.requests.load(Relaxed),
            "cpu_wait_s": (self.cpu_limiter.waited() + Duration::from_micros(self.cpu_wait_us.load(Relaxed))).as_secs_f64(),
            "disk_wait_s": Duration::from_micros(self.disk_wait_us.load(Relaxed)).as_secs_f64(),
        })
    }

    async fn exposition(&self) -> Option<io::Result<String>> {
        // A real server has a real exporter.
        let is_store = self.component.role != Role::Service && self.server.is_none();
        is_store.then(|| Ok(exporter::render(self.component.name, &self.counters, self.sessions_taken())))
    }

    fn effects(&self) -> BTreeMap<String, Effect> {
        self.effects.all()
    }

    fn apply(&self, id: &str, effect: Effect) -> Result<(), String> {
        self.effects.apply(id, effect, &self.cpu_limiter)
    }

    fn end(&self, id: &str) -> bool {
        self.effects.end(id)
    }
}
