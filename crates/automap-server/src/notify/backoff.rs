//! How long to wait before a message is tried again, and when to give up.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use automap_core::time::Timestamp;
use serde::Deserialize;

use crate::store::Outgoing;

/// First pause; it doubles with every attempt.
const BASE: Duration = Duration::from_secs(2);

/// How often and how long a message is tried.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryOptions {
    /// Attempts before a message is given up. Default 100.
    pub max_attempts: u32,
    /// Age at which a message is given up. Default 24.
    pub max_age_h: u32,
    /// Longest pause between two attempts. Default 600.
    pub max_pause_s: u32,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { max_attempts: 100, max_age_h: 24, max_pause_s: 600 }
    }
}

/// When the message that just failed is tried again; `None` when it is given up. A pause that the receiver asks for takes precedence; otherwise it is
/// exponential with jitter derived from `seed`, the key and the attempt, so that a run can be repeated exactly.
pub(super) fn next(
    options: &RetryOptions,
    message: &Outgoing,
    after: Option<Duration>,
    seed: u64,
    now: Timestamp,
) -> Option<Timestamp> {
    let attempts = message.attempts + 1;
    let given_up = message.queued.plus_ms(i64::from(options.max_age_h) * 3_600_000);
    if attempts >= options.max_attempts || now >= given_up {
        return None;
    }
    let pause = after.unwrap_or_else(|| {
        let full = BASE.saturating_mul(1 << message.attempts.min(12));
        let full = full.min(Duration::from_secs(u64::from(options.max_pause_s.max(1))));
        full.mul_f64(0.5 + 0.5 * unit(seed, &message.key, attempts))
    });
    Some(now.plus_ms(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)))
}

/// In [0, 1).
fn unit(seed: u64, key: &str, attempt: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (seed, key, attempt).hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_jitter_obey_the_receiver_and_end() {
        let options = RetryOptions { max_attempts: 10, max_age_h: 1, max_pause_s: 60 };
        let t = Timestamp::from_ms;
        let message = |attempts| Outgoing {
            key: "a/1/chat".into(),
            route: "chat".into(),
            incident: "a".into(),
            revision: 1,
            queued: t(0),
            due: t(0),
            attempts,
        };
        for seed in 0..50 {
            let pause = |attempts| next(&options, &message(attempts), None, seed, t(0)).unwrap().ms();
            assert!((1000..=2000).contains(&pause(0)) && (4000..=8000).contains(&pause(2)));
            assert!((30_000..=60_000).contains(&pause(8)));
        }
        let asked = next(&options, &message(8), Some(Duration::from_secs(7)), 1, t(0));
        assert_eq!(asked, Some(t(7000)));
        assert_ne!(next(&options, &message(3), None, 1, t(0)), next(&options, &message(3), None, 2, t(0)));
        assert_eq!(next(&options, &message(9), None, 1, t(0)), None, "ten attempts");
        assert_eq!(next(&options, &message(0), None, 1, t(3_600_000)), None, "one hour");
    }
}
