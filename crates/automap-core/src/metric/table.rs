//! automap's own metrics, one row each: the only place that says what a name means and how it is worded.
//!
//! Every source delivers under these names. To add a metric, add a constant and a row here; the rules for names of other
//! data sets are in `foreign`.

use super::{Family, Metric, Side, Unit};

/// Mean time to answer, measured at the service itself.
pub const LATENCY_MS: &str = "latency_ms";
/// 95th percentile of the time to answer.
pub const LATENCY_P95_MS: &str = "latency_p95_ms";
/// Share of failed requests.
pub const ERROR_RATIO: &str = "error_ratio";
/// Share of requests that the client aborted before they were answered: never a failure of the server.
pub const HUNG_UP_RATIO: &str = "hung_up_ratio";
/// Requests served.
pub const THROUGHPUT_RPS: &str = "throughput_rps";
/// Latency of calls, measured at the caller, by callee.
pub const CLIENT_LATENCY_MS: &str = "client_latency_ms";
/// Latency of the same calls, measured at the callee; belongs to the caller and names the callee as peer.
pub const SERVED_LATENCY_MS: &str = "served_latency_ms";
/// The difference of the two: network and proxies. Derived, never fetched.
pub const NETWORK_GAP_MS: &str = "network_gap_ms";
/// Share of failed calls, counted at the caller, by callee.
pub const CLIENT_ERROR_RATIO: &str = "client_error_ratio";
/// Calls made, by callee.
pub const CLIENT_RPS: &str = "client_rps";
/// Bytes on connections that are not split into requests, by callee.
pub const TCP_BYTES_PER_S: &str = "tcp_bytes_per_s";
/// New connections, by callee.
pub const TCP_CONNECTIONS_PER_S: &str = "tcp_connections_per_s";
/// Connections that failed, by callee.
pub const TCP_FAILURES_PER_S: &str = "tcp_failures_per_s";
/// Processor use of the service's own containers.
pub const CPU_CORES: &str = "cpu_cores";
/// Share of scheduling periods in which a limit throttled the CPU.
pub const CPU_THROTTLED_RATIO: &str = "cpu_throttled_ratio";
/// Processor use of the sidecar.
pub const PROXY_CPU_CORES: &str = "proxy_cpu_cores";
/// Memory in use.
pub const MEMORY_BYTES: &str = "memory_bytes";
/// Bytes read from disks.
pub const DISK_READ_BYTES_PER_S: &str = "disk_read_bytes_per_s";
/// Bytes written to disks.
pub const DISK_WRITE_BYTES_PER_S: &str = "disk_write_bytes_per_s";
/// Bytes received.
pub const NETWORK_IN_BYTES_PER_S: &str = "network_in_bytes_per_s";
/// Bytes sent.
pub const NETWORK_OUT_BYTES_PER_S: &str = "network_out_bytes_per_s";
/// Container restarts.
pub const RESTARTS: &str = "restarts";
/// Pods that are not ready.
pub const NOT_READY: &str = "not_ready";
/// Pods that came up.
pub const PODS_STARTED: &str = "pods_started";
/// Share of a machine's processor time that is used, including stolen time but not waiting for disks.
pub const CPU_USED_RATIO: &str = "cpu_used_ratio";
/// Share of a machine's processor time that other machines on the same hardware took.
pub const CPU_STOLEN_RATIO: &str = "cpu_stolen_ratio";
/// Processors of a machine.
pub const CPU_CAPACITY_CORES: &str = "cpu_capacity_cores";
/// Share of used memory, of a machine or of a store's limit.
pub const MEMORY_USED_RATIO: &str = "memory_used_ratio";
/// Share of time in which something waited for memory.
pub const MEMORY_WAITING_RATIO: &str = "memory_waiting_ratio";
/// Share of time in which the busiest disk was at work.
pub const DISK_BUSY_RATIO: &str = "disk_busy_ratio";
/// Share of time in which something waited for a disk.
pub const DISK_WAITING_RATIO: &str = "disk_waiting_ratio";
/// Share of the fullest file system that is used.
pub const DISK_USED_RATIO: &str = "disk_used_ratio";
/// Share of a machine's connection tracking table that is used.
pub const CONNTRACK_USED_RATIO: &str = "conntrack_used_ratio";
/// Packets that a machine dropped.
pub const NETWORK_DROPS_PER_S: &str = "network_drops_per_s";
/// Conditions of a node that report a shortage.
pub const UNDER_PRESSURE: &str = "under_pressure";
/// Processes that a machine killed for lack of memory.
pub const OOM_KILLS: &str = "oom_kills";
/// Share of a service's own samples that did not arrive. Derived, never fetched.
pub const MISSING_RATIO: &str = "missing_ratio";

