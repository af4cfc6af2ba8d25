//! The seven metric types of AutoMAP (Ma et al., WWW 2020).
//!
//! They are coarser than [`crate::metric::Family`]; `signals` maps a source's metrics to them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of metric by which services are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricType {
    /// Latency of the service's own answers.
    Latency,
    /// Requests per second.
    Throughput,
    /// Throughput divided by latency ("power", Ramakrishnan and Jain 1990) or their product (Little's law), depending on the options.
    Congestion,
    /// Share of requests that succeed.
    Availability,
    /// Processor use.
    Cpu,
    /// Memory in use.
    Memory,
    /// Bytes from and to disks, or over the network if no disk is measured.
    Io,
}

impl MetricType {
    /// Number of types.
    pub const COUNT: usize = 7;
    /// All types, in the order used by every array indexed by type.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Latency, Self::Throughput, Self::Congestion, Self::Availability, Self::Cpu, Self::Memory, Self::Io];

    /// The word used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::Congestion => "congestion",
            Self::Availability => "availability",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
