//! Removes what is older than the retention allows, then the oldest closed incidents until the content fits, and returns the space.

use automap_core::time::Timestamp;
use rusqlite::Connection;

use super::{SqliteStore, Trouble};
use crate::store::pruning::{REMOVABLE, STEP, prune_in_steps};
use crate::store::{MaintenanceStore, Pruned, Retention, StoreError};

impl MaintenanceStore for SqliteStore {
    fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError> {
        let by_age = self.write(|t| prune_by_age(t, now, keep))?;
        prune_in_steps(by_age, || self.write(|t| prune_by_size(t, keep)))
    }

    fn vacuum(&self) -> Result<(), StoreError> {
        self.read(|c| vacuum(c).map_err(Trouble::Sql))
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        self.probe()
    }
}

fn prune_by_age(c: &Connection, now: Timestamp, keep: Retention) -> Result<Pruned, Trouble> {
    let before = keep.before(now).ms();
    let incidents = c.execute(
        &format!("DELETE FROM incidents WHERE {REMOVABLE} AND coalesce(closed_ms, updated_ms) < ?1"),
        [before],
    )?;
    let old = c.execute("DELETE FROM outbox WHERE state <> 'waiting' AND queued_ms < ?1", [before])?;
    let profiles = c.execute("DELETE FROM profiles WHERE end_ms < ?1", [before])?;
    let messages = old as u64 + without_incident(c)?;
    Ok(Pruned { incidents: incidents as u64, messages, profiles: profiles as u64, bytes: bytes(c)? })
}

/// Removes a few of the oldest when the content is too large; `incidents` is 0 when it fits or nothing more may go.
fn prune_by_size(c: &Connection, keep: Retention) -> Result<Pruned, Trouble> {
    let mut pruned = Pruned::default();
    if bytes(c)? > keep.max_bytes {
        let oldest = format!("SELECT id FROM incidents WHERE {REMOVABLE} ORDER BY opened_ms, id LIMIT ?1");
        pruned.incidents = c.execute(&format!("DELETE FROM incidents WHERE id IN ({oldest})"), [STEP])? as u64;
        pruned.messages = without_incident(c)?;
    }
    pruned.bytes = bytes(c)?;
    Ok(pruned)
}

/// Empty pages back to the system, then the log back into the file.
fn vacuum(c: &Connection) -> rusqlite::Result<()> {
    c.execute_batch("VACUUM")?;
    c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn without_incident(c: &Connection) -> Result<u64, Trouble> {
    let gone = "NOT EXISTS (SELECT 1 FROM incidents i WHERE i.id = incident)";
    let messages = c.execute(&format!("DELETE FROM outbox WHERE state <> 'waiting' AND {gone}"), [])?;
    c.execute(&format!("DELETE FROM replies WHERE {gone}"), [])?;
    Ok(messages as u64)
}

/// Bytes of the pages in use; empty ones are there to be filled again.
fn bytes(c: &Connection) -> Result<u64, Trouble> {
    let pragma = |name: &str| c.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let used = pragma("page_count")? - pragma("freelist_count")?;
    Ok((used * pragma("page_size")?).unsigned_abs())
}
