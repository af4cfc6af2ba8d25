//! One replica as a separate process, and the machine's resources that it uses.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use procfs::process::Process;

use super::FOLDER;
use super::common::Folder;

/// Longest wait for a replica to end by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running process.
pub(crate) struct Replica {
    child: Child,
    number: usize,
    place: PathBuf,
}

/// The usage of a process so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) cpu_s: f64,
    pub(crate) resident_mib: f64,
    pub(crate) threads: i64,
    pub(crate) files: usize,
}

impl Replica {
    /// Starts the replica of this number with its configuration.
    pub(crate) fn start(folder: &Folder, number: usize, yaml: &str) -> Self {
        let place = folder.join(&number.to_string());
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("automap.yaml"), yaml).unwrap();
        let log = File::options().create(true).append(true).open(place.join("stderr")).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, &place)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, number, place }
    }

    pub(crate) fn taken(&self) -> Taken {
        let Ok(process) = Process::new(self.child.id().cast_signed()) else { return Taken::default() };
        let (Ok(stat), Ok(files)) = (process.stat(), process.fd_count()) else { return Taken::default() };
        let resident_mib = (stat.rss * procfs::page_size()) as f64 / f64::from(1 << 20);
        let cpu_s = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
        Taken { cpu_s, resident_mib, threads: stat.num_threads, files }
    }

    /// The highest resident memory so far, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        let process = Process::new(self.child.id().cast_signed()).unwrap();
        process.status().unwrap().vmhwm.unwrap_or(0) as f64 / 1024.0
    }

    /// Its standard error.
    fn errors(&self) -> String {
        std::fs::read_to_string(self.place.join("stderr")).unwrap_or_default()
    }

    /// Checks that it has not ended by itself.
    pub(crate) fn check_alive(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "replica {} ended ({ended:?}): {}", self.number, self.errors());
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.check_alive();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.check_log();
    }

    /// Requests its end, and waits for it. Returns how long that took.
    pub(crate) fn end(mut self) -> Duration {
        self.check_alive();
        let begun = Instant::now();
        stop(&self.place);
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "replica {} does not end: {}", self.number, self.errors());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.check_log();
        begun.elapsed()
    }

    fn check_log(&self) {
        let errors = self.errors();
        assert!(!errors.contains("panicked"), "replica {}: {errors}", self.number);
    }
}

fn stop(place: &Path) {
    std::fs::write(place.join("stop"), "").unwrap();
}

/// A failed test leaves no process behind.
impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
