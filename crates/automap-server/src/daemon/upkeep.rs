//! What the daemon does regularly beside watching: it renews the leases of the targets, and it prunes the store.

use std::time::Duration;

use super::event;
use crate::config::StoreConfig;
use crate::lead::{self, Lead};
use crate::store::{Retention, Store};
use crate::watcher::{Clock, Stop, SystemClock};

/// How often the store is pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Prunings after which the space of deleted entries is returned to the file system: once a day.
const VACUUM_EVERY: u32 = 24;

/// Takes and renews leases until the stop.
pub(super) fn renew_leases(leads: &[(String, Lead)], store: &dyn Store, holder: &str, stop: &Stop) {
    loop {
        if let Err(error) = lead::renew(leads, store, holder, &SystemClock, stop) {
            event::store(&error);
        }
        if stop.sleep(lead::RENEW) {
            return;
        }
    }
}

/// Deletes what is older than the configuration keeps, until the stop.
pub(super) fn prune_store(config: &StoreConfig, store: &dyn Store, stop: &Stop) {
    let mut deleted = 0;
    for round in 1u32.. {
        let mut pruned = store.prune(SystemClock.now(), config.retention()).map(|p| deleted += p.incidents);
        if round.is_multiple_of(VACUUM_EVERY) && deleted > 0 {
            pruned = pruned.and_then(|()| store.vacuum());
            deleted = 0;
        }
        if let Err(error) = pruned {
            event::store(&error);
        }
        if stop.sleep(PRUNE_EVERY) {
            return;
        }
    }
}

impl StoreConfig {
    fn retention(&self) -> Retention {
        const DAY_MS: i64 = 86_400_000;
        let days = u32::try_from((self.keep.ms() + DAY_MS - 1) / DAY_MS).unwrap_or(u32::MAX);
        Retention { keep_days: days, max_bytes: self.max_mib << 20 }
    }
}
