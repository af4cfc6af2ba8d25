//! What the operating system reports about this process.

/// The largest resident memory of this process so far (Linux).
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory() -> String {
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    let kib = status.ok().and_then(|status| status.vmhwm);
    kib.map_or("unknown".to_owned(), |kib| format!("{:.0} MiB", kib as f64 / 1024.0))
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn peak_memory() -> String {
    "unknown".to_owned()
}
