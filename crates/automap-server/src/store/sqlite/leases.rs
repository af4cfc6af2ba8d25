//! Who watches a target: two processes on one file do not both.

use std::time::Duration;

use automap_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteStore, Trouble};
use crate::store::{LeaseStore, StoreError};

impl LeaseStore for SqliteStore {
    fn lease(&self, target: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<bool, StoreError> {
        self.write(|c| {
            let until = now.plus_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
            let changed = c
                .prepare_cached(
                    "INSERT INTO leases (target, holder, until_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (target) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
             WHERE leases.holder = excluded.holder OR leases.until_ms <= ?4",
                )?
                .execute(params![target, holder, until.ms(), now.ms()])?;
            Ok(changed > 0)
        })
    }

    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError> {
        self.write(|c| {
            c.prepare_cached("DELETE FROM leases WHERE target = ?1 AND holder = ?2")?.execute([target, holder])?;
            Ok(())
        })
    }
}

pub(super) fn check(c: &Connection, target: &str, holder: &str, now: Timestamp) -> Result<(), Trouble> {
    let held = c
        .prepare_cached("SELECT 1 FROM leases WHERE target = ?1 AND holder = ?2 AND until_ms > ?3")?
        .query_row(params![target, holder, now.ms()], |_| Ok(()))
        .optional()?;
    held.ok_or_else(|| Trouble::Refused(StoreError::NotLeader { target: target.to_owned() }))
}
