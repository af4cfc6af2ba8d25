//! Evicts old entries from the in-memory store: by age, then the oldest closed incidents until the rest fits. The size of an incident is that
//! of its JSON.

use automap_core::incident::Incident;
use automap_core::time::Timestamp;

use super::{Kept, MemoryStore};
use crate::store::{MaintenanceStore, Pruned, Retention, StoreError};

impl MaintenanceStore for MemoryStore {
    fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError> {
        Ok(self.kept()?.prune(now, keep))
    }

    fn vacuum(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        self.kept().map(|_| ())
    }
}

impl Kept {
    pub(super) fn prune(&mut self, now: Timestamp, keep: Retention) -> Pruned {
        let before = keep.before(now);
        let had = (self.incidents.len(), self.messages.len(), self.profiles.len());
        let free = self.may_go();
        let old = |i: &Incident| free.contains(&i.id) && i.closed.unwrap_or(i.updated) < before;
        self.incidents.retain(|_, i| !old(i));
        self.profiles.retain(|(_, end, _), _| *end >= before);
        let mut bytes = self.bytes();
        for id in free {
            if bytes <= keep.max_bytes {
                break;
            }
            bytes -= self.incidents.remove(&id).map_or(0, |i| size(&i));
        }
        let Self { incidents, messages, replies, .. } = self;
        messages.retain(|m| {
            let message = &m.delivery.message;
            m.waits() || (message.queued >= before && incidents.contains_key(&message.incident))
        });
        replies.retain(|(incident, _), _| incidents.contains_key(incident));
        Pruned {
            incidents: (had.0 - self.incidents.len()) as u64,
            messages: (had.1 - self.messages.len()) as u64,
            profiles: (had.2 - self.profiles.len()) as u64,
            bytes,
        }
    }

    /// Closed, unconfirmed, and without a waiting message; the earliest first.
    fn may_go(&self) -> Vec<String> {
        let waits = |id: &str| self.messages.iter().any(|m| m.waits() && m.delivery.message.incident == id);
        let over = |i: &&Incident| !i.is_open() && i.confirmed.is_none() && !waits(&i.id);
        let mut over: Vec<&Incident> = self.incidents.values().filter(over).collect();
        over.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
        over.into_iter().map(|i| i.id.clone()).collect()
    }

    fn bytes(&self) -> u64 {
        self.incidents.values().map(size).sum::<u64>() + self.profiles.values().map(|p| p.len() as u64).sum::<u64>()
    }
}

fn size(incident: &Incident) -> u64 {
    serde_json::to_vec(incident).map_or(0, |json| json.len() as u64)
}
