//! Who calls whom, how much work a request takes, how many workers do it, and on which node: a system drawn from a seed.
//!
//! The shape follows published data on large systems (Luo et al., SoCC 2021, on Alibaba's 20,000 services): call graphs are wide and shallow, a few
//! services are called by very many (preferential attachment), most call one or two others, many of the leaves are stores, and some of these are
//! shared. Sizes follow from the load: workers and pools are several times what Little's law requires, limits and timeouts several times the usual
//! values, each by its own factor.
//!
//! Many have a queue: a service publishes messages to a broker, and a worker processes them asynchronously, so that nobody waits for it until the
//! broker is full.
//!
//! *Example.* `Plan::draw(&PlanOptions { services: 12, seed: 7, ..PlanOptions::default() })` has a gateway `gateway`, services such as `svc-03`, stores such as
//! `svc-03-db`, on nodes `node-1` and `node-2`.

use automap_core::entity::{EntityKind, node_name};
use automap_core::random::Rng;

use crate::chance::{between, happens, lognormal, weighted};

/// Options for drawing a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanOptions {
    /// Services with their stores, the gateway included; at least 3.
    pub services: usize,
    /// Requests of users in a second, on average over a day.
    pub users_per_s: f64,
    /// The same seed draws the same plan.
    pub seed: u64,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { services: 24, users_per_s: 30.0, seed: 0 }
    }
}

/// A system.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// All of them; a caller comes before its callees. The first one is the gateway.
    pub services: Vec<Service>,
    /// CPUs of each node.
    pub nodes: Vec<f64>,
    /// Requests of users in a second, on average over a day.
    pub users_per_s: f64,
    /// Amplitude of the load's daily swing around its mean, 0–1, and the phase at the start, 0–1.
    pub swing: (f64, f64),
}

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Service, store or gateway.
    pub kind: EntityKind,
    /// The node that it runs on.
    pub node: usize,
    /// Requests that it processes at a time; a request holds a worker until it is answered.
    pub workers: usize,
    /// Requests that may wait for a worker; more are rejected.
    pub queue: usize,
    /// CPU time of a request, in ms: mean, and sigma of its logarithm.
    pub work_ms: (f64, f64),
    /// Time of a request on the node's disk, in ms; 0 without one.
    pub disk_ms: f64,
    /// CPUs that it may use.
    pub limit_cores: f64,
    /// Memory without a request, for each request, and its limit, in MiB.
    pub memory_mib: (f64, f64, f64),
    /// Share of requests that fail without a fault.
    pub error_ratio: f64,
    /// Its calls.
    pub calls: Vec<Call>,
    /// Whether its calls are made in parallel, else one after the other.
    pub at_once: bool,
    /// The broker whose messages it processes; nobody calls it, and it calls nobody.
    pub consumes: Option<usize>,
    /// Messages that may wait in a broker; more are refused.
    pub holds: usize,
    /// Most pods that its autoscaler runs; 1 without one.
    pub most_pods: usize,
}

impl Service {
    /// Whether a sidecar counts its requests. Protocols of stores and brokers are not inspected, and messages are not requests.
    pub fn has_side_car(&self) -> bool {
        matches!(self.kind, EntityKind::Service | EntityKind::Gateway) && self.consumes.is_none()
    }
}

/// A service's call to another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The callee, by index.
    pub to: usize,
    /// The probability that a request makes this call, without a cache.
    pub probability: f64,
    /// The share of these calls that a warm cache in the caller saves.
    pub cached: f64,
    /// Timeout of the caller, in ms.
    pub timeout_ms: f64,
    /// Number of attempts.
    pub attempts: u32,
    /// Most calls in flight; others wait for a connection.
    pub pool: usize,
    /// Whether a request fails if this call does.
    pub is_needed: bool,
}

impl Call {
    /// The probability that a request makes this call, with a cache at its warmest.
    pub fn usual(&self) -> f64 {
        self.probability * (1.0 - self.cached)
    }
}

