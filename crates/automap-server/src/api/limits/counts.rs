//! Counts the connections or event streams that each client holds, so that one client cannot use up all of them. The total is limited elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// What clients hold, by client. Has at most one entry for each thing held.
#[derive(Clone, Debug)]
pub(crate) struct HeldCounts<K: Ord + Clone>(Arc<Mutex<BTreeMap<K, usize>>>);

impl<K: Ord + Clone> Default for HeldCounts<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// One thing that a client holds; no longer counted when dropped.
#[derive(Debug)]
pub(crate) struct Held<K: Ord + Clone> {
    counts: HeldCounts<K>,
    client: K,
}

impl<K: Ord + Clone> HeldCounts<K> {
    /// Counts one more; `None` when the client already holds `max`.
    pub(crate) fn take(&self, client: K, max: usize) -> Option<Held<K>> {
        let mut counts = self.0.lock();
        let count = counts.entry(client.clone()).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Held { counts: self.clone(), client })
    }
}

impl<K: Ord + Clone> Drop for Held<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock();
        match counts.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_holds_so_many_and_leaves_nothing_behind() {
        let counts = HeldCounts::default();
        let first = counts.take("a", 2).unwrap();
        let second = counts.take("a", 2).unwrap();
        assert!(counts.take("a", 2).is_none() && counts.take("b", 2).is_some());
        drop(first);
        assert!(counts.take("a", 2).is_some());
        drop(second);
        assert!(counts.0.lock().is_empty());
    }
}
