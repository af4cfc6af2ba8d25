//! Runs the fleet: events in order of time, from a user's request to its answer.
//!
//! A request holds a worker of its service from beginning to end, uses a CPU before and after its calls, and may wait for a worker, a connection, a
//! disk, a lock, or its callees. CPUs are shared fairly: a slice of work takes longer in proportion to the threads that want to run per CPU of the
//! pod's limit or of the node when it begins (worked example in `pod`). Callers time out while the callee continues, retry, and stop trying for a
//! while if most attempts fail.
//!
//! Cost: about 10 events per request and service; a million events a second on one core.

mod attempts;
mod messages;
mod pod;
mod requests;
mod scaler;
#[cfg(test)]
mod tests;

use automap_core::random::Rng;

use crate::chance::{between, happens};
use crate::events::{Agenda, Event, Id, Micros, Slab};
use crate::fault::{Fault, Place};
use crate::meters::{Answers, NodeSample, ServiceSample};
use crate::plan::Plan;
use attempts::Attempt;
use pod::{Node, Pod};
use requests::Request;

const MICROS: f64 = 1e6;
/// How often CPU shares are evaluated.
const TICK_S: f64 = 0.1;
/// One day, for the daily swing of the load.
const DAY_S: f64 = 86_400.0;
/// Ticks between two probes: ten seconds, Kubernetes' default.
const PROBE_TICKS: u64 = 100;
/// Ticks between two decisions of an autoscaler, and the time until a new pod serves, in seconds.
const SCALER: (u64, f64) = (150, 20.0);

/// How a fleet is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunOptions {
    /// Length, in seconds.
    pub length_s: f64,
    /// Time between two scrapes, in seconds.
    pub scrape_s: f64,
    /// Share of scrapes that fail.
    pub lost_scrapes: f64,
    /// Whether containers whose liveness probes find no free worker are killed, which makes an overload spread.
    pub has_probes: bool,
    /// The same seed gives the same run.
    pub seed: u64,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { length_s: 1200.0, scrape_s: 5.0, lost_scrapes: 0.002, has_probes: false, seed: 0 }
    }
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Every scrape of every service.
    pub services: Vec<Vec<ServiceSample>>,
    /// Every scrape of every node.
    pub nodes: Vec<Vec<NodeSample>>,
    /// The answers that each service's callers got; for the gateway these are the users.
    pub answers: Vec<Answers>,
    /// Scalings by autoscalers, in order.
    pub scalings: Vec<Scaling>,
}

/// A change of a service's number of pods.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// The service, by index.
    pub service: usize,
    /// When, in seconds since the start.
    pub at_s: f64,
    /// The number of pods before and after.
    pub pods: (usize, usize),
}

/// Runs a system with faults. O(events · log of those in flight).
pub fn run(plan: &Plan, faults: &[Fault], options: &RunOptions) -> Recording {
    let mut fleet = Fleet::new(plan, faults, *options);
    fleet.begin();
    let end = (options.length_s * MICROS) as Micros;
    while let Some((at, event)) = fleet.agenda.next() {
        if at > end {
            break;
        }
        fleet.now = at;
        fleet.happen(event);
    }
    let services = fleet.pods.into_iter().map(|pod| pod.samples).collect();
    let nodes = fleet.nodes.into_iter().map(|node| node.samples).collect();
    Recording { services, nodes, answers: fleet.answers, scalings: fleet.scalings }
}

struct Fleet<'a> {
    plan: &'a Plan,
    faults: &'a [Fault],
    options: RunOptions,
    now: Micros,
    agenda: Agenda,
    requests: Slab<Request>,
    attempts: Slab<Attempt>,
    pods: Vec<Pod>,
    nodes: Vec<Node>,
    answers: Vec<Answers>,
    /// Each caller's index among the callers of its callee, by caller and call.
    places: Vec<Vec<usize>>,
    scalings: Vec<Scaling>,
    ticks: u64,
    /// Random numbers for requests.
    rng: Rng,
    /// Random numbers for users' arrivals, so that a fault does not change who arrives.
    user_rng: Rng,
    /// A slow random drift of the load around its daily swing.
    wander: f64,
    active: Vec<bool>,
}

