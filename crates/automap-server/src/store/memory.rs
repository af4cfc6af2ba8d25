//! A store that forgets everything when it is dropped: for tests, and for trying things out. It keeps the same promises as the others
//! except the one about crashes.

mod outbox;
mod retention;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use automap_core::incident::Incident;
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::{Interval, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use serde::de::IgnoredAny;

use super::row::check;
use super::{
    Delivery, IncidentFilter, MAX_CONFIRMED, MAX_PAGE, MAX_PROFILES, OutboxState, Outgoing, Pruned, Queued, Retention,
    Store, StoreError, StoredProfile, Waiting,
};
use outbox::Message;

/// Incidents in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
    is_gone: AtomicBool,
}

#[derive(Debug, Default)]
struct Kept {
    incidents: BTreeMap<String, Incident>,
    messages: Vec<Message>,
    /// By incident and route.
    replies: BTreeMap<(String, String), Option<String>>,
    /// By target, end and start.
    profiles: BTreeMap<(String, Timestamp, Timestamp), String>,
    leases: BTreeMap<String, (String, Timestamp)>,
    confirmed: BTreeMap<String, ConfirmedCase>,
}

impl MemoryStore {
    /// Whether every call fails from now on, as when a disk is full or a server is away.
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
        let before = self.incidents.get(&incident.id).map(|i| (i.revision, i.state));
        let found = before.map_or(0, |(revision, _)| revision);
        if incident.revision != found.saturating_add(1) {
            let expected = incident.revision.saturating_sub(1);
            return Err(StoreError::Conflict { id: incident.id.clone(), found, expected });
        }
        self.incidents.insert(incident.id.clone(), incident.clone());
        self.queue(incident, before.map(|(_, state)| state), routes, now);
        Ok(())
    }
}

impl Store for MemoryStore {
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
        if kept.incidents.get(&incident.id).is_some_and(|i| i.revision >= incident.revision) {
            return Ok(false);
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

    fn told(&self, incident: &str) -> Result<Vec<String>, StoreError> {
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

    fn put_profile(&self, target: &str, period: Interval, json: &str) -> Result<(), StoreError> {
        if let Err(e) = serde_json::from_str::<IgnoredAny>(json) {
            let what = format!("the profile of {target}");
            return Err(StoreError::Unfit { what, reason: format!("it is no JSON: {e}") });
        }
        self.kept()?.profiles.insert((target.to_owned(), period.end, period.start), json.to_owned());
        Ok(())
    }

    fn profiles(&self, target: &str, since: Timestamp, limit: usize) -> Result<Vec<StoredProfile>, StoreError> {
        let kept = self.kept()?;
        let latest = kept.profiles.iter().rev().filter(|((of, end, _), _)| of == target && *end > since);
        let whole = |((_, end, start), json): (&(String, Timestamp, Timestamp), &String)| StoredProfile {
            period: Interval { start: *start, end: *end },
            json: json.clone(),
        };
        Ok(latest.take(limit.min(MAX_PROFILES)).map(whole).collect())
    }

    fn lease(&self, target: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<bool, StoreError> {
        let mut kept = self.kept()?;
        if kept.leases.get(target).is_some_and(|(by, until)| by != holder && *until > now) {
            return Ok(false);
        }
        let until = now.plus_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        kept.leases.insert(target.to_owned(), (holder.to_owned(), until));
        Ok(true)
    }

    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError> {
        let mut kept = self.kept()?;
        if kept.leases.get(target).is_some_and(|(by, _)| by == holder) {
            kept.leases.remove(target);
        }
        Ok(())
    }

    fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>, StoreError> {
        Ok(self.kept()?.confirmed.insert(case.id.clone(), case.clone()).map(|before| before.cause))
    }

    fn forget(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.kept()?.confirmed.remove(id).is_some())
    }

    fn confirmed(&self) -> Result<Vec<ConfirmedCase>, StoreError> {
        let mut cases: Vec<ConfirmedCase> = self.kept()?.confirmed.values().cloned().collect();
        cases.sort_by(|a, b| (a.started, &a.id).cmp(&(b.started, &b.id)));
        Ok(cases.split_off(cases.len().saturating_sub(MAX_CONFIRMED)))
    }

    fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError> {
        Ok(self.kept()?.prune(now, keep))
    }

    fn vacuum(&self) -> Result<(), StoreError> {
        Ok(())
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
