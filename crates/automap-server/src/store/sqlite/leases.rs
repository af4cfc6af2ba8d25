//! Which replica watches a target: of two processes on one file, only one does.

use std::time::Duration;

use automap_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteStore, Trouble};
use crate::store::share::Lease;
use crate::store::{LeaseStore, Shared, Sharing, StoreError};

impl LeaseStore for SqliteStore {
    fn lease(&self, target: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<bool, StoreError> {
        self.write(|c| take(c, target, holder, (now, ttl)))
    }

    fn share(&self, sharing: &Sharing<'_>, now: Timestamp, ttl: Duration) -> Result<Shared, StoreError> {
        self.write(|c| {
            let plan = sharing.plan(&all(c)?, now);
            for target in &plan.delete {
                c.prepare_cached("DELETE FROM leases WHERE target = ?1")?.execute([target])?;
            }
            let mut taken = Vec::new();
            for target in &plan.take {
                if take(c, target, sharing.holder, (now, ttl))? {
                    taken.push(target.clone());
                }
            }
            Ok(plan.got(taken))
        })
    }

    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError> {
        self.write(|c| {
            c.prepare_cached("DELETE FROM leases WHERE target = ?1 AND holder = ?2")?.execute([target, holder])?;
            Ok(())
        })
    }
}

/// Takes or renews one; returns whether it could.
fn take(c: &Connection, target: &str, holder: &str, (now, ttl): (Timestamp, Duration)) -> Result<bool, Trouble> {
    let until = now.plus_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    let changed = c
        .prepare_cached(
            "INSERT INTO leases (target, holder, until_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (target) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
             WHERE leases.holder = excluded.holder OR leases.until_ms <= ?4",
        )?
        .execute(params![target, holder, until.ms(), now.ms()])?;
    Ok(changed > 0)
}

fn all(c: &Connection) -> Result<Vec<Lease>, Trouble> {
    let mut statement = c.prepare_cached("SELECT target, holder, until_ms FROM leases")?;
    let lease =
        |row: &Row<'_>| Ok(Lease { target: row.get(0)?, holder: row.get(1)?, until: Timestamp::from_ms(row.get(2)?) });
    Ok(statement.query_map([], lease)?.collect::<Result<_, _>>()?)
}

pub(super) fn check(c: &Connection, target: &str, holder: &str, now: Timestamp) -> Result<(), Trouble> {
    let held = c
        .prepare_cached("SELECT 1 FROM leases WHERE target = ?1 AND holder = ?2 AND until_ms > ?3")?
        .query_row(params![target, holder, now.ms()], |_| Ok(()))
        .optional()?;
    held.ok_or_else(|| Trouble::Refused(StoreError::NotLeader { target: target.to_owned() }))
}
