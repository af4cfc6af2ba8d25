//! Removes what is older than the retention allows, then the oldest closed incidents until the content fits.

use std::time::Instant;

use automap_core::time::Timestamp;

use super::session::Transaction;
use super::{PostgresStore, Trouble, in_transaction};
use crate::store::pruning::{REMOVABLE, STEP, prune_in_steps};
use crate::store::{MaintenanceStore, Pruned, Retention, StoreError};

impl MaintenanceStore for PostgresStore {
    fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError> {
        let limit = self.deadlines().upkeep;
        self.upkeep(|client| {
            let by_age = in_transaction(client, |t| prune_by_age(t, now, keep))?;
            let step = || {
                client.set_deadline(Instant::now() + limit);
                in_transaction(client, |t| prune_by_size(t, keep)).map_err(|trouble| self.located(trouble, limit))
            };
            prune_in_steps(by_age, step).map_err(Trouble::Refused)
        })
    }

    /// Makes the space usable again; the server returns to the system what lies at the end of the tables.
    fn vacuum(&self) -> Result<(), StoreError> {
        self.upkeep(|c| Ok(c.batch_execute("VACUUM incidents, snapshots, outbox, replies, profiles")?))
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        self.write(|t| {
            t.execute(
                "INSERT INTO leases (target, holder, until_ms) VALUES ('#writable', 'a', 0)
         ON CONFLICT (target) DO UPDATE SET holder = CASE leases.holder WHEN 'a' THEN 'b' ELSE 'a' END",
                &[],
            )?;
            Ok(())
        })
    }
}

fn prune_by_age(t: &mut Transaction<'_>, now: Timestamp, keep: Retention) -> Result<Pruned, Trouble> {
    let before = keep.before(now).ms();
    let query = format!("DELETE FROM incidents WHERE {REMOVABLE} AND coalesce(closed_ms, updated_ms) < $1");
    let incidents = t.execute(&query, &[&before])?;
    let old = t.execute("DELETE FROM outbox WHERE state <> 'waiting' AND queued_ms < $1", &[&before])?;
    let profiles = t.execute("DELETE FROM profiles WHERE end_ms < $1", &[&before])?;
    Ok(Pruned { incidents, messages: old + without_incident(t)?, profiles, bytes: bytes(t)? })
}

/// Removes a few of the oldest when the content is too large; `incidents` is 0 when it fits or nothing more may be removed.
fn prune_by_size(t: &mut Transaction<'_>, keep: Retention) -> Result<Pruned, Trouble> {
    let mut pruned = Pruned::default();
    if bytes(t)? > keep.max_bytes {
        let oldest = format!("SELECT id FROM incidents WHERE {REMOVABLE} ORDER BY opened_ms, id LIMIT $1");
        pruned.incidents = t.execute(&format!("DELETE FROM incidents WHERE id IN ({oldest})"), &[&STEP])?;
        pruned.messages = without_incident(t)?;
    }
    pruned.bytes = bytes(t)?;
    Ok(pruned)
}

fn without_incident(t: &mut Transaction<'_>) -> Result<u64, Trouble> {
    let gone = "NOT EXISTS (SELECT 1 FROM incidents i WHERE i.id = incident)";
    let messages = t.execute(&format!("DELETE FROM outbox WHERE state <> 'waiting' AND {gone}"), &[])?;
    t.execute(&format!("DELETE FROM replies WHERE {gone}"), &[])?;
    Ok(messages)
}

/// Bytes of the texts: the tables' own size shrinks only when the server gets round to it.
fn bytes(t: &mut Transaction<'_>) -> Result<u64, Trouble> {
    let row = t.query_one(
        "SELECT coalesce((SELECT sum(octet_length(body) + coalesce(octet_length(report), 0)) FROM incidents), 0)::bigint
         + coalesce((SELECT sum(octet_length(body)) FROM profiles), 0)::bigint
         + coalesce((SELECT sum(octet_length(body)) FROM snapshots), 0)::bigint",
        &[],
    )?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}
