//! How long a watch pauses before it asks the server again. A server that ends every watch at once, or no longer knows any version, would otherwise be
//! asked as fast as it answers.

use std::time::Duration;

/// The first pause; doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const LAST: Duration = Duration::from_secs(30);
/// A watch of this time works: pauses begin with the first one again.
const LASTED: Duration = Duration::from_secs(1);

/// The pauses of one watch.
#[derive(Debug)]
pub(super) struct Pace {
    next: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Pace {
    /// The next pause, longer than the one before.
    pub(super) fn longer(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(LAST);
        pause
    }

    /// Whether a watch of this time works.
    pub(super) fn has_lasted(&mut self, time: Duration) -> bool {
        let has_lasted = time >= LASTED;
        if has_lasted {
            self.next = FIRST;
        }
        has_lasted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_until_a_watch_lasts() {
        let mut pace = Pace::default();
        let pauses: Vec<u64> = (0..7).map(|_| pace.longer().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert!(!pace.has_lasted(Duration::from_millis(900)));
        assert_eq!(pace.longer(), LAST);
        assert!(pace.has_lasted(Duration::from_secs(240)));
        assert_eq!(pace.longer(), FIRST);
    }
}
