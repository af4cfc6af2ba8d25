//! The part of a preset that holds single signals, of services or of a store.

use automap_core::metric::{Family, Metric};
use automap_core::similar::similar_names;
use serde::Deserialize;

use super::{LabelSource, OneOrMany, Preset, Wrong, is_of_calls, labels, template, wrong};
use crate::prometheus::promql::is_plain_label;

/// An exporter of a store or a broker, and how to find its store.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::prometheus::presets) struct StoreOf {
    pub(in crate::prometheus::presets) kind: StoreKind,
    /// The exporter's name, for users: `redis_exporter`.
    pub(in crate::prometheus::presets) exporter: String,
    /// The store's word in the names of exporters: `session-db-redis-exporter` reports on `session-db`.
    #[serde(default)]
    pub(in crate::prometheus::presets) words: OneOrMany<String>,
    /// Ports of the store itself: an `instance` with one of them is the store's address, not the exporter's.
    #[serde(default)]
    pub(in crate::prometheus::presets) ports: OneOrMany<u16>,
    /// Labels that hold the store's address.
    #[serde(default)]
    pub(in crate::prometheus::presets) addresses: OneOrMany<String>,
}

/// The kind of a store, or of a preset's callees.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::prometheus::presets) enum StoreKind {
    Store,
    Broker,
}

/// Something outside the namespace, and how it and the services that it calls are named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::prometheus::presets) struct OutsideOf {
    pub(in crate::prometheus::presets) kind: OutsideKind,
    /// The labels that hold its name; the first one with a value counts.
    #[serde(default)]
    pub(in crate::prometheus::presets) name: OneOrMany<LabelSource>,
    /// The labels that hold its namespace.
    #[serde(default)]
    pub(in crate::prometheus::presets) namespace: OneOrMany<LabelSource>,
    /// Its namespace and name if no label gives them: `kube-system/coredns`.
    pub(in crate::prometheus::presets) otherwise: Option<String>,
    /// The caller of external hosts: a service of ours.
    #[serde(default)]
    pub(in crate::prometheus::presets) caller: OneOrMany<LabelSource>,
    /// The called workload.
    #[serde(default)]
    pub(in crate::prometheus::presets) callee: OneOrMany<LabelSource>,
    /// The namespace of that workload.
    #[serde(default)]
    pub(in crate::prometheus::presets) callee_namespace: OneOrMany<LabelSource>,
    /// Whether a name is not reliable enough: then only callees that are known from another source count.
    #[serde(default)]
    pub(in crate::prometheus::presets) known_only: bool,
    /// The called Kubernetes service or host.
    #[serde(default)]
    pub(in crate::prometheus::presets) callee_host: OneOrMany<LabelSource>,
    /// How a gateway reports that it reloaded its configuration.
    pub(in crate::prometheus::presets) reloads: Option<ReloadsOf>,
}

/// When a gateway last read its configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::prometheus::presets) struct ReloadsOf {
    /// What it reads, for users: `ingress-nginx configuration`.
    pub(in crate::prometheus::presets) what: String,
    /// The metric for it, for users.
    pub(in crate::prometheus::presets) metric: String,
    /// An expression: seconds since 1970, or 0 while it runs with its initial configuration.
    pub(in crate::prometheus::presets) time_s: String,
    /// Whether it also reloads when pods come and go.
    #[serde(default)]
    pub(in crate::prometheus::presets) also_for_pods: bool,
}

/// The kind of thing outside the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::prometheus::presets) enum OutsideKind {
    /// Requests enter through it.
    Gateway,
    /// Everything resolves names with it.
    Dns,
    /// Our services call it.
    External,
}

/// How a signal is computed from expressions.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::prometheus::presets) enum SignalOf {
    /// The sum of the series.
    Sum(String),
    Made(MadeOf),
}

/// Exactly one of: the maximum of the series, a mean, a share, the 95th percentile of buckets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::prometheus::presets) struct MadeOf {
    pub(in crate::prometheus::presets) most: Option<String>,
    pub(in crate::prometheus::presets) total: Option<String>,
    pub(in crate::prometheus::presets) count: Option<String>,
    pub(in crate::prometheus::presets) part: Option<String>,
    pub(in crate::prometheus::presets) whole: Option<String>,
    pub(in crate::prometheus::presets) buckets: Option<String>,
}

