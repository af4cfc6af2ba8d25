//! The seven metric types of AutoMAP.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What AutoMAP looks at, for every service (Ma et al., WWW 2020).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricType {
    /// Time to answer.
    Latency,
    /// Requests per second.
    Throughput,
    /// Throughput over latency ("power", Ramakrishnan & Jain 1990), or their product (Little's law), as the options say.
    Congestion,
    /// Share of requests that succeed.
    Availability,
    /// Processor use.
    Cpu,
    /// Memory in use.
    Memory,
    /// Bytes from and to disks; over the network where no disk is measured.
    Io,
}

impl MetricType {
    /// How many there are.
    pub const COUNT: usize = 7;
    /// All of them, in the order of every array by type.
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
