//! Memory and open files of this process over a long run. A leak is a slope whose interval lies above zero; one value at the start and one at the end
//! would show a level that happens to be high. A watcher fills its memory of the metrics for an hour, which is no leak: a run that is long enough is
//! judged by what comes after it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use automap_core::stats::{mann_kendall, theil_sen};

/// Distance of samples.
const EVERY: Duration = Duration::from_secs(30);
/// Most samples that the slope is computed from: all pairs of them are compared.
const MAX_COMPARED: usize = 1000;
/// Fewest samples after the memory is full that a slope is computed from; with less, all samples count.
const MIN_SETTLED: usize = 40;
/// Quantile of the normal distribution for an interval of 95 %.
const Z_95: f64 = 1.96;

/// A sample.
#[derive(Clone, Copy, Debug)]
struct Sample {
    hours: f64,
    resident_mib: f64,
    open_files: f64,
}

/// Samples the process in a thread of its own.
#[derive(Debug)]
pub(super) struct UsageSampler {
    stop: Arc<AtomicBool>,
    samples: Arc<Mutex<Vec<Sample>>>,
    fills_h: f64,
    thread: Option<JoinHandle<()>>,
}

impl UsageSampler {
    /// Samples from now on. Memory is expected to grow for `fills`, the time over which the watcher's memory of the metrics becomes full.
    pub(super) fn start(fills: Duration) -> std::io::Result<Self> {
        let (stop, samples) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (end, kept, begun) = (Arc::clone(&stop), Arc::clone(&samples), Instant::now());
        let body = move || {
            while !end.load(Ordering::Relaxed) {
                if let Some(sample) = sample(begun) {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
                }
                std::thread::park_timeout(EVERY);
            }
        };
        let thread = std::thread::Builder::new().name("usage".into()).spawn(body)?;
        Ok(Self { stop, samples, fills_h: fills.as_secs_f64() / 3600.0, thread: Some(thread) })
    }

    /// Samples no more. Two lines about memory and open files.
    pub(super) fn finish(mut self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does nothing that could panic.
            let _ = thread.join();
        }
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        course("memory", "MiB", &samples, self.fills_h, |s| s.resident_mib)
            + &course("open files", "", &samples, self.fills_h, |s| s.open_files)
    }
}

fn sample(begun: Instant) -> Option<Sample> {
    let usage = automap_lab::kubelet::proc::read(std::process::id()).ok()?;
    let open_files = std::fs::read_dir("/proc/self/fd").ok()?.count() as f64;
    let hours = begun.elapsed().as_secs_f64() / 3600.0;
    Some(Sample { hours, resident_mib: usage.resident_bytes as f64 / f64::from(1 << 20), open_files })
}

/// `memory 21.4 MiB at first, 29.2 MiB at last, 31.0 MiB at most; slope after the first 1.0 h +0.12 MiB an hour (95 %: −0.03 to 0.30), 950 samples`.
fn course(name: &str, unit: &str, samples: &[Sample], fills_h: f64, value: impl Fn(&Sample) -> f64) -> String {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return format!("{name}: not observed\n");
    };
    let most = samples.iter().map(&value).fold(f64::NEG_INFINITY, f64::max);
    let with = |v: f64| if unit.is_empty() { format!("{v:.0}") } else { format!("{v:.1} {unit}") };
    let settled = samples.iter().position(|s| s.hours >= fills_h).filter(|at| samples.len() - at >= MIN_SETTLED);
    let after = settled.map_or(String::new(), |_| format!(" after the first {fills_h:.1} h"));
    let counted = &samples[settled.unwrap_or(0)..];
    let step = counted.len().div_ceil(MAX_COMPARED).max(1);
    let compared: Vec<&Sample> = counted.iter().step_by(step).collect();
    let hours: Vec<f64> = compared.iter().map(|s| s.hours).collect();
    let values: Vec<f64> = compared.iter().map(|s| value(s)).collect();
    let slope = theil_sen(&hours, &values).zip(mann_kendall(&values)).map(|(line, kendall)| {
        let (low, high) = line.interval(kendall.variance, Z_95);
        let unit = if unit.is_empty() { "" } else { " MiB" };
        format!("slope{after} {:+.2}{unit} an hour (95 %: {low:.2} to {high:.2}), ", line.slope)
    });
    format!(
        "{name} {} at first, {} at last, {} at most; {}{} samples\n",
        with(value(first)),
        with(value(last)),
        with(most),
        slope.unwrap_or_default(),
        samples.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two MiB an hour in steps of six minutes, and a constant number of files.
    #[test]
    fn a_leak_has_a_slope_and_constant_files_have_none() {
        let samples: Vec<Sample> = (0..=20)
            .map(|i| Sample { hours: f64::from(i) / 10.0, resident_mib: 20.0 + f64::from(i) / 5.0, open_files: 9.0 })
            .collect();
        assert_eq!(
            course("memory", "MiB", &samples, 1.0, |s| s.resident_mib),
            "memory 20.0 MiB at first, 24.0 MiB at last, 24.0 MiB at most; slope +2.00 MiB an hour (95 %: 2.00 to 2.00), 21 samples\n"
        );
        let files = course("open files", "", &samples, 1.0, |s| s.open_files);
        assert!(files.starts_with("open files 9 at first, 9 at last, 9 at most; slope +0.00 an hour"), "{files}");
        assert_eq!(course("memory", "MiB", &[], 1.0, |s| s.resident_mib), "memory: not observed\n");
    }

    /// Ten MiB are filled within the first hour; after it nothing grows.
    #[test]
    fn memory_that_fills_for_an_hour_is_no_leak() {
        let samples: Vec<Sample> = (0..=120)
            .map(|i| {
                let hours = f64::from(i) / 60.0;
                Sample { hours, resident_mib: 20.0 + 10.0 * hours.min(1.0), open_files: 9.0 }
            })
            .collect();
        assert_eq!(
            course("memory", "MiB", &samples, 1.0, |s| s.resident_mib),
            "memory 20.0 MiB at first, 30.0 MiB at last, 30.0 MiB at most; \
             slope after the first 1.0 h +0.00 MiB an hour (95 %: 0.00 to 0.00), 121 samples\n"
        );
        assert!(course("memory", "MiB", &samples[..60], 1.0, |s| s.resident_mib).contains("slope +10.00 MiB"));
    }
}
