//! How long to wait before a request is repeated.

use std::time::Duration;

use super::options::RetryOptions;

/// The pause before repetition `attempt` (from 0): what the server asks for, else exponential with jitter; never more
/// than the cap. The jitter follows from `seed`, so that a run can be repeated exactly.
pub(crate) fn pause(options: &RetryOptions, attempt: u32, retry_after: Option<Duration>, seed: u64) -> Duration {
    let wait = retry_after.unwrap_or_else(|| {
        let full = options.base.saturating_mul(1 << attempt.min(8));
        full.mul_f64(0.5 + 0.5 * unit(seed.wrapping_add(u64::from(attempt))))
    });
    wait.min(options.cap)
}

/// `Retry-After` in seconds; dates are ignored, since our clock and the server's may differ.
pub(crate) fn retry_after(header: Option<&str>) -> Option<Duration> {
    header?.trim().parse().ok().map(Duration::from_secs)
}

/// SplitMix64 (Steele, Lea, Flood 2014), mapped to [0, 1).
fn unit(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
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

    #[test]
    fn only_seconds_are_read() {
        assert_eq!(retry_after(Some(" 7 ")), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(Some("Wed, 21 Oct 2026 07:28:00 GMT")), None);
        assert_eq!(retry_after(None), None);
    }
}
