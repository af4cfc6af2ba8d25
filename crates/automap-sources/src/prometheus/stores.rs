//! Determines which store an exporter reports on.
//!
//! A sidecar's series carry the store's pod. A separate exporter carries its own pod, and identifies the store only if it covers several (then
//! `instance` or another label is the store's address), or by its name: `session-db-exporter`. The configuration takes precedence. Of the
//! names guessed from the exporter's, the one that is known from another source is used; if none is, the store keeps the guess and a note says how to
//! configure it. The entity records how each store was found.
//!
//! Worked example: `redis_up{pod="session-db-redis-exporter-7d9f8b6c5-x2x9z"}`. The workload ends in `-exporter`, so it is not a sidecar.
//! `session-db-redis` is unknown; without Redis' own name it is `session-db`, which `carts` calls: the store is `session-db`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::decode::Labels;
use super::hosts::Address;
use super::presets::Store;

/// Prefixes of job names that say how targets are found, not what they are.
const DISCOVERED: [&str; 2] = ["kubernetes-", "serviceMonitor/"];
/// Suffixes of exporter names.
const ENDINGS: [&str; 5] = ["-exporter", "_exporter", "exporter", "-metrics", "-prometheus"];
/// A store and how it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StoreName {
    pub(crate) name: String,
    /// A description.
    pub(crate) known_from: String,
    /// The exporter whose name it was guessed from, if it is not known from another source.
    pub(crate) doubted: Option<String>,
}

/// How exporters are matched to stores.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stores {
    /// Exporter → store, as configured.
    given: Arc<BTreeMap<String, String>>,
    /// Names that are known from another source.
    known: BTreeSet<String>,
}

impl Stores {
    /// With the configured matches.
    pub(crate) fn new(given: &Arc<BTreeMap<String, String>>) -> Self {
        Self { given: Arc::clone(given), known: BTreeSet::new() }
    }

    /// Sets the names that are known from another source.
    pub(crate) fn know(&mut self, names: BTreeSet<String>) {
        self.known = names;
    }

    /// The store of a series. `workload` owns the exporter's pod; `service` maps a host to the name of the service there. If several namespaces are
    /// observed, `place` is the exporter's namespace, and also the store's unless its name says otherwise.
    pub(crate) fn name(
        &self,
        store: &Store,
        labels: &Labels,
        place: Option<&str>,
        workload: Option<&str>,
        service: impl Fn(&str) -> String,
    ) -> Option<StoreName> {
        let label = |name: &str| labels.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let workload = workload.map(|w| place.and_then(|p| w.strip_prefix(p)?.strip_prefix('/')).unwrap_or(w));
        let found = |name: &str, how: String| {
            let known_from = format!("{}: {how}", store.exporter);
            Some(StoreName { name: placed(place, name), known_from, doubted: None })
        };
        let instance = label("instance").map(Address::of);
        let host = instance.as_ref().map(|address| address.host);
        let names = [workload, label("service"), label("job"), label("instance"), host];
        let given = |n: &str| self.given.get_key_value(&placed(place, n)).or_else(|| self.given.get_key_value(n));
        if let Some((exporter, name)) = names.into_iter().flatten().find_map(given) {
            return found(name, format!("configured for {exporter}"));
        }
        let of_store = |address: &&Address<'_>| address.port.is_none_or(|port| store.ports.contains(&port));
        let addresses = store.addresses.iter().filter_map(|l| label(l)).map(Address::of);
        let mut addresses = addresses.chain(instance.iter().filter(of_store).copied());
        if let Some(address) = addresses.find(|address| address.names_somebody()) {
            return found(&service(address.host), format!("its address is {}", address.text));
        }
        match workload {
            Some(workload) if !is_exporter(workload) => found(workload, format!("in the pods of {workload}")),
            Some(workload) => Some(self.by_name(store, place, workload)),
            None => {
                let job = label("job").map(|job| job.rsplit('/').next().unwrap_or(job));
                let job = job.filter(|job| !DISCOVERED.iter().any(|start| job.starts_with(start)));
                let host = instance.filter(Address::names_somebody).map(|address| address.host);
                [label("service"), job, host].into_iter().flatten().next().map(|name| self.by_name(store, place, name))
            }
        }
    }

    /// The store, from the name of its exporter.
    fn by_name(&self, store: &Store, place: Option<&str>, exporter: &str) -> StoreName {
        let base = without_ending(exporter);
        let base = base.strip_prefix("prometheus-").unwrap_or(base);
        let without_word = store.words.iter().find_map(|word| base.strip_suffix(word)?.strip_suffix(['-', '_']));
        let is_word = store.words.iter().any(|word| word == base);
        let others = store.words.iter().map(String::as_str).filter(|_| is_word);
        let mut names: Vec<&str> = [Some(base), without_word].into_iter().flatten().chain(others).collect();
        names.retain(|name| !name.is_empty());
        let known = names.iter().find(|name| self.known.contains(&placed(place, name)));
        let name = known.or(names.first()).map_or(exporter, |name| name);
        let how = match exporter == name {
            true => format!("named {exporter}"),
            false => format!("the name of {exporter}"),
        };
        StoreName {
            name: placed(place, name),
            known_from: format!("{}: {how}", store.exporter),
            doubted: known.is_none().then(|| exporter.to_owned()),
        }
    }
}

