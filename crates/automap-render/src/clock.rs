//! Instants as a reader says them: wall-clock times in one zone, the date where it is needed.

use automap_core::time::{Interval, Timestamp};

/// How a page shows times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageOptions {
    /// Offset of the wall-clock times from UTC, in seconds.
    pub utc_offset_s: i32,
}

impl PageOptions {
    /// `14:03:15` in the zone.
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        at.clock(self.utc_offset_s)
    }

    /// As [`Self::clock`], of milliseconds since the epoch.
    pub(crate) fn clock_ms(&self, at_ms: i64) -> String {
        self.clock(Timestamp::from_ms(at_ms))
    }

    /// `14:03:15–14:04:20`: start and end of a window.
    pub(crate) fn clocks(&self, window: Interval) -> String {
        format!("{}–{}", self.clock(window.start), self.clock(window.end))
    }

    /// `23 November 2026` in the zone; empty for an instant that no calendar holds.
    pub(crate) fn date(&self, at: Timestamp) -> String {
        let shifted = at.plus_ms(i64::from(self.utc_offset_s) * 1000);
        let day = jiff::Timestamp::from_millisecond(shifted.ms()).ok();
        day.map_or_else(String::new, |t| {
            let date = t.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
            format!("{} {} {}", date.day(), month(date.month()), date.year())
        })
    }

    /// `UTC`, or `UTC+08:00`.
    pub(crate) fn zone(&self) -> String {
        match self.utc_offset_s {
            0 => "UTC".to_owned(),
            s => format!("UTC{}{:02}:{:02}", if s < 0 { '−' } else { '+' }, s.abs() / 3600, s.abs() / 60 % 60),
        }
    }
}

/// `32 s`, `9 min`, `1 h 20 min`, `3 d`: two units at most.
pub(crate) fn length(ms: i64) -> String {
    let s = (ms.abs() + 500) / 1000;
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

    #[test]
    fn times_in_the_readers_zone() {
        let shanghai = PageOptions { utc_offset_s: 8 * 3600 };
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        assert_eq!(shanghai.clock(at("2026-11-23T14:03:15Z")), "22:03:15");
        assert_eq!(shanghai.date(at("2026-11-23T18:03:15Z")), "24 November 2026", "past midnight there");
        assert_eq!(shanghai.zone(), "UTC+08:00");
        assert_eq!(PageOptions { utc_offset_s: -12_600 }.zone(), "UTC−03:30");
        assert_eq!(PageOptions::default().zone(), "UTC");
    }

    #[test]
    fn lengths_have_two_units_at_most() {
        for (ms, text) in [
            (32_000, "32 s"),
            (60_000, "1 min"),
            (84_400, "1 min 24 s"),
            (4_800_000, "1 h 20 min"),
            (259_200_000, "3 d"),
            (-2_000, "2 s"),
        ] {
            assert_eq!(length(ms), text);
        }
    }
}
