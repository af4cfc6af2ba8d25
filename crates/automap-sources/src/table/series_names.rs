//! Splits column names into services and metrics, considering the whole table.
//!
//! A known metric is searched from the right: `post_storage_db_latency_ms` is latency_ms of post_storage_db. If several readings are possible, or the
//! metric is unknown, certain services decide; then a suffix that several columns share. A remaining name has no service and is left out: services
//! are never invented. Not handled here: names with labels (`labels`).

use std::collections::{BTreeMap, BTreeSet};

use super::metric_words::spelling;

/// Possible separators between service and metric.
const SEPARATORS: [char; 8] = ['_', '.', ':', ' ', '|', '/', '>', ','];

/// Words at the end of services' names. `user_service` and `cart_service` share a suffix that is not a metric.
const SERVICE_WORDS: [&str; 28] = [
    "service", "services", "svc", "server", "db", "database", "api", "app", "web", "worker", "gateway", "cache",
    "store", "proxy", "backend", "frontend", "redis", "mysql", "mongo", "mongodb", "postgres", "kafka", "rabbitmq",
    "consumer", "producer", "client", "ui", "master",
];

/// Words that exporters put before a metric. `http_server_request_duration` and `system_cpu` name no service.
const EXPORTER_WORDS: [&str; 14] = [
    "http",
    "https",
    "grpc",
    "rpc",
    "trace",
    "traces",
    "system",
    "container",
    "process",
    "istio",
    "jvm",
    "kube",
    "server",
    "client",
];

/// The parts of a column's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeriesName {
    pub(super) service: String,
    /// As written.
    pub(super) metric: String,
    pub(super) peer: Option<String>,
}

/// Splits all names of a table; `None` for a name without a service.
///
/// Worked example: of `shop_web_latency`, `shop_web_queue`, `shop_api_queue` the first is certain, since latency is known; the second belongs to the
/// same service; the third shares its suffix, so `queue` is the metric and `shop_api` the service. With `may_be_services`, names with an unknown
/// metric stay whole.
pub(super) fn read(
    names: &[&str],
    services: &[String],
    separator: Option<&str>,
    may_be_services: bool,
) -> Vec<Option<SeriesName>> {
    if let Some(separator) = separator.filter(|s| !s.is_empty()) {
        return names.iter().map(|name| at_first(name, separator)).collect();
    }
    let peers: Vec<(&str, Option<&str>)> = names.iter().map(|name| without_peer(name)).collect();
    let mut reading = Reading::new(peers.iter().map(|(name, _)| *name).collect(), services);
    reading.known_metrics();
    reading.known_services();
    reading.metric_first();
    if !may_be_services {
        reading.shared_ends();
        reading.only_one_way();
    }
    let found = reading.found.into_iter();
    let named = found.zip(peers).map(|(found, (_, peer))| {
        let (service, metric) = found?;
        Some(SeriesName { service: service.to_owned(), metric: metric.to_owned(), peer: peer.map(ToOwned::to_owned) })
    });
    named.collect()
}

/// The service ends at the first separator.
fn at_first(name: &str, separator: &str) -> Option<SeriesName> {
    let (service, rest) = name.split_once(separator)?;
    let (metric, peer) = without_peer(rest);
    let is_whole = !service.trim().is_empty() && !metric.trim().is_empty();
    is_whole.then(|| SeriesName {
        service: service.trim().to_owned(),
        metric: metric.trim().to_owned(),
        peer: peer.map(ToOwned::to_owned),
    })
}

/// `orders_client_rps/payment` → `orders_client_rps` and payment. A slash followed by a metric is a separator.
fn without_peer(name: &str) -> (&str, Option<&str>) {
    match name.split_once('/') {
        Some((left, peer))
            if !left.is_empty() && !peer.is_empty() && spelling(peer).is_none() && ends_in_metric(left) =>
        {
            (left, Some(peer))
        }
        _ => (name, None),
    }
}

fn ends_in_metric(name: &str) -> bool {
    spelling(name).is_some() || splits(name).iter().any(|(_, metric)| spelling(metric).is_some())
}

/// Every way to split a name at separators, shortest first part first.
fn splits(name: &str) -> Vec<(&str, &str)> {
    let edge = |c: char| SEPARATORS.contains(&c) || c == '-' || c == '–' || c.is_whitespace();
    let cuts = name.char_indices().filter(|(_, c)| SEPARATORS.contains(c));
    let parts = cuts.map(|(at, _)| (name[..at].trim_end_matches(edge).trim_start(), name[at..].trim_matches(edge)));
    let mut parts: Vec<(&str, &str)> = parts.filter(|(front, end)| !front.is_empty() && !end.is_empty()).collect();
    parts.dedup();
    parts
}

