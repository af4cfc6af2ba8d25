//! What an engine is told about the beginning of the incident.

use std::fmt;

use automap_core::time::{Timestamp, WindowHint};

/// What is known of the onset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownOnset {
    /// When it was, and that this is certain.
    Exact,
    /// A time this many milliseconds late (negative: early), as an alert would give: taken for what it is, a hint.
    Shifted(i64),
    /// Nothing: it has to be found in the data.
    Nothing,
}

impl KnownOnset {
    /// What the engine is told where the incident really began at `started`.
    pub fn hint(self, started: Timestamp) -> WindowHint {
        let (incident_start, start_tolerance_ms) = match self {
            Self::Exact => (Some(started), Some(0)),
            Self::Shifted(ms) => (Some(started.plus_ms(ms)), None),
            Self::Nothing => (None, None),
        };
        WindowHint { incident_start, start_tolerance_ms, ..WindowHint::default() }
    }
}

impl fmt::Display for KnownOnset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("known"),
            Self::Nothing => f.write_str("detected"),
            Self::Shifted(ms) => write!(f, "{:+}s", *ms as f64 / 1e3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truth_is_told_shifted_or_kept() {
        let at = |onset: KnownOnset| onset.hint(Timestamp::from_ms(90_000)).incident_start.map(Timestamp::ms);
        assert_eq!(at(KnownOnset::Exact), Some(90_000));
        assert_eq!(at(KnownOnset::Shifted(-60_000)), Some(30_000));
        assert_eq!(at(KnownOnset::Nothing), None);
        assert_eq!(KnownOnset::Shifted(-60_000).to_string(), "-60s");
        assert_eq!(KnownOnset::Shifted(1500).to_string(), "+1.5s");
    }
}
