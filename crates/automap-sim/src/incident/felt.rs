//! Who felt a fault: callers of a service wait longer or fail more often than before. Measured on every request, not on scrapes.
//!
//! Worked example. Of 30,000 requests before a fault 60 failed and they took 12 ms on average; of 7,000 during it 90 failed and they took 12.4 ms.
//! They take 3 % longer, below the threshold of 10 %, but 1.3 % fail instead of 0.2 %: 1.1 percentage points more, above the threshold of 0.5, so the
//! callers feel it.
//!
//! Not covered: a few of many users may suffer badly, which means over all requests do not show.

use serde::Serialize;

use crate::meters::Answers;

/// A fault is felt if the mean wait grows by this factor, or the share of failures by this much.
const FELT: (f64, f64) = (1.1, 0.005);
/// Fewest user requests, before and during a fault, for a decision.
const ENOUGH_OF_USERS: f64 = 500.0;
/// Fewest requests of a single service to decide whether it stayed calm.
const ENOUGH_OF_A_SERVICE: f64 = 100.0;

/// The experience of a service's callers, before and during a fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Felt {
    /// Their mean wait, in ms.
    pub latency_ms: (f64, f64),
    /// Share of their requests that failed.
    pub error_ratio: (f64, f64),
    /// Number of their requests.
    pub requests: (f64, f64),
}

impl Felt {
    /// Compares the time before `from_s` with that up to `to_s`.
    pub(crate) fn of(answers: &Answers, from_s: f64, to_s: f64) -> Self {
        let (before, during) = (answers.between(0.0, from_s), answers.between(from_s, to_s));
        Self {
            latency_ms: (before.duration_ms / before.count.max(1.0), during.duration_ms / during.count.max(1.0)),
            error_ratio: (before.errors / before.count.max(1.0), during.errors / during.count.max(1.0)),
            requests: (before.count, during.count),
        }
    }

    /// Whether users noticed; also `false` if there were too few requests to tell.
    pub fn is_felt(&self) -> bool {
        self.has(ENOUGH_OF_USERS) && self.is_worse()
    }

    /// Whether a service answered as well as before; also `false` if there were too few requests to tell.
    pub(crate) fn is_calm(&self) -> bool {
        self.has(ENOUGH_OF_A_SERVICE) && !self.is_worse()
    }

    fn has(&self, requests: f64) -> bool {
        self.requests.0.min(self.requests.1) >= requests
    }

    fn is_worse(&self) -> bool {
        self.latency_ms.1 > FELT.0 * self.latency_ms.0 || self.error_ratio.1 - self.error_ratio.0 > FELT.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(before: (u32, u32, f64), during: (u32, u32, f64)) -> Felt {
        let mut answers = Answers::default();
        for (at_s, (n, failed, ms)) in [(1.0, before), (101.0, during)] {
            (0..n).for_each(|i| answers.add(at_s, ms, i >= failed));
        }
        Felt::of(&answers, 100.0, 200.0)
    }

    #[test]
    fn longer_waits_and_more_failures_are_felt_and_few_requests_tell_nothing() {
        let worked = answers((30_000, 60, 12.0), (7_000, 90, 12.4));
        assert!(worked.is_felt() && !worked.is_calm(), "{worked:?}");
        assert!(answers((1000, 0, 12.0), (1000, 0, 13.3)).is_felt());
        assert!(answers((1000, 0, 12.0), (1000, 4, 13.1)).is_calm());
        let few = answers((99, 0, 12.0), (99, 99, 99.0));
        assert!(!few.is_felt() && !few.is_calm(), "{few:?}");
    }
}