impl SignalOf {
    pub(in crate::prometheus::presets) fn expressions(&self) -> Vec<&str> {
        match self {
            Self::Sum(sum) => vec![sum],
            Self::Made(MadeOf { most, total, count, part, whole, buckets }) => {
                [most, total, count, part, whole, buckets].into_iter().filter_map(Option::as_deref).collect()
            }
        }
    }

    fn is_whole(&self) -> bool {
        let Self::Made(MadeOf { most, total, count, part, whole, buckets }) = self else { return true };
        let given = [most, total, count, part, whole, buckets].map(Option::is_some);
        let [one, mean, share, quantile] = [
            [true, false, false, false, false, false],
            [false, true, true, false, false, false],
            [false, false, false, true, true, false],
            [false, false, false, false, false, true],
        ];
        [one, mean, share, quantile].contains(&given)
    }
}

/// Checks that a store has signals only.
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

/// Checks that something outside has signals only, and says how it is named.
pub(super) fn check_outside(outside: &OutsideOf, preset: &Preset) -> Result<(), Wrong> {
    if preset.served.is_some() || preset.calls.is_some() || preset.store.is_some() || !preset.service.all().is_empty() {
        return wrong("outside", "a preset of what stands outside has signals only: its series name somebody else");
    }
    for (key, sources) in [
        ("outside.name", &outside.name),
        ("outside.namespace", &outside.namespace),
        ("outside.caller", &outside.caller),
        ("outside.callee", &outside.callee),
        ("outside.callee_namespace", &outside.callee_namespace),
        ("outside.callee_host", &outside.callee_host),
    ] {
        labels(key, sources.all())?;
    }
    if let Some(reloads) = &outside.reloads {
        if outside.kind != OutsideKind::Gateway {
            return wrong("outside.reloads", "only gateways have it");
        }
        template("outside.reloads.time_s", &reloads.time_s, false)?;
    }
    let is_named = !outside.name.all().is_empty() || outside.otherwise.is_some();
    match outside.kind {
        OutsideKind::External if outside.caller.all().is_empty() || outside.callee_host.all().is_empty() => {
            wrong("outside.caller", "which labels name the caller, and which the host? (caller and callee_host)")
        }
        OutsideKind::Gateway | OutsideKind::Dns if !is_named => {
            wrong("outside.name", "it is missing: which label names it? (name, or otherwise: namespace/name)")
        }
        _ => Ok(()),
    }
}

/// Checks that the metric is known and its expressions are narrowed to one namespace.
pub(super) fn check_signal(metric: &str, signal: &SignalOf, preset: &Preset) -> Result<(), Wrong> {
    let key = format!("signals.{metric}");
    let is_of_calls = is_of_calls(metric);
    if matches!(Metric::parse(metric).family, Family::Other(_)) && !metric.starts_with("tcp_") {
        let near = similar_names(metric, &METRICS.map(ToOwned::to_owned)).into_iter().next();
        let near = near.map(|n| format!("did you mean {n}? ")).unwrap_or_default();
        return wrong(key, format!("{near}Metrics: {}", METRICS.join(", ")));
    }
    if is_of_calls && preset.calls.is_none() && preset.outside.is_none() {
        return wrong(key, "it is a metric of calls: name their labels under calls (caller, callee)");
    }
    if !is_of_calls && preset.store.is_none() && preset.outside.is_none() && preset.service.all().is_empty() {
        return wrong(key, "service is missing: which label names the service?");
    }
    if !signal.is_whole() {
        return wrong(key, "write an expression, or one of {most}, {total, count}, {part, whole}, {buckets}");
    }
    signal.expressions().into_iter().try_for_each(|expression| template(&key, expression, preset.looks_everywhere()))
}

/// Metrics that a preset may provide, for messages.
const METRICS: [&str; 47] = [
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
    "served_latency_ms",
    "lookup_ms",
    "upstream_lookup_ms",
    "failed_lookups_ratio",
    "blocked_ratio",
    "backends_down",
    "lookups_per_s",
    "certificate_expired",
];