struct Reading<'a> {
    names: Vec<&'a str>,
    splits: Vec<Vec<(&'a str, &'a str)>>,
    services: BTreeSet<&'a str>,
    found: Vec<Option<(&'a str, &'a str)>>,
}

impl<'a> Reading<'a> {
    fn new(names: Vec<&'a str>, services: &'a [String]) -> Self {
        let splits: Vec<_> = names.iter().map(|name| splits(name)).collect();
        let found = vec![None; names.len()];
        Self { names, splits, services: services.iter().map(String::as_str).collect(), found }
    }

    fn open(&self) -> Vec<usize> {
        (0..self.names.len()).filter(|i| self.found[*i].is_none()).collect()
    }

    fn set(&mut self, i: usize, split: (&'a str, &'a str)) {
        self.found[i] = Some(split);
        self.services.insert(split.0);
    }

    /// The longest split with a known service.
    fn by_service(&self, splits: &[(&'a str, &'a str)]) -> Option<(&'a str, &'a str)> {
        splits.iter().rev().find(|(service, end)| self.services.contains(service) && may_be_metric(end)).copied()
    }

    /// Names that end in a known metric.
    fn known_metrics(&mut self) {
        let known = |i: &usize| -> (usize, Vec<(&'a str, &'a str)>) {
            let is_metric = |(front, end): &&(&str, &str)| spelling(end).is_some() && !is_of_exporter(front);
            (*i, self.splits[*i].iter().filter(is_metric).copied().collect())
        };
        // `request_latency` is a metric without a service, unless the service is known.
        let may_be = |i: &usize| spelling(self.names[*i]).is_none() || self.by_service(&self.splits[*i]).is_some();
        let options: Vec<_> = self.open().iter().filter(|i| may_be(i)).map(known).collect();
        for (i, splits) in options.iter().filter(|(_, splits)| splits.len() == 1) {
            self.set(*i, splits[0]);
        }
        for (i, splits) in options.iter().filter(|(_, splits)| splits.len() > 1) {
            let split = self.by_service(splits).unwrap_or(splits[0]);
            self.set(*i, split);
        }
    }

    /// Names that begin with a known service.
    fn known_services(&mut self) {
        for i in self.open() {
            if let Some(split) = self.by_service(&self.splits[i]) {
                self.set(i, split);
            }
        }
    }

    /// `latency_payment`, `cpu_payment`: a table in which the metric comes first.
    fn metric_first(&mut self) {
        if self.found.iter().any(Option::is_some) {
            return;
        }
        let first = |i: usize| {
            let split = self.splits[i].iter().rev().find(|(metric, _)| spelling(metric).is_some());
            split.filter(|_| spelling(self.names[i]).is_none()).map(|(metric, service)| (i, (*service, *metric)))
        };
        let turned: Vec<_> = self.open().into_iter().filter_map(first).collect();
        if turned.len() > 1 {
            turned.into_iter().for_each(|(i, split)| self.set(i, split));
        }
    }

    /// Names with a suffix that several services have: the one that most of them share, the longest if tied.
    fn shared_ends(&mut self) {
        let open: Vec<usize> = self.open().into_iter().filter(|i| spelling(self.names[*i]).is_none()).collect();
        let mut fronts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let found = self.found.iter().flatten().copied();
        let all = open.iter().flat_map(|i| self.splits[*i].iter().copied()).chain(found);
        all.for_each(|(front, end)| {
            fronts.entry(end).or_default().insert(front);
        });
        for i in open {
            let shared = |(_, end): &(&'a str, &'a str)| fronts.get(end).map_or(0, BTreeSet::len);
            // The first among equals has the shortest first part and so the longest suffix.
            let best = self.splits[i].iter().rev().max_by_key(|split| shared(split)).copied();
            if let Some(split) = best.filter(|split| shared(split) > 1 && may_be_metric(split.1)) {
                self.set(i, split);
            }
        }
    }

    /// A table of unknown metrics in which every name can be split in only one way.
    fn only_one_way(&mut self) {
        if self.found.iter().any(Option::is_some) || self.splits.iter().any(|s| s.len() > 1) {
            return;
        }
        for i in self.open().into_iter().filter(|i| spelling(self.names[*i]).is_none()).collect::<Vec<_>>() {
            if let [split] = self.splits[i][..]
                && self.names[i].contains('_')
                && may_be_metric(split.1)
            {
                self.set(i, split);
            }
        }
    }
}

