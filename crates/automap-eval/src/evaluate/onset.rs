//! What an engine knows about when the incident began: the exact time, a wrong time, or nothing.
//!
//! Comparing the three shows what an imprecise alert costs.

use std::fmt;

use automap_core::time::{Timestamp, WindowHint};

/// What an engine knows about the onset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnsetHint {
    /// The true time, marked as certain.
    Exact,
    /// A time that is this many milliseconds late (negative: early), as an alert would give it. The engine may search around it.
    Shifted(i64),
    /// No time: the engine has to find it in the data.
    Unknown,
}

impl OnsetHint {
    /// The hint for an incident that really began at `started`.
    pub fn hint(self, started: Timestamp) -> WindowHint {
        let (incident_start, start_tolerance_ms) = match self {
            Self::Exact => (Some(started), Some(0)),
            Self::Shifted(ms) => (Some(started.plus_ms(ms)), None),
            Self::Unknown => (None, None),
        };
        WindowHint { incident_start, start_tolerance_ms, ..WindowHint::default() }
    }
}

impl fmt::Display for OnsetHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("known"),
            Self::Unknown => f.write_str("detected"),
            Self::Shifted(ms) => write!(f, "{:+}s", *ms as f64 / 1e3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_the_true_time_a_shifted_one_or_nothing() {
        let at = |onset: OnsetHint| onset.hint(Timestamp::from_ms(90_000)).incident_start.map(Timestamp::ms);
        assert_eq!(at(OnsetHint::Exact), Some(90_000));
        assert_eq!(at(OnsetHint::Shifted(-60_000)), Some(30_000));
        assert_eq!(at(OnsetHint::Unknown), None);
        assert_eq!(OnsetHint::Shifted(-60_000).to_string(), "-60s");
        assert_eq!(OnsetHint::Shifted(1500).to_string(), "+1.5s");
    }
}
