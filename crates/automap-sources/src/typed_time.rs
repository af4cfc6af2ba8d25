//! Times as users type them.
//!
//! `2026-11-23T14:03:00Z`, `2026-11-23 14:03` (zone of `now`), `14:03` or `14:03:15` (zone of `now`), Unix seconds, `now`, and spans back from now:
//! `-10m`, `10m ago`, `90s ago`, `1h30m ago`. A clock time is the last such time before now: just after midnight, 23:55 was yesterday. For recorded
//! data, "now" is the end of the data.

use automap_core::time::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ZonedDateTime};

/// A clock time up to this much after now belongs to today: it is more likely a mistake, to be reported, than a time of yesterday.
const SLIP: SignedDuration = SignedDuration::from_hours(1);

/// Parses a time relative to `now`; `None` if it is not one.
pub fn time(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let text = text.trim();
    if text == "now" {
        return Some(stamp(now.timestamp()));
    }
    let back = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago")).or_else(|| text.strip_suffix("ago"));
    if let Some(span) = back {
        let ms = span_ms(span).filter(|ms| *ms > 0)?;
        return Some(Timestamp::from_ms(now.timestamp().as_millisecond()).plus_ms(-ms));
    }
    if let Ok(t) = text.parse::<jiff::Timestamp>() {
        return Some(stamp(t));
    }
    if let Some(t) = text.parse::<f64>().ok().and_then(Timestamp::from_seconds) {
        return Some(t);
    }
    let zoned = |d: DateTime| d.to_zoned_datetime(now.time_zone().clone()).ok();
    let zoned = text.parse::<DateTime>().ok().and_then(zoned).or_else(|| last(clock(text)?, now));
    zoned.map(|zoned| stamp(zoned.timestamp()))
}

/// Parses a span such as `60m`, `1h30m`, `90s`, `2d` or `0s`, as milliseconds; `None` if it is not one.
pub fn span_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let days = || text.strip_suffix('d')?.parse::<i64>().ok()?.checked_mul(24);
    let span = text.parse::<SignedDuration>().ok().or_else(|| SignedDuration::try_from_hours(days()?));
    i64::try_from(span?.as_millis()).ok().filter(|ms| *ms >= 0)
}

/// The last time before `now` at which clocks showed this.
fn last(time: Time, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let on = |date: Date| date.to_datetime(time).to_zoned_datetime(now.time_zone().clone()).ok();
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
    use jiff::tz::TimeZone;

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
            assert_eq!(time(text, &now()).unwrap().rfc3339(), utc, "{text}");
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
            assert_eq!(time(text, &after_midnight).unwrap().rfc3339(), utc, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["yesterday-ish", "", "-", "-0s", "25:00", "14:03:15:00", "9999999999999d ago", "-9223372036854775807d"]
        {
            assert_eq!(time(text, &now()), None, "{text}");
        }
        assert_eq!(
            (span_ms("2d"), span_ms("0s"), span_ms("-5m"), span_ms("soon")),
            (Some(172_800_000), Some(0), None, None)
        );
    }
}
