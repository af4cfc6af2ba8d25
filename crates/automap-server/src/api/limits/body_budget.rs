//! Limits the bytes of all request bodies that are in memory at once: in total, and for each client, so that one client cannot keep out the others.
//!
//! A body whose sender is known only once all of it was read, such as one with a signature, comes out of a budget of its own. Whoever has no
//! credentials can use up that one only, and senders with credentials are still heard.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::api::limits::rate_limit::client_network;

/// Bytes of all bodies that are in memory at once: hundreds of connections may each send one of maximum size.
const MAX_BODIES_BYTES: usize = 64 << 20;
/// The same for bodies whose sender is not known yet. They come from few services, and are much smaller than the largest body.
const MAX_UNPROVEN_BYTES: usize = 8 << 20;
/// One client may hold a budget's bytes divided by this, and one body of maximum size in any case.
const CLIENT_DIVISOR: usize = 4;

/// The budgets of all requests. A clone refers to the same ones.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudgets {
    /// For senders who are known before the body is read, and for everybody where authentication is off.
    pub(crate) proven: BodyBudget,
    /// For senders who are known only afterwards.
    pub(crate) unproven: BodyBudget,
}

/// Bytes that bodies may take. A clone refers to the same budget.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget {
    max_bytes: usize,
    max_client_bytes: usize,
    held: Arc<Mutex<Held>>,
}

/// The bytes in use. `by_client` has at most one entry for each body that is being read.
#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    by_client: BTreeMap<IpAddr, usize>,
}

/// What one body holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct BodyShare {
    budget: BodyBudget,
    client: IpAddr,
    bytes: usize,
}

/// Which bound a body would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BudgetSpent {
    /// That of all bodies.
    ByAll,
    /// That of one client.
    ByClient,
}

impl BodyBudgets {
    /// Each has room for a body of `body_bytes`.
    pub(crate) fn new(body_bytes: usize) -> Self {
        let budget = |bytes: usize| BodyBudget::new(bytes, body_bytes);
        Self { proven: budget(MAX_BODIES_BYTES), unproven: budget(MAX_UNPROVEN_BYTES) }
    }
}

impl BodyBudget {
    fn new(bytes: usize, body_bytes: usize) -> Self {
        let max_client_bytes = (bytes / CLIENT_DIVISOR).max(body_bytes);
        Self { max_bytes: bytes.max(body_bytes), max_client_bytes, held: Arc::default() }
    }

    /// The share of a body that this client sends; nothing of it is read yet.
    pub(crate) fn share(&self, client: IpAddr) -> BodyShare {
        BodyShare { budget: self.clone(), client: client_network(client), bytes: 0 }
    }
}

impl BodyShare {
    /// Takes the bytes of the next piece.
    ///
    /// # Errors
    /// Which bound it would exceed; nothing is taken then.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), BudgetSpent> {
        let mut held = self.budget.held.lock();
        if bytes > self.budget.max_bytes - held.bytes {
            return Err(BudgetSpent::ByAll);
        }
        let of_client = held.by_client.get(&self.client).copied().unwrap_or(0);
        if bytes > self.budget.max_client_bytes - of_client {
            return Err(BudgetSpent::ByClient);
        }
        held.bytes += bytes;
        held.by_client.insert(self.client, of_client + bytes);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        let mut held = self.budget.held.lock();
        held.bytes -= self.bytes;
        match held.by_client.get_mut(&self.client) {
            Some(of_client) if *of_client > self.bytes => *of_client -= self.bytes,
            _ => drop(held.by_client.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENTS: [&str; 3] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];

    fn share(budget: &BodyBudget, client: &str) -> BodyShare {
        budget.share(client.parse().unwrap())
    }

    #[test]
    fn one_client_cannot_use_up_the_budget_and_nothing_is_left_behind() {
        let budget = BodyBudget::new(100, 10);
        let mut first = share(&budget, CLIENTS[0]);
        first.grow(20).unwrap();
        first.grow(5).unwrap();
        let mut second = share(&budget, CLIENTS[0]);
        assert_eq!(second.grow(1), Err(BudgetSpent::ByClient));
        let mut third = share(&budget, CLIENTS[1]);
        third.grow(25).unwrap();
        drop(first);
        second.grow(25).unwrap();
        drop((second, third));
        let held = budget.held.lock();
        assert!(held.bytes == 0 && held.by_client.is_empty(), "{held:?}");
    }

    #[test]
    fn all_clients_together_are_bounded() {
        let budget = BodyBudget::new(100, 40);
        let mut shares: Vec<BodyShare> = CLIENTS.iter().map(|client| share(&budget, client)).collect();
        let taken: Vec<_> = shares.iter_mut().map(|share| share.grow(40)).collect();
        assert_eq!(taken, [Ok(()), Ok(()), Err(BudgetSpent::ByAll)], "one body of maximum size each");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let budget = BodyBudget::new(100, 10);
        let mut first = share(&budget, "2001:db8::1");
        first.grow(25).unwrap();
        assert_eq!(share(&budget, "2001:db8::2").grow(1), Err(BudgetSpent::ByClient));
    }

    #[test]
    fn a_body_of_the_configured_size_always_fits() {
        let budgets = BodyBudgets::new(200 << 20);
        for budget in [budgets.proven, budgets.unproven] {
            assert_eq!(share(&budget, CLIENTS[0]).grow(200 << 20), Ok(()));
        }
    }
}
