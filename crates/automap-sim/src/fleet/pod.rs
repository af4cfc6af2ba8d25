//! The state of a service's pod and of a node, and how long work takes there.
//!
//! CPUs are shared fairly among all threads that want to run: compared with a free CPU, a slice of work is slowed down by the number of threads per
//! CPU, for the CPUs of the pod's limit or those of the node, whichever are fewer. The factor is determined when the slice begins.
//!
//! Worked example. A node has 4 CPUs; a pod on it may use 2. Three slices of 10 ms want to run in the pod and nothing else on the node: 3 / 2 = 1.5
//! for the limit, 3 / 4 for the node, so each takes 15 ms. With 9 more threads of other pods the node has 12 / 4 = 3 threads per CPU, and each takes
//! 30 ms. With a hog of 6 threads inside the pod and the others gone, it is (3 + 6) / 2 = 4.5, and each takes 45 ms.
//!
//! Left out: a slice does not speed up when others end before it. There are thousands of slices of a few milliseconds, so means are right even if
//! single ones are not.

use std::collections::VecDeque;

use super::scaler::Scaler;
use crate::events::{Id, Micros};
use crate::fault::Effect;
use crate::meters::{NodeSample, ServiceMeter, ServiceSample};
use crate::plan::Service;

/// A cache is refilled to two thirds within this many seconds.
const WARM_S: f64 = 60.0;
/// Failed probes after which a container is killed: Kubernetes' default.
const PROBES: u32 = 3;

/// A pod.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) is_up: bool,
    pub(super) down_until_s: f64,
    /// Workers that hold a request.
    pub(super) busy: usize,
    /// Requests that wait for a worker.
    pub(super) queue: VecDeque<Id>,
    /// Slices of work that run on a CPU or want to.
    pub(super) running: f64,
    /// Serving pods of the service: one unless an autoscaler added some.
    pub(super) pods: usize,
    pub(super) scaler: Scaler,
    pub(super) effect: Effect,
    pub(super) meter: ServiceMeter,
    pub(super) edges: Vec<Edge>,
    pub(super) leaked_mib: f64,
    /// Fill level of its cache, relative to its maximum, 0–1.
    pub(super) warmth: f64,
    /// Commands that wait for a lock.
    pub(super) locked: usize,
    pub(super) restarts: f64,
    /// For a broker: waiting messages.
    pub(super) messages: usize,
    /// For a broker: whether there is a consumer.
    pub(super) has_consumer: bool,
    /// Consecutive probes that found no free worker.
    stuck_probes: u32,
    /// Services that call it.
    callers: usize,
    /// Time of a request without any waiting, in ms.
    pub(super) usual_ms: f64,
    pub(super) samples: Vec<ServiceSample>,
}

/// The caller's side of its calls to one service.
#[derive(Debug, Default)]
pub(super) struct Edge {
    pub(super) in_flight: usize,
    /// Attempts that wait for a connection.
    pub(super) waiting: VecDeque<Id>,
    /// The latest outcomes, for the circuit breaker, the oldest first.
    pub(super) outcomes: VecDeque<bool>,
    pub(super) open_until: Micros,
}

impl Pod {
    pub(super) fn new(service: &Service, callers: usize, usual_ms: f64) -> Self {
        Self {
            is_up: true,
            down_until_s: 0.0,
            busy: 0,
            queue: VecDeque::new(),
            running: 0.0,
            pods: 1,
            scaler: Scaler::default(),
            effect: Effect::NONE,
            meter: ServiceMeter::new(callers, service.calls.len()),
            edges: service.calls.iter().map(|_| Edge::default()).collect(),
            leaked_mib: 0.0,
            warmth: 1.0,
            locked: 0,
            restarts: 0.0,
            messages: 0,
            has_consumer: false,
            stuck_probes: 0,
            callers,
            usual_ms,
            samples: Vec::new(),
        }
    }

    /// CPUs that all its pods together may use.
    fn limit_cores(&self, service: &Service) -> f64 {
        service.limit_cores * self.pods as f64
    }

    /// Workers that hold no request and are not held by another client.
    pub(super) fn free_workers(&self, service: &Service) -> usize {
        let workers = service.workers * self.pods;
        let taken = (self.effect.taken * workers as f64).floor() as usize;
        workers.saturating_sub(self.busy + taken)
    }

    /// How many times longer a slice of work takes than on a free CPU.
    pub(super) fn slowdown(&self, service: &Service, node: &Node) -> f64 {
        // A single short thread is not slowed down by a limit below one CPU.
        let of_limit = (self.running + self.effect.hogs) / self.limit_cores(service).max(1.0);
        of_limit.max((node.running + node.hogs + node.pod_hogs) / node.cores).max(1.0)
    }

