//! A store that lasts only until it is dropped: for tests and experiments. It gives the same guarantees as the others except durability.

mod alerts;
mod changes;
mod confirmed;
mod leases;
mod mutes;
mod outbox;
mod profiles;
mod retention;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use automap_core::incident::Incident;
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::Timestamp;
use automap_core::watch::Alert;
use parking_lot::{Mutex, MutexGuard};

use super::row::check;
use super::{IncidentFilter, IncidentStore, MAX_PAGE, Mute, StoreError, ToldChange, history};
use outbox::Message;

/// Incidents in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
    is_gone: AtomicBool,
    /// How many of the next reads of the alerts panic, like a bug.
    #[cfg(test)]
    pub(crate) panics: std::sync::atomic::AtomicU32,
}

#[derive(Debug, Default)]
struct Kept {
    incidents: BTreeMap<String, Incident>,
    /// By target and key.
    alerts: BTreeMap<String, BTreeMap<String, (Alert, Timestamp)>>,
    /// By id.
    changes: BTreeMap<String, ToldChange>,
    /// By id.
    mutes: BTreeMap<String, Mute>,
    messages: Vec<Message>,
    /// By incident and route.
    replies: BTreeMap<(String, String), Option<String>>,
    /// By target, end and start.
    profiles: BTreeMap<(String, Timestamp, Timestamp), String>,
    leases: BTreeMap<String, (String, Timestamp)>,
    confirmed: BTreeMap<String, ConfirmedCase>,
}

impl MemoryStore {
    /// Whether every call fails from now on, as when a disk is full or a server is unavailable.
    pub fn set_gone(&self, is_gone: bool) {
        self.is_gone.store(is_gone, Ordering::SeqCst);
    }

    fn kept(&self) -> Result<MutexGuard<'_, Kept>, StoreError> {
        if self.is_gone.load(Ordering::SeqCst) {
            return Err(StoreError::Database { place: "memory".into(), message: "gone".into() });
        }
        Ok(self.kept.lock())
    }
}

impl Kept {
    fn put(&mut self, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), StoreError> {
        check(incident)?;
        let before = self.incidents.get(&incident.id);
        let found = before.map_or(0, |b| b.revision);
        if incident.revision != found.saturating_add(1) {
            let expected = incident.revision.saturating_sub(1);
            return Err(StoreError::Conflict { id: incident.id.clone(), found, expected });
        }
        if let Some(before) = before {
            history::check(before, incident)?;
        }
        let state = before.map(|b| b.state);
        self.incidents.insert(incident.id.clone(), incident.clone());
        self.queue(incident, state, routes, now);
        Ok(())
    }
}

impl IncidentStore for MemoryStore {
    fn put(&self, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), StoreError> {
        self.kept()?.put(incident, routes, now)
    }

    fn put_leading(
        &self,
        incident: &Incident,
        routes: &[String],
        now: Timestamp,
        holder: &str,
    ) -> Result<(), StoreError> {
        let mut kept = self.kept()?;
        match kept.leases.get(&incident.target) {
            Some((by, until)) if by == holder && *until > now => kept.put(incident, routes, now),
            _ => Err(StoreError::NotLeader { target: incident.target.clone() }),
        }
    }

    fn restore(&self, incident: &Incident) -> Result<bool, StoreError> {
        check(incident)?;
        let mut kept = self.kept()?;
        if let Some(before) = kept.incidents.get(&incident.id) {
            if before.revision >= incident.revision && history::is_same(before, incident) {
                return Ok(false);
            }
            history::check(before, incident)?;
        }
        kept.incidents.insert(incident.id.clone(), incident.clone());
        Ok(true)
    }

    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        Ok(self.kept()?.incidents.get(id).cloned())
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        let kept = self.kept()?;
        let mut found: Vec<&Incident> = kept.incidents.values().filter(|i| passes(i, filter)).collect();
        found.sort_by(|a, b| (b.opened, &b.id).cmp(&(a.opened, &a.id)));
        let limit = if filter.limit == 0 { MAX_PAGE } else { filter.limit.min(MAX_PAGE) };
        Ok(found.into_iter().take(limit).map(|i| Incident { report: None, ..i.clone() }).collect())
    }
}

fn passes(i: &Incident, filter: &IncidentFilter) -> bool {
    let cause = i.cause.as_ref().map(|cause| &cause.service);
    filter.target.as_ref().is_none_or(|target| *target == i.target)
        && (filter.states.is_empty() || filter.states.contains(&i.state))
        && filter.cause.as_ref().is_none_or(|c| cause == Some(c) || i.confirmed.as_ref() == Some(c))
        && filter.since.is_none_or(|since| i.opened >= since)
        && filter.until.is_none_or(|until| i.opened < until)
        && filter.after.as_ref().is_none_or(|after| (i.opened, &i.id) < (after.opened, &after.id))
}
