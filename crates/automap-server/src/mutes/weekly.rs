//! Windows that return every week, such as `sat, sun at 02:00 for 3h in Europe/Berlin`.
//!
//! A window begins at the given local time, also on days on which the clocks change: a time that does not exist begins an hour later, one that exists
//! twice begins at the first. Its length is as given, whatever the clocks do meanwhile.

use automap_core::time::{Interval, Timestamp};
use automap_sources::time_zone::time_zone;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::config::duration::ConfigDuration;

const DAY_MS: i64 = 86_400_000;
/// Longest window: one must end before the next begins.
const MAX_LENGTH_MS: i64 = 7 * DAY_MS;

/// The weekly times of a window.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// Days on which it begins; empty: every day.
    #[serde(default)]
    pub days: Vec<Day>,
    /// Local time at which it begins: `02:00`.
    pub at: String,
    /// How long it lasts, at most seven days.
    #[serde(rename = "for")]
    pub length: ConfigDuration,
    /// `Europe/Berlin`, `+02:00` or `UTC`, which is the default.
    #[serde(default = "utc")]
    pub time_zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekly {
    /// Whether it can be used.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        self.begins().map_err(|reason| ("weekly.at", reason))?;
        time_zone(&self.time_zone).map_err(|reason| ("weekly.time_zone", reason))?;
        if self.length.ms() > MAX_LENGTH_MS {
            return Err(("weekly.for", "a window lasts at most seven days".to_owned()));
        }
        Ok(())
    }

    fn begins(&self) -> Result<Time, String> {
        let (hour, minute) = self.at.split_once(':').unwrap_or((&self.at, ""));
        let time = hour.parse().ok().zip(minute.parse().ok()).and_then(|(h, m)| Time::new(h, m, 0, 0).ok());
        time.ok_or_else(|| format!("'{}' is not a time of day; write 02:00", self.at))
    }

    /// The occurrence that `now` falls into.
    pub(super) fn active(&self, now: Timestamp) -> Option<Interval> {
        let (zone, time) = (time_zone(&self.time_zone).ok()?, self.begins().ok()?);
        let today = jiff::Timestamp::from_millisecond(now.ms()).ok()?.to_zoned_datetime(zone.clone()).date();
        let days = 0..=self.length.ms() / DAY_MS + 1;
        days.filter_map(|back| {
            let date = today.checked_sub(jiff::Span::new().days(back)).ok()?;
            self.occurrence(date.weekday(), &date.to_datetime(time), &zone)
        })
        .find(|occurrence| occurrence.contains(now))
    }

    fn occurrence(&self, day: Weekday, begin: &jiff::civil::DateTime, zone: &TimeZone) -> Option<Interval> {
        if !self.days.is_empty() && !self.days.iter().any(|d| d.weekday() == day) {
            return None;
        }
        let start = Timestamp::from_ms(begin.to_zoned_datetime(zone.clone()).ok()?.timestamp().as_millisecond());
        Interval::new(start, start.plus_ms(self.length.ms()))
    }
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weekly(days: &[Day], at: &str, length_h: i64, zone: &str) -> Weekly {
        let length = ConfigDuration::from_ms(length_h * 3_600_000);
        Weekly { days: days.to_vec(), at: at.into(), length, time_zone: zone.into() }
    }

    fn active(weekly: &Weekly, at: &str) -> Option<String> {
        let now = Timestamp::parse_rfc3339(at).unwrap();
        weekly.active(now).map(|i| format!("{} {}", i.start.rfc3339(), i.end.rfc3339()))
    }

    /// 2026-11-28 is a Saturday.
    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let window = weekly(&[Day::Sat], "23:00", 3, "+02:00");
        let expected = Some("2026-11-28T21:00:00Z 2026-11-29T00:00:00Z".to_owned());
        assert_eq!(active(&window, "2026-11-28T21:00:00Z"), expected);
        assert_eq!(active(&window, "2026-11-28T23:59:59Z"), expected, "Sunday there");
        for outside in ["2026-11-28T20:59:59Z", "2026-11-29T00:00:00Z", "2026-11-29T21:30:00Z"] {
            assert_eq!(active(&window, outside), None, "{outside}");
        }
        assert!(active(&weekly(&[], "23:00", 3, "+02:00"), "2026-11-26T22:00:00Z").is_some(), "every day");
    }

    #[test]
    fn a_window_of_a_week_never_ends_and_a_longer_one_is_refused() {
        let week = weekly(&[Day::Mon], "00:00", 7 * 24, "UTC");
        assert!(week.check().is_ok());
        for day in 22..29 {
            assert!(active(&week, &format!("2026-11-{day}T12:00:00Z")).is_some(), "{day}");
        }
        let (key, _) = weekly(&[], "00:00", 169, "UTC").check().unwrap_err();
        assert_eq!(key, "weekly.for");
    }

    #[test]
    fn what_is_no_time_and_no_zone_is_named() {
        for at in ["", "25:00", "2", "02:60", "noon"] {
            assert_eq!(weekly(&[], at, 1, "UTC").check().unwrap_err().0, "weekly.at", "{at}");
        }
        assert_eq!(weekly(&[], "02:00", 1, "Mars/Base").check().unwrap_err().0, "weekly.time_zone");
    }
}
