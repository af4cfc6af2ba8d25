//! How many connections each client holds, so that one cannot hold all of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::rate::network;
use super::state::App;
use crate::auth::proxy;

/// Connections by client. Bounded by the number of connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection of a client; over when dropped.
#[derive(Debug)]
pub(crate) struct Visit {
    clients: Clients,
    client: IpAddr,
}

impl Clients {
    /// `None` when this client holds all that it may. A trusted proxy speaks for many and is not counted.
    pub(crate) fn enter(&self, app: &App, peer: IpAddr) -> Option<Option<Visit>> {
        if app.auth.proxy().is_some_and(|p| proxy::trusts(p, peer)) {
            return Some(None);
        }
        self.count(peer, app.limits().connections_per_client).map(Some)
    }

    fn count(&self, peer: IpAddr, most: usize) -> Option<Visit> {
        let client = network(peer);
        let mut clients = self.0.lock();
        let count = clients.entry(client).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Visit { clients: self.clone(), client })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut clients = self.clients.0.lock();
        match clients.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(clients.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_holds_so_many_and_leaves_nothing_behind() {
        let clients = Clients::default();
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = clients.count(a, 2).unwrap();
        let second = clients.count(a, 2).unwrap();
        assert!(clients.count(a, 2).is_none() && clients.count(b, 2).is_some());
        drop(first);
        assert!(clients.count(a, 2).is_some());
        drop(second);
        assert!(clients.0.lock().is_empty());
    }
}
