//! How the pods of one node share its processors and its disk: a model, not the kernel.
//!
//! The lab's machine may have two cores, so nothing is really starved. The usage of the pods is measured, the demand of a neighbour is declared, and
//! when both together exceed the node's cores, all work on this node takes longer, by numbers that can be checked by hand. Applications comply with
//! them; other nodes are not affected. Left out: priorities (all threads are equal), caches and memory bandwidth.

/// A thread that gets a core keeps it for this long while others wait (`sched_base_slice` of a kernel with four cores, doubled to be safe).
const SLICE_MS: f64 = 6.0;
/// Duration of one operation on an idle disk.
const DISK_OPERATION_MS: f64 = 2.0;
/// The upper bound of a disk's utilisation in the model: beyond it waits would be endless.
const DISK_BUSY_MAX: f64 = 0.98;

/// From this share of used memory on, the kernel has to find pages to free before it can allocate one …
const MEMORY_TIGHT_FROM: f64 = 0.95;
/// … which takes this long when half of the remaining memory is in use.
const MEMORY_RECLAIM_MS: f64 = 10.0;
/// The upper bound of a node's memory use in the model: beyond it the kernel would kill.
const MEMORY_USED_MAX: f64 = 0.99;

/// The demand of the threads on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Demand {
    /// Cores that the shop's pods use.
    pub(super) shop_cores: f64,
    /// Cores that others would use if they could have them all.
    pub(super) other_cores: f64,
    /// Share of the disk's time that others take, 0 to 1.
    pub(super) disk_busy: f64,
    /// Share of the memory that is in use, 0 to 1.
    pub(super) memory_used: f64,
}

/// The effects on everything that runs on the node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contention {
    /// Mean wait for a core before a piece of work starts, in milliseconds.
    pub(super) dispatch_wait_ms: f64,
    /// A piece of work takes this many times its CPU time.
    pub(super) stretch: f64,
    /// Mean wait before a file operation, in milliseconds.
    pub(super) disk_wait_ms: f64,
    /// Mean wait for memory before a piece of work, in milliseconds.
    pub(super) memory_wait_ms: f64,
    /// Cores that others get of their demand.
    pub(super) other_cores: f64,
    /// Share of the time in which something waits for a core: pressure as the kernel counts it.
    pub(super) cpu_pressure: f64,
    /// The same for the disk.
    pub(super) disk_pressure: f64,
    /// The same for memory.
    pub(super) memory_pressure: f64,
}

impl Contention {
    /// Whether an application on the node would be affected.
    pub(super) fn is_felt(&self) -> bool {
        self.dispatch_wait_ms > 0.0 || self.disk_wait_ms > 0.0 || self.memory_wait_ms > 0.0
    }
}

/// The contention on a node with `cores`.
///
/// Example: 12 threads of a batch job and a shop that uses 0.4 cores share 4 cores. The demand is 12.4, so everybody gets 4/12.4 of it: work takes
/// 3.1 times as long, the job gets 3.87 cores, and a thread that wants a core waits 6 ms · (3.1 − 1) = 12.6 ms for it.
pub(super) fn contention(cores: f64, demand: Demand) -> Contention {
    let asked = demand.shop_cores.max(0.0) + demand.other_cores.max(0.0);
    let load = asked / cores.max(f64::MIN_POSITIVE);
    let stretch = load.max(1.0);
    let busy = demand.disk_busy.clamp(0.0, DISK_BUSY_MAX);
    let used = demand.memory_used.clamp(0.0, MEMORY_USED_MAX);
    let tight = (used - MEMORY_TIGHT_FROM).max(0.0);
    Contention {
        dispatch_wait_ms: SLICE_MS * (stretch - 1.0),
        stretch,
        // The queue of a single server with this utilisation.
        disk_wait_ms: DISK_OPERATION_MS * busy / (1.0 - busy),
        memory_wait_ms: MEMORY_RECLAIM_MS * tight / (1.0 - used),
        memory_pressure: tight / (MEMORY_USED_MAX - MEMORY_TIGHT_FROM),
        other_cores: demand.other_cores.max(0.0) / stretch,
        // Below saturation threads compete by chance only, more often the fuller the node is.
        cpu_pressure: if load >= 1.0 { 1.0 } else { load.powi(8) },
        disk_pressure: busy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_shop_alone_feels_nothing_even_with_every_limit_in_use() {
        let all_limits: f64 = crate::plan::COMPONENTS.iter().map(|c| c.cpu_limit_cores).sum();
        let alone = contention(4.0, Demand { shop_cores: all_limits.min(3.9), ..Demand::default() });
        assert_eq!((alone.dispatch_wait_ms, alone.stretch, alone.disk_wait_ms), (0.0, 1.0, 0.0));
        assert!(!alone.is_felt());
        let idle = contention(4.0, Demand { shop_cores: 0.4, ..Demand::default() });
        assert!(idle.cpu_pressure < 1e-7);
    }

    /// 12 + 0.4 cores of 4: 3.1 times as long, 12.6 ms of waiting, 12 / 3.1 cores for the neighbour.
    #[test]
    fn a_noisy_neighbour_stretches_everything_on_its_node() {
        let with = contention(4.0, Demand { shop_cores: 0.4, other_cores: 12.0, disk_busy: 0.0, ..Demand::default() });
        assert!(near(with.stretch, 3.1) && near(with.dispatch_wait_ms, 12.6) && near(with.other_cores, 12.0 / 3.1));
        assert_eq!((with.cpu_pressure, with.disk_wait_ms), (1.0, 0.0));
        assert!(near(with.other_cores + 0.4 / 3.1, 4.0), "the node is full and not fuller");
    }

    /// With 98 % of the memory in use: 10 ms · 0.03 / 0.02 = 15 ms; below 95 % nothing waits.
    #[test]
    fn a_node_short_of_memory_makes_work_wait() {
        let with = |memory_used| contention(4.0, Demand { memory_used, ..Demand::default() });
        assert!(near(with(0.98).memory_wait_ms, 15.0) && with(0.98).is_felt());
        assert!(!with(0.94).is_felt() && with(0.94).memory_pressure == 0.0);
        assert!(near(with(1.0).memory_wait_ms, 40.0) && near(with(1.0).memory_pressure, 1.0));
    }

    /// A disk that is busy for 95 % of the time: 2 ms · 0.95 / 0.05 = 38 ms; and one that is never free is bounded: 2 ms · 0.98 / 0.02.
    #[test]
    fn a_busy_disk_makes_file_operations_wait() {
        let busy = |disk_busy| contention(4.0, Demand { disk_busy, ..Demand::default() });
        assert!(near(busy(0.95).disk_wait_ms, 38.0) && busy(0.95).is_felt());
        assert!(near(busy(1.0).disk_wait_ms, 98.0));
    }
}
