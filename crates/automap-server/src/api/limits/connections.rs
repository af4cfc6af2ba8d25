//! How many connections each client holds open, so that one client cannot use up all of them. The bound on all connections together is in
//! [`crate::api::server`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::api::limits::rate_limit::client_network;
use parking_lot::Mutex;

/// Open connections by client. Holds at most one entry for each open connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionCounts(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One counted connection of a client; no longer counted when dropped.
#[derive(Debug)]
pub(crate) struct CountedConnection {
    counts: ConnectionCounts,
    client: IpAddr,
}

impl ConnectionCounts {
    /// Counts a connection; `None` when the client already holds `max` of them.
    pub(crate) fn open(&self, peer: IpAddr, max: usize) -> Option<CountedConnection> {
        let client = client_network(peer);
        let mut counts = self.0.lock();
        let count = counts.entry(client).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(CountedConnection { counts: self.clone(), client })
    }
}

impl Drop for CountedConnection {
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
        let counts = ConnectionCounts::default();
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = counts.open(a, 2).unwrap();
        let second = counts.open(a, 2).unwrap();
        assert!(counts.open(a, 2).is_none() && counts.open(b, 2).is_some());
        drop(first);
        assert!(counts.open(a, 2).is_some());
        drop(second);
        assert!(counts.0.lock().is_empty());
    }
}
