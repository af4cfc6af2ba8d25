//! Times and durations as a reader writes them: wall-clock times in one zone, with the date if it is needed.
//!
//! Every renderer takes its zone from here, so that the same time is always written the same way. Reading the system's zone is left to the caller.

use automap_core::time::{Interval, Timestamp};

/// The zone in which times are shown: a fixed offset from UTC. The default is UTC.
///
/// ```
/// use automap_core::time::Timestamp;
/// use automap_render::Zone;
///
/// let at = Timestamp::parse_rfc3339("2026-11-23T18:03:15Z").unwrap();
/// let shanghai = Zone::from_offset_s(8 * 3600);
/// assert_eq!(shanghai.date_and_clock(at), "2026-11-24 02:03:15");
/// assert_eq!(shanghai.name(), "UTC+08:00");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    utc_offset_s: i32,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self { utc_offset_s: 0 };

    /// The zone at an offset from UTC in seconds, positive east of Greenwich. A zone with summer time has two; the caller chooses the one
    /// that holds at the time of the incident.
    pub const fn from_offset_s(utc_offset_s: i32) -> Self {
        Self { utc_offset_s }
    }

    /// `UTC`, or `UTC+08:00`.
    pub fn name(self) -> String {
        match self.utc_offset_s {
            0 => "UTC".to_owned(),
            s => format!("UTC{}{:02}:{:02}", if s < 0 { '−' } else { '+' }, s.abs() / 3600, s.abs() / 60 % 60),
        }
    }

    /// `14:03:15`.
    pub fn clock(self, at: Timestamp) -> String {
        at.clock(self.utc_offset_s)
    }

    /// As [`Self::clock`], of milliseconds since the epoch.
    pub(crate) fn clock_ms(self, at_ms: i64) -> String {
        self.clock(Timestamp::from_ms(at_ms))
    }

    /// `14:03:15–14:04:20`: start and end of a window.
    pub fn clocks(self, window: Interval) -> String {
        format!("{}–{}", self.clock(window.start), self.clock(window.end))
    }

    /// `2026-11-23 14:03:15–14:04:20 UTC`: a window with its date, and a second date if it ends on another day.
    pub fn dated_clocks(self, window: Interval) -> String {
        let is_one_day = self.day(window.start) == self.day(window.end);
        let end = if is_one_day { self.clock(window.end) } else { self.date_and_clock(window.end) };
        format!("{}–{end} {}", self.date_and_clock(window.start), self.name())
    }

    /// `2026-11-23 14:03:15`; without the date for a time outside the calendar's range.
    pub fn date_and_clock(self, at: Timestamp) -> String {
        self.day(at).map_or_else(String::new, |day| format!("{day} ")) + &self.clock(at)
    }

    /// `23 November 2026`; empty for a time outside the calendar's range.
    pub fn date(self, at: Timestamp) -> String {
        self.day(at).map_or_else(String::new, |day| format!("{} {} {}", day.day(), month(day.month()), day.year()))
    }

    /// `11-23`: month and day, for the axis of a chart over days.
    pub(crate) fn month_and_day(self, at: Timestamp) -> String {
        self.day(at).map_or_else(String::new, |day| format!("{:02}-{:02}", day.month(), day.day()))
    }

    /// Offset from UTC in milliseconds.
    pub(crate) fn offset_ms(self) -> i64 {
        i64::from(self.utc_offset_s) * 1000
    }

    fn day(self, at: Timestamp) -> Option<jiff::civil::Date> {
        let local = jiff::Timestamp::from_millisecond(at.plus_ms(self.offset_ms()).ms()).ok()?;
        Some(local.to_zoned_datetime(jiff::tz::TimeZone::UTC).date())
    }
}

/// A duration in words, in two units at most: `32 s`, `9 min`, `1 h 20 min`, `3 d`. The sign is dropped.
pub(crate) fn duration(ms: i64) -> String {
    let s = (ms.saturating_abs().saturating_add(500)) / 1000;
    let two = |a: i64, one: &str, b: i64, two: &str| match b {
        0 => format!("{a} {one}"),
        b => format!("{a} {one} {b} {two}"),
    };
    match s {
        0..60 => format!("{s} s"),
        60..3600 => two(s / 60, "min", s % 60, "s"),
        3600..86_400 => two(s / 3600, "h", s / 60 % 60, "min"),
        _ => two(s / 86_400, "d", s / 3600 % 24, "h"),
    }
}

/// A duration in one unit, for values that are only known roughly: `40 min`, `9 h`, `3 days`.
pub(crate) fn rough_duration(hours: f64) -> String {
    const HOURS_PER_DAY: f64 = 24.0;
    match hours {
        h if h < 2.0 => format!("{:.0} min", (60.0 * h).max(1.0)),
        h if h < 2.0 * HOURS_PER_DAY => format!("{h:.0} h"),
        h => format!("{:.0} days", h / HOURS_PER_DAY),
    }
}

/// A number of seconds with one decimal at most and a real minus sign: `−2`, `3.2`.
pub(crate) fn seconds(s: f64) -> String {
    let text = format!("{s:.1}").replace('-', "−");
    text.strip_suffix(".0").map_or(text.clone(), ToOwned::to_owned)
}

fn month(number: i8) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    usize::try_from(number - 1).ok().and_then(|i| NAMES.get(i)).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn times_in_the_readers_zone() {
        let shanghai = Zone::from_offset_s(8 * 3600);
        assert_eq!(shanghai.clock(at("2026-11-23T14:03:15Z")), "22:03:15");
        assert_eq!(shanghai.date(at("2026-11-23T18:03:15Z")), "24 November 2026", "past midnight there");
        assert_eq!(shanghai.name(), "UTC+08:00");
        assert_eq!(Zone::from_offset_s(-12_600).name(), "UTC−03:30");
        assert_eq!(Zone::UTC.name(), "UTC");
    }

    #[test]
    fn a_window_shows_its_date_once_unless_it_passes_midnight() {
        let window = Interval { start: at("2026-11-23T23:59:00Z"), end: at("2026-11-24T00:01:00Z") };
        assert_eq!(Zone::UTC.dated_clocks(window), "2026-11-23 23:59:00–2026-11-24 00:01:00 UTC");
        assert_eq!(Zone::from_offset_s(3600).dated_clocks(window), "2026-11-24 00:59:00–01:01:00 UTC+01:00");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (ms, text) in [
            (32_000, "32 s"),
            (60_000, "1 min"),
            (84_400, "1 min 24 s"),
            (4_800_000, "1 h 20 min"),
            (259_200_000, "3 d"),
            (-2_000, "2 s"),
        ] {
            assert_eq!(duration(ms), text);
        }
        assert_eq!([rough_duration(0.5), rough_duration(9.2), rough_duration(80.0)], ["30 min", "9 h", "3 days"]);
        assert_eq!([seconds(-2.0), seconds(3.25)], ["−2", "3.2"]);
    }
}
