//! Messages that have to go out, in memory.

use automap_core::incident::{Incident, IncidentState};
use automap_core::time::Timestamp;

use super::{Kept, MemoryStore};
use crate::store::{
    Delivery, DeliveryState, Event, MAX_PAGE, MAX_WAITING, OutboxState, OutboxStore, Outgoing, Queued, StoreError,
    Waiting,
};

/// A message and what it says.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) delivery: Delivery,
    uncertain: bool,
    /// Until it is delivered, folded or given up.
    says: Option<Incident>,
}

impl Message {
    pub(super) fn waits(&self) -> bool {
        self.delivery.state == DeliveryState::Waiting
    }

    fn end(&mut self, state: DeliveryState, done: Option<Timestamp>) {
        self.delivery.state = state;
        self.delivery.done = done;
        self.says = None;
    }
}

impl OutboxStore for MemoryStore {
    fn notified_routes(&self, incident: &str) -> Result<Vec<String>, StoreError> {
        let kept = self.kept()?;
        Ok(kept.replies.keys().filter(|(of, _)| of == incident).map(|(_, route)| route.clone()).collect())
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        Ok(self.kept()?.due(None, now, limit))
    }

    fn due_of(&self, route: &str, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        Ok(self.kept()?.due(Some(route), now, limit))
    }

    fn message(&self, key: &str) -> Result<Option<Queued>, StoreError> {
        Ok(self.kept()?.message(key))
    }

    fn waiting(&self, route: &str, incident: &str) -> Result<Vec<Waiting>, StoreError> {
        Ok(self.kept()?.waiting(route, incident))
    }

    fn attempting(&self, key: &str, _now: Timestamp) -> Result<(), StoreError> {
        self.kept()?.attempting(key);
        Ok(())
    }

    fn delivered(&self, key: &str, reply: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        self.kept()?.delivered(key, reply, now);
        Ok(())
    }

    fn failed(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.kept()?.failed(key, error, due, false);
        Ok(())
    }

    fn unsure(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.kept()?.failed(key, error, due, true);
        Ok(())
    }

    fn folded(&self, keys: &[String], now: Timestamp) -> Result<(), StoreError> {
        let mut kept = self.kept()?;
        keys.iter().for_each(|key| kept.folded(key, now));
        Ok(())
    }

    fn reply(&self, route: &str, incident: &str) -> Result<Option<String>, StoreError> {
        Ok(self.kept()?.replies.get(&(incident.to_owned(), route.to_owned())).cloned().flatten())
    }

    fn deliveries(&self, incident: &str) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.kept()?.deliveries(incident))
    }

    fn outbox(&self) -> Result<OutboxState, StoreError> {
        Ok(self.kept()?.state())
    }
}

impl Kept {
    pub(super) fn queue(
        &mut self,
        incident: &Incident,
        before: Option<IncidentState>,
        routes: &[String],
        now: Timestamp,
    ) {
        for route in routes {
            let key = format!("{}/{}/{route}", incident.id, incident.revision);
            let place = (incident.id.clone(), route.clone());
            let was_notified = self.replies.contains_key(&place);
            self.replies.entry(place).or_default();
            if self.messages.iter().any(|m| m.delivery.message.key == key) {
                continue;
            }
            let message = Outgoing {
                key,
                route: route.clone(),
                incident: incident.id.clone(),
                revision: incident.revision,
                queued: now,
                due: now,
                attempts: 0,
            };
            let event = Event::between(before, incident.state, was_notified);
            let delivery = Delivery { message, event, state: DeliveryState::Waiting, done: None, error: None };
            self.messages.push(Message { delivery, uncertain: false, says: Some(incident.clone()) });
        }
    }

    pub(super) fn due(&self, route: Option<&str>, now: Timestamp, limit: usize) -> Vec<Outgoing> {
        let waiting = || self.messages.iter().filter(|m| m.waits()).map(|m| &m.delivery.message);
        let first = |m: &Outgoing| {
            !waiting().any(|o| o.route == m.route && o.incident == m.incident && o.revision < m.revision)
        };
        let mut due: Vec<&Outgoing> =
            waiting().filter(|m| m.due <= now && route.is_none_or(|r| r == m.route) && first(m)).collect();
        due.sort_by_key(|m| m.queued);
        due.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn message(&self, key: &str) -> Option<Queued> {
        let message = self.messages.iter().find(|m| m.waits() && m.delivery.message.key == key)?;
        let incident = message.says.clone()?;
        Some(Queued { event: message.delivery.event, uncertain: message.uncertain, incident })
    }

    pub(super) fn waiting(&self, route: &str, incident: &str) -> Vec<Waiting> {
        let of =
            |m: &&Message| m.waits() && m.delivery.message.route == route && m.delivery.message.incident == incident;
        let mut line: Vec<&Message> = self.messages.iter().filter(of).collect();
        line.sort_by_key(|m| m.delivery.message.revision);
        let short = |m: &Message| Waiting {
            key: m.delivery.message.key.clone(),
            event: m.delivery.event,
            uncertain: m.uncertain,
        };
        line.into_iter().take(MAX_WAITING).map(short).collect()
    }

    pub(super) fn attempting(&mut self, key: &str) {
        if let Some(message) = self.waiting_mut(key) {
            message.uncertain = true;
        }
    }

    pub(super) fn delivered(&mut self, key: &str, reply: Option<&str>, now: Timestamp) {
        let Some(message) = self.waiting_mut(key) else { return };
        message.end(DeliveryState::Delivered, Some(now));
        message.delivery.message.attempts += 1;
        message.delivery.error = None;
        let place = (message.delivery.message.incident.clone(), message.delivery.message.route.clone());
        if let Some(reply) = reply {
            self.replies.insert(place, Some(reply.to_owned()));
        }
    }

    pub(super) fn failed(&mut self, key: &str, error: &str, due: Option<Timestamp>, unsure: bool) {
        let Some(message) = self.waiting_mut(key) else { return };
        message.delivery.error = Some(error.to_owned());
        message.delivery.message.attempts += 1;
        message.uncertain = unsure;
        match due {
            Some(due) => message.delivery.message.due = due,
            None => message.end(DeliveryState::GivenUp, None),
        }
    }

    pub(super) fn folded(&mut self, key: &str, now: Timestamp) {
        if let Some(message) = self.waiting_mut(key) {
            message.end(DeliveryState::Folded, Some(now));
        }
    }

    pub(super) fn deliveries(&self, incident: &str) -> Vec<Delivery> {
        let mut found: Vec<Delivery> =
            self.messages.iter().map(|m| &m.delivery).filter(|d| d.message.incident == incident).cloned().collect();
        found.split_off(found.len().saturating_sub(MAX_PAGE))
    }

    pub(super) fn state(&self) -> OutboxState {
        let waiting = self.messages.iter().filter(|m| m.waits());
        OutboxState {
            waiting: waiting.clone().count() as u64,
            given_up: self.messages.iter().filter(|m| m.delivery.state == DeliveryState::GivenUp).count() as u64,
            oldest: waiting.map(|m| m.delivery.message.queued).min(),
        }
    }

    fn waiting_mut(&mut self, key: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|m| m.waits() && m.delivery.message.key == key)
    }
}
