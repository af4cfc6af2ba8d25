//! A user-space stand-in for the kernel's CFS bandwidth control: in each period of 100 ms the process may use its quota of CPU time; further
//! work waits for the next period.
//!
//! The kernel stops all threads at once. Here each piece of work requests admission first, in slices well below the quota, and blocks its thread. The
//! result is the same up to one slice, and use beyond the quota is charged to the next period, as in the kernel. The few microseconds of HTTP
//! handling and of the admin port are counted but not limited.
//!
//! Example with a quota of 30 ms: 35 ms are used after 40 ms, so work waits 60 ms until the period ends. The next period starts with 5 ms
//! already used.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::shop::clock::process_cpu_time;
use crate::shop::locked;

/// `cpu.cfs_period_us` of every Kubernetes pod.
const PERIOD: Duration = Duration::from_millis(100);
/// Periods that one piece of work waits at most: a minute.
const MAX_WAITS: u32 = 600;

/// Shared by all threads of one application.
#[derive(Debug)]
pub(super) struct CpuLimiter {
    quota: Option<Duration>,
    window: Mutex<Window>,
    waited_us: AtomicU64,
}

/// Counters as in `cpu.stat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CfsStats {
    pub(super) periods: u64,
    pub(super) throttled_periods: u64,
}

#[derive(Debug)]
struct Window {
    ends: Instant,
    /// CPU time of the process at the start of the period, minus the debt from earlier periods.
    cpu_at_start: Duration,
    throttled: bool,
    stats: CfsStats,
}

impl CpuLimiter {
    /// Limits this process to a number of CPU cores.
    pub(super) fn of_this_process(limit_cores: f64) -> Self {
        Self::new(Some(PERIOD.mul_f64(limit_cores.max(0.01))), Instant::now(), process_cpu_time())
    }

    /// Without a limit.
    pub(super) fn unlimited() -> Self {
        Self::new(None, Instant::now(), Duration::ZERO)
    }

    fn new(quota: Option<Duration>, now: Instant, cpu: Duration) -> Self {
        let window = Window { ends: now + PERIOD, cpu_at_start: cpu, throttled: false, stats: CfsStats::default() };
        Self { quota, window: Mutex::new(window), waited_us: AtomicU64::new(0) }
    }

    /// Returns when the process may use CPU; until then blocks this thread, as the kernel would.
    pub(super) fn admit(&self) {
        let Some(quota) = self.quota else { return };
        for _ in 0..MAX_WAITS {
            let wait = locked(&self.window).wait(quota, Instant::now(), process_cpu_time());
            if wait.is_zero() {
                return;
            }
            std::thread::sleep(wait);
            self.waited_us.fetch_add(wait.as_micros() as u64, Ordering::Relaxed);
        }
    }

    /// Total time that work had to wait.
    pub(super) fn waited(&self) -> Duration {
        Duration::from_micros(self.waited_us.load(Ordering::Relaxed))
    }

    /// Periods in which work was done, and periods in which it had to wait.
    pub(super) fn stats(&self) -> CfsStats {
        locked(&self.window).stats
    }
}

impl Window {
    /// How long work must wait; zero if it may run.
    fn wait(&mut self, quota: Duration, now: Instant, cpu: Duration) -> Duration {
        if now >= self.ends {
            self.roll(quota, now, cpu);
        }
        if cpu.saturating_sub(self.cpu_at_start) < quota {
            return Duration::ZERO;
        }
        if !self.throttled {
            self.throttled = true;
            self.stats.throttled_periods += 1;
        }
        self.ends - now
    }

    fn roll(&mut self, quota: Duration, now: Instant, cpu: Duration) {
        let elapsed = 1 + ((now - self.ends).as_nanos() / PERIOD.as_nanos()) as u32;
        let spent = cpu.saturating_sub(self.cpu_at_start);
        let debt = spent.saturating_sub(quota.saturating_mul(elapsed));
        self.cpu_at_start = cpu.saturating_sub(debt);
        self.ends += PERIOD * elapsed;
        self.throttled = false;
        // An idle control group has no periods, so periods without work do not count.
        self.stats.periods += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Duration = Duration::from_millis(30);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn work_beyond_the_quota_waits_and_is_charged_to_the_next_period() {
        let start = Instant::now();
        let cpu_limiter = CpuLimiter::new(Some(QUOTA), start, Duration::ZERO);
        let mut window = cpu_limiter.window.lock().unwrap();
        let mut wait = |at, cpu| window.wait(QUOTA, start + ms(at), ms(cpu));
        assert_eq!(wait(10, 10), ms(0));
        assert_eq!(wait(40, 35), ms(60), "35 ms used of 30");
        assert_eq!(wait(50, 35), ms(50));
        assert_eq!(wait(100, 35), ms(0), "a new period, 5 ms of it owed");
        assert_eq!(wait(130, 59), ms(0));
        assert_eq!(wait(130, 60), ms(70), "25 ms used and 5 owed");
        assert_eq!(window.stats, CfsStats { periods: 1, throttled_periods: 2 });
    }

    #[test]
    fn idle_periods_do_not_add_to_the_quota() {
        let start = Instant::now();
        let cpu_limiter = CpuLimiter::new(Some(QUOTA), start, Duration::ZERO);
        let mut window = cpu_limiter.window.lock().unwrap();
        assert_eq!(window.wait(QUOTA, start + ms(1020), ms(10)), ms(0));
        assert_eq!(window.wait(QUOTA, start + ms(1060), ms(40)), ms(40));
        assert_eq!(window.stats, CfsStats { periods: 1, throttled_periods: 1 });
    }
}