/// Share of services that are stores.
const STORES: f64 = 0.3;
/// Share of stores whose owner has a cache in front of them.
const CACHES: f64 = 0.3;
/// Share of services with an autoscaler.
const SCALED: f64 = 0.3;
/// Share of systems with a queue, among those with at least this many services.
const QUEUES: (f64, usize) = (0.6, 8);
/// Most calls of one user's request in total: a plan with more is thinned.
const MAX_CALLS: f64 = 25.0;
/// Average utilisation of a node's CPUs.
const NODE_LOAD: f64 = 0.35;
/// Common timeouts, in ms.
const TIMEOUTS_MS: [f64; 7] = [250.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0, 30_000.0];

impl Plan {
    /// Draws a system.
    pub fn draw(options: &PlanOptions) -> Self {
        let mut rng = Rng::named(options.seed, "plan");
        let n = options.services.max(3);
        let stores = ((n as f64 * STORES) as usize).max(1);
        let has_queue = n >= QUEUES.1 && happens(&mut rng, QUEUES.0);
        let others = n - stores - if has_queue { 2 } else { 0 };
        let mut services: Vec<Service> = (0..others).map(|i| service(i, &mut rng)).collect();
        connect(&mut services, &mut rng);
        add_stores(&mut services, stores, &mut rng);
        if has_queue {
            add_queue(&mut services, others, &mut rng);
        }
        let mut plan = Self {
            services,
            nodes: Vec::new(),
            users_per_s: options.users_per_s.max(0.1),
            swing: (between(&mut rng, 0.1, 0.5), rng.unit()),
        };
        plan.thin();
        plan.size(&mut rng);
        plan
    }

    /// The name of a node in a frame.
    pub fn node_name(&self, node: usize) -> String {
        node_name(&format!("node-{}", node + 1))
    }

    /// Mean number of visits of one user's request to each service.
    pub fn visits(&self) -> Vec<f64> {
        let mut visits = vec![0.0; self.services.len()];
        visits[0] = 1.0;
        for (i, service) in self.services.iter().enumerate() {
            if let Some(broker) = service.consumes {
                visits[i] = visits[broker];
            }
            for call in &service.calls {
                visits[call.to] += visits[i] * call.usual();
            }
        }
        visits
    }

    /// The direct callers of each service, in order, by index. Only users call the gateway.
    pub fn callers(&self) -> Vec<Vec<usize>> {
        let mut callers = vec![Vec::new(); self.services.len()];
        for (i, service) in self.services.iter().enumerate() {
            service.calls.iter().for_each(|call| callers[call.to].push(i));
        }
        callers
    }

    /// Makes calls rarer until a user's request makes at most [`MAX_CALLS`].
    fn thin(&mut self) {
        for _ in 0..20 {
            if self.visits().iter().sum::<f64>() <= MAX_CALLS {
                return;
            }
            let calls = self.services.iter_mut().skip(1).flat_map(|service| &mut service.calls);
            calls.for_each(|call| call.probability = (call.probability * 0.8).max(0.02));
        }
    }

    /// Chooses workers, pools, timeouts, limits and nodes for the load.
    fn size(&mut self, rng: &mut Rng) {
        let (visits, latency) = (self.visits(), self.usual_latency_ms());
        let mut cores = 0.0;
        for (i, service) in self.services.iter_mut().enumerate() {
            let rate = visits[i] * self.users_per_s;
            let in_flight = rate * latency[i] / 1e3;
            service.workers = (in_flight * between(rng, 3.0, 8.0)).ceil() as usize + 4;
            service.queue = service.workers * 4;
            service.holds = (rate * between(rng, 60.0, 900.0)).ceil() as usize + 100;
            let used = rate * service.work_ms.0 / 1e3;
            service.limit_cores = (used * between(rng, 3.0, 6.0)).max(0.1) + 0.4;
            service.memory_mib.2 = service.memory_mib.0 * between(rng, 1.6, 3.0) + 64.0;
            cores += used;
            for call in &mut service.calls {
                let wished = latency[call.to] * between(rng, 6.0, 25.0);
                call.timeout_ms = TIMEOUTS_MS.into_iter().find(|t| *t >= wished).unwrap_or(30_000.0);
                let concurrent = rate * call.usual() * latency[call.to] / 1e3;
                call.pool = (concurrent * between(rng, 3.0, 8.0)).ceil() as usize + 4;
            }
        }
        let per_node = [4.0, 8.0, 16.0][rng.below(3)];
        let by_load = cores / NODE_LOAD / per_node;
        let by_pods = self.services.len() as f64 / 20.0;
        let nodes = (by_load.max(by_pods).ceil() as usize).max(2);
        self.nodes = vec![per_node; nodes];
        let order = &mut (0..self.services.len()).collect::<Vec<_>>();
        rng.shuffle(order);
        order.iter().enumerate().for_each(|(i, service)| self.services[*service].node = i % nodes);
    }

