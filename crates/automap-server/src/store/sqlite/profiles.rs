//! How the services behaved in healthy periods.

use automap_core::time::{Interval, Timestamp};
use rusqlite::params;
use serde::de::IgnoredAny;

use super::{SqliteStore, Trouble};
use crate::store::{MAX_PROFILES, ProfileStore, StoreError, StoredProfile};

impl ProfileStore for SqliteStore {
    fn put_profile(&self, target: &str, period: Interval, json: &str) -> Result<(), StoreError> {
        self.write(|c| {
            if let Err(e) = serde_json::from_str::<IgnoredAny>(json) {
                let what = format!("the profile of {target}");
                return Err(Trouble::Refused(StoreError::Unfit { what, reason: format!("it is no JSON: {e}") }));
            }
            c.prepare_cached(
                "INSERT OR REPLACE INTO profiles (target, start_ms, end_ms, body) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![target, period.start.ms(), period.end.ms(), json])?;
            Ok(())
        })
    }

    fn profiles(&self, target: &str, since: Timestamp, limit: usize) -> Result<Vec<StoredProfile>, StoreError> {
        self.read(|c| {
            let mut query = c.prepare_cached(
                "SELECT start_ms, end_ms, body FROM profiles WHERE target = ?1 AND end_ms > ?2
         ORDER BY end_ms DESC, start_ms DESC LIMIT ?3",
            )?;
            let rows = query.query_map(params![target, since.ms(), limit.min(MAX_PROFILES) as i64], |row| {
                let period = Interval { start: Timestamp::from_ms(row.get(0)?), end: Timestamp::from_ms(row.get(1)?) };
                Ok(StoredProfile { period, json: row.get(2)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
