//! The families of metrics: which metrics belong together, in which direction they get worse, and what they are called.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of evidence a metric gives. Metrics of one family measure the same thing, so their evidence is never added up. In JSON it is the
/// word of [`Family::as_str`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Family {
    /// Time to answer. A symptom: only rises count.
    Latency,
    /// Share or rate of failures. A symptom: only rises count.
    Error,
    /// Requests per second: mostly follows from what others do.
    Throughput,
    /// Processor use.
    Cpu,
    /// Memory in use.
    Memory,
    /// Bytes over the network.
    Network,
    /// Bytes from and to disks.
    Disk,
    /// System calls.
    Syscall,
    /// Time that a call spends between the two sidecars: the caller's latency minus the callee's. Only rises count.
    NetworkGap,
    /// Processor time withheld by a limit. Only rises count.
    Throttle,
    /// Container restarts and pods or nodes that are not ready. Only rises count.
    Lifecycle,
    /// Utilisation of a limited resource: a machine's processors, a store's connections. Only rises count, and only close to
    /// the limit.
    Saturation,
    /// A store that does not answer. Only rises count.
    Outage,
    /// Waiting for locks in a store. Only rises count.
    Locks,
    /// Connections of a store, relative to its maximum. Only rises count.
    Connections,
    /// Entries that a store evicts for lack of memory. Only rises count.
    Evictions,
    /// Time that a store itself spends on a command. Only rises count.
    Commands,
    /// Items that wait in a broker or for a store's workers. Only rises count.
    Queue,
    /// Consumers of a broker. Only falls count.
    Consumers,
    /// Queues without a consumer. Only rises count.
    Unconsumed,
    /// Replicas that are behind or missing. Only rises count.
    Replication,
    /// Waiting for a connection of a service's own pool: mostly because what it connects to is slow. Only rises count.
    Pool,
    /// Time of a DNS lookup. Only rises count.
    Lookups,
    /// Failed DNS lookups of names that may exist. Only rises count.
    FailedLookups,
    /// Calls to an external host that the mesh blocks. Only rises count.
    Blocked,
    /// Servers of a service that a gateway in front of it ejected. Only rises count.
    TakenOut,
    /// A certificate that expired. Only rises count.
    Certificate,
    /// Anything else, each metric a family of its own.
    Other(String),
}

impl Family {
    /// Whether it is a symptom: symptoms travel from callee to caller, everything else stays with its service.
    pub fn is_symptom(&self) -> bool {
        matches!(self, Self::Latency | Self::Error)
    }

    /// Whether it is a resource that a service uses, or an event of its containers.
    pub fn is_resource(&self) -> bool {
        matches!(self, Self::Cpu | Self::Throttle | Self::Memory | Self::Disk | Self::Lifecycle | Self::Saturation)
            || self.is_of_stores()
            || matches!(self, Self::Blocked | Self::TakenOut | Self::Certificate)
    }

    /// Whether it indicates a store or a broker that is exhausted, blocked or down.
    pub fn is_of_stores(&self) -> bool {
        matches!(
            self,
            Self::Outage
                | Self::Locks
                | Self::Connections
                | Self::Evictions
                | Self::Commands
                | Self::Queue
                | Self::Consumers
                | Self::Unconsumed
                | Self::Replication
        )
    }

    /// Whether a store's clients wait or are refused when it rises, so that it is their symptom, too. A broker's queue and replication lag
    /// are not, and neither is the time for a command, which is also long on a saturated machine.
    pub fn holds_up_clients(&self) -> bool {
        matches!(self, Self::Outage | Self::Locks | Self::Connections | Self::Evictions)
    }

    /// Whether only a rise is evidence.
    pub fn rises_only(&self) -> bool {
        let of_services = matches!(
            self,
            Self::Latency
                | Self::Error
                | Self::NetworkGap
                | Self::Throttle
                | Self::Lifecycle
                | Self::Saturation
                | Self::Pool
                | Self::Lookups
                | Self::FailedLookups
                | Self::Blocked
                | Self::TakenOut
                | Self::Certificate
        );
        of_services || (self.is_of_stores() && !self.falls_only())
    }

    /// Whether only a fall is evidence.
    pub fn falls_only(&self) -> bool {
        *self == Self::Consumers
    }

    /// Whether the level follows the service's own load, so that the load explains part of it.
    pub fn follows_load(&self) -> bool {
        matches!(self, Self::Cpu | Self::Network | Self::Syscall | Self::Disk)
    }

    /// The families that have their own word.
    const NAMED: [Self; 27] = [
        Self::Latency,
        Self::Error,
        Self::Throughput,
        Self::Cpu,
        Self::Memory,
        Self::Network,
        Self::Disk,
        Self::Syscall,
        Self::NetworkGap,
        Self::Throttle,
        Self::Lifecycle,
        Self::Saturation,
        Self::Outage,
        Self::Locks,
        Self::Connections,
        Self::Evictions,
        Self::Commands,
        Self::Queue,
        Self::Consumers,
        Self::Unconsumed,
        Self::Replication,
        Self::Pool,
        Self::Lookups,
        Self::FailedLookups,
        Self::Blocked,
        Self::TakenOut,
        Self::Certificate,
    ];

    /// The word used in reports.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Latency => "latency",
            Self::Error => "error",
            Self::Throughput => "throughput",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::Syscall => "syscall",
            Self::NetworkGap => "network gap",
            Self::Throttle => "throttle",
            Self::Lifecycle => "lifecycle",
            Self::Saturation => "saturation",
            // Two words each: a single word may be the name of a metric in a user's table.
            Self::Outage => "store outage",
            Self::Locks => "lock waits",
            Self::Connections => "connection slots",
            Self::Evictions => "memory evictions",
            Self::Commands => "command time",
            Self::Queue => "queue backlog",
            Self::Consumers => "queue consumers",
            Self::Unconsumed => "unconsumed queues",
            Self::Replication => "replication lag",
            Self::Pool => "connection pool",
            Self::Lookups => "name lookups",
            Self::FailedLookups => "failed lookups",
            Self::Blocked => "blocked calls",
            Self::TakenOut => "servers taken out",
            Self::Certificate => "expired certificates",
            Self::Other(name) => name,
        }
    }
}

impl From<String> for Family {
    fn from(word: String) -> Self {
        Self::NAMED.into_iter().find(|f| f.as_str() == word).unwrap_or(Self::Other(word))
    }
}

impl From<Family> for String {
    fn from(family: Family) -> Self {
        family.as_str().to_owned()
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_comes_back_from_its_word_and_moves_one_way_at_most() {
        for family in Family::NAMED {
            assert_eq!(Family::from(family.as_str().to_owned()), family);
            assert!(!(family.rises_only() && family.falls_only()), "{family}");
            assert!(!family.is_of_stores() || family.rises_only() || family.falls_only(), "{family}");
        }
        assert!(Family::Consumers.falls_only() && Family::Locks.rises_only() && Family::Locks.is_resource());
        assert!(!Family::Pool.is_resource(), "a pool is empty since what it connects to is slow");
        assert!(Family::NAMED.iter().all(|f| !f.holds_up_clients() || f.is_of_stores()));
    }
}
