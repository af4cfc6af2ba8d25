//! Durations as a configuration writes them: `15s`, `10m`, `1h30m`, `2d`.
//!
//! jiff parses everything but days, which it refuses because a calendar day may have 23 or 25 hours; here a day is always 24 hours.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A duration of at least one millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigDuration(i64);

impl ConfigDuration {
    /// From milliseconds.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// In milliseconds.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// As a standard duration, for timeouts and pauses.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }

    /// Parses a text; `None` when it is not a duration, or is zero or negative.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let friendly = || text.parse::<jiff::SignedDuration>().ok();
        let days =
            || text.strip_suffix('d')?.parse::<i64>().ok()?.checked_mul(24).map(jiff::SignedDuration::from_hours);
        let ms = i64::try_from(friendly().or_else(days)?.as_millis()).ok()?;
        (ms > 0).then_some(Self(ms))
    }
}

impl<'de> Deserialize<'de> for ConfigDuration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("'{text}' is not a duration; write 15s, 10m, 1h30m or 2d")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_notations_are_parsed() {
        for (text, ms) in [("15s", 15_000), ("1h30m", 5_400_000), ("2d", 172_800_000), (" 250ms ", 250)] {
            assert_eq!(ConfigDuration::parse(text).map(ConfigDuration::ms), Some(ms), "{text}");
        }
        for text in ["", "0s", "-1m", "soon", "99999999999999999999d"] {
            assert_eq!(ConfigDuration::parse(text), None, "{text}");
        }
    }
}
