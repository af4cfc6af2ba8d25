//! Which pods answer for a service: the part of the control plane that the shop needs.
//!
//! The supervisor writes a file with the addresses of each service's ready pods; side-cars and load poll it. A service with one pod has 127.0.0.1, a
//! second pod 127.0.0.2 and so on, always with the same ports. Without a file, every service has its first address.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http::{Connector, HttpClient};
use super::locked;

/// How often the file is read. A pod that is removed from it keeps running for longer, so that no connection is refused.
const READ_EVERY: Duration = Duration::from_millis(200);
/// Largest file: 14 services with a few addresses each.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// The addresses of each service.
pub(crate) type Table = BTreeMap<String, Vec<Ipv4Addr>>;

/// Writes the table atomically.
pub(crate) fn write(path: &Path, table: &Table) -> std::io::Result<()> {
    let aside = path.with_extension("json.tmp");
    fs::write(&aside, serde_json::to_vec(table)?)?;
    fs::rename(aside, path)
}

/// The last known addresses.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    table: Mutex<Table>,
}

impl Endpoints {
    /// Reads the file now and periodically, as long as the runtime lives.
    pub(crate) fn watch(path: Option<PathBuf>) -> Arc<Self> {
        let endpoints = Arc::new(Self::default());
        if let Some(path) = path {
            endpoints.read(&path);
            let watched = Arc::clone(&endpoints);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(READ_EVERY).await;
                    watched.read(&path);
                }
            });
        }
        endpoints
    }

    /// A file that is missing or unreadable changes nothing.
    fn read(&self, path: &Path) {
        let Ok(text) = fs::read(path) else { return };
        if text.len() <= FILE_BYTES_MAX
            && let Ok(table) = serde_json::from_slice(&text)
        {
            *locked(&self.table) = table;
        }
    }

    /// The addresses of a service, never none: if no pod is ready, the first address, which refuses the connection.
    pub(crate) fn of(&self, service: &str) -> Vec<Ipv4Addr> {
        let known = locked(&self.table).get(service).cloned().unwrap_or_default();
        if known.is_empty() { vec![Ipv4Addr::LOCALHOST] } else { known }
    }
}

/// One pool of connections for each pod of a service, used in turn. The pool of a removed pod is dropped with its idle connections; requests in
/// progress are finished.
pub(crate) struct Balancer<C> {
    service: &'static str,
    endpoints: Arc<Endpoints>,
    connector: Box<dyn Fn(Ipv4Addr) -> C + Send + Sync>,
    max_connections: usize,
    pools: Mutex<BTreeMap<Ipv4Addr, Arc<HttpClient<C>>>>,
    turn: AtomicUsize,
}

impl<C: Connector> Balancer<C> {
    /// At most `max_connections` to each pod at a time.
    pub(crate) fn new(
        service: &'static str,
        endpoints: Arc<Endpoints>,
        max_connections: usize,
        connector: impl Fn(Ipv4Addr) -> C + Send + Sync + 'static,
    ) -> Self {
        let connector = Box::new(connector);
        Self { service, endpoints, connector, max_connections, pools: Mutex::default(), turn: AtomicUsize::new(0) }
    }

    /// The next pod's pool.
    pub(crate) fn next(&self) -> Arc<HttpClient<C>> {
        let addresses = self.endpoints.of(self.service);
        let mut pools = locked(&self.pools);
        pools.retain(|address, _| addresses.contains(address));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % addresses.len();
        let address = addresses.get(turn).copied().unwrap_or(Ipv4Addr::LOCALHOST);
        let open = || Arc::new(HttpClient::new((self.connector)(address), self.max_connections));
        Arc::clone(pools.entry(address).or_insert_with(open))
    }
}

/// The address of one pod of a service, for a non-HTTP connection.
pub(crate) fn any_of(endpoints: &Endpoints, service: &str) -> Ipv4Addr {
    endpoints.of(service).first().copied().unwrap_or(Ipv4Addr::LOCALHOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::http::Local;

    fn address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 0, 0, last)
    }

    #[test]
    fn pods_are_asked_in_turn_and_one_that_left_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("endpoints.json");
        let endpoints = Arc::new(Endpoints::default());
        let balancer = Balancer::new("orders", Arc::clone(&endpoints), 1, |ip| Local::at(ip, 80));
        let next = |of: &[u8]| {
            write(&path, &Table::from([("orders".to_owned(), of.iter().copied().map(address).collect())])).unwrap();
            endpoints.read(&path);
            drop(balancer.next());
            drop(balancer.next());
            locked(&balancer.pools).keys().copied().collect::<Vec<_>>()
        };
        assert_eq!(next(&[]), [address(1)], "nobody is ready: the first address refuses");
        assert_eq!(next(&[1, 2]), [address(1), address(2)]);
        assert_eq!(next(&[2]), [address(2)]);
        std::fs::write(&path, "{").unwrap();
        endpoints.read(&path);
        assert_eq!(any_of(&endpoints, "orders"), address(2), "half a file changes nothing");
    }
}
