//! Telling others: messages leave the store's outbox one by one, each incident's in order, until the receiver took them.
//!
//! The outbox is written in the transaction that changes the incident, so a message is never lost. A crash between a delivery and its record
//! repeats it; what comes twice is recognised by its key: labels (Alertmanager), `dedup_key` (PagerDuty), `Idempotency-Key` (webhooks) or `id`
//! (CloudEvents). Chat rooms have no key: there a crash at that moment shows a message twice.

mod guard;
mod http;
pub mod message;
mod receivers;
mod routing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use automap_core::incident::{Incident, IncidentState};
use automap_core::time::Timestamp;

use crate::config::{Receiver, ReceiverKind};
use crate::store::{IncidentFilter, Outgoing, Store, StoreError};
use http::{Http, Refusal};
use message::Message;
pub use routing::Routing;

/// Messages that are tried in one round.
const ROUND: usize = 20;
/// A message that was tried so often is given up: with the pauses below that is after some eleven hours.
const MAX_ATTEMPTS: u32 = 24;
/// First pause after a failure; it doubles up to [`LONGEST_PAUSE_MS`].
const FIRST_PAUSE_MS: i64 = 2_000;
const LONGEST_PAUSE_MS: i64 = 1_800_000;
/// An open incident is told to Alertmanager again after so long, since alerts that nobody repeats end there.
const REPEAT_MS: i64 = 600_000;

/// Delivers what the outbox holds.
#[derive(Debug)]
pub struct Notifier {
    store: Arc<dyn Store>,
    routing: Routing,
    receivers: BTreeMap<String, Receiver>,
    http: Http,
    repeated: Mutex<BTreeMap<(String, String), Timestamp>>,
}

/// What came of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Keys that were delivered.
    pub delivered: Vec<String>,
    /// Keys that failed and are tried again, with the reason.
    pub postponed: Vec<(String, String)>,
    /// Keys that were given up, with the reason.
    pub given_up: Vec<(String, String)>,
}

impl Notifier {
    /// Delivers to these receivers.
    pub fn new(store: Arc<dyn Store>, routing: Routing, receivers: &[Receiver]) -> Self {
        let receivers = receivers.iter().map(|r| (r.name.clone(), r.clone())).collect();
        Self { store, routing, receivers, http: Http::new(), repeated: Mutex::default() }
    }

    /// Tries every message that is due once, and repeats what has to be repeated.
    ///
    /// # Errors
    /// [`StoreError`] when the outbox cannot be read or written; nothing is lost then.
    pub fn round(&self, now: Timestamp) -> Result<Round, StoreError> {
        let mut round = Round::default();
        for outgoing in self.store.due(now, ROUND)? {
            self.try_one(&outgoing, now, &mut round)?;
        }
        self.repeat(now)?;
        Ok(round)
    }

    fn try_one(&self, outgoing: &Outgoing, now: Timestamp, round: &mut Round) -> Result<(), StoreError> {
        let key = outgoing.key.clone();
        let refused = match self.deliver(outgoing, now)? {
            Ok(reply) => {
                self.store.delivered(&key, reply.as_deref(), now)?;
                round.delivered.push(key);
                return Ok(());
            }
            Err(refused) => refused,
        };
        let again = refused.is_transient && outgoing.attempts + 1 < MAX_ATTEMPTS;
        let pause = refused.retry_after_ms.unwrap_or(0).max(pause_ms(outgoing.attempts, &key));
        let due = again.then(|| now.plus_ms(pause.min(LONGEST_PAUSE_MS)));
        self.store.failed(&key, &refused.reason, due)?;
        let list = if again { &mut round.postponed } else { &mut round.given_up };
        list.push((key, refused.reason));
        Ok(())
    }

    /// One message. The incident is told as it is now: a message that waited tells the newest state, and those behind it say nothing new.
    fn deliver(&self, outgoing: &Outgoing, now: Timestamp) -> Result<Result<Option<String>, Refusal>, StoreError> {
        let gone = |reason: String| Ok(Err(Refusal { reason, is_transient: false, retry_after_ms: None }));
        let Some(receiver) = self.receivers.get(&outgoing.route) else {
            return gone(format!("receiver '{}' is no longer configured", outgoing.route));
        };
        let Some(incident) = self.store.get(&outgoing.incident)? else {
            return gone("the incident was forgotten".to_owned());
        };
        let before = self.store.reply(&outgoing.route, &outgoing.incident)?;
        let told = before.as_deref().and_then(|reply| reply.parse().ok()).unwrap_or(0);
        if told >= incident.revision {
            return Ok(Ok(None));
        }
        let owner = self.routing.owner(&incident);
        let message = Message { incident: &incident, owner, key: &outgoing.key, now };
        let sent = receivers::send(&self.http, receiver, &message);
        Ok(sent.map(|()| Some(incident.revision.to_string())))
    }

    /// Alertmanager forgets alerts that nobody repeats.
    fn repeat(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        let managers = self.receivers.values().filter(|r| matches!(r.to, ReceiverKind::Alertmanager { .. }));
        let managers: Vec<&Receiver> = managers.collect();
        if managers.is_empty() {
            return Ok(());
        }
        let open = vec![IncidentState::Open, IncidentState::Recovering];
        let open = self.store.list(&IncidentFilter { states: open, ..IncidentFilter::default() })?;
        repeated.retain(|(_, id), _| open.iter().any(|i| i.id == *id));
        for (receiver, incident) in managers.iter().flat_map(|r| open.iter().map(move |i| (r, i))) {
            let slot = repeated.entry((receiver.name.clone(), incident.id.clone())).or_insert(now);
            let is_told = self.store.reply(&receiver.name, &incident.id)?.is_some();
            if is_told && now.ms() - slot.ms() >= REPEAT_MS {
                *slot = now;
                self.again(receiver, incident, now)?;
            }
        }
        Ok(())
    }

    fn again(&self, receiver: &Receiver, incident: &Incident, now: Timestamp) -> Result<(), StoreError> {
        let Some(incident) = self.store.get(&incident.id)? else { return Ok(()) };
        let owner = self.routing.owner(&incident);
        let message = Message { incident: &incident, owner, key: &incident.id, now };
        // It is repeated again in ten minutes; the first telling was delivered.
        let _ = receivers::send(&self.http, receiver, &message);
        Ok(())
    }
}

/// Doubling pauses, up to a quarter longer by the key, so that messages that failed together are not tried together.
fn pause_ms(attempts: u32, key: &str) -> i64 {
    let doubled = FIRST_PAUSE_MS.saturating_mul(1 << attempts.min(20)).min(LONGEST_PAUSE_MS);
    let spread = key.bytes().fold(17_u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b))) % 250;
    doubled + doubled * i64::try_from(spread).unwrap_or(0) / 1000
}

#[cfg(test)]
mod tests;
