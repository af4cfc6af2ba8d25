//! A request at one service: it waits for a worker, works, makes its calls, works again and is answered.

use automap_core::entity::EntityKind;

use super::Fleet;
use super::pod::Pod;
use crate::chance::{happens, lognormal};
use crate::events::{Event, Id, Micros};

/// Share of a request's work that comes before its calls.
const WORK_BEFORE: f64 = 0.6;
/// Share of the work after which a failing request fails.
const WORK_OF_A_FAILURE: f64 = 0.2;
/// Bytes of a request, of an answer and of an error.
const BYTES: (f64, f64, f64) = (700.0, 2500.0, 300.0);
/// Bytes written by a command that uses the disk.
const WRITTEN_BYTES: f64 = 4096.0;

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) service: usize,
    /// Its caller; `None`: a user.
    from: Option<Origin>,
    arrived: Micros,
    phase: Phase,
    /// Index of its next call.
    step: usize,
    /// Number of calls that it waits for.
    pending: usize,
    ok: bool,
}

/// The caller of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) attempt: Id,
    pub(super) caller: usize,
    /// Its index among the callers of the service.
    pub(super) place: usize,
}

/// What it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for a worker.
    Queued,
    /// Waits for a lock.
    Locked,
    /// Waits without using a CPU.
    Sleeping,
    /// Works before its calls.
    First,
    /// Waits for the disk.
    Disk,
    /// Waits for its callees.
    Calls,
    /// Works after its calls, or before it fails.
    Last,
}

impl Request {
    pub(super) fn new(service: usize, from: Option<Origin>, arrived: Micros) -> Self {
        Self { service, from, arrived, phase: Phase::Queued, step: 0, pending: 0, ok: true }
    }

    /// Index of its caller among the callers of the service; the gateway has one, the users.
    fn place(&self) -> usize {
        self.from.map_or(0, |from| from.place)
    }
}

