//! Whether a message may be sent to a receiver now: its rate limit, and the pause after a failure. Kept in memory only.

use std::collections::VecDeque;

use automap_core::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
/// Highest rate that is counted; a configured limit above it has no effect.
const MAX_PER_MINUTE: u32 = 10_000;

/// The state of one receiver. It is empty after a restart, so every receiver is tried again.
#[derive(Debug, Default)]
pub(super) struct Gate {
    closed_until: Option<Timestamp>,
    sent: VecDeque<Timestamp>,
}

impl Gate {
    /// When the next message may be sent; `None`: now.
    pub(super) fn opens(&self, per_minute: Option<u32>, now: Timestamp) -> Option<Timestamp> {
        let limit = per_minute.unwrap_or(MAX_PER_MINUTE).min(MAX_PER_MINUTE) as usize;
        let full = self.sent.len().checked_sub(limit).and_then(|i| self.sent.get(i));
        let free = full.map(|t| t.plus_ms(MINUTE_MS));
        free.max(self.closed_until).filter(|t| *t > now)
    }

    pub(super) fn sent(&mut self, now: Timestamp) {
        while self.sent.front().is_some_and(|t| t.plus_ms(MINUTE_MS) <= now)
            || self.sent.len() >= MAX_PER_MINUTE as usize
        {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// Blocks all messages until then.
    pub(super) fn close(&mut self, until: Timestamp) {
        self.closed_until = self.closed_until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_holds_over_any_minute() {
        let t = |s: i64| Timestamp::from_ms(s * 1000);
        let mut gate = Gate::default();
        for s in [0, 10, 20] {
            assert_eq!(gate.opens(Some(3), t(s)), None);
            gate.sent(t(s));
        }
        assert_eq!(gate.opens(Some(3), t(30)), Some(t(60)));
        assert_eq!(gate.opens(None, t(30)), None);
        assert_eq!(gate.opens(Some(3), t(60)), None);
        gate.sent(t(60));
        assert_eq!(gate.opens(Some(3), t(61)), Some(t(70)));
        gate.close(t(90));
        assert_eq!((gate.opens(None, t(89)), gate.opens(None, t(90))), (Some(t(90)), None));
    }
}