    /// Time of a request without any waiting, in ms.
    pub(crate) fn usual_latency_ms(&self) -> Vec<f64> {
        let mut latency = vec![0.0; self.services.len()];
        for (i, service) in self.services.iter().enumerate().rev() {
            let calls = service.calls.iter().map(|call| call.usual() * (latency[call.to] + 0.6));
            let calls: f64 = if service.at_once { calls.fold(0.0, f64::max) } else { calls.sum() };
            latency[i] = service.work_ms.0 + service.disk_ms + calls;
        }
        latency
    }
}

fn service(i: usize, rng: &mut Rng) -> Service {
    let name = if i == 0 { "gateway".to_owned() } else { format!("svc-{i:02}") };
    let work_ms = if i == 0 { 0.4 } else { lognormal(rng, 5.0, 0.8).clamp(0.5, 60.0) };
    Service {
        name,
        kind: if i == 0 { EntityKind::Gateway } else { EntityKind::Service },
        node: 0,
        workers: 1,
        queue: 1,
        work_ms: (work_ms, between(rng, 0.3, 0.9)),
        disk_ms: 0.0,
        limit_cores: 1.0,
        memory_mib: (lognormal(rng, 180.0, 0.6), between(rng, 0.1, 0.6), 0.0),
        error_ratio: if happens(rng, 0.4) { between(rng, 0.0002, 0.004) } else { 0.0 },
        calls: Vec::new(),
        at_once: happens(rng, 0.25),
        consumes: None,
        holds: 0,
        most_pods: if i > 0 && happens(rng, SCALED) { 2 + rng.below(5) } else { 1 },
    }
}

/// Every service gets a caller that precedes it. A service with many calls is likelier to get another one, but not deep down; a service with many
/// callers is likelier to get another caller.
fn connect(services: &mut [Service], rng: &mut Rng) {
    let mut depth = vec![0_u32; services.len()];
    let mut callers = vec![0_u32; services.len()];
    for i in 1..services.len() {
        let weights: Vec<f64> = (0..i)
            .map(|c| match c {
                0 => {
                    if services[0].calls.len() < 1 + services.len() / 12 {
                        2.0
                    } else {
                        0.0
                    }
                }
                _ => (1.0 + services[c].calls.len() as f64) / f64::from(1 << (2 * depth[c]).min(12)),
            })
            .collect();
        let caller = weighted(rng, &weights).unwrap_or(0);
        add_call(services, caller, i, rng);
        (depth[i], callers[i]) = (depth[caller] + 1, 1);
    }
    for i in 1..services.len() {
        if !happens(rng, 0.35) {
            continue;
        }
        let weights: Vec<f64> = (0..services.len())
            .map(|c| if c > i && depth[c] > depth[i] { f64::from(callers[c]) } else { 0.0 })
            .collect();
        let callee = weighted(rng, &weights).filter(|c| services[i].calls.iter().all(|call| call.to != *c));
        if let Some(callee) = callee {
            add_call(services, i, callee, rng);
            callers[callee] += 1;
        }
    }
}

/// Most stores belong to one service, some are shared by several.
fn add_stores(services: &mut Vec<Service>, stores: usize, rng: &mut Rng) {
    let n = services.len();
    let mut owners: Vec<usize> = (1..n).collect();
    rng.shuffle(&mut owners);
    for s in 0..stores {
        let owner = owners[s % owners.len()];
        let store = services.len();
        let suffix = ["db", "cache", "store"][rng.below(3)];
        let name = format!("{}-{suffix}{}", services[owner].name, if s < owners.len() { "" } else { "-2" });
        let is_cache = suffix == "cache";
        services.push(Service {
            kind: EntityKind::Store,
            work_ms: (lognormal(rng, if is_cache { 0.4 } else { 1.5 }, 0.5), between(rng, 0.5, 1.1)),
            disk_ms: if is_cache { 0.0 } else { between(rng, 0.1, 0.8) },
            error_ratio: 0.0,
            at_once: false,
            most_pods: 1,
            ..service(store, rng)
        });
        services[store].name = name;
        add_call(services, owner, store, rng);
        if let Some(call) = services[owner].calls.last_mut().filter(|_| happens(rng, CACHES)) {
            call.cached = between(rng, 0.6, 0.95);
        }
        if happens(rng, 0.2) {
            let other = owners[rng.below(owners.len())];
            if other != owner {
                add_call(services, other, store, rng);
            }
        }
    }
}