impl Fleet<'_> {
    /// It has arrived: a worker takes it, or it waits for one, or it is rejected.
    pub(super) fn arrive(&mut self, id: Id) {
        let now = self.now;
        let Some(request) = self.requests.get(id) else { return };
        request.arrived = now;
        let (service, place) = (request.service, request.place());
        let (plan, pod) = (&self.plan.services[service], &mut self.pods[service]);
        if !pod.is_up {
            return self.drop_request(id);
        }
        pod.meter.received_bytes += BYTES.0;
        if pod.free_workers(plan) > 0 {
            return self.start(id);
        }
        if pod.queue.len() < plan.queue * pod.pods {
            return pod.queue.push_back(id);
        }
        pod.meter.serve(place, 0.2, false);
        pod.meter.sent_bytes += BYTES.2;
        self.drop_request(id);
    }

    /// A worker takes it.
    pub(super) fn start(&mut self, id: Id) {
        let Some(request) = self.requests.get(id) else { return };
        let (service, pod) = (request.service, &mut self.pods[request.service]);
        pod.busy += 1;
        let effect = pod.effect;
        let fails = 1.0 - (1.0 - effect.fails) * (1.0 - self.plan.services[service].error_ratio);
        if happens(&mut self.rng, fails) {
            request.ok = false;
            return self.work(id, Phase::Last, WORK_OF_A_FAILURE);
        }
        if happens(&mut self.rng, effect.lock.0) {
            request.phase = Phase::Locked;
            pod.locked += 1;
            let ms = self.rng.exponential(effect.lock.1);
            return self.plan_in_ms(ms, Event::Resume(id));
        }
        if effect.extra_ms > 0.0 {
            request.phase = Phase::Sleeping;
            let ms = lognormal(&mut self.rng, effect.extra_ms, 0.3);
            return self.plan_in_ms(ms, Event::Resume(id));
        }
        self.work(id, Phase::First, WORK_BEFORE);
    }

    /// Starts a slice of work on a CPU.
    fn work(&mut self, id: Id, phase: Phase, share: f64) {
        let Some(request) = self.requests.get(id) else { return };
        request.phase = phase;
        let service = &self.plan.services[request.service];
        let (pod, node) = (&mut self.pods[request.service], &mut self.nodes[service.node]);
        pod.running += 1.0;
        node.running += 1.0;
        let ms = lognormal(&mut self.rng, service.work_ms.0 * share * pod.effect.work, service.work_ms.1);
        let slowdown = pod.slowdown(service, node);
        pod.meter.cpu_s += ms / 1e3;
        node.cpu_s += ms / 1e3;
        self.plan_in_ms(ms * slowdown, Event::Worked(id));
    }

    /// A slice has ended.
    pub(super) fn worked(&mut self, id: Id) {
        let Some(request) = self.requests.get(id) else { return };
        let (phase, service) = (request.phase, request.service);
        let node = &mut self.nodes[self.plan.services[service].node];
        self.pods[service].running -= 1.0;
        node.running -= 1.0;
        match phase {
            Phase::Last => self.finish(id),
            _ if self.plan.services[service].disk_ms > 0.0 => self.use_disk(id, service),
            _ => self.call_next(id),
        }
    }

    /// Requests use the node's disk one after the other; the share that others take slows it down for all.
    fn use_disk(&mut self, id: Id, service: usize) {
        let Some(request) = self.requests.get(id) else { return };
        request.phase = Phase::Disk;
        let plan = &self.plan.services[service];
        let node = &mut self.nodes[plan.node];
        let own_ms = self.rng.exponential(plan.disk_ms);
        let ms = own_ms / (1.0 - node.disk_taken);
        node.disk_s += own_ms / 1e3;
        node.disk_free = node.disk_free.max(self.now) + (ms * 1e3) as Micros;
        self.pods[service].meter.written_bytes += WRITTEN_BYTES;
        let at = node.disk_free;
        self.agenda.plan(at, Event::Resume(id));
    }

    /// The resource that it waited for is available.
    pub(super) fn resume(&mut self, id: Id) {
        let Some(request) = self.requests.get(id) else { return };
        match request.phase {
            Phase::Disk => self.call_next(id),
            Phase::Locked => {
                let pod = &mut self.pods[request.service];
                pod.locked = pod.locked.saturating_sub(1);
                self.work(id, Phase::First, WORK_BEFORE);
            }
            _ => self.work(id, Phase::First, WORK_BEFORE),
        }
    }

    /// Makes its next call, or all remaining calls; after them the rest of the work.
    fn call_next(&mut self, id: Id) {
        let plan = self.plan;
        let Some(request) = self.requests.get(id) else { return };
        request.phase = Phase::Calls;
        let service = &plan.services[request.service];
        let (caller, from) = (request.service, request.step);
        let mut made = Vec::new();
        let mut step = from;
        while step < service.calls.len() && (service.at_once || made.is_empty()) {
            let call = &service.calls[step];
            let missed = 1.0 - call.cached * self.pods[caller].warmth;
            if happens(&mut self.rng, call.probability * missed) {
                made.push(step);
            }
            step += 1;
        }
        (request.step, request.pending) = (step, made.len());
        if made.is_empty() {
            return self.work(id, Phase::Last, 1.0 - WORK_BEFORE);
        }
        made.into_iter().for_each(|edge| self.call(id, caller, edge));
    }

    /// A call has ended.
    pub(super) fn called(&mut self, id: Id, is_needed: bool, ok: bool) {
        let Some(request) = self.requests.get(id) else { return };
        request.pending = request.pending.saturating_sub(1);
        request.ok &= ok || !is_needed;
        let (is_at_once, ok) = (self.plan.services[request.service].at_once, request.ok);
        match request.pending {
            0 if !ok => self.finish(id),
            0 if is_at_once => self.work(id, Phase::Last, 1.0 - WORK_BEFORE),
            0 => self.call_next(id),
            _ => {}
        }
    }

    /// It is answered, and its worker takes the next one.
    fn finish(&mut self, id: Id) {
        let Some(mut request) = self.requests.take(id) else { return };
        let ms = self.since_ms(request.arrived);
        if self.plan.services[request.service].kind == EntityKind::Broker {
            request.ok = request.ok && self.keep(request.service);
        }
        let pod: &mut Pod = &mut self.pods[request.service];
        pod.meter.serve(request.place(), ms, request.ok);
        pod.meter.sent_bytes += if request.ok { BYTES.1 } else { BYTES.2 };
        pod.busy = pod.busy.saturating_sub(1);
        let next = pod.queue.pop_front();
        self.answer(&request, request.ok);
        if let Some(next) = next {
            self.start(next);
        }
        self.deliver(request.service);
    }

    /// Reports to the caller; users see it at once.
    pub(super) fn answer(&mut self, request: &Request, ok: bool) {
        let (asked_s, ms) = (request.arrived as f64 / 1e6, self.since_ms(request.arrived));
        self.answers[request.service].add(asked_s, ms, ok);
        let Some(from) = request.from else { return };
        if let Some(ms) = self.way_ms(request.service, from.caller) {
            self.plan_in_ms(ms, Event::Reply(from.attempt, ok));
        }
    }
}
