//! What `/proc/<pid>` says about one process.

use std::fs;
use std::io;
use std::path::Path;

use super::Usage;

/// The kernel's USER_HZ: the unit of CPU times in `/proc/<pid>/stat`, 100 on every Linux architecture in use.
const TICKS_PER_S: f64 = 100.0;
/// User and system time are each rounded down to a tick.
const TWO_TICKS_S: f64 = 2.0 / TICKS_PER_S;
const KIB: u64 = 1024;
/// Threads looked at; the shop's processes have fewer than twenty.
const THREADS_MAX: usize = 256;

/// One look at a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// CPU time of the whole process in ticks: complete, but rounded down.
    pub process_cpu_s: f64,
    /// CPU time of the threads that still live: to the nanosecond, but without those that ended.
    pub threads_cpu_s: f64,
    /// Anonymous memory.
    pub anonymous_bytes: u64,
    /// All resident memory.
    pub resident_bytes: u64,
    /// Bytes read from block devices.
    pub read_bytes: u64,
    /// Bytes written to block devices.
    pub write_bytes: u64,
}

/// Reads a process; `root` is `/proc`.
///
/// # Errors
/// When the process is gone or not ours.
pub fn read(root: &Path, pid: u32) -> io::Result<Snapshot> {
    let dir = root.join(pid.to_string());
    let status = fs::read_to_string(dir.join("status"))?;
    let io = fs::read_to_string(dir.join("io"))?;
    let resident = |key| number_after(&status, key) * KIB;
    Ok(Snapshot {
        process_cpu_s: process_cpu_s(&fs::read_to_string(dir.join("stat"))?)?,
        threads_cpu_s: threads_cpu_s(&dir),
        anonymous_bytes: resident("RssAnon:"),
        resident_bytes: resident("VmRSS:"),
        read_bytes: number_after(&io, "\nread_bytes:"),
        write_bytes: number_after(&io, "\nwrite_bytes:"),
    })
}

/// utime + stime: fields 14 and 15, counted behind the command name, which may hold spaces and brackets.
fn process_cpu_s(stat: &str) -> io::Result<f64> {
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS_PER_S),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "stat holds no CPU times")),
    }
}

/// The first number of each thread's `schedstat` is its time on a CPU in nanoseconds. Threads may end while we look.
fn threads_cpu_s(dir: &Path) -> f64 {
    let Ok(threads) = fs::read_dir(dir.join("task")) else { return 0.0 };
    let of_thread = |path: &Path| -> Option<f64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
    };
    threads.take(THREADS_MAX).flatten().filter_map(|t| of_thread(&t.path())).sum::<f64>() / 1e9
}

fn number_after(text: &str, key: &str) -> u64 {
    let rest = text.split_once(key).map_or("", |(_, rest)| rest);
    rest.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// Joins both CPU times into one that is complete, fine and never falls.
///
/// The threads' sum lacks what ended threads used. Their total lies within two ticks above the process' ticks, so the
/// missing part is carried along and only corrected when it leaves that interval.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuClock {
    ended_threads_s: f64,
    last_s: f64,
}

impl CpuClock {
    /// The CPU seconds used until now.
    pub fn observe(&mut self, snapshot: &Snapshot) -> f64 {
        let least = snapshot.process_cpu_s - snapshot.threads_cpu_s;
        self.ended_threads_s = self.ended_threads_s.clamp(least, least + TWO_TICKS_S);
        self.last_s = self.last_s.max(snapshot.threads_cpu_s + self.ended_threads_s);
        self.last_s
    }
}

/// Adds the page cache, which the kernel keeps per cgroup and not per process: the size of the container's own files.
pub fn usage(snapshot: &Snapshot, cpu_s: f64, file_bytes: u64) -> Usage {
    Usage {
        cpu_s,
        rss_bytes: snapshot.anonymous_bytes,
        working_set_bytes: snapshot.resident_bytes,
        usage_bytes: snapshot.resident_bytes + file_bytes,
        read_bytes: snapshot.read_bytes,
        write_bytes: snapshot.write_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_from_its_files() -> io::Result<()> {
        let root = std::env::temp_dir().join(format!("automap-proc-{}", std::process::id()));
        for (thread, ns) in [("7", "1500000000"), ("8", "2250000000")] {
            let dir = root.join("7/task").join(thread);
            fs::create_dir_all(&dir)?;
            fs::write(dir.join("schedstat"), format!("{ns} 10 3\n"))?;
        }
        fs::write(root.join("7/stat"), "7 (a (b) c) S 1 7 7 0 -1 0 1 0 0 0 300 76 0 0 20 0 2 0 99 0 0\n")?;
        fs::write(root.join("7/status"), "Name:\ta\nVmRSS:\t    2048 kB\nRssAnon:\t    1024 kB\nRssFile:\t 1024 kB\n")?;
        fs::write(
            root.join("7/io"),
            "rchar: 9\nwchar: 9\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 1\n",
        )?;
        let snapshot = read(&root, 7);
        fs::remove_dir_all(&root)?;
        let expected = Snapshot {
            process_cpu_s: 3.76,
            threads_cpu_s: 3.75,
            anonymous_bytes: 1 << 20,
            resident_bytes: 2 << 20,
            read_bytes: 4096,
            write_bytes: 8192,
        };
        assert_eq!(snapshot?, expected);
        Ok(())
    }

    #[test]
    fn cpu_time_is_fine_and_never_falls_when_a_thread_ends() {
        let at = |process_cpu_s, threads_cpu_s| Snapshot { process_cpu_s, threads_cpu_s, ..Snapshot::default() };
        let mut clock = CpuClock::default();
        assert_eq!(clock.observe(&at(1.00, 1.004)), 1.004);
        assert_eq!(clock.observe(&at(2.00, 2.0071)), 2.0071);
        let after_end = clock.observe(&at(2.00, 0.5)); // a thread that had used 1.5 s ended
        assert!((2.0071..2.021).contains(&after_end), "{after_end}");
        let later = clock.observe(&at(2.50, 1.0));
        assert!((2.5..2.521).contains(&later), "{later}");
    }
}
