//! Timestamps, intervals and sentences that mention times. The core has no clock and no zone: every time is an argument, and the offset from
//! UTC is given when a time is written for people.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch, UTC.
///
/// ```
/// use automap_core::time::Timestamp;
///
/// let at = Timestamp::parse_rfc3339("2026-11-23T15:03:15+01:00").unwrap();
/// assert_eq!(at.rfc3339(), "2026-11-23T14:03:15Z");
/// assert_eq!(at.plus_ms(999).compact(), "20261123T140315Z");
/// assert_eq!(at.plus_ms(-15_000).clock(8 * 3600), "22:03:00", "in Shanghai");
/// assert_eq!(Timestamp::from_seconds(f64::NAN), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From whole milliseconds since the epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// From Unix seconds as Prometheus and data files write them, rounded to the millisecond.
    ///
    /// `None` when `seconds` is not finite or lies beyond year 9999 on either side, so that a stray
    /// number in a file is an error on reading, not an overflow later.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        const LIMIT_S: f64 = 253_402_300_799.0;
        (seconds.abs() <= LIMIT_S).then(|| Self((seconds * 1e3).round() as i64))
    }

    /// Milliseconds since the epoch.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// `2026-11-23T14:03:15Z`, with a fraction if there is one; the number of milliseconds beyond the range of the calendar.
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(|_| format!("{} ms", self.0), |t| t.to_string())
    }

    /// `20261123T140315Z`, the second in the short form of ISO 8601, for names that must hold no colon.
    pub fn compact(self) -> String {
        let second = Self(self.0.div_euclid(1000) * 1000).rfc3339();
        second.chars().filter(|c| !matches!(c, '-' | ':')).collect()
    }

    /// Reads `2026-11-23T14:03:15Z` or the same at another offset; fractions of a millisecond are truncated.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// Wall-clock time `14:03:15` at a fixed offset from UTC.
    pub fn clock(self, utc_offset_s: i32) -> String {
        let s = (self.0.div_euclid(1000) + i64::from(utc_offset_s)).rem_euclid(86_400);
        format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }

    /// This timestamp moved by `ms` (negative: earlier), saturating.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// A span of time, start included, end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// First timestamp inside.
    pub start: Timestamp,
    /// First timestamp outside.
    pub end: Timestamp,
}

impl Interval {
    /// `None` unless `start < end`.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Whether `t` lies inside.
    pub fn contains(self, t: Timestamp) -> bool {
        self.start <= t && t < self.end
    }

    /// Whether the two overlap.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Length in milliseconds.
    pub fn len_ms(self) -> i64 {
        self.end.ms() - self.start.ms()
    }
}

/// How much later than the incident a given start may be, unless the hint says otherwise: three minutes. Alerts wait a minute or two
/// (`for:`) and for the next evaluation before they fire, and people round. A longer tolerance is worse for exact starts: the more time is
/// searched, the more chance changes are found.
pub const DEFAULT_TOLERANCE_MS: i64 = 180_000;

/// What is known about the windows before looking at the data. Everything unset is detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowHint {
    /// When the incident began. Unset: onset detection decides.
    pub incident_start: Option<Timestamp>,
    /// How much earlier than given the incident may have begun, in milliseconds; 0 means exactly the given start. Unset: three minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_tolerance_ms: Option<i64>,
    /// When the incident ended. Unset: the end of the data.
    pub incident_end: Option<Timestamp>,
    /// The baseline. Unset: everything before the incident.
    pub baseline: Option<Interval>,
}

impl WindowHint {
    /// How much earlier than given the incident may have begun, in milliseconds.
    pub fn tolerance_ms(&self) -> i64 {
        self.start_tolerance_ms.unwrap_or(DEFAULT_TOLERANCE_MS)
    }
}

/// Timestamps in JSON in readable form: `#[serde(with = "as_rfc3339")]` for the values and `#[schemars(schema_with = "as_rfc3339::schema")]` for
/// the schema.
pub mod as_rfc3339 {
    use schemars::{Schema, SchemaGenerator, json_schema};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Timestamp;