/// Whether the first part consists only of exporters' words; a single word may be a service.
fn is_of_exporter(front: &str) -> bool {
    let words: Vec<&str> = front.split(|c: char| !c.is_alphanumeric()).collect();
    let may_be_service = ["server", "client", "process"].contains(&front);
    !may_be_service && words.iter().all(|w| EXPORTER_WORDS.contains(&w.to_lowercase().as_str()))
}

fn may_be_metric(end: &str) -> bool {
    let last = end.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or(end);
    !SERVICE_WORDS.contains(&last.to_lowercase().as_str())
}

/// Whether a name without a service can be split in several ways, so that a separator would help.
pub(super) fn is_ambiguous(name: &str) -> bool {
    spelling(name).is_none() && splits(name).len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], services: &[&str], expected: &[&str]) {
        let services: Vec<String> = services.iter().map(|s| (*s).to_owned()).collect();
        let read = read(names, &services, None, false);
        let text = |n: &Option<SeriesName>| match n {
            None => "-".to_owned(),
            Some(SeriesName { service, metric, peer: None }) => format!("{service}|{metric}"),
            Some(SeriesName { service, metric, peer: Some(peer) }) => format!("{service}|{metric}|{peer}"),
        };
        assert_eq!(read.iter().map(text).collect::<Vec<_>>(), expected, "{names:?}");
    }

    #[test]
    fn known_metrics_are_found_from_the_right() {
        check(
            &["user_db_latency_ms", "post_storage_service_cpu"],
            &[],
            &["user_db|latency_ms", "post_storage_service|cpu"],
        );
        check(&["front-end_latency-90", "carts_mem-delta"], &[], &["front-end|latency-90", "carts|mem-delta"]);
        check(&["orders_client_latency_ms/user_db"], &[], &["orders|client_latency_ms|user_db"]);
        check(&["payment.p95 latency", "a b: errors (%)"], &[], &["payment|p95 latency", "a b|errors (%)"]);
        check(&["shop/payment/cpu", "payment - cpu usage"], &[], &["shop/payment|cpu", "payment|cpu usage"]);
        check(
            &["web_client_cpu_cores", "web_client_latency_ms"],
            &[],
            &["web_client|cpu_cores", "web_client|latency_ms"],
        );
        check(&["orders_cpu", "orders_client_latency_ms"], &[], &["orders|cpu", "orders|client_latency_ms"]);
        check(&["latency_payment", "cpu_user_db"], &[], &["payment|latency", "user_db|cpu"]);
    }

    #[test]
    fn the_table_decides_what_no_name_says() {
        check(
            &["shop_web_latency", "shop_web_queue", "shop_api_queue", "shop_db_queue"],
            &[],
            &["shop_web|latency", "shop_web|queue", "shop_api|queue", "shop_db|queue"],
        );
        check(&["web_queue_length", "api_queue_length"], &[], &["web|queue_length", "api|queue_length"]);
        check(&["user_db_foo"], &["user_db"], &["user_db|foo"]);
        check(&["a_foo", "b_bar"], &[], &["a|foo", "b|bar"]);
    }

    #[test]
    fn no_service_is_invented() {
        check(&["carts_cpu", "load", "request_latency", "some_text_here"], &[], &["carts|cpu", "-", "-", "-"]);
        check(&["carts_cpu", "level_0"], &[], &["carts|cpu", "-"]);
        check(&["http_server_duration_s", "system_cpu", "trace.http.duration"], &[], &["-", "-", "-"]);
        check(&["latency_ms", "cpu_cores"], &[], &["-", "-"]);
        check(&["request_latency", "request_cpu"], &["request"], &["request|latency", "request|cpu"]);
        check(&["user_service", "cart_service", "order_db", "user_db"], &[], &["-", "-", "-", "-"]);
        check(&["Payment Service", "Cart Service"], &[], &["-", "-"]);
        check(&["_cpu", "orders_", "x_y_z"], &[], &["-", "-", "-"]);
        assert!(is_ambiguous("x_y_z") && !is_ambiguous("x_y") && !is_ambiguous("cpu_usage"));
    }

    #[test]
    fn a_separator_decides() {
        let part = |name| at_first(name, "__").map(|n| (n.service, n.metric));
        assert_eq!(part("user_db__queue_length"), Some(("user_db".to_owned(), "queue_length".to_owned())));
        assert_eq!(part("user_db_cpu"), None);
    }
}
