//! Times as people type them.
//!
//! `2026-11-23T14:03:00Z`, `2026-11-23 14:03` (local zone), `14:03` or `14:03:15` (local zone), Unix seconds,
//! `now`, and spans back from now: `-10m`, `10m ago`, `90s ago`, `1h30m ago`. A clock time is the last such time before now: just after midnight, 23:55 was
//! yesterday. For recorded data, "now" is the end of the data.

use anyhow::{Context, Result, bail};
use automap_core::time::{Interval, Timestamp};
use automap_render::Zone;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ZonedDateTime};

/// How spans are written.
const SPANS: &str = "write 90s, 10m, 1h30m or 2d";

/// A clock time up to this much after now is of today: it is more likely a slip, to be reported, than a time of yesterday.
const SLIP: SignedDuration = SignedDuration::from_hours(1);

/// The end of recorded data, as what `now` means for it.
pub(crate) fn end_of(data: Interval, zone: &TimeZone) -> Result<ZonedDateTime> {
    let end = jiff::Timestamp::from_millisecond(data.end.ms());
    Ok(end.context("the data is from no time that a calendar holds")?.to_zoned_datetime(zone.clone()))
}

/// Reads a time relative to `now`.
pub(crate) fn parse(text: &str, now: &ZonedDateTime) -> Result<Timestamp> {
    let text = text.trim();
    if text == "now" {
        return Ok(stamp(now.timestamp()));
    }
    let back = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago")).or_else(|| text.strip_suffix("ago"));
    if let Some(span) = back {
        return Ok(Timestamp::from_ms(now.timestamp().as_millisecond()).plus_ms(-span_ms(span)?));
    }
    if let Ok(t) = text.parse::<jiff::Timestamp>() {
        return Ok(stamp(t));
    }
    if let Some(t) = text.parse::<f64>().ok().and_then(Timestamp::from_seconds) {
        return Ok(t);
    }
    let zoned = |d: DateTime| d.to_zoned_datetime(now.time_zone().clone()).ok();
    match text.parse::<DateTime>().ok().and_then(zoned).or_else(|| last(clock(text)?, now)) {
        Some(zoned) => Ok(stamp(zoned.timestamp())),
        None => bail!("'{text}' is not a time; write 2026-11-23T14:03:00Z, 14:03, 1763906580, -10m or '10m ago'"),
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

/// As [`span_ms`], where no time at all is a span too: `0s`.
pub(crate) fn span_or_zero_ms(text: &str) -> Result<i64> {
    let friendly = text.trim().parse::<SignedDuration>().ok();
    let days =
        text.trim().strip_suffix('d').and_then(|d| d.parse::<i64>().ok()).map(|d| SignedDuration::from_hours(24 * d));
    match friendly.or(days).map(|d| d.as_millis()).and_then(|ms| i64::try_from(ms).ok()) {
        Some(ms) if ms >= 0 => Ok(ms),
        _ => bail!("'{text}' is not a span; {SPANS}"),
    }
}

/// The zone in which a report shows times: UTC, or the system's zone with the offset that holds at a time of the data.
pub(crate) fn display_zone(is_utc: bool, at: Timestamp) -> Zone {
    let zone = if is_utc { TimeZone::UTC } else { TimeZone::system() };
    let offset_s = jiff::Timestamp::from_millisecond(at.ms()).map_or(0, |t| zone.to_offset(t).seconds());
    Zone::from_offset_s(offset_s)
}

/// The last time before `now` at which clocks showed this.
fn last(time: Time, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let on = |date: jiff::civil::Date| date.to_datetime(time).to_zoned_datetime(now.time_zone().clone()).ok();
    let (today, yesterday) = (now.date(), now.date().yesterday().ok()?);
    let latest = now.timestamp().checked_add(SLIP).ok()?;
    on(today).filter(|t| t.timestamp() <= latest).or_else(|| on(yesterday))
}

fn clock(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let hour = parts.next()?.parse().ok()?;
    let minute = parts.next()?.parse().ok()?;
    let second = parts.next().map_or(Some(0), |s| s.parse().ok())?;
    if parts.next().is_some() { None } else { Time::new(hour, minute, second, 0).ok() }
}

fn stamp(t: jiff::Timestamp) -> Timestamp {
    Timestamp::from_ms(t.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> ZonedDateTime {
        "2026-11-23T14:30:00Z"
            .parse::<jiff::Timestamp>()
            .unwrap()
            .to_zoned_datetime(TimeZone::fixed(jiff::tz::offset(8)))
    }

    #[test]
    fn every_way_to_say_a_time() {
        for (text, utc) in [
            ("2026-11-23T14:03:15Z", "2026-11-23T14:03:15Z"),
            ("2026-11-23 22:03", "2026-11-23T14:03:00Z"),
            ("22:03", "2026-11-23T14:03:00Z"),
            ("22:03:15", "2026-11-23T14:03:15Z"),
            ("1763906580", "2025-11-23T14:03:00Z"),
            ("-10m", "2026-11-23T14:20:00Z"),
            ("1h30m ago", "2026-11-23T13:00:00Z"),
            ("now", "2026-11-23T14:30:00Z"),
        ] {
            assert_eq!(parse(text, &now()).unwrap().rfc3339(), utc, "{text}");
        }
    }

    #[test]
    fn a_clock_time_is_the_last_such_time() {
        let after_midnight =
            "2026-11-24T00:10:00Z".parse::<jiff::Timestamp>().unwrap().to_zoned_datetime(TimeZone::UTC);
        for (text, utc) in [
            ("23:55", "2026-11-23T23:55:00Z"),
            ("00:05", "2026-11-24T00:05:00Z"),
            ("00:40", "2026-11-24T00:40:00Z"),
            ("01:30", "2026-11-23T01:30:00Z"),
        ] {
            assert_eq!(parse(text, &after_midnight).unwrap().rfc3339(), utc, "{text}");
        }
    }

    #[test]
    fn nonsense_says_what_to_write() {
        let error = parse("yesterday-ish", &now()).unwrap_err().to_string();
        assert!(error.starts_with("'yesterday-ish' is not a time; write "), "{error}");
        assert!(parse_interval("13:00", &now()).is_err());
        assert!(parse_interval("13:00..12:00", &now()).unwrap_err().to_string().contains("ends at or before"));
        assert!(span_ms("-5m").is_err() && span_ms("0s").is_err() && span_ms("soon").is_err());
        assert_eq!(span_ms("2d").unwrap(), 172_800_000);
        assert_eq!(span_or_zero_ms("0s").unwrap(), 0);
        assert!(span_or_zero_ms("-5m").is_err() && span_or_zero_ms("soon").is_err());
    }
}
