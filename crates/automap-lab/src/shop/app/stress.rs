//! CPU and memory stress inside the application's own process, so that the kernel accounts it there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::cpu_limiter::CpuLimiter;
use super::work::burn;

/// Threads that one effect may start.
const MAX_WORKERS: u32 = 64;
/// Bytes that one effect may allocate.
const MAX_MEMORY_BYTES: u64 = 4 << 30;
/// Memory is touched once per page.
const PAGE_BYTES: usize = 4096;
/// A worker's period: it burns CPU for its load's share of each.
const RHYTHM: Duration = Duration::from_millis(10);

/// Threads that burn CPU until this is dropped.
#[derive(Debug)]
pub(super) struct CpuStress {
    stop: Arc<AtomicBool>,
}

impl CpuStress {
    /// Starts `workers` threads with `load_percent` of a core each.
    pub(super) fn start(workers: u32, load_percent: f64, cpu_limiter: &Arc<CpuLimiter>) -> Result<Self, String> {
        if workers > MAX_WORKERS || !(0.0..=100.0).contains(&load_percent) {
            return Err(format!("at most {MAX_WORKERS} workers of 0 to 100 percent, not {workers} of {load_percent}"));
        }
        let stress = Self { stop: Arc::default() };
        for _ in 0..workers {
            let (stop, cpu_limiter) = (Arc::clone(&stress.stop), Arc::clone(cpu_limiter));
            let work = move || burn_until(&stop, load_percent / 100.0, &cpu_limiter);
            std::thread::Builder::new().name("stress".to_owned()).spawn(work).map_err(|e| e.to_string())?;
        }
        Ok(stress)
    }
}

impl Drop for CpuStress {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn burn_until(stop: &AtomicBool, load: f64, cpu_limiter: &CpuLimiter) {
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        burn(cpu_limiter, RHYTHM.mul_f64(load));
        std::thread::sleep(RHYTHM.mul_f64(1.0 - load).saturating_sub(start.elapsed().saturating_sub(RHYTHM)));
    }
}

/// Memory that is held, and counted as resident, until this is dropped.
pub(super) struct MemoryStress {
    _blocks: Vec<Vec<u8>>,
}

impl MemoryStress {
    /// Allocates and touches `size_bytes` for each worker.
    pub(super) fn start(workers: u32, size_bytes: u64) -> Result<Self, String> {
        let total = u64::from(workers).saturating_mul(size_bytes);
        if workers > MAX_WORKERS || total > MAX_MEMORY_BYTES {
            return Err(format!(
                "at most {MAX_WORKERS} workers and {MAX_MEMORY_BYTES} bytes, not {workers} and {total}"
            ));
        }
        Ok(Self { _blocks: (0..workers).map(|_| touched(size_bytes as usize)).collect() })
    }
}

/// Fresh zero pages are shared until written, so every page is written.
fn touched(size_bytes: usize) -> Vec<u8> {
    let mut block = vec![0; size_bytes];
    block.iter_mut().step_by(PAGE_BYTES).for_each(|byte| *byte = 1);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_stress_is_refused() {
        let cpu_limiter = Arc::new(CpuLimiter::unlimited());
        assert!(CpuStress::start(65, 50.0, &cpu_limiter).is_err());
        assert!(CpuStress::start(1, 101.0, &cpu_limiter).is_err());
        assert!(MemoryStress::start(2, MAX_MEMORY_BYTES).is_err());
    }

    #[test]
    fn stress_stops_when_dropped() {
        let cpu_limiter = Arc::new(CpuLimiter::unlimited());
        let stress = CpuStress::start(1, 10.0, &cpu_limiter).unwrap();
        let alive = Arc::downgrade(&stress.stop);
        drop(stress);
        let deadline = Instant::now() + Duration::from_secs(20);
        while alive.strong_count() > 0 {
            assert!(Instant::now() < deadline, "the thread goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