impl<'a> Fleet<'a> {
    fn new(plan: &'a Plan, faults: &'a [Fault], options: RunOptions) -> Self {
        let (latency, callers) = (plan.usual_latency_ms(), plan.callers());
        let pods = plan.services.iter().enumerate();
        let pods = pods.map(|(i, service)| Pod::new(service, callers[i].len().max(1), latency[i])).collect();
        let place = |caller: usize, to: usize| callers[to].iter().position(|c| *c == caller).unwrap_or(0);
        let places = plan.services.iter().enumerate();
        let places = places.map(|(i, service)| service.calls.iter().map(|call| place(i, call.to)).collect()).collect();
        Self {
            plan,
            faults,
            options,
            now: 0,
            agenda: Agenda::default(),
            requests: Slab::new(),
            attempts: Slab::new(),
            pods,
            nodes: plan.nodes.iter().map(|cores| Node::new(*cores)).collect(),
            answers: vec![Answers::default(); plan.services.len()],
            places,
            scalings: Vec::new(),
            ticks: 0,
            rng: Rng::named(options.seed, "requests"),
            user_rng: Rng::named(options.seed, "users"),
            wander: 0.0,
            active: vec![false; faults.len()],
        }
    }

    fn begin(&mut self) {
        self.agenda.plan(0, Event::Tick);
        self.agenda.plan(0, Event::User);
        let mut offsets = Rng::named(self.options.seed, "scrapes");
        for target in 0..self.pods.len() + self.nodes.len() {
            let at = between(&mut offsets, 0.0, self.options.scrape_s);
            self.plan_at(at, Event::Scrape(target as u32));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::User => self.user(),
            Event::Arrive(request) => self.arrive(request),
            Event::Worked(request) => self.worked(request),
            Event::Resume(request) => self.resume(request),
            Event::Reply(attempt, ok) => self.reply(attempt, ok),
            Event::Timeout(attempt) => self.timeout(attempt),
            Event::Retry(attempt) => self.dispatch(attempt),
            Event::Back(service) => self.back(service as usize),
            Event::Scaled(service, pods) => self.scaled(service as usize, pods as usize),
            Event::Scrape(target) => self.scrape(target as usize),
            Event::Tick => self.tick(),
        }
    }

    fn seconds(&self) -> f64 {
        self.now as f64 / MICROS
    }

    fn plan_at(&mut self, s: f64, event: Event) {
        self.agenda.plan((s * MICROS) as Micros, event);
    }

    fn plan_in_ms(&mut self, ms: f64, event: Event) {
        self.agenda.plan(self.now + (ms * 1e3).max(0.0) as Micros, event);
    }

    fn since_ms(&self, then: Micros) -> f64 {
        (self.now - then) as f64 / 1e3
    }

    /// One user sends a request, and the next arrival is planned.
    fn user(&mut self) {
        let request = self.requests.put(Request::new(0, None, self.now));
        self.arrive(request);
        let s = self.seconds();
        let (swing, phase) = self.plan.swing;
        let of_day = 1.0 + swing * (std::f64::consts::TAU * (s / DAY_S + phase)).sin();
        let more: f64 = self.faults.iter().filter(|f| f.is_on(s)).map(Fault::users).product();
        let rate = self.plan.users_per_s * of_day * self.wander.exp() * more;
        let next = self.user_rng.exponential(1.0 / rate.max(1e-3));
        self.plan_at(s + next, Event::User);
    }

    /// Every tenth of a second: faults begin and end, hogs use CPUs, memory leaks, and the load drifts.
    fn tick(&mut self) {
        let s = self.seconds();
        for i in 0..self.faults.len() {
            let is_on = self.faults[i].is_on(s);
            if self.active[i] != is_on {
                self.active[i] = is_on;
                self.turn(i, is_on);
            }
        }
        for node in &mut self.nodes {
            node.tick(TICK_S);
        }
        let mut killed = Vec::new();
        for (i, pod) in self.pods.iter_mut().enumerate() {
            let node = &mut self.nodes[self.plan.services[i].node];
            if pod.tick(&self.plan.services[i], node, TICK_S) {
                killed.push(i);
            }
        }
        self.ticks += 1;
        if self.options.has_probes && self.ticks.is_multiple_of(PROBE_TICKS) {
            let probed = self.pods.iter_mut().zip(&self.plan.services).enumerate();
            killed.extend(probed.filter_map(|(i, (pod, service))| pod.probe(service).then_some(i)));
            killed.sort_unstable();
            killed.dedup();
        }
        if self.ticks.is_multiple_of(SCALER.0) {
            self.scale();
        }
        killed.into_iter().for_each(|service| self.crash(service));
        (0..self.pods.len()).for_each(|service| self.deliver(service));
        // A mean-reverting walk with a standard deviation of 5 % and a memory of a minute.
        let keep = 1.0 - TICK_S / 60.0;
        self.wander = keep * self.wander + 0.05 * (1.0 - keep * keep).sqrt() * self.user_rng.normal();
        self.plan_at(s + TICK_S, Event::Tick);
    }

