//! What the operating system says of this process.

/// The largest resident memory of this process so far (Linux).
pub(crate) fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib: Option<f64> = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
    kib.map_or("not known here".to_owned(), |kib| format!("{:.0} MiB", kib / 1024.0))
}
