//! How long to wait before a request is retried.

use std::time::Duration;

use automap_core::random::Rng;

use super::options::RetryOptions;

/// The pause before retry `attempt` (from 0): what the server requests, else exponential with jitter; never more than the cap. The jitter follows
/// from `seed`, so that a run is exactly reproducible.
pub(crate) fn pause(options: &RetryOptions, attempt: u32, retry_after: Option<Duration>, seed: u64) -> Duration {
    let wait = retry_after.unwrap_or_else(|| {
        let full = options.base.saturating_mul(1 << attempt.min(8));
        full.mul_f64(0.5 + 0.5 * Rng::new(seed.wrapping_add(u64::from(attempt))).unit())
    });
    wait.min(options.cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_jitter_and_obey_the_cap() {
        let options = RetryOptions::default();
        for seed in 0..50 {
            let first = pause(&options, 0, None, seed);
            assert!(first >= options.base / 2 && first <= options.base, "{first:?}");
            assert!(pause(&options, 2, None, seed) >= options.base * 2);
        }
        assert_ne!(pause(&options, 0, None, 1), pause(&options, 0, None, 2));
        assert_eq!(pause(&options, 0, Some(Duration::from_secs(3600)), 1), options.cap);
        assert_eq!(pause(&options, 0, Some(Duration::from_secs(1)), 1), Duration::from_secs(1));
    }
}
