//! Changes reported to automap.

use automap_core::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{SqliteStore, Trouble};
use crate::store::{CHANGES_KEPT_MS, ChangeFilter, ChangeStore, MAX_TOLD, StoreError, ToldChange};

impl ChangeStore for SqliteStore {
    fn put_changes(&self, changes: &[ToldChange], now: Timestamp) -> Result<Vec<bool>, StoreError> {
        self.write(|c| {
            let put = |told: &ToldChange| {
                if told.repeats(last_of_object(c, told)?.as_ref()) {
                    return Ok(false);
                }
                let body = serde_json::to_string(told).map_err(|e| Trouble::damaged("a change", &e))?;
                let mut insert = c.prepare_cached(
                    "INSERT INTO changes (id, target, at_ms, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )?;
                Ok(insert.execute(params![told.id(), told.target, told.change.at.ms(), body])? == 1)
            };
            let are_new = changes.iter().map(put).collect::<Result<Vec<bool>, Trouble>>()?;
            c.execute("DELETE FROM changes WHERE at_ms < ?1", [now.ms() - CHANGES_KEPT_MS])?;
            c.execute(
                "DELETE FROM changes WHERE id IN (SELECT id FROM
         (SELECT id, row_number() OVER (PARTITION BY target ORDER BY at_ms DESC, id DESC) AS place FROM changes) WHERE place > ?1)",
                [MAX_TOLD as i64],
            )?;
            Ok(are_new)
        })
    }

    fn told_changes(&self, filter: &ChangeFilter) -> Result<Vec<ToldChange>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached(
                "SELECT body FROM changes WHERE (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR at_ms >= ?2)
         AND (?3 IS NULL OR at_ms < ?3) AND (?4 IS NULL OR (at_ms, id) < (?4, ?5)) ORDER BY at_ms DESC, id DESC LIMIT ?6",
            )?;
            let after = filter.after.as_ref();
            let (since, until) = (filter.since.map(Timestamp::ms), filter.until.map(Timestamp::ms));
            let (after_ms, after_id) = (after.map(|a| a.opened.ms()), after.map(|a| a.id.as_str()));
            let values = params![filter.target, since, until, after_ms, after_id, filter.rows() as i64];
            let rows = query.query_map(values, |row| row.get::<_, String>(0))?;
            let told = |body: rusqlite::Result<String>| {
                serde_json::from_str(&body?).map_err(|e| Trouble::damaged("a change", &e))
            };
            rows.map(told).collect()
        })
    }
}

/// The last change of the same object that was made until this one.
fn last_of_object(t: &Transaction<'_>, told: &ToldChange) -> Result<Option<ToldChange>, Trouble> {
    let Some(state) = &told.state else { return Ok(None) };
    let mut query = t.prepare_cached(
        "SELECT body FROM changes WHERE target = ?1 AND at_ms <= ?2 AND json_extract(body, '$.state.object') = ?3
         ORDER BY at_ms DESC, id DESC LIMIT 1",
    )?;
    let values = params![told.target, told.change.at.ms(), state.object];
    let body = query.query_row(values, |row| row.get::<_, String>(0)).optional()?;
    body.map(|body| serde_json::from_str(&body).map_err(|e| Trouble::damaged("a change", &e))).transpose()
}
