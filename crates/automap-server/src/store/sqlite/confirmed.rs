//! Incidents whose cause an operator confirmed: what the second engine learns from. Never pruned.

use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{SqliteStore, Trouble};
use crate::store::{ConfirmedCaseStore, MAX_CONFIRMED, StoreError};

/// Id, start in milliseconds, cause, anomaly graph and precisions as JSON.
type Row = (String, i64, String, String, String);

impl ConfirmedCaseStore for SqliteStore {
    fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>, StoreError> {
        self.write(|c| {
            let unfit =
                |e: serde_json::Error| StoreError::Unfit { what: format!("case {}", case.id), reason: e.to_string() };
            let anomaly = serde_json::to_string(&case.anomaly).map_err(|e| Trouble::Refused(unfit(e)))?;
            let precision = serde_json::to_string(&case.precision).map_err(|e| Trouble::Refused(unfit(e)))?;
            let before =
                c.query_row("SELECT cause FROM confirmed WHERE id = ?1", [&case.id], |row| row.get(0)).optional()?;
            c.execute(
        "INSERT OR REPLACE INTO confirmed (id, started_ms, cause, anomaly, precision) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![case.id, case.started.ms(), case.cause, anomaly, precision],
    )?;
            Ok(before)
        })
    }

    fn forget(&self, id: &str) -> Result<bool, StoreError> {
        self.write(|c| Ok(c.execute("DELETE FROM confirmed WHERE id = ?1", [id])? > 0))
    }

    fn confirmed(&self) -> Result<Vec<ConfirmedCase>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached(
                "SELECT id, started_ms, cause, anomaly, precision FROM
         (SELECT * FROM confirmed ORDER BY started_ms DESC, id LIMIT ?1) ORDER BY started_ms, id",
            )?;
            let rows = query.query_map([MAX_CONFIRMED as i64], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
            let rows = rows.collect::<rusqlite::Result<Vec<Row>>>()?;
            let case = |(id, started, cause, anomaly, precision): Row| {
                let damaged = |e: serde_json::Error| Trouble::damaged(&format!("incident {id}"), &e);
                let anomaly = serde_json::from_str(&anomaly).map_err(damaged)?;
                let precision = serde_json::from_str(&precision).map_err(damaged)?;
                Ok(ConfirmedCase { anomaly, precision, started: Timestamp::from_ms(started), cause, id })
            };
            rows.into_iter().map(case).collect()
        })
    }
}
