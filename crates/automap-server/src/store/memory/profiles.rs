//! Profiles of healthy periods.

use automap_core::time::{Interval, Timestamp};
use serde::de::IgnoredAny;

use super::MemoryStore;
use crate::store::{MAX_PROFILES, ProfileStore, StoreError, StoredProfile};

impl ProfileStore for MemoryStore {
    fn put_profile(&self, target: &str, period: Interval, json: &str) -> Result<(), StoreError> {
        if let Err(e) = serde_json::from_str::<IgnoredAny>(json) {
            let what = format!("the profile of {target}");
            return Err(StoreError::Unfit { what, reason: format!("it is no JSON: {e}") });
        }
        self.kept()?.profiles.insert((target.to_owned(), period.end, period.start), json.to_owned());
        Ok(())
    }

    fn profiles(&self, target: &str, since: Timestamp, limit: usize) -> Result<Vec<StoredProfile>, StoreError> {
        let kept = self.kept()?;
        let latest = kept.profiles.iter().rev().filter(|((of, end, _), _)| of == target && *end > since);
        let whole = |((_, end, start), json): (&(String, Timestamp, Timestamp), &String)| StoredProfile {
            period: Interval { start: *start, end: *end },
            json: json.clone(),
        };
        Ok(latest.take(limit.min(MAX_PROFILES)).map(whole).collect())
    }
}
