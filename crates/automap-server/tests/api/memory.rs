//! Incidents in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use automap_core::incident::Incident;
use automap_core::time::Timestamp;
use automap_server::store::{IncidentFilter, MAX_PAGE, Outgoing, Store, StoreError};

#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    incidents: Mutex<BTreeMap<String, Incident>>,
    pub(crate) broken: AtomicBool,
}

impl MemoryStore {
    fn check(&self) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Database { place: "/secret/place.db".into(), message: "disk I/O error".into() });
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn put(&self, incident: &Incident, _: &[String], _: Timestamp) -> Result<(), StoreError> {
        self.check()?;
        let mut incidents = self.incidents.lock().unwrap();
        let found = incidents.get(&incident.id).map_or(0, |i| i.revision);
        if incident.revision != found + 1 {
            return Err(StoreError::Conflict { id: incident.id.clone(), found, expected: incident.revision - 1 });
        }
        incidents.insert(incident.id.clone(), incident.clone());
        Ok(())
    }

    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        self.check()?;
        Ok(self.incidents.lock().unwrap().get(id).cloned())
    }

    fn list(&self, f: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        self.check()?;
        let fits = |i: &Incident| {
            let cause = i.confirmed.as_ref().or(i.cause.as_ref().map(|c| &c.service));
            f.target.as_ref().is_none_or(|t| *t == i.target)
                && (f.states.is_empty() || f.states.contains(&i.state))
                && f.cause.as_ref().is_none_or(|c| Some(c) == cause)
                && f.since.is_none_or(|t| i.opened >= t)
                && f.until.is_none_or(|t| i.opened < t)
                && f.after.as_ref().is_none_or(|c| (i.opened, &i.id) < (c.opened, &c.id))
        };
        let mut found: Vec<Incident> = self.incidents.lock().unwrap().values().filter(|i| fits(i)).cloned().collect();
        found.sort_by(|a, b| (b.opened, &b.id).cmp(&(a.opened, &a.id)));
        found.truncate(if f.limit == 0 { MAX_PAGE } else { f.limit });
        for incident in &mut found {
            incident.report = None;
        }
        Ok(found)
    }

    fn due(&self, _: Timestamp, _: usize) -> Result<Vec<Outgoing>, StoreError> {
        Ok(Vec::new())
    }

    fn delivered(&self, _: &str, _: Option<&str>, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    fn failed(&self, _: &str, _: &str, _: Option<Timestamp>) -> Result<(), StoreError> {
        Ok(())
    }

    fn reply(&self, _: &str, _: &str) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
}
