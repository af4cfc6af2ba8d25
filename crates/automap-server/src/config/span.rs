//! Spans of time as people write them: `15s`, `10m`, `1h30m`, `2d`.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A span of time, at least a millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

impl Span {
    /// So many milliseconds.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// For timeouts and pauses.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }

    /// Reads one; `None` when it is not a span or is nothing at all.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let friendly = || text.parse::<jiff::SignedDuration>().ok();
        let days =
            || text.strip_suffix('d')?.parse::<i64>().ok()?.checked_mul(24).map(jiff::SignedDuration::from_hours);
        let ms = i64::try_from(friendly().or_else(days)?.as_millis()).ok()?;
        (ms > 0).then_some(Self(ms))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("'{text}' is not a span; write 15s, 10m, 1h30m or 2d")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_as_people_write_them() {
        for (text, ms) in [("15s", 15_000), ("1h30m", 5_400_000), ("2d", 172_800_000), (" 250ms ", 250)] {
            assert_eq!(Span::parse(text).map(Span::ms), Some(ms), "{text}");
        }
        for text in ["", "0s", "-1m", "soon", "99999999999999999999d"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