    /// `"2026-11-23T14:03:15Z"`.
    ///
    /// # Errors
    /// Errors of the serializer.
    pub fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time.rfc3339())
    }

    /// Any RFC 3339 timestamp, at any offset from UTC.
    ///
    /// # Errors
    /// Any other input.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        Timestamp::parse_rfc3339(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("not an RFC 3339 instant"))
    }

    /// A string of format `date-time`.
    pub fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }

    /// The same, or `null`.
    pub mod option {
        use schemars::{Schema, SchemaGenerator, json_schema};
        use serde::de::Error;
        use serde::{Deserialize, Deserializer, Serializer};

        use super::Timestamp;

        /// As [`super::serialize`]; `None` is `null`.
        ///
        /// # Errors
        /// Errors of the serializer.
        pub fn serialize<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, to),
                None => to.serialize_none(),
            }
        }

        /// As [`super::deserialize`]; `null` is `None`.
        ///
        /// # Errors
        /// Any other input.
        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
            let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
            Timestamp::parse_rfc3339(&text).map(Some).ok_or_else(|| D::Error::custom("not an RFC 3339 instant"))
        }

        /// A string of format `date-time`, or `null`.
        pub fn schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": ["string", "null"], "format": "date-time"})
        }
    }
}

/// A sentence in which times stay typed until it is written, so that no reader has to parse them.
///
/// In JSON it is one string with the times in RFC 3339 and UTC; read back, it is that string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Sentence(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Time(Timestamp),
}

impl Sentence {
    /// Appends words.
    #[must_use]
    pub fn text(mut self, words: &str) -> Self {
        self.0.push(Piece::Text(words.to_owned()));
        self
    }

    /// Appends a time.
    #[must_use]
    pub fn time(mut self, at: Timestamp) -> Self {
        self.0.push(Piece::Time(at));
        self
    }

    /// The sentence with times as `clock` writes them.
    ///
    /// ```
    /// use automap_core::time::{Sentence, Timestamp};
    ///
    /// let at = Timestamp::parse_rfc3339("2026-11-23T14:03:15Z").unwrap();
    /// let sentence = Sentence::from("it changed at ").time(at).text(", before orders did");
    /// assert_eq!(sentence.write(|t| t.clock(8 * 3600)), "it changed at 22:03:15, before orders did");
    /// assert_eq!(String::from(sentence), "it changed at 2026-11-23T14:03:15Z, before orders did");
    /// ```
    pub fn write(&self, clock: impl Fn(Timestamp) -> String) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Time(at) => clock(*at),
        };
        self.0.iter().map(piece).collect()
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self(vec![Piece::Text(text)])
    }
}

impl From<&str> for Sentence {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<Sentence> for String {
    fn from(sentence: Sentence) -> Self {
        sentence.write(Timestamp::rfc3339)
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.write(Timestamp::rfc3339))
    }
}

impl JsonSchema for Sentence {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sentence".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_to_milliseconds_and_refuse_nonsense() {
        assert_eq!(Timestamp::from_seconds(1.0004).map(Timestamp::ms), Some(1000));
        assert_eq!(Timestamp::from_seconds(-1.5).map(Timestamp::ms), Some(-1500));
        for bad in [f64::NAN, f64::INFINITY, 1e18] {
            assert_eq!(Timestamp::from_seconds(bad), None);
        }
    }

    #[test]
    fn instants_print_for_programs_and_for_people() {
        let t = Timestamp::from_ms(1_763_906_595_000);
        assert_eq!(t.rfc3339(), "2025-11-23T14:03:15Z");
        assert_eq!(Timestamp::parse_rfc3339("2025-11-23T22:03:15+08:00"), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
        assert_eq!(t.clock(8 * 3600), "22:03:15");
        assert_eq!(Timestamp::from_ms(-1000).clock(0), "23:59:59");
    }

    #[test]
    fn an_interval_holds_its_start_and_not_its_end() {
        let t = Timestamp::from_ms;
        let span = Interval::new(t(10), t(20)).unwrap();
        assert!(span.contains(t(10)) && !span.contains(t(20)));
        assert!(!span.overlaps(Interval::new(t(20), t(30)).unwrap()));
        assert_eq!(Interval::new(t(20), t(20)), None);
    }
}
