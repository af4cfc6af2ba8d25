//! Sends the messages that are due. One step visits every route once, so that a receiver that fails does not hold up the others. There is no
//! clock and no thread here: `now` is given to each step, and `outbox.rs` has the thread.

use std::collections::BTreeMap;
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

/// Most messages of one route in one step, so that the other routes are served as well.
const PER_ROUTE: usize = 20;
/// Pause after a failure of a receiver that did not ask for a longer one, whatever else waits for it.
const REST_MS: i64 = 5_000;

/// Sends the waiting messages of one store.
#[derive(Debug)]
pub struct Worker {
    seed: u64,
    http: Option<(HttpOptions, Http)>,
    /// By receiver.
    gates: BTreeMap<String, Gate>,
    /// When a route was last notified of an open incident, by route and incident; for receivers that drop what is not repeated.
    last_notified: BTreeMap<(String, String), Timestamp>,
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
    /// Updates that a later message made superfluous.
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
    /// `seed` spreads the retries of several workers; any number will do.
    pub fn new(seed: u64) -> Self {
        Self { seed, http: None, gates: BTreeMap::new(), last_notified: BTreeMap::new() }
    }

    /// Sends what is due at `now`, route by route. Every failure of a receiver is noted in the store, none ends the step.
    ///
    /// # Errors
    /// When the store fails. A message that was sent and could not be noted is sent again.
    pub fn step(&mut self, store: &dyn Store, config: &NotifyConfig, now: Timestamp) -> Result<Step, StoreError> {
        let mut done = Step::default();
        let http = match self.http.take() {
            Some((options, http)) if options == config.http => http,
            _ => match Http::new(&config.http) {
                Ok(http) => http,
                Err(_) => return Ok(Step { blocked: true, ..done }),
            },
        };
        let result = self.routes(store, config, &http, now, &mut done);
        self.http = Some((config.http.clone(), http));
        result.map(|()| done)
    }

    fn routes(
        &mut self,
        store: &dyn Store,
        config: &NotifyConfig,
        http: &Http,
        now: Timestamp,
        done: &mut Step,
    ) -> Result<(), StoreError> {
        let receiver = |route: &Route| config.receivers.iter().find(|r| r.name == route.receiver);
        for route in &config.routes {
            let Some(receiver) = receiver(route) else { continue };
            let context = RouteContext { store, config, route, receiver, http, now };
            for message in store.due_of(&route.name, now, PER_ROUTE)? {
                if !self.open(&context) {
                    break;
                }
                self.one(&context, &message, done)?;
            }
            self.refresh(&context, done)?;
        }
        for message in store.due(now, MAX_PAGE)? {
            if !config.routes.iter().any(|r| r.name == message.route) {
                store.failed(&message.key, "the route is not in the configuration any more", None)?;
                done.given_up += 1;
            }
        }
        Ok(())
    }

    fn open(&self, context: &RouteContext<'_>) -> bool {
        let rate = context.receiver.per_minute.or_else(|| context.receiver.to.receiver().per_minute());
        self.gates.get(&context.receiver.name).is_none_or(|gate| gate.opens(rate, context.now).is_none())
    }

    fn one(&mut self, context: &RouteContext<'_>, first: &Outgoing, done: &mut Step) -> Result<(), StoreError> {
        let RouteContext { store, config, route, now, .. } = *context;
        let line = store.waiting(&route.name, &first.incident)?;
        let folded = fold(&line, route.updates);
        if folded > 0 {
            let keys: Vec<String> = line.iter().take(folded).map(|waiting| waiting.key.clone()).collect();
            store.folded(&keys, now)?;
            done.folded += u32::try_from(folded).unwrap_or(u32::MAX);
        }
        let message = match line.get(folded) {
            None => return Ok(()),
            Some(next) if next.key == first.key => first.clone(),
            // The message that is now the first of its queue; the store decides whether it is due.
            Some(next) => match store.due_of(&route.name, now, MAX_PAGE)?.into_iter().find(|m| m.key == next.key) {
                Some(message) => message,
                None => return Ok(()),
            },
        };
        let Some(queued) = store.message(&message.key)? else { return Ok(()) };
        let reply = store.reply(&route.name, &message.incident)?;
        store.attempting(&message.key, now)?;
        match self.send(context, &message.key, &queued, reply) {
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
        let message = Message::new(context.route, key, queued, Facts { owner, link, reply, now: context.now });
        let gate = self.gates.entry(context.receiver.name.clone()).or_default();
        gate.sent(context.now);
        let span = debug_span!(
            target: "notification", "notification", route = context.route.name, receiver = context.receiver.name, incident = queued.incident.id
        );
        let sent = span.in_scope(|| context.receiver.to.receiver().send(&message, context.http));
        match &sent {
            Err(Failure::Later { after: Some(after), .. }) => gate.close(context.now.plus_ms(ms(*after))),
            Err(Failure::Later { .. } | Failure::Unknown { .. }) => gate.close(context.now.plus_ms(REST_MS)),
            _ => {}
        }
        sent
    }

    /// Sends open incidents again, where the receiver would take silence for their end.
    fn refresh(&mut self, context: &RouteContext<'_>, done: &mut Step) -> Result<(), StoreError> {
        let RouteContext { store, route, now, .. } = *context;
        let Some(pause) = context.receiver.to.receiver().refresh_ms() else { return Ok(()) };
        let states = vec![IncidentState::Open, IncidentState::Recovering];
        let open = store.list(&IncidentFilter { states, ..IncidentFilter::default() })?;
        self.last_notified.retain(|(of, incident), _| *of != route.name || open.iter().any(|i| i.id == *incident));
        for incident in open {
            let place = (route.name.clone(), incident.id.clone());
            let fresh = self.last_notified.get(&place).is_some_and(|t| t.plus_ms(pause) > now);
            if fresh || !self.open(context) {
                continue;
            }
            let Some(reply) = store.reply(&route.name, &incident.id)? else { continue };
            // A waiting message will say the same when it goes out, and in its order.
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

/// What sending on one route needs.
#[derive(Clone, Copy)]
struct RouteContext<'a> {
    store: &'a dyn Store,
    config: &'a NotifyConfig,
    route: &'a Route,
    receiver: &'a ReceiverConfig,
    http: &'a Http,
    now: Timestamp,
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