    /// Advances time; returns whether its memory is full.
    pub(super) fn tick(&mut self, service: &Service, node: &mut Node, seconds: f64) -> bool {
        if !self.is_up {
            return false;
        }
        self.meter.periods += 1.0;
        if self.running + self.effect.hogs > self.limit_cores(service).max(1.0) {
            self.meter.throttled += 1.0;
        }
        if self.effect.hogs > 0.0 {
            let share = self.effect.hogs / self.slowdown(service, node);
            let used = share.min(self.limit_cores(service)) * seconds;
            self.meter.cpu_s += used;
            node.cpu_s += used;
            node.wanted_by_pods += self.effect.hogs.min(self.limit_cores(service));
        }
        self.leaked_mib += self.effect.leak_mib_per_s * seconds;
        let most = 1.0 - self.effect.cold;
        self.warmth = most.min(self.warmth + (1.0 - self.warmth) * seconds / WARM_S);
        self.memory_mib(service) > service.memory_mib.2
    }

    /// A liveness probe by the kubelet. It needs a worker like any other request: after three in a row without a free one, the container has to be
    /// killed.
    pub(super) fn probe(&mut self, service: &Service) -> bool {
        let is_stuck = self.is_up && self.free_workers(service) == 0 && !self.queue.is_empty();
        self.stuck_probes = if is_stuck { self.stuck_probes + 1 } else { 0 };
        self.stuck_probes >= PROBES
    }

    fn memory_mib(&self, service: &Service) -> f64 {
        service.memory_mib.0 + service.memory_mib.1 * self.busy as f64 + self.leaked_mib
    }

    /// Another version takes over: its counters restart, without downtime.
    pub(super) fn roll_out(&mut self) {
        self.meter = ServiceMeter::new(self.callers, self.edges.len());
        self.leaked_mib = 0.0;
    }

    pub(super) fn go_down(&mut self, node: &mut Node, calls: usize) {
        node.running -= self.running;
        (self.is_up, self.busy, self.running, self.locked, self.leaked_mib) = (false, 0, 0.0, 0, 0.0);
        self.queue.clear();
        self.meter = ServiceMeter::new(self.callers, calls);
        (self.stuck_probes, self.warmth) = (0, 0.0);
        self.edges = (0..calls).map(|_| Edge::default()).collect();
    }

    pub(super) fn sample(&mut self, service: &Service, at_s: f64, wobble: f64) {
        let workers = service.workers * self.pods;
        let used = workers - self.free_workers(service);
        let further = (self.pods - 1) as f64 * service.memory_mib.0;
        self.samples.push(ServiceSample {
            at_s,
            meter: self.is_up.then(|| self.meter.clone()),
            memory_mib: if self.is_up { (self.memory_mib(service) + further) * wobble } else { 0.0 },
            restarts: self.restarts,
            is_ready: self.is_up,
            lock_waiters: self.locked as f64,
            used: used as f64 / workers as f64,
            pods: self.pods as f64,
            messages: self.messages as f64,
            consumers: f64::from(u8::from(self.has_consumer)),
        });
    }
}

/// Combines the effects of several faults at one place.
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
        cold: a.cold.max(b.cold),
        is_idle: a.is_idle || b.is_idle,
    })
}

/// A machine.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) cores: f64,
    /// Slices of work of all its pods.
    pub(super) running: f64,
    /// Threads outside the pods that want a CPU.
    pub(super) hogs: f64,
    /// CPU demand of hogs inside pods, within the pods' limits.
    pub(super) pod_hogs: f64,
    /// The same, accumulated for the next tick.
    pub(super) wanted_by_pods: f64,
    pub(super) cpu_s: f64,
    /// Time until which its disk is busy.
    pub(super) disk_free: Micros,
    pub(super) disk_s: f64,
    /// Share of the disk taken by processes outside the pods.
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
        // A disk that serves both is busy at most all the time.
        self.samples.push(NodeSample { at_s, cpu_s: self.cpu_s, disk_s: self.disk_s });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, PlanOptions};

    #[test]
    fn processors_are_shared_as_in_the_worked_example() {
        let service = Service { limit_cores: 2.0, ..Plan::draw(&PlanOptions::default()).services[1].clone() };
        let (mut pod, mut node) = (Pod::new(&service, 1, 1.0), Node::new(4.0));
        (pod.running, node.running) = (3.0, 3.0);
        assert_eq!(pod.slowdown(&service, &node), 1.5);
        node.running = 12.0;
        assert_eq!(pod.slowdown(&service, &node), 3.0);
        (pod.effect.hogs, node.running) = (6.0, 3.0);
        assert_eq!(pod.slowdown(&service, &node), 4.5);
        (pod.effect.hogs, pod.running, node.running) = (0.0, 1.0, 1.0);
        assert_eq!(pod.slowdown(&service, &node), 1.0, "nothing is faster than on a free processor");
    }

    #[test]
    fn a_container_is_killed_after_three_probes_without_a_worker() {
        let service = Service { workers: 2, ..Plan::draw(&PlanOptions::default()).services[1].clone() };
        let mut pod = Pod::new(&service, 1, 1.0);
        pod.busy = 2;
        assert!((0..5).all(|_| !pod.probe(&service)), "all are busy, and nothing waits");
        pod.queue.push_back(Id { place: 0, turn: 0 });
        assert_eq!([(); 3].map(|()| pod.probe(&service)), [false, false, true]);
        pod.busy = 1;
        assert!(!pod.probe(&service));
    }
}
