//! Which replica watches a target.

use std::time::Duration;

use automap_core::time::Timestamp;

use super::MemoryStore;
use crate::store::{LeaseStore, StoreError};

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

    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError> {
        let mut kept = self.kept()?;
        if kept.leases.get(target).is_some_and(|(by, _)| by == holder) {
            kept.leases.remove(target);
        }
        Ok(())
    }
}
