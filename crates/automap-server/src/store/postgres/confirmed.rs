//! Incidents whose cause an operator confirmed: what the second engine learns from. Never pruned.

use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::Timestamp;
use tokio_postgres::Row;

use super::{PostgresStore, Trouble};
use crate::store::{ConfirmedCaseStore, MAX_CONFIRMED, StoreError};

impl ConfirmedCaseStore for PostgresStore {
    fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>, StoreError> {
        self.write(|t| {
            let unfit =
                |e: serde_json::Error| StoreError::Unfit { what: format!("case {}", case.id), reason: e.to_string() };
            let anomaly = serde_json::to_string(&case.anomaly).map_err(|e| Trouble::Refused(unfit(e)))?;
            let precision = serde_json::to_string(&case.precision).map_err(|e| Trouble::Refused(unfit(e)))?;
            let before = t.query_opt("SELECT cause FROM confirmed WHERE id = $1 FOR UPDATE", &[&case.id])?;
            t.execute(
                "INSERT INTO confirmed (id, started_ms, cause, anomaly, precision) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO UPDATE SET started_ms = excluded.started_ms, cause = excluded.cause,
         anomaly = excluded.anomaly, precision = excluded.precision",
                &[&case.id, &case.started.ms(), &case.cause, &anomaly, &precision],
            )?;
            Ok(before.map(|row| row.get(0)))
        })
    }

    fn forget(&self, id: &str) -> Result<bool, StoreError> {
        self.write(|t| Ok(t.execute("DELETE FROM confirmed WHERE id = $1", &[&id])? > 0))
    }

    fn confirmed(&self) -> Result<Vec<ConfirmedCase>, StoreError> {
        self.read(|c| {
            let rows = c.query(
                "SELECT id, started_ms, cause, anomaly, precision FROM
         (SELECT * FROM confirmed ORDER BY started_ms DESC, id LIMIT $1) latest ORDER BY started_ms, id",
                &[&(MAX_CONFIRMED as i64)],
            )?;
            let case = |row: &Row| {
                let id: String = row.get(0);
                let damaged = |e: serde_json::Error| Trouble::damaged(&format!("incident {id}"), &e);
                let anomaly = serde_json::from_str(row.get(3)).map_err(damaged)?;
                let precision = serde_json::from_str(row.get(4)).map_err(damaged)?;
                Ok(ConfirmedCase { anomaly, precision, started: Timestamp::from_ms(row.get(1)), cause: row.get(2), id })
            };
            rows.iter().map(case).collect()
        })
    }
}