/// A name prefixed with its place, unless it has one.
fn placed(place: Option<&str>, name: &str) -> String {
    match place {
        Some(place) if !name.contains('/') => format!("{place}/{name}"),
        _ => name.to_owned(),
    }
}

/// Whether the name is an exporter's.
pub(crate) fn is_exporter(name: &str) -> bool {
    without_ending(name) != name
}

fn without_ending(name: &str) -> &str {
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).filter(|rest| !rest.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use automap_core::entity::EntityKind;

    use super::*;

    fn redis() -> Store {
        Store {
            kind: EntityKind::Store,
            exporter: "redis_exporter".into(),
            words: vec!["redis".into(), "valkey".into()],
            ports: vec![6379],
            addresses: vec!["addr".into()],
        }
    }

    fn named(stores: &Stores, workload: Option<&str>, labels: &[(&str, &str)]) -> Option<StoreName> {
        let labels: Labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        stores.name(&redis(), &labels, None, workload, |host| host.split('.').next().unwrap_or_default().to_owned())
    }

    #[test]
    fn every_way_to_a_store_is_found_and_stated() {
        let given = Arc::new(BTreeMap::from([("odd-exporter".to_owned(), "ledger".to_owned())]));
        let mut stores = Stores::new(&given);
        stores.known = ["session-db", "redis", "orders-cache"].map(ToOwned::to_owned).into();
        for (workload, labels, name, how) in [
            (Some("carts-cache"), &[("instance", "10.0.0.7:9121")][..], "carts-cache", "in the pods of carts-cache"),
            (Some("redis-exporter"), &[("instance", "10.0.0.7:9121")], "redis", "the name of redis-exporter"),
            (Some("session-db-redis-exporter"), &[], "session-db", "the name of session-db-redis-exporter"),
            (Some("prometheus-redis-exporter"), &[], "redis", "the name of prometheus-redis-exporter"),
            (Some("odd-exporter"), &[("instance", "x:6379")], "ledger", "configured for odd-exporter"),
            // One exporter for many stores.
            (
                Some("redis-exporter"),
                &[("instance", "session-db.shop.svc:6379")],
                "session-db",
                "its address is session-db.shop.svc:6379",
            ),
            (
                Some("redis-exporter"),
                &[("instance", "redis://:secret@orders-cache")],
                "orders-cache",
                "its address is orders-cache",
            ),
            (Some("carts-cache"), &[("addr", "redis://localhost:6379")], "carts-cache", "in the pods of carts-cache"),
            // Without pods: the service in front of the exporter, its job, its host.
            (
                None,
                &[("service", "orders-cache-metrics"), ("instance", "10.0.0.7:9121")],
                "orders-cache",
                "the name of orders-cache-metrics",
            ),
            (None, &[("job", "monitoring/redis"), ("instance", "localhost:9121")], "redis", "named redis"),
            (None, &[("job", "kubernetes-pods"), ("instance", "session-db:9121")], "session-db", "named session-db"),
        ] {
            let found = named(&stores, workload, labels).unwrap();
            assert_eq!((found.name.as_str(), found.doubted), (name, None), "{workload:?} {labels:?}");
            assert_eq!(found.known_from, format!("redis_exporter: {how}"));
        }
    }

    #[test]
    fn of_several_namespaces_a_store_is_in_that_of_its_exporter() {
        let given = Arc::new(BTreeMap::from([("odd-exporter".to_owned(), "ledger".to_owned())]));
        let known = ["shop/session-db".to_owned(), "session".to_owned()].into();
        let stores = Stores { given, known };
        for (workload, labels, expected) in [
            (None, &[("service", "session-db-metrics")][..], "shop/session-db"),
            (None, &[("job", "monitoring/redis")], "shop/redis"),
            (Some("shop/session-db-redis-exporter"), &[], "shop/session-db"),
            (Some("shop/prometheus-redis-exporter"), &[], "shop/redis"),
            (Some("shop/odd-exporter"), &[], "shop/ledger"),
            (Some("shop/carts-cache"), &[], "shop/carts-cache"),
        ] {
            let labels: Labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let found = stores.name(&redis(), &labels, Some("shop"), workload, str::to_owned).unwrap();
            assert_eq!(found.name, expected, "{workload:?} {labels:?}");
        }
    }

    #[test]
    fn a_name_that_nothing_else_has_is_doubted_and_no_name_is_none() {
        let stores = Stores { known: ["carts-redis".to_owned()].into(), ..Stores::default() };
        let guessed = named(&stores, Some("redis-exporter"), &[]).unwrap();
        assert_eq!((guessed.name.as_str(), guessed.doubted.as_deref()), ("redis", Some("redis-exporter")));
        assert_eq!(named(&stores, None, &[("job", "kubernetes-pods"), ("instance", "10.0.0.7:9121")]), None);
    }
}
