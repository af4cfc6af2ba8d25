//! The largest memory of a child process, and its end.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use procfs::process::Process;

/// Waits for the end, and measures the peak memory meanwhile, in KiB. `None`: ended by the deadline or a signal.
///
/// A new process shares our memory until it has executed its program, and reports our peak as its own; it is not measured while it still shows our
/// program.
pub(crate) fn watched(mut child: Child, begun: Instant, deadline: Duration) -> (Option<i32>, u64) {
    let mut peak_kib = 0;
    let ours = std::env::current_exe().unwrap();
    loop {
        let process = Process::new(child.id() as i32).ok();
        let itself = process.filter(|process| process.exe().is_ok_and(|program| program != ours));
        if let Some(status) = itself.and_then(|process| process.status().ok()) {
            peak_kib = status.vmhwm.unwrap_or(0).max(peak_kib);
        }
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), peak_kib);
        }
        if begun.elapsed() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            return (None, peak_kib);
        }
        thread::sleep(Duration::from_millis(10));
    }
}
