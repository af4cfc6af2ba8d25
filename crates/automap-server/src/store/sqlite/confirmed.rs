//! Confirmed incidents, from which the AutoMAP engine learns its metric weights.

use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::Timestamp;
use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::SqliteStore;
use crate::store::StoreError;

/// Confirmed incidents that are read, the latest ones.
const MAX_CONFIRMED: i64 = 1000;

/// Id, start in milliseconds, cause, anomaly graph and precisions as JSON.
type Row = (String, i64, String, String, String);

impl SqliteStore {
    /// Keeps a confirmed incident. Returns the cause that was confirmed for it before.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>, StoreError> {
        let unwritable = |e: serde_json::Error| self.damaged(format!("confirmed incident {}", case.id), &e);
        let anomaly = serde_json::to_string(&case.anomaly).map_err(unwritable)?;
        let precision = serde_json::to_string(&case.precision).map_err(unwritable)?;
        let write = || -> rusqlite::Result<Option<String>> {
            let mut connection = self.connection();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let before = transaction
                .query_row("SELECT cause FROM confirmed WHERE id = ?1", [&case.id], |row| row.get(0))
                .optional()?;
            transaction.execute(
                "INSERT OR REPLACE INTO confirmed (id, started_ms, cause, anomaly, precision) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![case.id, case.started.ms(), case.cause, anomaly, precision],
            )?;
            transaction.commit()?;
            Ok(before)
        };
        write().map_err(|e| self.failed_with(&e))
    }

    /// Forgets one; whether it was there.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn forget_confirmed(&self, id: &str) -> Result<bool, StoreError> {
        let gone = self.connection().execute("DELETE FROM confirmed WHERE id = ?1", [id]);
        gone.map(|n| n > 0).map_err(|e| self.failed_with(&e))
    }

    /// All confirmed incidents, the earliest first; the latest thousand of them.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn confirmed(&self) -> Result<Vec<ConfirmedCase>, StoreError> {
        let rows = || -> rusqlite::Result<Vec<Row>> {
            let connection = self.connection();
            let mut query = connection.prepare(
                "SELECT id, started_ms, cause, anomaly, precision FROM
                 (SELECT * FROM confirmed ORDER BY started_ms DESC, id LIMIT ?1) ORDER BY started_ms, id",
            )?;
            let rows = query.query_map([MAX_CONFIRMED], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
            rows.collect()
        };
        let rows = rows().map_err(|e| self.failed_with(&e))?;
        let case = |(id, started, cause, anomaly, precision): Row| {
            let unreadable = |e: serde_json::Error| self.damaged(format!("confirmed incident {id}"), &e);
            Ok(ConfirmedCase {
                anomaly: serde_json::from_str(&anomaly).map_err(unreadable)?,
                precision: serde_json::from_str(&precision).map_err(unreadable)?,
                started: Timestamp::from_ms(started),
                cause,
                id,
            })
        };
        rows.into_iter().map(case).collect()
    }
}
