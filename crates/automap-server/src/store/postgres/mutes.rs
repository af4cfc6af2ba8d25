//! Mutes that were made over the API or the command line.

use automap_core::time::Timestamp;

use super::{PostgresStore, Trouble};
use crate::store::{MAX_MUTES, Mute, MuteStore, StoreError};

impl MuteStore for PostgresStore {
    fn add_mute(&self, mute: &Mute, now: Timestamp) -> Result<bool, StoreError> {
        let body = serde_json::to_string(mute)
            .map_err(|e| StoreError::Unfit { what: mute.id.clone(), reason: e.to_string() })?;
        self.write(|t| {
            t.execute("DELETE FROM mutes WHERE until_ms <= $1", &[&now.ms()])?;
            let kept: i64 = t.query_one("SELECT count(*) FROM mutes WHERE id <> $1", &[&mute.id])?.get(0);
            if kept >= MAX_MUTES as i64 {
                return Err(Trouble::Refused(StoreError::too_many_mutes(MAX_MUTES)));
            }
            let insert = "INSERT INTO mutes (id, until_ms, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
            Ok(t.execute(insert, &[&mute.id, &mute.until.ms(), &body])? == 1)
        })
    }

    fn end_mute(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|t| Ok(t.execute("DELETE FROM mutes WHERE id = $1 AND until_ms > $2", &[&id, &now.ms()])? == 1))
    }

    fn mutes(&self, now: Timestamp) -> Result<Vec<Mute>, StoreError> {
        self.read(|c| {
            let rows = c.query("SELECT body FROM mutes WHERE until_ms > $1 ORDER BY id", &[&now.ms()])?;
            let mute = |row: &tokio_postgres::Row| {
                serde_json::from_str(row.get(0)).map_err(|e| Trouble::damaged("a mute", &e))
            };
            rows.iter().map(mute).collect()
        })
    }
}