/// One service publishes messages to a broker, and another one processes them asynchronously.
fn add_queue(services: &mut Vec<Service>, others: usize, rng: &mut Rng) {
    let (publisher, broker) = (1 + rng.below(others - 1), services.len());
    let stem = services[publisher].name.clone();
    let quick = (0.3, 0.5);
    services.push(Service {
        name: format!("{stem}-queue"),
        kind: EntityKind::Broker,
        work_ms: quick,
        error_ratio: 0.0,
        at_once: false,
        most_pods: 1,
        ..service(broker, rng)
    });
    services.push(Service { name: format!("{stem}-worker"), consumes: Some(broker), ..service(broker + 1, rng) });
    add_call(services, publisher, broker, rng);
}

fn add_call(services: &mut [Service], from: usize, to: usize, rng: &mut Rng) {
    let fan_out = services[from].calls.len();
    let always = from != 0 && happens(rng, 0.5);
    let probability = if always { 1.0 } else { between(rng, 0.15, 0.9) / (1.0 + 0.15 * fan_out as f64) };
    let attempts = if happens(rng, 0.3) { 2 } else { 1 };
    let is_needed = !happens(rng, 0.12);
    services[from].calls.push(Call { to, probability, cached: 0.0, timeout_ms: 0.0, attempts, pool: 0, is_needed });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(services: usize, seed: u64) -> Plan {
        Plan::draw(&PlanOptions { services, seed, ..PlanOptions::default() })
    }

    #[test]
    fn everyone_is_called_by_somebody_before_it_and_a_seed_is_a_plan() {
        for (services, seed) in [(3, 1), (12, 2), (60, 3), (400, 4)] {
            let plan = plan(services, seed);
            assert_eq!((plan.services.len(), &plan), (services, &self::plan(services, seed)));
            let mut called = vec![false; services];
            for (i, service) in plan.services.iter().enumerate() {
                for call in &service.calls {
                    assert!(call.to > i && call.timeout_ms > 0.0 && call.pool > 0);
                    called[call.to] = true;
                }
            }
            let is_reached = |i: usize| called[i] || plan.services[i].consumes.is_some_and(|broker| called[broker]);
            assert!((1..services).all(is_reached), "{services} services");
            let mut names: Vec<&str> = plan.services.iter().map(|s| s.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), services);
        }
        assert_ne!(plan(24, 1), plan(24, 2));
    }

    #[test]
    fn a_request_makes_a_bounded_number_of_calls_and_nodes_have_room() {
        for seed in 0..20 {
            let plan = plan(80, seed);
            let visits = plan.visits();
            assert!(visits.iter().sum::<f64>() <= 1.2 * MAX_CALLS, "{}", visits.iter().sum::<f64>());
            let mut used = vec![0.0; plan.nodes.len()];
            for (service, visits) in plan.services.iter().zip(&visits) {
                used[service.node] += visits * plan.users_per_s * service.work_ms.0 / 1e3;
            }
            assert!(used.iter().zip(&plan.nodes).all(|(used, cores)| used < &(0.8 * cores)), "{used:?}");
        }
    }

    #[test]
    fn some_services_are_called_by_many_and_most_by_one() {
        let plan = plan(400, 5);
        let mut callers = vec![0; 400];
        plan.services.iter().flat_map(|s| &s.calls).for_each(|call| callers[call.to] += 1);
        let by_one = callers.iter().filter(|n| **n == 1).count();
        assert!(by_one > 200 && callers.iter().max() >= Some(&6), "{by_one}, {:?}", callers.iter().max());
        let direct = plan.callers();
        assert_eq!(direct.iter().map(Vec::len).collect::<Vec<_>>(), callers);
        assert!(direct.iter().all(|callers| callers.windows(2).all(|pair| pair[0] < pair[1])), "nobody calls twice");
    }
}
