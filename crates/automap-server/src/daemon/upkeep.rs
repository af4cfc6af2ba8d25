//! Regular tasks of the daemon besides watching: it renews the leases of the targets, prunes the store, and reads the silences of Alertmanagers.

use std::time::Duration;

use tracing::warn;

use super::event;
use crate::config::StoreConfig;
use crate::lead::{self, Lead};
use crate::mutes::{AlertmanagerSource, Mutes, read_silences};
use crate::store::{Retention, Store};
use crate::watcher::{Clock, Stop, SystemClock};

/// How often the store is pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// How often silences are read.
const READ_SILENCES_EVERY: Duration = Duration::from_secs(30);
/// Prunings after which the space of deleted entries is returned to the file system: once a day.
const VACUUM_EVERY: u32 = 24;

/// Takes and renews leases until the stop.
pub(super) fn renew_leases(leads: &[(String, Lead)], store: &dyn Store, holder: &str, stop: &Stop) {
    loop {
        if let Err(error) = lead::renew(leads, store, holder, &SystemClock, stop) {
            event::store(&error);
        }
        if stop.sleep(lead::RENEW) {
            break;
        }
    }
    if let Err(error) = lead::retire(leads, store, holder) {
        event::store(&error);
    }
}

/// Reads the silences of every Alertmanager until the stop. Those read last stay valid while one does not answer, which is logged once. So are the
/// silences that are not read.
pub(super) fn follow_silences(sources: &[AlertmanagerSource], mutes: &Mutes, stop: &Stop) {
    let (mut failing, mut unread) = (vec![false; sources.len()], vec![None; sources.len()]);
    loop {
        for ((source, was_failing), was_unread) in sources.iter().zip(&mut failing).zip(&mut unread) {
            if stop.is_set() {
                return;
            }
            match read_silences(source) {
                Ok(read) => {
                    let unread = read.unread();
                    if let Some(which) = unread.as_ref().filter(|_| unread != *was_unread) {
                        warn!(target: "silences", address = source.url, which, "some silences are not read and mute nothing");
                    }
                    mutes.set_silences(&source.url, read.silences);
                    (*was_failing, *was_unread) = (false, unread);
                }
                Err(error) if !*was_failing => {
                    warn!(target: "silences", %error, "silences cannot be read; those that were read before stay valid");
                    *was_failing = true;
                }
                Err(_) => {}
            }
        }
        if stop.sleep(READ_SILENCES_EVERY) {
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
