//! Which replica watches a target.

use std::time::Duration;

use automap_core::time::Timestamp;

use super::MemoryStore;
use crate::store::share::Lease;
use crate::store::{LeaseStore, Shared, Sharing, StoreError};

impl LeaseStore for MemoryStore {
    fn lease(&self, target: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<bool, StoreError> {
        let mut kept = self.kept()?;
        if kept.leases.get(target).is_some_and(|(by, until)| by != holder && *until > now) {
            return Ok(false);
        }
        let until = now.plus_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        kept.leases.insert(target.to_owned(), (holder.to_owned(), until));
        Ok(true)
    }

    fn share(&self, sharing: &Sharing<'_>, now: Timestamp, ttl: Duration) -> Result<Shared, StoreError> {
        let mut kept = self.kept()?;
        let lease = |(target, (holder, until)): (&String, &(String, Timestamp))| Lease {
            target: target.clone(),
            holder: holder.clone(),
            until: *until,
        };
        let plan = sharing.plan(&kept.leases.iter().map(lease).collect::<Vec<_>>(), now);
        kept.leases.retain(|target, _| !plan.delete.contains(target));
        let until = now.plus_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        // The lock is held: every planned lease can be taken.
        let leases = plan.take.iter().map(|target| (target.clone(), (sharing.holder.to_owned(), until)));
        kept.leases.extend(leases);
        Ok(plan.got(plan.take.iter().cloned()))
    }

    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError> {
        let mut kept = self.kept()?;
        if kept.leases.get(target).is_some_and(|(by, _)| by == holder) {
            kept.leases.remove(target);
        }
        Ok(())
    }
}
