//! Changes reported to automap.

use automap_core::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{SqliteStore, Trouble};
use crate::store::{ChangeFate, ChangeFilter, ChangeStore, StoreError, ToldChange, told_room};

impl ChangeStore for SqliteStore {
    fn put_changes(&self, changes: &[ToldChange], now: Timestamp) -> Result<Vec<ChangeFate>, StoreError> {
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
            let since = told_room::kept_since(now);
            c.execute("DELETE FROM changes WHERE at_ms < ?1", [since.ms()])?;
            let mut gone = Vec::new();
            for target in told_room::targets(changes) {
                gone.extend(told_room::without_room(latest_first(c, target)?));
            }
            let mut delete = c.prepare_cached("DELETE FROM changes WHERE id = ?1")?;
            for id in &gone {
                delete.execute([id])?;
            }
            Ok(told_room::fates(changes, &are_new, since, &gone))
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

/// The ids of all changes of a target.
fn latest_first(t: &Transaction<'_>, target: &str) -> Result<Vec<String>, Trouble> {
    let mut query = t.prepare_cached("SELECT id FROM changes WHERE target = ?1 ORDER BY at_ms DESC, id DESC")?;
    let ids = query.query_map([target], |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<Vec<String>>>()?)
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
