//! Messages that have to go out, and what became of them.

use automap_core::time::Timestamp;
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};

use super::SqliteStore;
use crate::store::{Outgoing, StoreError};

impl SqliteStore {
    pub(super) fn due_messages(&self, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let rows = || -> rusqlite::Result<Vec<Outgoing>> {
            let connection = self.connection();
            let mut query = connection.prepare_cached(
                "SELECT key, route, incident, revision, queued_ms, due_ms, attempts FROM outbox o
                 WHERE state = 'waiting' AND due_ms <= ?1 AND NOT EXISTS (
                     SELECT 1 FROM outbox b WHERE b.state = 'waiting' AND b.route = o.route AND b.incident = o.incident
                     AND b.revision < o.revision)
                 ORDER BY queued_ms, revision, key LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            query.query_map(params![now.ms(), limit], outgoing)?.collect()
        };
        rows().map_err(|e| self.failed_with(&e))
    }

    pub(super) fn message_delivered(&self, key: &str, reply: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        let write = || -> rusqlite::Result<()> {
            let mut connection = self.connection();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(
                "UPDATE outbox SET state = 'delivered', error = NULL, done_ms = ?2, attempts = attempts + 1 WHERE key = ?1",
                params![key, now.ms()],
            )?;
            if let Some(reply) = reply {
                transaction.execute(
                    "INSERT OR REPLACE INTO replies (route, incident, reply) SELECT route, incident, ?2 FROM outbox WHERE key = ?1",
                    params![key, reply],
                )?;
            }
            transaction.commit()
        };
        write().map_err(|e| self.failed_with(&e))
    }

    pub(super) fn message_failed(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        let state = if due.is_some() { "waiting" } else { "given_up" };
        let written = self.connection().execute(
            "UPDATE outbox SET attempts = attempts + 1, error = ?2, state = ?3, due_ms = coalesce(?4, due_ms) WHERE key = ?1",
            params![key, error, state, due.map(Timestamp::ms)],
        );
        written.map(|_| ()).map_err(|e| self.failed_with(&e))
    }

    pub(super) fn last_reply(&self, route: &str, incident: &str) -> Result<Option<String>, StoreError> {
        self.connection()
            .query_row("SELECT reply FROM replies WHERE route = ?1 AND incident = ?2", [route, incident], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|e| self.failed_with(&e))
    }
}

fn outgoing(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing {
        key: row.get(0)?,
        route: row.get(1)?,
        incident: row.get(2)?,
        revision: row.get(3)?,
        queued: Timestamp::from_ms(row.get(4)?),
        due: Timestamp::from_ms(row.get(5)?),
        attempts: row.get(6)?,
    })
}
