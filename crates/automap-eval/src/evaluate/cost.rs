//! Measures the cost of answers: CPU time of all threads, and the peak memory of the process.
//!
//! Memory comes from `/proc`, so it is known on Linux only.

#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Runs `work` and measures the CPU time that the whole process uses meanwhile, including any other work in it.
pub(super) fn cpu_of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = process_cpu_time();
    let done = work();
    (done, process_cpu_time().saturating_sub(before))
}

/// CPU time of all threads of this process.
fn process_cpu_time() -> Duration {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(t.tv_sec.unsigned_abs(), u32::try_from(t.tv_nsec).unwrap_or_default())
}

/// Largest resident memory of this process so far, in bytes; `None` on systems other than Linux.
///
/// The kernel counts pages per thread and sums them only from time to time, so its peak may fall slightly: the largest value counts.
#[cfg(target_os = "linux")]
pub(super) fn memory_max_bytes() -> Option<u64> {
    const KIB: u64 = 1024;
    static LARGEST: AtomicU64 = AtomicU64::new(0);
    let now = procfs::process::Process::myself().ok()?.status().ok()?.vmhwm? * KIB;
    Some(LARGEST.fetch_max(now, Ordering::Relaxed).max(now))
}

/// Unknown on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn memory_max_bytes() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_in_bytes_and_does_not_fall() {
        let before = memory_max_bytes().unwrap();
        assert!(before > 1 << 20, "{before}");
        assert!(memory_max_bytes().unwrap() >= before);
    }
}
