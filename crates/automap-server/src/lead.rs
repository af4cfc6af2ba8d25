//! One leader for each target: several replicas share a store, and one of them watches a target.
//!
//! Every [`RENEW`] a replica renews its leases, all in one call, and takes free ones until it holds its share ([`crate::store::Sharing`]). When a replica is
//! gone, the others take over within [`LEASE`] plus one renewal. A new leader reads the incidents from the store, so that nothing is lost; every
//! write names the lease holder and is refused for any other replica, so that nothing is done twice.
//!
//! A replica that holds more than its share gives targets back, a few at a time: it asks the thread of a target to end, keeps the lease until the
//! thread has ended, and only then releases it. So no other replica starts while a poll is still in progress.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::stop::{Stop, block_on};
use crate::store::{Sharing, Store, StoreError};
use crate::watcher::Clock;

/// How long a lease is valid after its last renewal.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often a replica renews its leases.
pub const RENEW: Duration = Duration::from_secs(3);
/// Most targets that are handed over at once: each one is unwatched for a moment, and its first poll in its new place takes longer than others.
const MAX_LEAVING: usize = 50;

/// Whether this process leads a target, for the thread that watches it.
#[derive(Clone, Debug)]
pub struct Lead(Arc<watch::Sender<State>>);

/// The state of a target's lease, and whether its thread watches.
#[derive(Debug)]
struct State {
    term: Term,
    /// Whether the thread watches, in this term or still in an earlier one.
    is_watched: bool,
}

/// Who leads, as last reported by the store.
#[derive(Clone, Debug)]
enum Term {
    /// The store was not queried yet, or did not answer.
    Unknown,
    /// Another process, or nobody.
    Elsewhere,
    /// This one. The target is watched until the signal is set; then it is given back.
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

/// A period in which the thread of a target watches. It ends when this is dropped, even by a panic.
#[derive(Debug)]
pub struct Turn {
    lead: Lead,
    term: Stop,
}

impl Turn {
    /// Set when the watching has to end.
    pub fn term(&self) -> &Stop {
        &self.term
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.lead.0.send_modify(|state| state.is_watched = false);
    }
}

impl Default for Lead {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State { term: Term::Unknown, is_watched: false })))
    }
}

impl Lead {
    /// Blocks until this process leads, or until `stop` (`None`). `follow` is called once it is known that another process leads.
    pub fn wait(&self, stop: &Stop, follow: impl FnOnce()) -> Option<Turn> {
        let mut follow = Some(follow);
        loop {
            self.wait_for_term(stop, || {
                if let Some(follow) = follow.take() {
                    follow();
                }
            })?;
            if let Some(turn) = self.begin_turn() {
                return Some(turn);
            }
        }
    }

    fn wait_for_term(&self, stop: &Stop, follow: impl FnOnce()) -> Option<()> {
        let mut states = self.0.subscribe();
        let is_known = |state: &State| matches!(state.term, Term::Elsewhere) || state.term.held().is_some();
        let ours = async {
            let is_elsewhere = states.wait_for(is_known).await.ok()?.term.held().is_none();
            if is_elsewhere {
                follow();
            }
            states.wait_for(|state| state.term.held().is_some()).await.ok().map(|_| ())
        };
        let next = async {
            tokio::select! {
                biased;
                () = stop.wait() => None,
                ours = ours => ours,
            }
        };
        block_on(next, None).flatten()
    }

    /// The turn of the current term; `None` if the term has ended.
    fn begin_turn(&self) -> Option<Turn> {
        let mut term = None;
        self.0.send_modify(|state| {
            term = state.term.held().cloned();
            state.is_watched |= term.is_some();
        });
        Some(Turn { lead: self.clone(), term: term? })
    }

    fn begin(&self, stop: &Stop) {
        self.0.send_if_modified(|state| {
            let begins = !matches!(state.term, Term::Ours(_));
            if begins {
                state.term = Term::Ours(stop.child());
            }
            begins
        });
    }

    fn end(&self) {
        self.0.send_modify(|state| {
            if let Term::Ours(term) = std::mem::replace(&mut state.term, Term::Elsewhere) {
                term.set();
            }
        });
    }

    /// Asks the thread to end, and keeps the lease.
    fn leave(&self) {
        if let Term::Ours(term) = &self.0.borrow().term {
            term.set();
        }
    }

    /// Whether this process holds the lease.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.0.borrow().term, Term::Ours(_))
    }

    /// Whether it is to be watched.
    fn is_held(&self) -> bool {
        self.0.borrow().term.held().is_some()
    }

    /// Whether the thread was asked to end, and has.
    fn has_left(&self) -> bool {
        let state = self.0.borrow();
        matches!(&state.term, Term::Ours(term) if term.is_set()) && !state.is_watched
    }
}

