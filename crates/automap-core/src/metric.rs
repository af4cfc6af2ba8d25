//! What a metric name means: which kind of evidence it is, who measured it, in which unit, and how it is worded.
//!
//! automap's own names are rows of one table (`table`); names of other data sets are read by their words (`foreign`). Sources and stages use
//! the constants and the typed fields, never a literal name.
//!
//! What one service observes of another carries the other's name behind a slash: `client_latency_ms/payment` of `orders` is the latency of orders'
//! calls to payment, measured at orders.
//!
//! ```
//! use automap_core::metric::{Family, Metric, Side, Unit};
//!
//! let own = Metric::parse("latency_p95_ms");
//! assert_eq!((own.family.clone(), own.side, own.unit), (Family::Latency, Side::Own, Unit::Ms));
//! assert_eq!((own.words().as_str(), own.quantile()), ("p95 latency", Some(0.95)));
//!
//! let foreign = Metric::parse("disk-write");
//! assert_eq!((foreign.family, foreign.unit), (Family::Disk, Unit::Unknown));
//! assert_eq!(Metric::parse("queue_length").family, Family::Other("queue_length".into()));
//! ```

mod family;
mod foreign;
mod table;

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

pub use family::Family;
pub use table::{
    BACKENDS_DOWN, BLOCKED_RATIO, CERTIFICATE_EXPIRED, CLIENT_ERROR_RATIO, CLIENT_LATENCY_MS, CLIENT_RPS, COMMAND_MS,
    CONNECTIONS_USED_RATIO, CONNTRACK_USED_RATIO, CONSUMER_LAG, CONSUMERS, CONTRAST, COUNTER_EVIDENCE,
    CPU_CAPACITY_CORES, CPU_CORES, CPU_STOLEN_RATIO, CPU_THROTTLED_RATIO, CPU_USED_RATIO, DEADLOCKS_PER_S,
    DISK_BUSY_RATIO, DISK_READ_BYTES_PER_S, DISK_USED_RATIO, DISK_WAITING_RATIO, DISK_WRITE_BYTES_PER_S, ERROR_RATIO,
    EVICTIONS_PER_S, EXPECTED, FAILED_LOOKUPS_RATIO, FELT_BY_USERS, HUNG_UP_RATIO, LATENCY_MS, LATENCY_P95_MS,
    LOCK_WAITERS, LONGEST_TRANSACTION_S, LOOKUP_MS, LOOKUPS_PER_S, MEMORY_BYTES, MEMORY_USED_RATIO,
    MEMORY_WAITING_RATIO, MISSING_RATIO, NETWORK_DROPS_PER_S, NETWORK_GAP_MS, NETWORK_IN_BYTES_PER_S,
    NETWORK_OUT_BYTES_PER_S, NOT_READY, OOM_KILLS, PODS_STARTED, POOL_USED_RATIO, POOL_WAIT_MS, POOL_WAITERS,
    PROXY_CPU_CORES, QUEUE_DEPTH, QUEUE_UNACKED, REJECTED_CONNECTIONS_PER_S, REJECTED_WORK_PER_S, REPLICATION_LAG_S,
    RESTARTS, SERVED_LATENCY_MS, STORE_DOWN, TCP_BYTES_PER_S, TCP_CONNECTIONS_PER_S, TCP_FAILURES_PER_S,
    THROUGHPUT_RPS, UNCONSUMED_QUEUES, UNDER_PRESSURE, UNDER_REPLICATED, UPSTREAM_LOOKUP_MS,
};

/// A schema of a type that is a plain string in JSON.
macro_rules! string_schema {
    ($type:ty, $name:literal) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                String::json_schema(generator)
            }
        }
    };
}

string_schema!(Family, "Family");
string_schema!(Metric, "Metric");

/// Where a metric is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The service's own measure of itself.
    Own,
    /// The service's view of the calls that it makes.
    Client,
    /// The callee's view of the calls that this service makes to it.
    Served,
    /// The view of a user outside the system: concerns the system as a whole, not a single service.
    Outside,
}

/// The unit of the values; decides how a report prints them. In JSON it is the word of [`Unit::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Unit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Ms,
    /// Seconds.
    #[serde(rename = "s")]
    S,
    /// A share, 0 to 1.
    #[serde(rename = "ratio")]
    Ratio,
    /// Events per second.
    #[serde(rename = "1/s")]
    PerS,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Bytes per second.
    #[serde(rename = "bytes/s")]
    BytesPerS,
    /// Processor cores.
    #[serde(rename = "cores")]
    Cores,
    /// A plain number.
    #[serde(rename = "count")]
    Count,
    /// The source does not say.
    #[serde(rename = "")]
    Unknown,
}

