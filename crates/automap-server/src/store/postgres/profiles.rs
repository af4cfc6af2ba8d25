//! Profiles of healthy periods: one JSON document for each target and period.

use automap_core::time::{Interval, Timestamp};
use serde::de::IgnoredAny;
use tokio_postgres::Row;

use super::{PostgresStore, Trouble};
use crate::store::{MAX_PROFILES, ProfileStore, StoreError, StoredProfile};

impl ProfileStore for PostgresStore {
    fn put_profile(&self, target: &str, period: Interval, json: &str) -> Result<(), StoreError> {
        self.write(|t| {
            if let Err(e) = serde_json::from_str::<IgnoredAny>(json) {
                let what = format!("the profile of {target}");
                return Err(Trouble::Refused(StoreError::Unfit { what, reason: format!("it is no JSON: {e}") }));
            }
            t.execute(
                "INSERT INTO profiles (target, start_ms, end_ms, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (target, end_ms, start_ms) DO UPDATE SET body = excluded.body",
                &[&target, &period.start.ms(), &period.end.ms(), &json],
            )?;
            Ok(())
        })
    }

    fn profiles(&self, target: &str, since: Timestamp, limit: usize) -> Result<Vec<StoredProfile>, StoreError> {
        self.read(|c| {
            let rows = c.query(
                "SELECT start_ms, end_ms, body FROM profiles WHERE target = $1 AND end_ms > $2
         ORDER BY end_ms DESC, start_ms DESC LIMIT $3",
                &[&target, &since.ms(), &(limit.min(MAX_PROFILES) as i64)],
            )?;
            let whole = |row: &Row| {
                let period = Interval { start: Timestamp::from_ms(row.get(0)), end: Timestamp::from_ms(row.get(1)) };
                StoredProfile { period, json: row.get(2) }
            };
            Ok(rows.iter().map(whole).collect())
        })
    }
}