/// Takes, renews and gives back leases once. A store that does not answer ends no term: a write without a lease is refused anyway, and what was
/// observed in the meantime must not be discarded.
///
/// # Errors
/// That of the store.
pub fn renew(
    leads: &[(String, Lead)],
    store: &dyn Store,
    holder: &str,
    clock: &dyn Clock,
    stop: &Stop,
) -> Result<(), StoreError> {
    let targets = names(leads);
    let left: Vec<&str> = leads.iter().filter(|(_, lead)| lead.has_left()).map(|(name, _)| name.as_str()).collect();
    let sharing = Sharing { holder, targets: &targets, given_back: &left };
    let shared = store.share(&sharing, clock.now(), LEASE)?;
    for (target, lead) in leads {
        if shared.held.contains(target) { lead.begin(stop) } else { lead.end() }
    }
    let leaving = leads.iter().filter(|(_, lead)| lead.is_ours() && !lead.is_held()).count();
    let more = shared.surplus.min(MAX_LEAVING).saturating_sub(leaving);
    leads.iter().rev().filter(|(_, lead)| lead.is_held()).take(more).for_each(|(_, lead)| lead.leave());
    Ok(())
}

/// Tells the other replicas that this one is gone, so that they take all that it gives back, not only the shares that they had beside it.
///
/// # Errors
/// That of the store; the other replicas then notice when the leases expire.
pub fn retire(leads: &[(String, Lead)], store: &dyn Store, holder: &str) -> Result<(), StoreError> {
    let sharing = Sharing { holder, targets: &names(leads), given_back: &[] };
    store.release(&sharing.own_lease(), holder)
}

fn names(leads: &[(String, Lead)]) -> Vec<&str> {
    leads.iter().map(|(name, _)| name.as_str()).collect()
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
        let turn = first[0].1.wait(&stop, || unreachable!("nobody else leads")).unwrap();
        renew(&first, &store, "a", &At(3000), &stop).unwrap();
        renew(&second, &store, "b", &At(12_999), &stop).unwrap();
        assert!(!leader(&second) && !turn.term().is_set());
        renew(&second, &store, "b", &At(13_000), &stop).unwrap();
        assert!(leader(&second));
        renew(&first, &store, "a", &At(13_001), &stop).unwrap();
        assert!(!leader(&first) && turn.term().is_set() && !stop.is_set());
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
        let turn = leads[0].1.wait(&stop, || ()).unwrap();
        let term = turn.term();
        store.set_gone(true);
        assert!(renew(&leads, &store, "a", &At(60_000), &stop).is_err());
        assert!(!term.is_set());
        store.set_gone(false);
        renew(&leads, &store, "a", &At(61_000), &stop).unwrap();
        assert!(!term.is_set(), "the same term goes on");
        stop.set();
        assert!(term.is_set() && leads[0].1.wait(&stop, || ()).is_none());
    }

    fn leads() -> Vec<(String, Lead)> {
        ["p", "q", "r", "s"].map(|name| (name.to_owned(), Lead::default())).to_vec()
    }

    fn held(leads: &[(String, Lead)]) -> String {
        leads.iter().filter(|(_, lead)| lead.is_held()).map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn a_replica_that_comes_gets_its_share_once_the_other_has_stopped_watching() {
        let (store, stop, a, b) = (MemoryStore::default(), Stop::default(), leads(), leads());
        let renew_a = |ms| renew(&a, &store, "a", &At(ms), &stop).unwrap();
        let renew_b = |ms| renew(&b, &store, "b", &At(ms), &stop).unwrap();
        renew_a(0);
        let mut turns: Vec<Turn> = a.iter().map(|(_, lead)| lead.wait(&stop, || ()).unwrap()).collect();
        renew_b(1000);
        renew_a(3000);
        renew_b(4000);
        assert_eq!((held(&a).as_str(), held(&b).as_str()), ("pq", ""), "two are asked to end, and are still in a look");
        assert!(turns[3].term().is_set() && !turns[0].term().is_set());
        drop(turns.pop());
        renew_a(6000);
        renew_b(7000);
        assert_eq!((held(&a).as_str(), held(&b).as_str()), ("pq", "s"));
        drop(turns.pop());
        renew_a(9000);
        renew_b(10_000);
        assert_eq!((held(&a).as_str(), held(&b).as_str()), ("pq", "rs"));
        renew_a(12_000);
        assert!(!turns[1].term().is_set(), "and then nothing moves any more");
        // A replica that ends on purpose is not waited for.
        retire(&b, &store, "b").unwrap();
        store.release("r", "b").unwrap();
        store.release("s", "b").unwrap();
        renew_a(13_000);
        assert_eq!(held(&a), "pqrs");
    }
}
