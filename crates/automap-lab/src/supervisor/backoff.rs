//! Delays the restart of a crashed container, like the kubelet's back-off, but in seconds instead of minutes.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(4);
/// After running this long, earlier crashes no longer count.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);

/// Crashes in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    crashes: u32,
}

impl Backoff {
    /// How long to wait after an instance that ran for `ran`.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= FORGIVEN_AFTER {
            self.crashes = 0;
        }
        let wait = FIRST.saturating_mul(1 << self.crashes.min(16)).min(LONGEST);
        self.crashes += 1;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_limit_and_reset_after_a_long_run() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..5).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 4000]);
        assert_eq!(backoff.after(FORGIVEN_AFTER), FIRST);
    }
}
