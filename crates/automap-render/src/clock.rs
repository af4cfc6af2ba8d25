//! Instants as a reader says them: wall-clock times in one zone, the date where it is needed.

use automap_core::time::Timestamp;

/// How a page shows times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageOptions {
    /// Offset of the wall-clock times from UTC, in seconds.
    pub utc_offset_s: i32,
}

impl PageOptions {
    /// `2026-11-23T14:03:15Z` → `14:03:15` in the zone; anything else as it is.
    pub(crate) fn clock(&self, rfc3339: &str) -> String {
        ms(rfc3339).map_or_else(|| rfc3339.to_owned(), |t| self.clock_ms(t))
    }

    /// `14:03:15`.
    pub(crate) fn clock_ms(&self, at_ms: i64) -> String {
        Timestamp::from_ms(at_ms).clock(self.utc_offset_s)
    }

    /// `23 November 2026` in the zone; empty for an instant that no calendar holds.
    pub(crate) fn date(&self, rfc3339: &str) -> String {
        let shifted = ms(rfc3339).map(|t| t.saturating_add(i64::from(self.utc_offset_s) * 1000));
        let day = shifted.and_then(|t| jiff::Timestamp::from_millisecond(t).ok());
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

    /// A sentence whose RFC 3339 times, bare or in brackets, become wall-clock times.
    pub(crate) fn with_clocks(&self, sentence: &str) -> String {
        let word = |w: &str| {
            let inside = w.trim_matches(['(', ')', ',', ';']);
            if ms(inside).is_some() { w.replace(inside, &self.clock(inside)) } else { w.to_owned() }
        };
        sentence.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}

/// Milliseconds since the epoch of an RFC 3339 time.
pub(crate) fn ms(rfc3339: &str) -> Option<i64> {
    rfc3339.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
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
        assert_eq!(shanghai.clock("2026-11-23T14:03:15Z"), "22:03:15");
        assert_eq!(shanghai.date("2026-11-23T18:03:15Z"), "24 November 2026", "past midnight there");
        assert_eq!(shanghai.zone(), "UTC+08:00");
        assert_eq!(PageOptions { utc_offset_s: -12_600 }.zone(), "UTC−03:30");
        assert_eq!(PageOptions::default().zone(), "UTC");
        assert_eq!(shanghai.clock("soon"), "soon");
        assert_eq!(
            shanghai.with_clocks("its change (2026-11-23T14:03:15Z) is later than 2026-11-23T14:03:00Z"),
            "its change (22:03:15) is later than 22:03:00"
        );
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
