//! Times and spans on the command line, read by [`automap_sources::typed_time`]; errors say what to write. For recorded data, "now" is its end.

use anyhow::{Context, Result, bail};
use automap_core::time::{Interval, Timestamp};
use automap_render::Zone;
use automap_sources::typed_time;
use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

/// How spans are written.
const SPANS: &str = "write 90s, 10m, 1h30m or 2d";

/// The end of recorded data, which is `now` for it.
pub(crate) fn end_of(data: Interval, zone: &TimeZone) -> Result<ZonedDateTime> {
    let end = jiff::Timestamp::from_millisecond(data.end.ms());
    Ok(end.context("the timestamps of the data are outside the calendar")?.to_zoned_datetime(zone.clone()))
}

/// Reads a time relative to `now`.
pub(crate) fn parse(text: &str, now: &ZonedDateTime) -> Result<Timestamp> {
    match typed_time::time(text, now) {
        Some(time) => Ok(time),
        None => {
            bail!("'{}' is not a time; write 2026-11-23T14:03:00Z, 14:03, 1763906580, -10m or '10m ago'", text.trim())
        }
    }
}

/// Reads `FROM..TO`.
pub(crate) fn parse_interval(text: &str, now: &ZonedDateTime) -> Result<Interval> {
    let Some((from, to)) = text.split_once("..") else {
        bail!("'{text}' is not a span of time; write FROM..TO, such as 13:00..13:50");
    };
    match Interval::new(parse(from, now)?, parse(to, now)?) {
        Some(interval) => Ok(interval),
        None => bail!("the span '{text}' ends at or before its start"),
    }
}

/// Reads a span such as `60m`, `1h30m`, `90s`, `2d`, as milliseconds.
pub(crate) fn span_ms(text: &str) -> Result<i64> {
    span_or_zero_ms(text).ok().filter(|ms| *ms > 0).with_context(|| format!("'{text}' is not a span; {SPANS}"))
}

/// As [`span_ms`], but `0s` is valid too.
pub(crate) fn span_or_zero_ms(text: &str) -> Result<i64> {
    typed_time::span_ms(text).with_context(|| format!("'{text}' is not a span; {SPANS}"))
}

/// The zone in which a report shows times: UTC, or the system's zone with the offset that holds at a time of the data.
pub(crate) fn display_zone(is_utc: bool, at: Timestamp) -> Zone {
    let zone = if is_utc { TimeZone::UTC } else { TimeZone::system() };
    let offset_s = jiff::Timestamp::from_millisecond(at.ms()).map_or(0, |t| zone.to_offset(t).seconds());
    Zone::from_offset_s(offset_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_says_what_to_write() {
        let now = jiff::Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
        let error = parse("yesterday-ish", &now).unwrap_err().to_string();
        assert!(error.starts_with("'yesterday-ish' is not a time; write "), "{error}");
        assert!(parse_interval("13:00", &now).is_err());
        assert!(parse_interval("13:00..12:00", &now).unwrap_err().to_string().contains("ends at or before"));
        assert!(span_ms("-5m").is_err() && span_ms("0s").is_err() && span_ms("soon").is_err());
        assert_eq!(span_ms("2d").unwrap(), 172_800_000);
        assert_eq!(span_or_zero_ms("0s").unwrap(), 0);
        assert!(span_or_zero_ms("-5m").is_err() && span_or_zero_ms("soon").is_err());
    }
}
