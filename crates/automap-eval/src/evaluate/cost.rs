//! What answers cost: processor time of all threads, and the memory of the process.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Runs `work` and measures the processor time of the whole process meanwhile: nothing else may run.
pub(super) fn cpu_of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = process_cpu_time();
    let done = work();
    (done, process_cpu_time().saturating_sub(before))
}

/// Processor time that all threads of this process have used.
fn process_cpu_time() -> Duration {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(t.tv_sec.unsigned_abs(), u32::try_from(t.tv_nsec).unwrap_or_default())
}

/// Largest resident set so far. Linux only; others do not tell.
pub(super) fn memory_max_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    peak_of(&status)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        assert_eq!(peak_of("Name:\tautomap\nVmHWM:\t   12345 kB\nVmRSS:\t 1 kB\n"), Some(12_641_280));
        assert_eq!(peak_of("Name:\tautomap\n"), None);
    }
}