    /// Autoscalers evaluate the usage.
    fn scale(&mut self) {
        let seconds = SCALER.0 as f64 * TICK_S;
        for (i, service) in self.plan.services.iter().enumerate().filter(|(_, s)| s.most_pods > 1) {
            let pod = &mut self.pods[i];
            let wanted = pod.scaler.look(pod.meter.cpu_s, seconds, pod.pods, service.limit_cores, service.most_pods);
            if let Some(pods) = wanted {
                let ready_ms = if pods > pod.pods { SCALER.1 * 1e3 } else { 0.0 };
                self.agenda.plan(self.now + (ready_ms * 1e3) as Micros, Event::Scaled(i as u32, pods as u32));
            }
        }
    }

    fn scaled(&mut self, service: usize, pods: usize) {
        let before = std::mem::replace(&mut self.pods[service].pods, pods);
        if before != pods {
            self.scalings.push(Scaling { service, at_s: self.seconds(), pods: (before, pods) });
        }
        // Requests that wait for a worker take one of the new pods'.
        while self.pods[service].free_workers(&self.plan.services[service]) > 0 {
            let Some(next) = self.pods[service].queue.pop_front() else { return };
            self.start(next);
        }
    }

    /// A fault begins or ends: effects are recomputed, and one-time effects happen.
    fn turn(&mut self, fault: usize, begins: bool) {
        use crate::fault::Kind;

        let fault = self.faults[fault];
        match fault.place {
            Place::Service(service) => {
                let usual_ms = self.pods[service].usual_ms;
                let on = self.faults.iter().zip(&self.active).filter(|(f, active)| **active && f.place == fault.place);
                let effects = on.map(|(f, _)| f.effect(usual_ms, self.plan));
                self.pods[service].effect = pod::together(effects);
                let is_new_pod = fault.kind.is_release();
                match fault.kind {
                    Kind::Kill if begins => self.crash(service),
                    Kind::ScaledUp if begins => self.scaled(service, self.pods[service].pods + 1),
                    Kind::Outage if begins => self.down(service, fault.to_s - self.seconds()),
                    _ if is_new_pod => self.pods[service].roll_out(),
                    _ => {}
                }
            }
            Place::Node(node) => {
                let s = self.seconds();
                let on = self.faults.iter().filter(|f| f.place == fault.place && f.is_on(s));
                let (hogs, disk) = on.fold((0.0, 0.0_f64), |(hogs, disk), f| {
                    (hogs + f.node_hogs(self.plan.nodes[node]), disk.max(f.disk_taken()))
                });
                (self.nodes[node].hogs, self.nodes[node].disk_taken) = (hogs, disk);
            }
        }
    }

    /// A container dies: its requests fail, its counters restart, and it is up again after some seconds.
    fn crash(&mut self, service: usize) {
        let seconds = between(&mut self.rng, 4.0, 15.0);
        self.down(service, seconds);
        self.pods[service].restarts += 1.0;
    }

    fn down(&mut self, service: usize, seconds: f64) {
        let lost = self.requests.find(|request| request.service == service);
        self.pods[service]
            .go_down(&mut self.nodes[self.plan.services[service].node], self.plan.services[service].calls.len());
        self.give_back(service, lost.len());
        for request in lost {
            self.drop_request(request);
        }
        for attempt in self.attempts.find(|attempt| attempt.caller == service) {
            self.attempts.take(attempt);
        }
        let at = self.seconds() + seconds;
        self.pods[service].down_until_s = at;
        self.plan_at(at, Event::Back(service as u32));
    }

    fn back(&mut self, service: usize) {
        if self.seconds() + 1e-6 >= self.pods[service].down_until_s {
            self.pods[service].is_up = true;
        }
    }

    /// Reads a target's metrics, or fails to.
    fn scrape(&mut self, target: usize) {
        let s = self.seconds();
        let is_lost = happens(&mut self.rng, self.options.lost_scrapes);
        if !is_lost {
            match target.checked_sub(self.pods.len()) {
                None => {
                    let wobble = 1.0 + 0.01 * self.rng.normal();
                    self.pods[target].sample(&self.plan.services[target], s, wobble);
                }
                Some(node) => self.nodes[node].sample(s),
            }
        }
        let jitter = 0.02 * self.rng.normal().clamp(-3.0, 3.0);
        self.plan_at((s + self.options.scrape_s + jitter).max(s + 0.1), Event::Scrape(target as u32));
    }

    /// A request whose process died: its caller sees the connection break.
    fn drop_request(&mut self, id: Id) {
        if let Some(request) = self.requests.take(id) {
            self.answer(&request, false);
        }
    }
}
