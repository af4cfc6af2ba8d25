//! Alerts from outside that fire.

use automap_core::time::Timestamp;
use automap_core::watch::Alert;

use super::PostgresStore;
use crate::store::row::{services_json, services_of};
use crate::store::{ALERT_EXPIRES_MS, AlertChange, AlertStore, MAX_ALERTS, StoreError};

impl AlertStore for PostgresStore {
    fn put_alerts(&self, changes: &[AlertChange], now: Timestamp) -> Result<(), StoreError> {
        self.write(|t| {
            for AlertChange { target, key, firing } in changes {
                match firing {
                    Some(alert) => t.execute(
                        "INSERT INTO alerts (target, key, summary, started_ms, received_ms, services) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (target, key) DO UPDATE SET summary = excluded.summary, started_ms = excluded.started_ms,
         received_ms = excluded.received_ms, services = excluded.services",
                        &[target, key, &alert.summary, &alert.started.ms(), &now.ms(), &services_json(alert)],
                    )?,
                    None => t.execute("DELETE FROM alerts WHERE target = $1 AND key = $2", &[target, key])?,
                };
            }
            t.execute("DELETE FROM alerts WHERE received_ms <= $1", &[&(now.ms() - ALERT_EXPIRES_MS)])?;
            t.execute(
                "DELETE FROM alerts WHERE (target, key) IN (SELECT target, key FROM
         (SELECT target, key, row_number() OVER (PARTITION BY target ORDER BY received_ms DESC, key DESC) AS place FROM alerts) a
         WHERE place > $1)",
                &[&(MAX_ALERTS as i64)],
            )?;
            Ok(())
        })
    }

    fn firing_alerts(&self, target: &str, now: Timestamp) -> Result<Vec<(Alert, Timestamp)>, StoreError> {
        self.read(|c| {
            let rows = c.query(
                "SELECT key, summary, started_ms, received_ms, services FROM alerts WHERE target = $1 AND received_ms > $2 ORDER BY key",
                &[&target, &(now.ms() - ALERT_EXPIRES_MS)],
            )?;
            let alert = |row: &tokio_postgres::Row| {
                let started = Timestamp::from_ms(row.get(2));
                let services = services_of(row.get(4));
                (Alert { key: row.get(0), summary: row.get(1), started, services }, Timestamp::from_ms(row.get(3)))
            };
            Ok(rows.iter().map(alert).collect())
        })
    }
}
