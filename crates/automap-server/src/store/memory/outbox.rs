//! Messages in memory.

use automap_core::incident::{Incident, IncidentState};
use automap_core::time::Timestamp;

use super::Kept;
use crate::store::{Delivery, DeliveryState, Event, MAX_PAGE, MAX_WAITING, OutboxState, Outgoing, Queued, Waiting};

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
            let told = self.replies.contains_key(&place);
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
            let event = Event::between(before, incident.state, told);
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
