//! One container: a process of the shop that is restarted when it ends.

use std::io;
use std::process::{Child, Command};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::backoff::Backoff;
use super::images;
use super::names;
use crate::kubelet::proc::{self, CpuClock};
use crate::kubelet::{Cfs, ContainerReading, LastEnd, TerminatedUsage, Usage};
use automap_core::random::Rng;

/// The exit code that a container reports for a process killed with SIGKILL: 128 + 9.
const EXIT_CODE_OF_SIGKILL: i32 = 137;
/// After running this long a container is no longer in a crash loop.
const CALM_AFTER: Duration = Duration::from_secs(30);
/// Minimum time over which a CPU rate is computed.
const CPU_RATE_OVER_MIN: Duration = Duration::from_secs(1);

/// The specification of a container, the same for every instance.
#[derive(Clone, Debug)]
pub(super) struct ContainerSpec {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) cpu_limit_cores: f64,
    pub(super) memory_limit_bytes: u64,
}

/// The phase of a container's life.
#[derive(Debug)]
enum LifeState {
    Running {
        child: Child,
        since: Instant,
    },
    /// Will be started at that time.
    Waiting {
        until: Instant,
    },
    /// Kept down until [`Container::bring_up`].
    Down,
}

/// A container of a pod.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) spec: ContainerSpec,
    pub(super) id: String,
    image_id: String,
    pub(super) restarts: u32,
    pub(super) ready: bool,
    pub(super) oom_events: u32,
    pub(super) cfs: Option<Cfs>,
    /// Seconds in which the process waited for a core, and for the disk.
    pub(super) waits: Option<(f64, f64)>,
    started_s: f64,
    starts: u32,
    state: LifeState,
    backoff: Backoff,
    /// Ends in a row, without running long enough in between.
    ends_in_a_row: u32,
    last_end: Option<LastEnd>,
    /// The reason of a kill by the supervisor, until the process is reaped.
    reason_of_kill: Option<&'static str>,
    clock: CpuClock,
    usage: Usage,
    rate: CpuRate,
}

impl Container {
    pub(super) fn new(spec: ContainerSpec, start_at: Instant, rng: &mut Rng) -> Self {
        Self {
            image_id: images::digest(&spec.image),
            spec,
            id: names::container_id(rng),
            restarts: 0,
            ready: false,
            oom_events: 0,
            cfs: None,
            waits: None,
            started_s: seconds_since_1970(),
            starts: 0,
            state: LifeState::Waiting { until: start_at },
            backoff: Backoff::default(),
            ends_in_a_row: 0,
            last_end: None,
            reason_of_kill: None,
            clock: CpuClock::default(),
            usage: Usage::default(),
            rate: CpuRate::default(),
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        match &self.state {
            LifeState::Running { child, .. } => Some(child.id()),
            _ => None,
        }
    }

    /// Whether it is time to start the next instance.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.state, LifeState::Waiting { until } if until <= now)
    }

    /// Starts the next instance. A failure counts as a crash.
    pub(super) fn start(&mut self, command: &mut Command, rng: &mut Rng) -> io::Result<()> {
        self.starts += 1;
        if self.starts > 1 {
            self.restarts += 1;
            self.id = names::container_id(rng);
        }
        self.clock = CpuClock::default();
        self.usage = Usage::default();
        self.rate = CpuRate::default();
        self.started_s = seconds_since_1970();
        match command.spawn() {
            Ok(child) => {
                self.state = LifeState::Running { child, since: Instant::now() };
                Ok(())
            }
            Err(e) => {
                self.state = LifeState::Waiting { until: Instant::now() + self.backoff.after(Duration::ZERO) };
                Err(e)
            }
        }
    }

