//! The effects of a bad version on its requests and its memory.
//!
//! They run inside the application, so that they show in the same metrics as those of a real bad release: time in the application itself, its own
//! status codes, memory of its own container.

use std::time::Duration;

use crate::behaviour::Behaviour;
use automap_core::random::Rng;

/// How often a leak grows.
const LEAK_EVERY: Duration = Duration::from_millis(500);
/// Maximum leak of one process: far above every limit of the shop, so that the limit ends the process.
const LEAK_BYTES_MAX: u64 = 2 << 30;
/// Memory is touched once per page.
const PAGE_BYTES: usize = 4096;

/// The effect of a version on one request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RequestFate {
    /// It waits for this long.
    pub(super) wait: Duration,
    /// It fails.
    pub(super) fails: bool,
}

/// Draws the effect on the next request.
pub(super) fn fate(behaviour: Behaviour, rng: &mut Rng) -> RequestFate {
    let wait_ms = if behaviour.slow_ms > 0.0 { behaviour.slow_ms * (0.5 + rng.unit()) } else { 0.0 };
    let fails = behaviour.fail_percent > 0.0 && rng.percent(behaviour.fail_percent);
    RequestFate { wait: Duration::try_from_secs_f64(wait_ms / 1e3).unwrap_or_default(), fails }
}

/// Starts the memory leak, if this version has one.
pub(super) fn start_leak(behaviour: Behaviour) {
    if behaviour.leak_bytes_per_s == 0 {
        return;
    }
    let step = (behaviour.leak_bytes_per_s as f64 * LEAK_EVERY.as_secs_f64()) as usize;
    tokio::spawn(async move {
        let mut held: Vec<Vec<u8>> = Vec::new();
        while (held.len() as u64 + 1) * step as u64 <= LEAK_BYTES_MAX {
            tokio::time::sleep(LEAK_EVERY).await;
            // Fresh zero pages are shared until written.
            let mut block = vec![0; step];
            block.iter_mut().step_by(PAGE_BYTES).for_each(|byte| *byte = 1);
            held.push(block);
        }
        std::future::pending::<()>().await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_version_changes_nothing_and_a_bad_one_fails_its_share() {
        let mut rng = Rng::new(1);
        assert_eq!(fate(Behaviour::default(), &mut rng), RequestFate::default());
        let bad = Behaviour { slow_ms: 200.0, fail_percent: 20.0, leak_bytes_per_s: 0 };
        let fates: Vec<RequestFate> = (0..1000).map(|_| fate(bad, &mut rng)).collect();
        let failed = fates.iter().filter(|f| f.fails).count();
        assert!((150..250).contains(&failed), "{failed} of 1000");
        let mean_ms = fates.iter().map(|f| f.wait.as_secs_f64()).sum::<f64>();
        assert!((190.0..210.0).contains(&mean_ms), "{mean_ms} ms");
        assert!(fates.iter().all(|f| (0.1..=0.3).contains(&f.wait.as_secs_f64())));
    }
}
