//! The part of a preset that holds single signals, of services or of a store.

use automap_core::metric::{Family, Metric};
use automap_core::similar::similar_names;
use serde::Deserialize;

use super::{OneOrMany, Preset, Wrong, is_of_calls, template, wrong};
use crate::prometheus::promql::is_plain_label;

/// An exporter of a store or a broker, and how its store is found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::prometheus::presets) struct StoreOf {
    pub(in crate::prometheus::presets) kind: StoreKind,
    /// What the exporter is called, for people: `redis_exporter`.
    pub(in crate::prometheus::presets) exporter: String,
    /// What its store is called in the names of exporters: `session-db-redis-exporter` tells of `session-db`.
    #[serde(default)]
    pub(in crate::prometheus::presets) words: OneOrMany<String>,
    /// Ports of the store itself: an `instance` with one of them is the store's address, not the exporter's.
    #[serde(default)]
    pub(in crate::prometheus::presets) ports: OneOrMany<u16>,
    /// Labels that hold the store's address.
    #[serde(default)]
    pub(in crate::prometheus::presets) addresses: OneOrMany<String>,
}

/// What it is, or what a preset's callees are.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::prometheus::presets) enum StoreKind {
    Store,
    Broker,
}

/// How a signal is made of expressions.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::prometheus::presets) enum SignalOf {
    /// The sum of the series.
    Sum(String),
    Made(MadeOf),
}

/// Exactly one of: the greatest of the series, a mean, a share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::prometheus::presets) struct MadeOf {
    pub(in crate::prometheus::presets) most: Option<String>,
    pub(in crate::prometheus::presets) total: Option<String>,
    pub(in crate::prometheus::presets) count: Option<String>,
    pub(in crate::prometheus::presets) part: Option<String>,
    pub(in crate::prometheus::presets) whole: Option<String>,
}

impl SignalOf {
    pub(in crate::prometheus::presets) fn expressions(&self) -> Vec<&str> {
        match self {
            Self::Sum(sum) => vec![sum],
            Self::Made(MadeOf { most, total, count, part, whole }) => {
                [most, total, count, part, whole].into_iter().filter_map(Option::as_deref).collect()
            }
        }
    }

    fn is_whole(&self) -> bool {
        let Self::Made(MadeOf { most, total, count, part, whole }) = self else { return true };
        let given = [most, total, count, part, whole].map(Option::is_some);
        [[true, false, false, false, false], [false, true, true, false, false], [false, false, false, true, true]]
            .contains(&given)
    }
}

/// A store has signals only.
pub(super) fn check_store(store: &StoreOf, preset: &Preset) -> Result<(), Wrong> {
    if preset.served.is_some() || preset.calls.is_some() || !preset.service.all().is_empty() {
        return wrong("store", "a preset of a store has signals only: its series name an exporter, not a service");
    }
    if preset.signals.is_empty() {
        return wrong("signals", "they are missing: what does the exporter tell?");
    }
    if store.exporter.is_empty() {
        return wrong("store.exporter", "it is empty: what is the exporter called?");
    }
    let addresses = store.addresses.all().iter();
    addresses.chain([&preset.namespace_label]).try_for_each(|l| match is_plain_label(l) {
        true => Ok(()),
        false => wrong("store.addresses", format!("\"{l}\" is not a label: letters, digits and underscores")),
    })
}

/// A metric that is known, of expressions that look at one namespace.
pub(super) fn check_signal(metric: &str, signal: &SignalOf, preset: &Preset) -> Result<(), Wrong> {
    let key = format!("signals.{metric}");
    let is_of_calls = is_of_calls(metric);
    if matches!(Metric::parse(metric).family, Family::Other(_)) && !metric.starts_with("tcp_") {
        let near = similar_names(metric, &METRICS.map(ToOwned::to_owned)).into_iter().next();
        let near = near.map(|n| format!("did you mean {n}? ")).unwrap_or_default();
        return wrong(key, format!("{near}Metrics: {}", METRICS.join(", ")));
    }
    if is_of_calls && preset.calls.is_none() {
        return wrong(key, "it is a metric of calls: name their labels under calls (caller, callee)");
    }
    if !is_of_calls && preset.store.is_none() && preset.service.all().is_empty() {
        return wrong(key, "service is missing: which label names the service?");
    }
    if !signal.is_whole() {
        return wrong(key, "write an expression, or one of {most}, {total, count}, {part, whole}");
    }
    signal.expressions().into_iter().try_for_each(|expression| template(&key, expression))
}

/// Metrics that a preset may give, for messages.
const METRICS: [&str; 39] = [
    "throughput_rps",
    "error_ratio",
    "latency_ms",
    "latency_p95_ms",
    "client_rps",
    "client_error_ratio",
    "client_latency_ms",
    "tcp_bytes_per_s",
    "tcp_connections_per_s",
    "tcp_failures_per_s",
    "cpu_cores",
    "cpu_throttled_ratio",
    "memory_bytes",
    "disk_read_bytes_per_s",
    "disk_write_bytes_per_s",
    "network_in_bytes_per_s",
    "network_out_bytes_per_s",
    "restarts",
    "store_down",
    "command_ms",
    "lock_waiters",
    "longest_transaction_s",
    "deadlocks_per_s",
    "connections_used_ratio",
    "rejected_connections_per_s",
    "rejected_work_per_s",
    "evictions_per_s",
    "memory_used_ratio",
    "queue_depth",
    "queue_unacked",
    "consumers",
    "unconsumed_queues",
    "consumer_lag",
    "under_replicated",
    "replication_lag_s",
    "disk_used_ratio",
    "pool_waiters",
    "pool_used_ratio",
    "pool_wait_ms",
];