/// Store processes that do not answer their exporter.
pub const STORE_DOWN: &str = "store_down";
/// Mean time that a store spends on a command, measured by itself: without the time that commands wait before execution.
pub const COMMAND_MS: &str = "command_ms";
/// Sessions or transactions that wait for a lock.
pub const LOCK_WAITERS: &str = "lock_waiters";
/// Age of the oldest open transaction.
pub const LONGEST_TRANSACTION_S: &str = "longest_transaction_s";
/// Transactions that a store aborted because they waited for each other.
pub const DEADLOCKS_PER_S: &str = "deadlocks_per_s";
/// Connections in use, as a share of a store's maximum.
pub const CONNECTIONS_USED_RATIO: &str = "connections_used_ratio";
/// Connections that a store rejected.
pub const REJECTED_CONNECTIONS_PER_S: &str = "rejected_connections_per_s";
/// Work that a store rejected because its queues were full.
pub const REJECTED_WORK_PER_S: &str = "rejected_work_per_s";
/// Entries that a store evicted for lack of memory.
pub const EVICTIONS_PER_S: &str = "evictions_per_s";
/// Messages or operations that wait for a worker.
pub const QUEUE_DEPTH: &str = "queue_depth";
/// Messages that consumers hold and have not acknowledged.
pub const QUEUE_UNACKED: &str = "queue_unacked";
/// Consumers of a broker's queues: fewer are a fault.
pub const CONSUMERS: &str = "consumers";
/// Queues with messages that nobody consumes.
pub const UNCONSUMED_QUEUES: &str = "unconsumed_queues";
/// Messages that consumers have not read yet.
pub const CONSUMER_LAG: &str = "consumer_lag";
/// Partitions or shards without all their replicas.
pub const UNDER_REPLICATED: &str = "under_replicated";
/// How far a replica of a store is behind.
pub const REPLICATION_LAG_S: &str = "replication_lag_s";
/// Requests of a service that wait for a connection from its pool.
pub const POOL_WAITERS: &str = "pool_waiters";
/// Connections of a service's pool that are in use.
pub const POOL_USED_RATIO: &str = "pool_used_ratio";
/// Mean time that a service waits for a connection from its pool.
pub const POOL_WAIT_MS: &str = "pool_wait_ms";

/// Mean time of a DNS lookup.
pub const LOOKUP_MS: &str = "lookup_ms";
/// Mean time that the DNS waits for its upstream servers.
pub const UPSTREAM_LOOKUP_MS: &str = "upstream_lookup_ms";
/// Share of failed DNS lookups: a name that does not exist is no failure.
pub const FAILED_LOOKUPS_RATIO: &str = "failed_lookups_ratio";
/// Share of the calls to an external host that the mesh blocks.
pub const BLOCKED_RATIO: &str = "blocked_ratio";
/// Servers of a service that a gateway ejected or finds down.
pub const BACKENDS_DOWN: &str = "backends_down";
/// DNS lookups of all clients.
pub const LOOKUPS_PER_S: &str = "lookups_per_s";
/// 1 if a certificate that a proxy presents to its peers has expired, else 0.
pub const CERTIFICATE_EXPIRED: &str = "certificate_expired";

/// Metrics that every service should have: for a service that lacks one of them, an explanation shows how to get it.
pub const EXPECTED: [&str; 5] = [LATENCY_MS, ERROR_RATIO, THROUGHPUT_RPS, CPU_CORES, MEMORY_BYTES];
/// Metrics that count against a candidate if they did not change, most telling first.
pub const COUNTER_EVIDENCE: [&str; 7] =
    [LATENCY_MS, ERROR_RATIO, CPU_CORES, MEMORY_BYTES, DISK_WRITE_BYTES_PER_S, RESTARTS, THROUGHPUT_RPS];
/// Metrics that distinguish kinds of faults by staying normal: shown beside the evidence of a named cause.
pub const CONTRAST: [&str; 5] = [LATENCY_P95_MS, CPU_CORES, ERROR_RATIO, MEMORY_BYTES, RESTARTS];
/// Metrics that users would notice first: shown when nothing happened.
pub const FELT_BY_USERS: [&str; 3] = [LATENCY_P95_MS, ERROR_RATIO, THROUGHPUT_RPS];

/// One metric.
struct Row {
    name: &'static str,
    /// `None`: a family of its own.
    family: Option<Family>,
    side: Side,
    unit: Unit,
    words: &'static str,
    /// The level from which a saturation hurts; `None` for metrics of which only the change matters.
    hurts_from: Option<f64>,
}

const fn row(name: &'static str, family: Option<Family>, side: Side, unit: Unit, words: &'static str) -> Row {
    Row { name, family, side, unit, words, hurts_from: None }
}