    /// Reaps the process if it has ended, and returns its usage, which is added to the pod's counters.
    pub(super) fn reap(&mut self) -> Option<TerminatedUsage> {
        let LifeState::Running { child, since } = &mut self.state else { return None };
        let ran = since.elapsed();
        let exit_code = match child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status.code().unwrap_or(EXIT_CODE_OF_SIGKILL),
            Err(_) => EXIT_CODE_OF_SIGKILL,
        };
        let natural = if exit_code == 0 { "Completed" } else { "Error" };
        let reason = self.reason_of_kill.take().unwrap_or(natural);
        self.last_end = Some(LastEnd { reason, exit_code, at_s: seconds_since_1970() });
        self.ends_in_a_row = if ran < CALM_AFTER { self.ends_in_a_row + 1 } else { 1 };
        self.state = LifeState::Waiting { until: Instant::now() + self.backoff.after(ran) };
        Some(self.collect_usage())
    }

    fn collect_usage(&mut self) -> TerminatedUsage {
        self.ready = false;
        let (cpu_wait_s, disk_wait_s) = self.waits.take().unwrap_or_default();
        let terminated = TerminatedUsage {
            cpu_s: self.usage.cpu_s,
            read_bytes: self.usage.read_bytes,
            write_bytes: self.usage.write_bytes,
            cfs: self.cfs.take().unwrap_or_default(),
            cpu_wait_s,
            disk_wait_s,
        };
        self.usage = Usage::default();
        terminated
    }

    /// Sends SIGKILL; [`Self::reap`] reaps the process.
    pub(super) fn kill(&mut self, reason: Option<&'static str>) {
        self.ready = false;
        self.reason_of_kill = reason;
        if let LifeState::Running { child, .. } = &mut self.state {
            // An error means that it has ended already.
            let _ = child.kill();
        }
    }

    /// Counts a kill for memory.
    pub(super) fn kill_for_memory(&mut self) {
        self.oom_events += 1;
        self.kill(Some("OOMKilled"));
    }

    /// Kills and reaps the process and keeps the container down. Counts as a restart, as on a cluster, where Chaos Mesh replaces the image
    /// by one that does nothing.
    pub(super) fn take_down(&mut self) -> TerminatedUsage {
        self.kill(None);
        self.restarts += 1;
        if let LifeState::Running { child, .. } = &mut self.state {
            let _ = child.wait();
            self.last_end =
                Some(LastEnd { reason: "Error", exit_code: EXIT_CODE_OF_SIGKILL, at_s: seconds_since_1970() });
        }
        self.state = LifeState::Down;
        self.collect_usage()
    }

    /// Lets a container that was taken down start again.
    pub(super) fn bring_up(&mut self) {
        if matches!(self.state, LifeState::Down) {
            self.state = LifeState::Waiting { until: Instant::now() };
        }
    }

    /// Reads the usage of the process, including its child processes if `starts_others`. `file_bytes` is the size of the container's files.
    pub(super) fn measure(&mut self, file_bytes: u64, starts_others: bool) {
        let Some(pid) = self.pid() else { return };
        let read = if starts_others { proc::read_tree } else { proc::read };
        if let Ok(snapshot) = read(pid) {
            self.usage = proc::usage(&snapshot, self.clock.observe(&snapshot), file_bytes);
            self.rate.observe(Instant::now(), self.usage.cpu_s);
        }
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.usage.working_set_bytes
    }

    pub(super) fn cpu_cores(&self) -> f64 {
        self.rate.cores.unwrap_or_default()
    }

    /// The same; `None` before the second measurement.
    pub(super) fn cpu_cores_measured(&self) -> Option<f64> {
        self.rate.cores
    }

    /// Why it does not run, in the kubelet's terms. A first restart is not delayed, only further ones in a row are.
    fn waiting_reason(&self) -> Option<&'static str> {
        match self.state {
            LifeState::Waiting { .. } if self.starts == 0 => Some("ContainerCreating"),
            LifeState::Waiting { .. } if self.ends_in_a_row > 1 => Some("CrashLoopBackOff"),
            _ => None,
        }
    }

    pub(super) fn reading(&self) -> ContainerReading {
        ContainerReading {
            name: self.spec.name.clone(),
            image: self.spec.image.clone(),
            id: self.id.clone(),
            restarts: self.restarts,
            ready: self.ready,
            last_end: self.last_end,
            waiting_reason: self.waiting_reason(),
            image_id: self.image_id.clone(),
            started_s: self.started_s,
            oom_events: self.oom_events,
            cpu_limit_cores: self.spec.cpu_limit_cores,
            memory_limit_bytes: self.spec.memory_limit_bytes,
            usage: self.pid().map(|_| self.usage),
            cfs: self.cfs,
            cpu_wait_s: self.waits.map(|(cpu_s, _)| cpu_s),
            disk_wait_s: self.waits.map(|(_, disk_s)| disk_s),
        }
    }
}

/// CPU cores in use, for the status.
#[derive(Clone, Copy, Debug, Default)]
struct CpuRate {
    before: Option<(Instant, f64)>,
    cores: Option<f64>,
}

impl CpuRate {
    fn observe(&mut self, now: Instant, cpu_s: f64) {
        let Some((at, before_s)) = self.before else {
            self.before = Some((now, cpu_s));
            return;
        };
        let over = now.duration_since(at);
        if over >= CPU_RATE_OVER_MIN {
            self.cores = Some((cpu_s - before_s).max(0.0) / over.as_secs_f64());
            self.before = Some((now, cpu_s));
        }
    }
}

pub(super) fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
