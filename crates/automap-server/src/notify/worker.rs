//! Sends the messages that are due. One step visits every route of the worker's receivers once; `outbox.rs` gives every receiver its own worker and
//! thread, so that one that fails or hangs does not delay the others. The caller's clock is read again after every request: a request may take up to
//! its timeout, and pauses count from its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use automap_core::incident::IncidentState;
use automap_core::time::Timestamp;
use tracing::debug_span;

use super::backoff;
use super::config::{NotifyConfig, ReceiverConfig};
use super::fold::fold;
use super::gate::Gate;
use super::http::{Failure, Http, HttpOptions};
use super::message::{Facts, Message};
use super::route::Route;
use crate::store::{Event, IncidentFilter, MAX_PAGE, Outgoing, Queued, Store, StoreError};

/// Most messages of one route in one step, so that other routes are served as well.
const PER_ROUTE: usize = 20;
/// Pause after a failure of a receiver that did not ask for a longer one, for all messages to it.
const REST_MS: i64 = 5_000;

/// Whether another message may be sent.
pub(super) type MaySend = Arc<dyn Fn() -> bool + Send + Sync>;

/// Sends the waiting messages of one store.
pub struct Worker {
    seed: u64,
    /// Which receivers it serves: the index of this worker, and the number of workers.
    lane: usize,
    lanes: usize,
    may_send: MaySend,
    http: Option<(HttpOptions, Http)>,
    /// By receiver.
    gates: BTreeMap<String, Gate>,
    /// When a route was last notified of an open incident, by route and incident; for receivers that drop what is not repeated.
    last_notified: BTreeMap<(String, String), Timestamp>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("lane", &self.lane).field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Messages that were accepted.
    pub delivered: u32,
    /// Messages that will be tried again.
    pub retried: u32,
    /// Messages that were given up; the outbox says why.
    pub given_up: u32,
    /// Updates that a later message superseded.
    pub folded: u32,
    /// Open incidents that were sent again to receivers that drop what is not repeated.
    pub refreshed: u32,
    /// Nothing could be sent: the `http` options cannot be used, and [`NotifyConfig::check`] says why. The messages wait.
    pub blocked: bool,
}

impl Step {
    /// Whether there may be more to send immediately.
    pub fn is_busy(&self) -> bool {
        self.delivered + self.given_up + self.folded > 0
    }
}

impl Worker {
    /// A worker for all receivers. `seed` spreads the retries of several workers; any number works.
    pub fn new(seed: u64) -> Self {
        Self::of_lane(seed, (0, 1), Arc::new(|| true))
    }

    /// The worker at index `lane.0` of `lane.1` workers; each receiver belongs to one of them. Nothing is sent while `may_send` returns false.
    pub(super) fn of_lane(seed: u64, lane: (usize, usize), may_send: MaySend) -> Self {
        let (lane, lanes) = lane;
        Self { seed, lane, lanes, may_send, http: None, gates: BTreeMap::new(), last_notified: BTreeMap::new() }
    }

    /// Sends what is due, route by route. Receiver failures are recorded in the store; none ends the step.
    ///
    /// # Errors
    /// When the store fails. A message that was sent but could not be recorded is sent again.
    pub fn step(
        &mut self,
        store: &dyn Store,
        config: &NotifyConfig,
        clock: &dyn Fn() -> Timestamp,
    ) -> Result<Step, StoreError> {
        let mut done = Step::default();
        let http = match self.http.take() {
            Some((options, http)) if options == config.http => http,
            _ => match Http::new(&config.http) {
                Ok(http) => http,
                Err(_) => return Ok(Step { blocked: true, ..done }),
            },
        };
        let result = self.routes(store, config, &http, clock, &mut done);
        self.http = Some((config.http.clone(), http));
        result.map(|()| done)
    }

    fn routes(
        &mut self,
        store: &dyn Store,
        config: &NotifyConfig,
        http: &Http,
        clock: &dyn Fn() -> Timestamp,
        done: &mut Step,
    ) -> Result<(), StoreError> {
        for route in &config.routes {
            let Some(at) = config.receivers.iter().position(|r| r.name == route.receiver) else { continue };
            if at % self.lanes != self.lane {
                continue;
            }
            let context = RouteContext { store, config, route, receiver: &config.receivers[at], http, clock };
            if self.open(&context) {
                for message in store.due_of(&route.name, clock(), PER_ROUTE)? {
                    if !self.open(&context) {
                        break;
                    }
                    self.one(&context, &message, done)?;
                }
            }
            self.refresh(&context, done)?;
        }
        if self.lane > 0 {
            return Ok(());
        }
        for message in store.due(clock(), MAX_PAGE)? {
            if !config.routes.iter().any(|r| r.name == message.route) {
                store.failed(&message.key, "the route is not in the configuration any more", None)?;
                done.given_up += 1;
            }
        }
        Ok(())
    }

    fn open(&self, context: &RouteContext<'_>) -> bool {
        let rate = context.receiver.per_minute.or_else(|| context.receiver.to.receiver().per_minute());
        let is_open = self.gates.get(&context.receiver.name).is_none_or(|g| g.opens(rate, (context.clock)()).is_none());
        is_open && (self.may_send)()
    }

