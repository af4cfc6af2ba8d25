//! One leader for each target: several replicas share a store, one of them watches.
//!
//! The leader renews its lease every [`RENEW`]; one that is gone is followed within [`LEASE`] and one renewal. Whoever leads reads the incidents
//! anew from the store, so nothing is lost; every write names the holder and is refused to anybody else, so nothing is done twice.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::store::{Store, StoreError};
use crate::watcher::{Clock, Stop};

/// How long a leader is believed to be there after it was last heard of.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often it is heard of.
pub const RENEW: Duration = Duration::from_secs(3);

/// Whether this process leads a target, for the thread that watches it.
#[derive(Clone, Debug, Default)]
pub struct Lead(Arc<(Mutex<Option<Stop>>, Condvar)>);

impl Lead {
    /// Waits until this process leads, or `stop`. The answer is set when it leads no more.
    pub fn wait(&self, stop: &Stop) -> Option<Stop> {
        /// `stop` rings no bell.
        const LOOK: Duration = Duration::from_millis(200);
        let (term, bell) = &*self.0;
        let mut term = term.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if stop.is_set() {
                return None;
            }
            if let Some(term) = term.as_ref().filter(|t| !t.is_set()) {
                return Some(term.clone());
            }
            term = bell.wait_timeout(term, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn begin(&self, stop: &Stop) {
        let (term, bell) = &*self.0;
        let mut term = term.lock().unwrap_or_else(PoisonError::into_inner);
        if term.as_ref().is_none_or(Stop::is_set) {
            *term = Some(stop.child());
            bell.notify_all();
        }
    }

    fn end(&self) {
        if let Some(term) = self.0.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            term.set();
        }
    }
}

/// Takes and renews the leases of these targets once. A store that does not answer ends nothing: a write without a lease is refused anyway,
/// and what was seen meanwhile must not be forgotten.
///
/// # Errors
/// The first error of the store; the other targets were asked for all the same.
pub fn renew(
    leads: &[(String, Lead)],
    store: &dyn Store,
    holder: &str,
    clock: &dyn Clock,
    stop: &Stop,
) -> Result<(), StoreError> {
    let mut failed = Ok(());
    for (target, lead) in leads {
        match store.lease(target, holder, clock.now(), LEASE) {
            Ok(true) => lead.begin(stop),
            Ok(false) => lead.end(),
            Err(error) => failed = failed.and(Err(error)),
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use automap_core::time::Timestamp;

    use super::*;
    use crate::store::memory::MemoryStore;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(self.0)
        }
    }

    #[test]
    fn a_follower_takes_over_when_the_leader_is_silent_and_not_before() {
        let (store, stop) = (MemoryStore::default(), Stop::default());
        let leads = || [("shop".to_owned(), Lead::default())];
        let (first, second) = (leads(), leads());
        let leader = |leads: &[(String, Lead)]| leads[0].1.0.0.lock().unwrap().as_ref().is_some_and(|t| !t.is_set());
        renew(&first, &store, "a", &At(0), &stop).unwrap();
        renew(&second, &store, "b", &At(1), &stop).unwrap();
        assert_eq!((leader(&first), leader(&second)), (true, false));
        let term = first[0].1.wait(&stop).unwrap();
        renew(&first, &store, "a", &At(3000), &stop).unwrap();
        renew(&second, &store, "b", &At(12_999), &stop).unwrap();
        assert!(!leader(&second) && !term.is_set());
        renew(&second, &store, "b", &At(13_000), &stop).unwrap();
        assert!(leader(&second));
        renew(&first, &store, "a", &At(13_001), &stop).unwrap();
        assert!(!leader(&first) && term.is_set() && !stop.is_set());
    }

    #[test]
    fn a_store_that_is_away_ends_nothing() {
        let (store, stop, leads) = (MemoryStore::default(), Stop::default(), [("shop".to_owned(), Lead::default())]);
        renew(&leads, &store, "a", &At(0), &stop).unwrap();
        let term = leads[0].1.wait(&stop).unwrap();
        store.set_gone(true);
        assert!(renew(&leads, &store, "a", &At(60_000), &stop).is_err());
        assert!(!term.is_set());
        store.set_gone(false);
        renew(&leads, &store, "a", &At(61_000), &stop).unwrap();
        assert!(!term.is_set(), "the same term goes on");
        stop.set();
        assert!(term.is_set() && leads[0].1.wait(&stop).is_none());
    }
}
