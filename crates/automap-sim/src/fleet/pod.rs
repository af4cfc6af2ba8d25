//! The state of a service's pod and of a node.

use std::collections::VecDeque;

use crate::events::{Id, Micros};
use crate::fault::Effect;
use crate::meters::{NodeSample, ServiceMeter, ServiceSample};
use crate::plan::Service;

/// A pod.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) is_up: bool,
    pub(super) down_until_s: f64,
    /// Workers that hold a request.
    pub(super) busy: usize,
    /// Requests that wait for a worker.
    pub(super) queue: VecDeque<Id>,
    /// Slices of work that are on a processor, or want to be.
    pub(super) running: f64,
    pub(super) effect: Effect,
    pub(super) meter: ServiceMeter,
    pub(super) edges: Vec<Edge>,
    pub(super) leaked_mib: f64,
    /// Commands that wait for a lock.
    pub(super) locked: usize,
    pub(super) restarts: f64,
    /// What a request takes where nothing waits, in ms.
    pub(super) usual_ms: f64,
    pub(super) samples: Vec<ServiceSample>,
}

/// The caller's side of its calls to one service.
#[derive(Debug, Default)]
pub(super) struct Edge {
    pub(super) in_flight: usize,
    /// Attempts that wait for a connection.
    pub(super) waiting: VecDeque<Id>,
    /// The latest outcomes, for the circuit breaker: the oldest first.
    pub(super) outcomes: VecDeque<bool>,
    pub(super) open_until: Micros,
}

impl Pod {
    pub(super) fn new(service: &Service, usual_ms: f64) -> Self {
        Self {
            is_up: true,
            down_until_s: 0.0,
            busy: 0,
            queue: VecDeque::new(),
            running: 0.0,
            effect: Effect::NONE,
            meter: ServiceMeter::new(service.calls.len()),
            edges: service.calls.iter().map(|_| Edge::default()).collect(),
            leaked_mib: 0.0,
            locked: 0,
            restarts: 0.0,
            usual_ms,
            samples: Vec::new(),
        }
    }

    /// How many times longer a slice of work takes than on a free processor.
    pub(super) fn slowdown(&self, service: &Service, node: &Node) -> f64 {
        // A single thread is not slowed down by a limit below one processor as long as it is short.
        let of_limit = (self.running + self.effect.hogs) / service.limit_cores.max(1.0);
        of_limit.max((node.running + node.hogs + node.pod_hogs) / node.cores).max(1.0)
    }

    /// Whether its memory is full.
    pub(super) fn tick(&mut self, service: &Service, node: &mut Node, seconds: f64) -> bool {
        if !self.is_up {
            return false;
        }
        self.meter.periods += 1.0;
        if self.running + self.effect.hogs > service.limit_cores.max(1.0) {
            self.meter.throttled += 1.0;
        }
        if self.effect.hogs > 0.0 {
            let share = self.effect.hogs / self.slowdown(service, node);
            let used = share.min(service.limit_cores) * seconds;
            self.meter.cpu_s += used;
            node.cpu_s += used;
            node.wanted_by_pods += self.effect.hogs.min(service.limit_cores);
        }
        self.leaked_mib += self.effect.leak_mib_per_s * seconds;
        self.memory_mib(service) > service.memory_mib.2
    }

    fn memory_mib(&self, service: &Service) -> f64 {
        service.memory_mib.0 + service.memory_mib.1 * self.busy as f64 + self.leaked_mib
    }

    /// Another version takes over: its counters begin anew, and nobody waits for it.
    pub(super) fn roll_out(&mut self) {
        self.meter = ServiceMeter::new(self.edges.len());
        self.leaked_mib = 0.0;
    }

    pub(super) fn go_down(&mut self, node: &mut Node, calls: usize) {
        node.running -= self.running;
        (self.is_up, self.busy, self.running, self.locked, self.leaked_mib) = (false, 0, 0.0, 0, 0.0);
        self.queue.clear();
        self.meter = ServiceMeter::new(calls);
        self.edges = (0..calls).map(|_| Edge::default()).collect();
    }

    pub(super) fn sample(&mut self, service: &Service, at_s: f64, wobble: f64) {
        let taken = (self.effect.taken * service.workers as f64).floor();
        self.samples.push(ServiceSample {
            at_s,
            meter: self.is_up.then(|| self.meter.clone()),
            memory_mib: if self.is_up { self.memory_mib(service) * wobble } else { 0.0 },
            restarts: self.restarts,
            is_ready: self.is_up,
            lock_waiters: self.locked as f64,
            used: ((self.busy as f64 + taken) / service.workers as f64).min(1.0),
        });
    }
}

/// The effects of several faults at one place.
pub(super) fn together(effects: impl Iterator<Item = Effect>) -> Effect {
    effects.fold(Effect::NONE, |a, b| Effect {
        hogs: a.hogs + b.hogs,
        work: a.work * b.work,
        extra_ms: a.extra_ms + b.extra_ms,
        fails: 1.0 - (1.0 - a.fails) * (1.0 - b.fails),
        delay_ms: a.delay_ms + b.delay_ms,
        loss: 1.0 - (1.0 - a.loss) * (1.0 - b.loss),
        is_cut_off: a.is_cut_off || b.is_cut_off,
        timeout: a.timeout * b.timeout,
        leak_mib_per_s: a.leak_mib_per_s + b.leak_mib_per_s,
        lock: if a.lock.0 > b.lock.0 { a.lock } else { b.lock },
        taken: a.taken.max(b.taken),
    })
}

/// A machine.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) cores: f64,
    /// Slices of work of all its pods.
    pub(super) running: f64,
    /// Threads beside the pods that want a processor.
    pub(super) hogs: f64,
    /// What hogs inside of pods want, within the limits of these.
    pub(super) pod_hogs: f64,
    /// The same, being added up for the next tick.
    pub(super) wanted_by_pods: f64,
    pub(super) cpu_s: f64,
    /// Until when its disk has work.
    pub(super) disk_free: Micros,
    pub(super) disk_s: f64,
    /// Share of the disk that processes beside the pods take.
    pub(super) disk_taken: f64,
    pub(super) samples: Vec<NodeSample>,
}

impl Node {
    pub(super) fn new(cores: f64) -> Self {
        Self {
            cores,
            running: 0.0,
            hogs: 0.0,
            pod_hogs: 0.0,
            wanted_by_pods: 0.0,
            cpu_s: 0.0,
            disk_free: 0,
            disk_s: 0.0,
            disk_taken: 0.0,
            samples: Vec::new(),
        }
    }

    pub(super) fn tick(&mut self, seconds: f64) {
        (self.pod_hogs, self.wanted_by_pods) = (self.wanted_by_pods, 0.0);
        if self.hogs > 0.0 {
            let slowdown = ((self.running + self.hogs + self.pod_hogs) / self.cores).max(1.0);
            self.cpu_s += self.hogs / slowdown * seconds;
        }
        self.disk_s += self.disk_taken * seconds;
    }

    pub(super) fn sample(&mut self, at_s: f64) {
        // A disk at work is at work for both sides at most all the time.
        self.samples.push(NodeSample { at_s, cpu_s: self.cpu_s, disk_s: self.disk_s });
    }
}
