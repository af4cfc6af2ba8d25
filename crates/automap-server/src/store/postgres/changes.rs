//! Changes reported to automap.

use automap_core::time::Timestamp;
use tokio_postgres::Row;

use super::session::Transaction;
use super::{PostgresStore, Trouble};
use crate::store::{ChangeFate, ChangeFilter, ChangeStore, StoreError, ToldChange, told_room};

impl ChangeStore for PostgresStore {
    fn put_changes(&self, changes: &[ToldChange], now: Timestamp) -> Result<Vec<ChangeFate>, StoreError> {
        self.write(|t| {
            let put = |told: &ToldChange| {
                if told.repeats(last_of_object(t, told)?.as_ref()) {
                    return Ok(false);
                }
                let body = serde_json::to_string(told).map_err(|e| Trouble::damaged("a change", &e))?;
                let insert =
                    "INSERT INTO changes (id, target, at_ms, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
                Ok(t.execute(insert, &[&told.id(), &told.target, &told.change.at.ms(), &body])? == 1)
            };
            let are_new = changes.iter().map(put).collect::<Result<Vec<bool>, Trouble>>()?;
            let since = told_room::kept_since(now);
            t.execute("DELETE FROM changes WHERE at_ms < $1", &[&since.ms()])?;
            let mut gone = Vec::new();
            for target in told_room::targets(changes) {
                gone.extend(told_room::without_room(latest_first(t, target)?));
            }
            if !gone.is_empty() {
                t.execute("DELETE FROM changes WHERE id = ANY($1)", &[&gone])?;
            }
            Ok(told_room::fates(changes, &are_new, since, &gone))
        })
    }

    fn told_changes(&self, filter: &ChangeFilter) -> Result<Vec<ToldChange>, StoreError> {
        self.read(|c| {
            let after = filter.after.as_ref();
            let (since, until) = (filter.since.map(Timestamp::ms), filter.until.map(Timestamp::ms));
            let (after_ms, after_id) = (after.map(|a| a.opened.ms()), after.map(|a| a.id.as_str()));
            let rows = c.query(
                "SELECT body FROM changes WHERE ($1::text IS NULL OR target = $1) AND ($2::bigint IS NULL OR at_ms >= $2)
         AND ($3::bigint IS NULL OR at_ms < $3) AND ($4::bigint IS NULL OR (at_ms, id) < ($4, $5::text COLLATE \"C\"))
         ORDER BY at_ms DESC, id DESC LIMIT $6",
                &[&filter.target, &since, &until, &after_ms, &after_id, &(filter.rows() as i64)],
            )?;
            let told = |row: &Row| serde_json::from_str(row.get(0)).map_err(|e| Trouble::damaged("a change", &e));
            rows.iter().map(told).collect()
        })
    }
}

/// The ids of all changes of a target.
fn latest_first(t: &mut Transaction<'_>, target: &str) -> Result<Vec<String>, Trouble> {
    let query = "SELECT id FROM changes WHERE target = $1 ORDER BY at_ms DESC, id DESC";
    Ok(t.query(query, &[&target])?.iter().map(|row| row.get(0)).collect())
}

/// The last change of the same object that was made until this one.
fn last_of_object(t: &mut Transaction<'_>, told: &ToldChange) -> Result<Option<ToldChange>, Trouble> {
    let Some(state) = &told.state else { return Ok(None) };
    let row = t.query_opt(
        "SELECT body FROM changes WHERE target = $1 AND at_ms <= $2 AND body::json #>> '{state,object}' = $3
         ORDER BY at_ms DESC, id DESC LIMIT 1",
        &[&told.target, &told.change.at.ms(), &state.object],
    )?;
    row.map(|row| serde_json::from_str(row.get(0)).map_err(|e| Trouble::damaged("a change", &e))).transpose()
}
