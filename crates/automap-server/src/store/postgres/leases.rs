//! Which replica watches a target.

use std::time::Duration;

use automap_core::time::Timestamp;
use tokio_postgres::Row;

use super::session::{CallError, Transaction};
use super::{PostgresStore, Trouble};
use crate::store::share::Lease;
use crate::store::{LeaseStore, Shared, Sharing, StoreError};

/// Any number that nobody else locks: replicas share one at a time.
const SHARING: i64 = 0x6175_746f_6d61_7002;

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

    fn share(&self, sharing: &Sharing<'_>, now: Timestamp, ttl: Duration) -> Result<Shared, StoreError> {
        self.write(|t| {
            t.execute("SELECT pg_advisory_xact_lock($1)", &[&SHARING])?;
            let plan = sharing.plan(&all(t)?, now);
            t.execute("DELETE FROM leases WHERE target = ANY ($1)", &[&plan.delete])?;
            let until = now.plus_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
            // A replica of an earlier version takes its leases one by one, without the lock.
            let taken = t.query(
                "INSERT INTO leases (target, holder, until_ms) SELECT target, $2, $3 FROM unnest($1::text[]) AS target
         ON CONFLICT (target) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
         WHERE leases.holder = excluded.holder OR leases.until_ms <= $4 RETURNING target",
                &[&plan.take, &sharing.holder, &until.ms(), &now.ms()],
            )?;
            let taken = taken.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>();
            Ok(plan.got(taken.map_err(CallError::from)?))
        })
    }

    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError> {
        self.write(|t| {
            t.execute("DELETE FROM leases WHERE target = $1 AND holder = $2", &[&target, &holder])?;
            Ok(())
        })
    }
}

fn all(t: &mut Transaction<'_>) -> Result<Vec<Lease>, Trouble> {
    let rows = t.query("SELECT target, holder, until_ms FROM leases", &[])?;
    let lease = |row: &Row| {
        let until = Timestamp::from_ms(row.try_get(2)?);
        Ok(Lease { target: row.try_get(0)?, holder: row.try_get(1)?, until })
    };
    Ok(rows.iter().map(lease).collect::<Result<_, tokio_postgres::Error>>().map_err(CallError::from)?)
}

/// Keeps the lease from changing hands until the transaction ends.
pub(super) fn check(t: &mut Transaction<'_>, target: &str, holder: &str, now: Timestamp) -> Result<(), Trouble> {
    let held = t.query_opt(
        "SELECT 1 FROM leases WHERE target = $1 AND holder = $2 AND until_ms > $3 FOR UPDATE",
        &[&target, &holder, &now.ms()],
    )?;
    held.map(|_| ()).ok_or_else(|| Trouble::Refused(StoreError::NotLeader { target: target.to_owned() }))
}
