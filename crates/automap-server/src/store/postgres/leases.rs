//! Which replica watches a target.

use std::time::Duration;

use automap_core::time::Timestamp;

use super::session::Transaction;
use super::{PostgresStore, Trouble};
use crate::store::{LeaseStore, StoreError};

impl LeaseStore for PostgresStore {
    fn lease(&self, target: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<bool, StoreError> {
        self.write(|t| {
            let until = now.plus_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
            let changed = t.execute(
                "INSERT INTO leases (target, holder, until_ms) VALUES ($1, $2, $3)
         ON CONFLICT (target) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
         WHERE leases.holder = excluded.holder OR leases.until_ms <= $4",
                &[&target, &holder, &until.ms(), &now.ms()],
            )?;
            Ok(changed > 0)
        })
    }

    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError> {
        self.write(|t| {
            t.execute("DELETE FROM leases WHERE target = $1 AND holder = $2", &[&target, &holder])?;
            Ok(())
        })
    }
}

/// Keeps the lease from changing hands until the transaction ends.
pub(super) fn check(t: &mut Transaction<'_>, target: &str, holder: &str, now: Timestamp) -> Result<(), Trouble> {
    let held = t.query_opt(
        "SELECT 1 FROM leases WHERE target = $1 AND holder = $2 AND until_ms > $3 FOR UPDATE",
        &[&target, &holder, &now.ms()],
    )?;
    held.map(|_| ()).ok_or_else(|| Trouble::Refused(StoreError::NotLeader { target: target.to_owned() }))
}
