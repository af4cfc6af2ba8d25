//! One leader for each target: several replicas share a store, and one of them watches.
//!
//! The leader renews its lease every [`RENEW`]. When it is gone, another replica takes over within [`LEASE`] plus one renewal. A new leader
//! reads the incidents from the store, so that nothing is lost; every write names the lease holder and is refused for any other replica, so
//! that nothing is done twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::stop::{Stop, block_on};
use crate::store::{Store, StoreError};
use crate::watcher::Clock;

/// How long a lease is valid after its last renewal.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often a leader renews its lease.
pub const RENEW: Duration = Duration::from_secs(3);

/// Whether this process leads a target, for the thread that watches it.
#[derive(Clone, Debug)]
pub struct Lead(Arc<watch::Sender<Term>>);

/// Who leads, as the store said last.
#[derive(Clone, Debug)]
enum Term {
    /// The store was not asked yet, or did not answer.
    Unknown,
    /// Another process.
    Elsewhere,
    /// This one, until the signal is set.
    Ours(Stop),
}

impl Term {
    fn held(&self) -> Option<&Stop> {
        match self {
            Self::Ours(term) if !term.is_set() => Some(term),
            _ => None,
        }
    }
}

impl Default for Lead {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Term::Unknown)))
    }
}

impl Lead {
    /// Blocks until this process leads, or until `stop` (`None`). The signal that is returned is set when it leads no more. `follow` is called once it is
    /// known that another process leads.
    pub fn wait(&self, stop: &Stop, follow: impl FnOnce()) -> Option<Stop> {
        let mut terms = self.0.subscribe();
        let is_known = |term: &Term| matches!(term, Term::Elsewhere) || term.held().is_some();
        let ours = async {
            let is_elsewhere = terms.wait_for(is_known).await.ok()?.held().is_none();
            if is_elsewhere {
                follow();
            }
            terms.wait_for(|term| term.held().is_some()).await.ok()?.held().cloned()
        };
        let next = async {
            tokio::select! {
                biased;
                () = stop.wait() => None,
                term = ours => term,
            }
        };
        block_on(next, None).flatten()
    }

    fn begin(&self, stop: &Stop) {
        self.0.send_if_modified(|term| {
            let begins = term.held().is_none();
            if begins {
                *term = Term::Ours(stop.child());
            }
            begins
        });
    }

    fn end(&self) {
        if let Term::Ours(term) = self.0.send_replace(Term::Elsewhere) {
            term.set();
        }
    }

    #[cfg(test)]
    fn is_held(&self) -> bool {
        self.0.borrow().held().is_some()
    }
}

/// Acquires or renews the leases of these targets once. A store that does not answer ends no term: a write without a lease is refused
/// anyway, and what was observed in the meantime must not be discarded.
///
/// # Errors
/// The first error of the store; the leases of the other targets were requested all the same.
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
    use std::cell::Cell;

    use automap_core::time::Timestamp;

    use super::*;
    use crate::store::LeaseStore;
    use crate::store::memory::MemoryStore;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(self.0)
        }
    }

    #[test]
    fn a_follower_takes_over_when_the_lease_has_expired_and_not_before() {
        let (store, stop) = (MemoryStore::default(), Stop::default());
        let leads = || [("shop".to_owned(), Lead::default())];
        let (first, second) = (leads(), leads());
        let leader = |leads: &[(String, Lead)]| leads[0].1.is_held();
        renew(&first, &store, "a", &At(0), &stop).unwrap();
        renew(&second, &store, "b", &At(1), &stop).unwrap();
        assert_eq!((leader(&first), leader(&second)), (true, false));
        let term = first[0].1.wait(&stop, || unreachable!("nobody else leads")).unwrap();
        renew(&first, &store, "a", &At(3000), &stop).unwrap();
        renew(&second, &store, "b", &At(12_999), &stop).unwrap();
        assert!(!leader(&second) && !term.is_set());
        renew(&second, &store, "b", &At(13_000), &stop).unwrap();
        assert!(leader(&second));
        renew(&first, &store, "a", &At(13_001), &stop).unwrap();
        assert!(!leader(&first) && term.is_set() && !stop.is_set());
    }

    /// Before the store has answered nobody knows who leads.
    #[test]
    fn another_leads_only_where_the_store_says_so() {
        let store = MemoryStore::default();
        let followed = |renewals: &[bool]| {
            let (stop, leads, follows) = (Stop::default(), [("shop".to_owned(), Lead::default())], Cell::new(0));
            for is_answered in renewals {
                store.set_gone(!is_answered);
                let _ = renew(&leads, &store, "b", &At(1), &stop);
            }
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(50));
                    stop.set();
                });
                assert!(leads[0].1.wait(&stop, || follows.set(follows.get() + 1)).is_none());
            });
            follows.get()
        };
        assert!(store.lease("shop", "a", Timestamp::from_ms(0), LEASE).unwrap());
        assert_eq!((followed(&[]), followed(&[false]), followed(&[true, true])), (0, 0, 1));
    }

    #[test]
    fn an_unavailable_store_ends_no_term() {
        let (store, stop, leads) = (MemoryStore::default(), Stop::default(), [("shop".to_owned(), Lead::default())]);
        renew(&leads, &store, "a", &At(0), &stop).unwrap();
        let term = leads[0].1.wait(&stop, || ()).unwrap();
        store.set_gone(true);
        assert!(renew(&leads, &store, "a", &At(60_000), &stop).is_err());
        assert!(!term.is_set());
        store.set_gone(false);
        renew(&leads, &store, "a", &At(61_000), &stop).unwrap();
        assert!(!term.is_set(), "the same term goes on");
        stop.set();
        assert!(term.is_set() && leads[0].1.wait(&stop, || ()).is_none());
    }
}