    fn one(&mut self, context: &RouteContext<'_>, first: &Outgoing, done: &mut Step) -> Result<(), StoreError> {
        let RouteContext { store, config, route, clock, .. } = *context;
        let line = store.waiting(&route.name, &first.incident)?;
        let folded = fold(&line, route.updates);
        if folded > 0 {
            let keys: Vec<String> = line.iter().take(folded).map(|waiting| waiting.key.clone()).collect();
            store.folded(&keys, clock())?;
            done.folded += u32::try_from(folded).unwrap_or(u32::MAX);
        }
        let message = match line.get(folded) {
            None => return Ok(()),
            Some(next) if next.key == first.key => first.clone(),
            // The message that is now the first of its queue; the store decides whether it is due.
            Some(next) => match store.due_of(&route.name, clock(), MAX_PAGE)?.into_iter().find(|m| m.key == next.key) {
                Some(message) => message,
                None => return Ok(()),
            },
        };
        let Some(queued) = store.message(&message.key)? else { return Ok(()) };
        let reply = store.reply(&route.name, &message.incident)?;
        store.attempting(&message.key, clock())?;
        let sent = self.send(context, &message.key, &queued, reply);
        let now = clock();
        match sent {
            Ok(reply) => {
                store.delivered(&message.key, reply.as_deref(), now)?;
                if context.receiver.to.receiver().refresh_ms().is_some() {
                    self.last_notified.insert((route.name.clone(), message.incident.clone()), now);
                }
                done.delivered += 1;
            }
            Err(failure) => {
                let due = match &failure {
                    Failure::Never { .. } => None,
                    Failure::Later { after, .. } => backoff::next(&config.retry, &message, *after, self.seed, now),
                    Failure::Unknown { .. } => backoff::next(&config.retry, &message, None, self.seed, now),
                };
                note(store, &message, &failure, due)?;
                *(if due.is_some() { &mut done.retried } else { &mut done.given_up }) += 1;
            }
        }
        Ok(())
    }

    fn send(
        &mut self,
        context: &RouteContext<'_>,
        key: &str,
        queued: &Queued,
        reply: Option<String>,
    ) -> Result<Option<String>, Failure> {
        let owner = context.config.owner_of(&queued.incident);
        let link = context.config.link(&queued.incident.id);
        let now = (context.clock)();
        let message = Message::new(context.route, key, queued, Facts { owner, link, reply, now });
        let gate = self.gates.entry(context.receiver.name.clone()).or_default();
        gate.sent(now);
        let span = debug_span!(
            target: "notification", "notification", route = context.route.name, receiver = context.receiver.name, incident = queued.incident.id
        );
        let sent = span.in_scope(|| context.receiver.to.receiver().send(&message, &context.http.for_message()));
        // The pause begins now, not at the start of the request: that may be a whole timeout ago.
        let ended = (context.clock)();
        match &sent {
            Err(Failure::Later { after: Some(after), .. }) => gate.close(ended.plus_ms(ms(*after))),
            Err(Failure::Later { .. } | Failure::Unknown { .. }) => gate.close(ended.plus_ms(REST_MS)),
            _ => {}
        }
        sent
    }

    /// Sends open incidents again, if the receiver treats silence as their end.
    fn refresh(&mut self, context: &RouteContext<'_>, done: &mut Step) -> Result<(), StoreError> {
        let RouteContext { store, route, clock, .. } = *context;
        let Some(pause) = context.receiver.to.receiver().refresh_ms() else { return Ok(()) };
        let states = vec![IncidentState::Open, IncidentState::Recovering];
        let open = store.list(&IncidentFilter { states, ..IncidentFilter::default() })?;
        self.last_notified.retain(|(of, incident), _| *of != route.name || open.iter().any(|i| i.id == *incident));
        for incident in open {
            let place = (route.name.clone(), incident.id.clone());
            let now = clock();
            let fresh = self.last_notified.get(&place).is_some_and(|t| t.plus_ms(pause) > now);
            if fresh || !self.open(context) {
                continue;
            }
            let Some(reply) = store.reply(&route.name, &incident.id)? else { continue };
            // A waiting message will say the same when it is sent, and in order.
            if !store.waiting(&route.name, &incident.id)?.is_empty() {
                continue;
            }
            let Some(incident) = store.get(&incident.id)? else { continue };
            let queued = Queued { event: Event::Updated, uncertain: false, incident };
            if self.send(context, "", &queued, Some(reply)).is_ok() {
                self.last_notified.insert(place, now);
                done.refreshed += 1;
            }
        }
        Ok(())
    }
}

/// The context for sending on one route.
#[derive(Clone, Copy)]
struct RouteContext<'a> {
    store: &'a dyn Store,
    config: &'a NotifyConfig,
    route: &'a Route,
    receiver: &'a ReceiverConfig,
    http: &'a Http,
    clock: &'a dyn Fn() -> Timestamp,
}

fn note(store: &dyn Store, message: &Outgoing, failure: &Failure, due: Option<Timestamp>) -> Result<(), StoreError> {
    let (said, unsure, patient) = match failure {
        Failure::Later { message, .. } => (message, false, true),
        Failure::Unknown { message } => (message, true, true),
        Failure::Never { message } => (message, false, false),
    };
    let error = match (due, patient) {
        (None, true) => format!("{said} (given up after {} attempts)", message.attempts + 1),
        _ => said.clone(),
    };
    if unsure { store.unsure(&message.key, &error, due) } else { store.failed(&message.key, &error, due) }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