/// Utilisation of a limited resource. A CPU at half load is as good as idle: below the level it is no evidence.
const fn saturation(name: &'static str, unit: Unit, words: &'static str, hurts_from: f64) -> Row {
    Row { name, family: Some(Family::Saturation), side: Side::Own, unit, words, hurts_from: Some(hurts_from) }
}

/// The same for another family, of which a saturation may be only one sign.
const fn limited(name: &'static str, family: Family, words: &'static str, hurts_from: f64) -> Row {
    Row { name, family: Some(family), side: Side::Own, unit: Unit::Ratio, words, hurts_from: Some(hurts_from) }
}

static TABLE: [Row; 63] = [
    row(LATENCY_MS, Some(Family::Latency), Side::Own, Unit::Ms, "latency (mean)"),
    row(LATENCY_P95_MS, Some(Family::Latency), Side::Own, Unit::Ms, "p95 latency"),
    row(ERROR_RATIO, Some(Family::Error), Side::Own, Unit::Ratio, "errors"),
    row(HUNG_UP_RATIO, None, Side::Own, Unit::Ratio, "clients hung up"),
    row(THROUGHPUT_RPS, Some(Family::Throughput), Side::Own, Unit::PerS, "requests"),
    row(CLIENT_LATENCY_MS, Some(Family::Latency), Side::Client, Unit::Ms, "latency at the caller"),
    row(SERVED_LATENCY_MS, Some(Family::Latency), Side::Served, Unit::Ms, "latency at the callee"),
    row(NETWORK_GAP_MS, Some(Family::NetworkGap), Side::Client, Unit::Ms, "network gap"),
    row(CLIENT_ERROR_RATIO, Some(Family::Error), Side::Client, Unit::Ratio, "errors at the caller"),
    row(CLIENT_RPS, Some(Family::Throughput), Side::Client, Unit::PerS, "requests by the caller"),
    row(TCP_BYTES_PER_S, None, Side::Client, Unit::BytesPerS, "bytes on connections"),
    row(TCP_CONNECTIONS_PER_S, None, Side::Client, Unit::PerS, "new connections"),
    row(TCP_FAILURES_PER_S, Some(Family::Error), Side::Client, Unit::PerS, "failed connections"),
    row(CPU_CORES, Some(Family::Cpu), Side::Own, Unit::Cores, "CPU"),
    row(CPU_THROTTLED_RATIO, Some(Family::Throttle), Side::Own, Unit::Ratio, "CPU throttled periods"),
    row(PROXY_CPU_CORES, Some(Family::Cpu), Side::Own, Unit::Cores, "side-car CPU"),
    row(MEMORY_BYTES, Some(Family::Memory), Side::Own, Unit::Bytes, "memory"),
    row(DISK_READ_BYTES_PER_S, Some(Family::Disk), Side::Own, Unit::BytesPerS, "disk reads"),
    row(DISK_WRITE_BYTES_PER_S, Some(Family::Disk), Side::Own, Unit::BytesPerS, "disk writes"),
    row(NETWORK_IN_BYTES_PER_S, Some(Family::Network), Side::Own, Unit::BytesPerS, "network in"),
    row(NETWORK_OUT_BYTES_PER_S, Some(Family::Network), Side::Own, Unit::BytesPerS, "network out"),
    row(RESTARTS, Some(Family::Lifecycle), Side::Own, Unit::Count, "container restarts"),
    row(NOT_READY, Some(Family::Lifecycle), Side::Own, Unit::Count, "pods not ready"),
    row(PODS_STARTED, Some(Family::Lifecycle), Side::Own, Unit::Count, "new pods"),
    saturation(CPU_USED_RATIO, Unit::Ratio, "CPU used", 0.9),
    saturation(CPU_STOLEN_RATIO, Unit::Ratio, "CPU stolen", 0.1),
    row(CPU_CAPACITY_CORES, None, Side::Own, Unit::Cores, "CPUs"),
    saturation(MEMORY_USED_RATIO, Unit::Ratio, "memory used", 0.95),
    saturation(MEMORY_WAITING_RATIO, Unit::Ratio, "waiting for memory", 0.1),
    saturation(DISK_BUSY_RATIO, Unit::Ratio, "disk busy", 0.9),
    saturation(DISK_WAITING_RATIO, Unit::Ratio, "waiting for disks", 0.2),
    saturation(DISK_USED_RATIO, Unit::Ratio, "disk used", 0.97),
    saturation(CONNTRACK_USED_RATIO, Unit::Ratio, "connections tracked", 0.95),
    saturation(NETWORK_DROPS_PER_S, Unit::PerS, "packets dropped", 10.0),
    row(UNDER_PRESSURE, Some(Family::Lifecycle), Side::Own, Unit::Count, "conditions of pressure"),
    row(OOM_KILLS, Some(Family::Lifecycle), Side::Own, Unit::Count, "out-of-memory kills"),
    row(MISSING_RATIO, None, Side::Own, Unit::Ratio, MISSING_RATIO),
    row(STORE_DOWN, Some(Family::Outage), Side::Own, Unit::Count, "store processes down"),
    row(COMMAND_MS, Some(Family::Commands), Side::Own, Unit::Ms, "time per command"),
    row(LOCK_WAITERS, Some(Family::Locks), Side::Own, Unit::Count, "waiting for locks"),
    row(LONGEST_TRANSACTION_S, Some(Family::Locks), Side::Own, Unit::S, "longest transaction"),
    row(DEADLOCKS_PER_S, Some(Family::Locks), Side::Own, Unit::PerS, "deadlocks"),
    limited(CONNECTIONS_USED_RATIO, Family::Connections, "connections in use", 0.9),
    row(REJECTED_CONNECTIONS_PER_S, Some(Family::Connections), Side::Own, Unit::PerS, "rejected connections"),
    row(REJECTED_WORK_PER_S, Some(Family::Queue), Side::Own, Unit::PerS, "rejected work"),
    row(EVICTIONS_PER_S, Some(Family::Evictions), Side::Own, Unit::PerS, "evictions"),
    row(QUEUE_DEPTH, Some(Family::Queue), Side::Own, Unit::Count, "messages waiting"),
    row(QUEUE_UNACKED, Some(Family::Queue), Side::Own, Unit::Count, "messages unacknowledged"),
    row(CONSUMERS, Some(Family::Consumers), Side::Own, Unit::Count, "consumers"),
    row(UNCONSUMED_QUEUES, Some(Family::Unconsumed), Side::Own, Unit::Count, "queues without consumers"),
    row(CONSUMER_LAG, Some(Family::Queue), Side::Own, Unit::Count, "consumer lag"),
    row(UNDER_REPLICATED, Some(Family::Replication), Side::Own, Unit::Count, "under-replicated partitions"),
    row(REPLICATION_LAG_S, Some(Family::Replication), Side::Own, Unit::S, "replication lag"),
    row(POOL_WAITERS, Some(Family::Pool), Side::Own, Unit::Count, "waiting for a pooled connection"),
    limited(POOL_USED_RATIO, Family::Pool, "pooled connections in use", 0.9),
    row(POOL_WAIT_MS, Some(Family::Pool), Side::Own, Unit::Ms, "wait for a pooled connection"),
    row(LOOKUP_MS, Some(Family::Lookups), Side::Own, Unit::Ms, "time per lookup"),
    row(UPSTREAM_LOOKUP_MS, Some(Family::Lookups), Side::Own, Unit::Ms, "time per lookup upstream"),
    row(FAILED_LOOKUPS_RATIO, Some(Family::FailedLookups), Side::Own, Unit::Ratio, "failed lookups"),
    row(BLOCKED_RATIO, Some(Family::Blocked), Side::Own, Unit::Ratio, "blocked calls"),
    row(BACKENDS_DOWN, Some(Family::TakenOut), Side::Own, Unit::Count, "servers that a gateway took out"),
    row(LOOKUPS_PER_S, Some(Family::Throughput), Side::Own, Unit::PerS, "lookups"),
    row(CERTIFICATE_EXPIRED, Some(Family::Certificate), Side::Own, Unit::Count, "expired certificate"),
];

fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

/// The metric of this name; `None` if it is not automap's own.
pub(super) fn metric(name: &str) -> Option<Metric> {
    let row = find(name)?;
    let family = row.family.clone().unwrap_or_else(|| Family::Other(name.to_owned()));
    Some(Metric { name: name.to_owned(), family, side: row.side, unit: row.unit, is_availability: false })
}

/// The level from which it hurts; see [`Metric::hurts_from`].
pub(super) fn hurts_from(name: &str) -> Option<f64> {
    find(name).and_then(|row| row.hurts_from)
}

/// Its words; `None` if it is not automap's own.
pub(super) fn words(name: &str) -> Option<&'static str> {
    find(name).map(|row| row.words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::foreign;

    #[test]
    fn names_are_unique_and_end_in_their_unit() {
        for row in &TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
            let by_suffix = foreign::unit(row.name);
            // Foreign names that end in `_s` are not always in seconds.
            let expected = if matches!(row.unit, Unit::Count | Unit::S) { Unit::Unknown } else { row.unit };
            assert_eq!(by_suffix, expected, "{}", row.name);
            assert!(row.unit != Unit::S || row.name.ends_with("_s"), "{}", row.name);
        }
    }

    #[test]
    fn every_listed_metric_is_in_the_table() {
        for name in EXPECTED.iter().chain(&COUNTER_EVIDENCE).chain(&CONTRAST).chain(&FELT_BY_USERS) {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
