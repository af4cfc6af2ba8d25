//! A store that forgets everything with its process: for soaks and tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use automap_core::incident::Incident;
use automap_core::time::Timestamp;

use super::{IncidentFilter, MAX_PAGE, Outgoing, Store, StoreError};

/// Incidents and messages in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    incidents: BTreeMap<String, Incident>,
    outbox: BTreeMap<String, Outgoing>,
    replies: BTreeMap<(String, String), String>,
}

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn put(&self, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let (id, revision) = (incident.id.clone(), incident.revision);
        let found = kept.incidents.get(&id).map_or(0, |i| i.revision);
        if found + 1 != revision {
            return Err(StoreError::Conflict { id, found, expected: revision.saturating_sub(1) });
        }
        for route in routes {
            let key = format!("{id}/{revision}/{route}");
            let (route, incident) = (route.clone(), id.clone());
            let message = Outgoing { key, route, incident, revision, queued: now, due: now, attempts: 0 };
            kept.outbox.insert(message.key.clone(), message);
        }
        kept.incidents.insert(id, incident.clone());
        Ok(())
    }

    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        Ok(self.kept().incidents.get(id).cloned())
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        let kept = self.kept();
        let mut found: Vec<&Incident> = kept.incidents.values().filter(|i| lets_through(filter, i)).collect();
        found.sort_by(|a, b| (b.opened, &b.id).cmp(&(a.opened, &a.id)));
        let limit = if filter.limit == 0 { MAX_PAGE } else { filter.limit.min(MAX_PAGE) };
        Ok(found.into_iter().take(limit).map(|i| Incident { report: None, ..i.clone() }).collect())
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let kept = self.kept();
        let mut all: Vec<&Outgoing> = kept.outbox.values().collect();
        all.sort_by(|a, b| (a.queued, a.revision, &a.key).cmp(&(b.queued, b.revision, &b.key)));
        let mut first: Vec<Outgoing> = Vec::new();
        for message in all {
            let is_behind = first.iter().any(|f| f.route == message.route && f.incident == message.incident);
            if !is_behind {
                first.push(message.clone());
            }
        }
        first.retain(|m| m.due <= now);
        first.truncate(limit);
        Ok(first)
    }

    fn delivered(&self, key: &str, reply: Option<&str>, _: Timestamp) -> Result<(), StoreError> {
        let mut kept = self.kept();
        if let Some(message) = kept.outbox.remove(key)
            && let Some(reply) = reply
        {
            kept.replies.insert((message.route, message.incident), reply.to_owned());
        }
        Ok(())
    }

    fn failed(&self, key: &str, _: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        let mut kept = self.kept();
        match due {
            Some(due) => {
                if let Some(message) = kept.outbox.get_mut(key) {
                    (message.due, message.attempts) = (due, message.attempts + 1);
                }
            }
            None => {
                kept.outbox.remove(key);
            }
        }
        Ok(())
    }

    fn reply(&self, route: &str, incident: &str) -> Result<Option<String>, StoreError> {
        Ok(self.kept().replies.get(&(route.to_owned(), incident.to_owned())).cloned())
    }
}

/// Whether an incident is among those asked for.
fn lets_through(filter: &IncidentFilter, incident: &Incident) -> bool {
    let named = incident.cause.as_ref().map(|c| c.service.as_str());
    let is_cause = |wanted: &String| named == Some(wanted) || incident.confirmed.as_ref() == Some(wanted);
    filter.target.as_ref().is_none_or(|t| *t == incident.target)
        && (filter.states.is_empty() || filter.states.contains(&incident.state))
        && filter.cause.as_ref().is_none_or(is_cause)
        && filter.since.is_none_or(|t| incident.opened >= t)
        && filter.until.is_none_or(|t| incident.opened < t)
        && filter.after.as_ref().is_none_or(|c| (incident.opened, &incident.id) < (c.opened, &c.id))
}
