//! The caller's side of a call: a pooled connection, the round trip, a timeout, retries, and a circuit breaker.

use super::Fleet;
use super::requests::{Origin, Request};
use crate::chance::{happens, lognormal};
use crate::events::{Event, Id, Micros};

/// One-way network time, in ms: between nodes, and within one.
const WAY_MS: (f64, f64) = (0.3, 0.12);
/// Delay of the first retransmission of a lost packet, in ms; doubles with each further one.
const REPEAT_MS: f64 = 200.0;
/// Lost packets in a row after which it is given up.
const REPEATS: u32 = 6;
/// Delay before a retry, in ms.
const BACKOFF_MS: f64 = 25.0;
/// Outcomes that a circuit breaker considers, the share of failures at which it opens, and for how long.
const BREAKER: (usize, f64, Micros) = (20, 0.6, 5_000_000);
/// At most this many times the pool size may wait for a connection.
const WAITING: usize = 4;

/// One attempt of a call.
#[derive(Debug)]
pub(super) struct Attempt {
    request: Id,
    pub(super) caller: usize,
    edge: usize,
    sent: Micros,
    /// Remaining retries.
    left: u32,
}

impl Fleet<'_> {
    /// A request makes a call.
    pub(super) fn call(&mut self, request: Id, caller: usize, edge: usize) {
        let left = self.plan.services[caller].calls[edge].attempts - 1;
        let id = self.attempts.put(Attempt { request, caller, edge, sent: self.now, left });
        self.dispatch(id);
    }

    /// Takes a connection, waits for one, or fails if the breaker is open or too many wait.
    pub(super) fn dispatch(&mut self, id: Id) {
        let Some(attempt) = self.attempts.get(id) else { return };
        let (caller, edge) = (attempt.caller, attempt.edge);
        let pool = self.plan.services[caller].calls[edge].pool;
        let state = &mut self.pods[caller].edges[edge];
        if state.open_until > self.now || state.waiting.len() >= WAITING * pool {
            let Some(attempt) = self.attempts.take(id) else { return };
            self.pods[caller].meter.calls[edge].add(0.1, false);
            return self.called(attempt.request, self.plan.services[caller].calls[edge].is_needed, false);
        }
        if state.in_flight >= pool {
            return state.waiting.push_back(id);
        }
        self.transmit(id);
    }

    fn transmit(&mut self, id: Id) {
        let now = self.now;
        let Some(attempt) = self.attempts.get(id) else { return };
        attempt.sent = now;
        let (caller, edge) = (attempt.caller, attempt.edge);
        let call = &self.plan.services[caller].calls[edge];
        let pod = &mut self.pods[caller];
        pod.edges[edge].in_flight += 1;
        let timeout_ms = call.timeout_ms * pod.effect.timeout;
        self.plan_in_ms(timeout_ms, Event::Timeout(id));
        if let Some(ms) = self.way_ms(caller, call.to) {
            let from = Some(Origin { attempt: id, caller, place: self.places[caller][edge] });
            let request = self.requests.put(Request::new(call.to, from, now));
            self.plan_in_ms(ms, Event::Arrive(request));
        }
    }

    /// Duration of one direction; `None` if nothing arrives.
    pub(super) fn way_ms(&mut self, from: usize, to: usize) -> Option<f64> {
        let (a, b) = (self.pods[from].effect, self.pods[to].effect);
        if a.is_cut_off || b.is_cut_off {
            return None;
        }
        let is_near = self.plan.services[from].node == self.plan.services[to].node;
        let mut ms = lognormal(&mut self.rng, if is_near { WAY_MS.1 } else { WAY_MS.0 }, 0.4) + a.delay_ms + b.delay_ms;
        let loss = 1.0 - (1.0 - a.loss) * (1.0 - b.loss);
        let mut lost = 0;
        while loss > 0.0 && happens(&mut self.rng, loss) {
            if lost == REPEATS {
                return None;
            }
            ms += REPEAT_MS * f64::from(1 << lost);
            lost += 1;
        }
        Some(ms)
    }

    /// The answer has arrived.
    pub(super) fn reply(&mut self, id: Id, ok: bool) {
        let Some(attempt) = self.attempts.get(id) else { return };
        let sent = attempt.sent;
        self.end(id, self.since_ms(sent), ok);
    }

    /// No answer arrived in time.
    pub(super) fn timeout(&mut self, id: Id) {
        let Some(attempt) = self.attempts.get(id) else { return };
        let sent = attempt.sent;
        self.end(id, self.since_ms(sent), false);
    }

    /// An attempt has ended: its connection is free, and it is retried or was the last.
    fn end(&mut self, id: Id, ms: f64, ok: bool) {
        let Some(attempt) = self.attempts.take(id) else { return };
        let (caller, edge) = (attempt.caller, attempt.edge);
        self.pods[caller].meter.calls[edge].add(ms, ok);
        self.judge(caller, edge, ok);
        self.free(caller, edge);
        if !ok && attempt.left > 0 {
            let again = self.attempts.put(Attempt { left: attempt.left - 1, sent: self.now, ..attempt });
            return self.plan_in_ms(BACKOFF_MS, Event::Retry(again));
        }
        self.called(attempt.request, self.plan.services[caller].calls[edge].is_needed, ok);
    }

    /// Opens the circuit breaker if most of the latest attempts failed.
    fn judge(&mut self, caller: usize, edge: usize, ok: bool) {
        let (looks_at, share, open) = BREAKER;
        let state = &mut self.pods[caller].edges[edge];
        state.outcomes.push_back(ok);
        if state.outcomes.len() > looks_at {
            state.outcomes.pop_front();
        }
        let failed = state.outcomes.iter().filter(|ok| !**ok).count();
        if state.outcomes.len() == looks_at && failed as f64 > share * looks_at as f64 {
            state.open_until = self.now + open;
            state.outcomes.clear();
        }
    }

    /// A connection is free: the next waiting attempt takes it.
    fn free(&mut self, caller: usize, edge: usize) {
        let state = &mut self.pods[caller].edges[edge];
        state.in_flight = state.in_flight.saturating_sub(1);
        while let Some(next) = self.pods[caller].edges[edge].waiting.pop_front() {
            if self.attempts.get(next).is_some() {
                return self.transmit(next);
            }
        }
    }
}
