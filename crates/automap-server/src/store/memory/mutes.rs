//! Mutes that were made over the API or the command line.

use automap_core::time::Timestamp;

use super::MemoryStore;
use crate::store::{MAX_MUTES, Mute, MuteStore, StoreError};

impl MuteStore for MemoryStore {
    fn add_mute(&self, mute: &Mute, now: Timestamp) -> Result<bool, StoreError> {
        let mutes = &mut self.kept()?.mutes;
        mutes.retain(|_, m| m.until > now);
        if mutes.contains_key(&mute.id) {
            return Ok(false);
        }
        if mutes.len() >= MAX_MUTES {
            return Err(StoreError::too_many_mutes(MAX_MUTES));
        }
        mutes.insert(mute.id.clone(), mute.clone());
        Ok(true)
    }

    fn end_mute(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.kept()?.mutes.remove(id).is_some_and(|m| m.until > now))
    }

    fn mutes(&self, now: Timestamp) -> Result<Vec<Mute>, StoreError> {
        Ok(self.kept()?.mutes.values().filter(|m| m.until > now).cloned().collect())
    }
}
