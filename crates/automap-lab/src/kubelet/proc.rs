//! Reads the resource usage of one process from `/proc/<pid>`.
//!
//! Memory and disk bytes are taken as they are. CPU time needs care, because `/proc` reports it in two forms, both incomplete: see [`CpuClock`].
//! Linux only.

use procfs::ProcResult;
use procfs::process::{Process, Task};

use super::Usage;

/// The kernel's USER_HZ: the unit of CPU times in `/proc/<pid>/stat`, 100 on every Linux architecture in use.
const TICKS_PER_S: f64 = 100.0;
/// User and system time are each rounded down to a tick.
const TWO_TICKS_S: f64 = 2.0 / TICKS_PER_S;
const KIB: u64 = 1024;
/// Maximum number of threads read; the shop's processes have fewer than twenty.
const THREADS_MAX: usize = 256;
/// Maximum number of processes of one container.
const PROCESSES_MAX: usize = 128;

/// The usage of a process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// CPU time of the whole process, in seconds: complete, but rounded down to ticks.
    pub process_cpu_s: f64,
    /// CPU time of the threads that still run, in seconds: exact, but without the threads that have ended.
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

/// Reads a process.
///
/// # Errors
/// When the process is gone or belongs to another user.
pub fn read(pid: u32) -> ProcResult<Snapshot> {
    let process = Process::new(i32::try_from(pid).unwrap_or_default())?;
    let (stat, status, io) = (process.stat()?, process.status()?, process.io()?);
    Ok(Snapshot {
        process_cpu_s: (stat.utime + stat.stime) as f64 / TICKS_PER_S,
        threads_cpu_s: threads_cpu_s(&process),
        anonymous_bytes: status.rssanon.unwrap_or_default() * KIB,
        resident_bytes: status.vmrss.unwrap_or_default() * KIB,
        read_bytes: io.read_bytes,
        write_bytes: io.write_bytes,
    })
}

/// Reads a process and all its descendants: the sum of their times and bytes. Memory that processes share, such as code and the buffers of a
/// database, counts once, as in a control group.
///
/// # Errors
/// When the process is gone or belongs to another user. A child that ends meanwhile is left out.
pub fn read_tree(pid: u32) -> ProcResult<Snapshot> {
    let mut tree = Tree::default();
    tree.add(pid)?;
    let mut seen = 1;
    while let Some(child) = tree.waiting.pop() {
        seen += 1;
        if seen <= PROCESSES_MAX {
            // It ended after its parent was read.
            let _gone = tree.add(child);
        }
    }
    let shared_bytes = tree.file_bytes + tree.shared_bytes;
    Ok(Snapshot { resident_bytes: tree.sum.anonymous_bytes + shared_bytes, ..tree.sum })
}

/// The sum over several processes, and those that are still to be read.
#[derive(Debug, Default)]
struct Tree {
    sum: Snapshot,
    /// The maximum over the processes.
    file_bytes: u64,
    /// The same.
    shared_bytes: u64,
    waiting: Vec<u32>,
}

impl Tree {
    fn add(&mut self, pid: u32) -> ProcResult<()> {
        let process = Process::new(i32::try_from(pid).unwrap_or_default())?;
        let (stat, status, io) = (process.stat()?, process.status()?, process.io()?);
        // The times of children that have ended are counted at their parent.
        let ended_ticks = u64::try_from(stat.cutime + stat.cstime).unwrap_or_default();
        self.sum.process_cpu_s += (stat.utime + stat.stime + ended_ticks) as f64 / TICKS_PER_S;
        self.sum.threads_cpu_s += threads_cpu_s(&process);
        self.sum.anonymous_bytes += status.rssanon.unwrap_or_default() * KIB;
        self.sum.read_bytes += io.read_bytes;
        self.sum.write_bytes += io.write_bytes;
        self.file_bytes = self.file_bytes.max(status.rssfile.unwrap_or_default() * KIB);
        self.shared_bytes = self.shared_bytes.max(status.rssshmem.unwrap_or_default() * KIB);
        let threads = process.tasks().into_iter().flatten().take(THREADS_MAX).flatten();
        self.waiting.extend(threads.filter_map(|thread| thread.children().ok()).flatten());
        Ok(())
    }
}

/// Sum of the threads' times on a CPU. A thread that ends meanwhile counts as 0.
fn threads_cpu_s(process: &Process) -> f64 {
    let Ok(threads) = process.tasks() else { return 0.0 };
    let of_thread = |thread: Task| Some(thread.schedstat().ok()?.sum_exec_runtime as f64 / 1e9);
    threads.take(THREADS_MAX).flatten().filter_map(of_thread).sum()
}

/// Combines both CPU times of a process into one that is complete, exact to less than two ticks, and never decreases.
///
/// The sum over the running threads lacks the time of threads that have ended. The true total lies between the process' time in ticks
/// and two ticks above it. So the missing part is carried along, and corrected only when the total would leave that interval.
///
/// Example: at 2.00 s in ticks the threads' sum drops from 2.0071 to 0.5 s, because a thread that had used about 1.5 s ended. The missing
/// part becomes 1.5 s, and the clock shows at least 2.0071 s as before.
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

/// The usage that cAdvisor would report. The kernel counts the page cache per control group, not per process, so the size of the
/// container's own files stands in for it.
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
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn this_process_is_read() {
        let snapshot = read(std::process::id()).unwrap();
        assert!(
            snapshot.resident_bytes > 1 << 20 && snapshot.anonymous_bytes <= snapshot.resident_bytes,
            "{snapshot:?}"
        );
        assert!(snapshot.threads_cpu_s > 0.0 && snapshot.process_cpu_s >= 0.0, "{snapshot:?}");
        assert!(read(u32::MAX).is_err());
    }

    /// A shell and the `cat` that it started; what `cat` repeats shows that both run.
    #[test]
    fn a_tree_holds_what_a_process_has_started() {
        let mut shell =
            Command::new("sh").args(["-c", "cat; true"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = shell.stdin.take().unwrap();
        writeln!(input, "both run").unwrap();
        BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        let (alone, tree) = (read(shell.id()).unwrap(), read_tree(shell.id()).unwrap());
        drop(input);
        shell.wait().unwrap();
        assert!(tree.anonymous_bytes > alone.anonymous_bytes, "{alone:?} {tree:?}");
        // Both map the same C library, which counts once.
        assert!(tree.resident_bytes < 2 * alone.resident_bytes, "{alone:?} {tree:?}");
    }

    #[test]
    fn cpu_time_never_decreases_when_a_thread_ends() {
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