impl Unit {
    /// The word for programs: `ms`, `bytes/s`; empty if the source does not say.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::S => "s",
            Self::Ratio => "ratio",
            Self::PerS => "1/s",
            Self::Bytes => "bytes",
            Self::BytesPerS => "bytes/s",
            Self::Cores => "cores",
            Self::Count => "count",
            Self::Unknown => "",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a metric name means. In JSON it is the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Metric {
    /// The name without service and peer: `client_latency_ms`.
    pub name: String,
    /// What it is evidence of.
    pub family: Family,
    /// Where it is measured.
    pub side: Side,
    /// Unit of the values.
    pub unit: Unit,
    /// Good share instead of bad share (availability, success): turned into a failure share before scoring.
    pub is_availability: bool,
}

impl Metric {
    /// Reads a name: automap's own (`latency_ms`, `cpu_cores`, …), or a word of the public incident sets (`latency-90`, `mem`, `disk-read`,
    /// `availability`, …). An unknown name becomes a family of its own. Cost: O(rows of the table).
    pub fn parse(name: &str) -> Self {
        table::metric(name).unwrap_or_else(|| foreign::metric(name))
    }

    /// The name as words, without its unit: `latency_p95_ms` → `p95 latency`; an unknown name as it is.
    pub fn words(&self) -> String {
        table::words(&self.name).map_or_else(|| self.name.clone(), ToOwned::to_owned)
    }

    /// The level near which a saturation begins to hurt, in its own unit; `None` for metrics that hurt by their change alone.
    ///
    /// ```
    /// use automap_core::metric::Metric;
    ///
    /// assert_eq!(Metric::parse("cpu_used_ratio").hurts_from(), Some(0.9));
    /// assert_eq!(Metric::parse("cpu_cores").hurts_from(), None);
    /// ```
    pub fn hurts_from(&self) -> Option<f64> {
        table::hurts_from(&self.name)
    }

    /// Whether it measures connections that are not split into requests, so that the latency of requests is unknown.
    pub fn is_of_connections(&self) -> bool {
        self.name.starts_with("tcp_")
    }

    /// The quantile of a latency, 0 to 1: 0.95 for `latency_p95_ms`, 0.9 for `latency-90`; `None` for a mean.
    pub fn quantile(&self) -> Option<f64> {
        if self.family != Family::Latency {
            return None;
        }
        let percent = self.name.split(['-', '_']).find_map(|word| {
            let digits = word.strip_prefix('p').unwrap_or(word);
            digits.parse::<u32>().ok().filter(|p| (1..=99).contains(p))
        })?;
        Some(f64::from(percent) / 100.0)
    }
}

impl From<String> for Metric {
    fn from(name: String) -> Self {
        Self::parse(&name)
    }
}

impl From<&str> for Metric {
    fn from(name: &str) -> Self {
        Self::parse(name)
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.name
    }
}

impl PartialEq<&str> for Metric {
    fn eq(&self, name: &&str) -> bool {
        self.name == *name
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_vocabularies_mean_the_same() {
        for (word, ours) in [
            ("latency-90", Family::Latency),
            ("latency_p95_ms", Family::Latency),
            ("client-error", Family::Error),
            ("error_ratio", Family::Error),
            ("availability", Family::Error),
            ("workload", Family::Throughput),
            ("throughput_rps", Family::Throughput),
            ("mem", Family::Memory),
            ("mem-delta", Family::Memory),
            ("memory_bytes", Family::Memory),
            ("net-in", Family::Network),
            ("disk-write", Family::Disk),
            ("disk_read_bytes_per_s", Family::Disk),
            ("syscall-read", Family::Syscall),
            ("cpu_cores", Family::Cpu),
            ("network_gap_ms", Family::NetworkGap),
            ("tcp_failures_per_s", Family::Error),
            ("cpu_throttled_ratio", Family::Throttle),
            ("restarts", Family::Lifecycle),
            ("pods_started", Family::Lifecycle),
            ("store_down", Family::Outage),
            ("lock_waiters", Family::Locks),
            ("consumers", Family::Consumers),
            ("consumer_lag", Family::Queue),
            ("pool_waiters", Family::Pool),
            ("queue_length", Family::Other("queue_length".into())),
        ] {
            assert_eq!(Metric::parse(word).family, ours, "{word}");
        }
        assert_eq!(Metric::parse("client_latency_ms").side, Side::Client);
        assert_eq!(Metric::parse("client_latency_ms").unit, Unit::Ms);
        assert_eq!(Metric::parse("network_in_bytes_per_s").unit, Unit::BytesPerS);
        assert!(Metric::parse("success-rate").is_availability);
        for count in ["success_count", "requests_success_rps", "success_total"] {
            assert!(!Metric::parse(count).is_availability, "{count}: a count is no share");
        }
    }

    #[test]
    fn a_quantile_is_read_from_the_name() {
        for (word, quantile) in [
            ("latency_p95_ms", Some(0.95)),
            ("latency-50", Some(0.5)),
            ("client-latency-90", Some(0.9)),
            ("latency_ms", None),
            ("latency", None),
            ("net-90", None),
        ] {
            assert_eq!(Metric::parse(word).quantile(), quantile, "{word}");
        }
    }
}
