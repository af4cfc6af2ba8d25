//! Parses times as users' tables write them: Unix time in any unit, ISO 8601 with or without a zone, dates with dots and slashes, month names, and
//! Excel's day numbers.
//!
//! The unit of Unix time follows from its size: below 10¹¹ it is seconds, below 10¹⁴ milliseconds, below 10¹⁷ microseconds, else nanoseconds; for
//! small numbers the column's name gives it. A time without a zone is taken in the requested zone, or UTC. Whether `03/04/2026` is in March or April
//! is decided by the whole column or not at all.

use automap_core::time::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::number_cell::{self, Cell, Dimension};
use super::options::{Decimal, TableOptions};

/// Seconds that no time of a recording exceeds, so that larger numbers have a finer unit.
const MAX_SECONDS: f64 = 1e11;
/// Unix times below this count from the start of a test; their size does not show the unit.
const MAX_RELATIVE: f64 = 1e8;
/// Excel's day 0 as Unix time, in days.
const EXCEL_EPOCH_DAYS: f64 = -25_569.0;
/// Excel's day numbers for the years 1954 to 2119.
const EXCEL_DAYS: std::ops::Range<f64> = 20_000.0..80_000.0;
/// Largest step of a recording by which Excel's days are distinguished from seconds.
const MAX_EXCEL_STEP: f64 = 0.05;
/// Other formats of times, in the syntax of `strptime`.
const PATTERNS: [&str; 14] = [
    "%b %d, %Y, %I:%M:%S %p",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y, %H:%M:%S",
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y, %H:%M",
    "%b %d, %Y %H:%M",
    "%d %b %Y %H:%M:%S",
    "%d %b %Y, %H:%M:%S",
    "%d %b %Y %H:%M",
    "%d-%b-%Y %H:%M:%S",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a %b %d %H:%M:%S %Y",
    "%a %b %d %Y %H:%M:%S GMT%z",
];

/// Why a cell is not a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is not a time.
    NotATime,
    /// Day and month may be swapped; contains a pattern that would decide.
    AmbiguousDate(String),
}

/// Which number of a date with slashes is the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    DayFirst,
    MonthFirst,
}

/// Reads the times of one column.
#[derive(Clone, Debug)]
pub(super) struct TimeReader {
    zone: TimeZone,
    pattern: Option<String>,
    decimal: Option<Decimal>,
    /// Milliseconds per unit of small numbers.
    small_unit_ms: f64,
    is_excel: bool,
    order: Option<Order>,
    /// Whether a time without a zone was read.
    pub(super) saw_local: bool,
}

impl TimeReader {
    pub(super) fn new(options: &TableOptions, decimal: Option<Decimal>) -> Self {
        Self {
            zone: options.time_zone.clone().unwrap_or(TimeZone::UTC),
            pattern: options.time_format.clone(),
            decimal,
            small_unit_ms: 1e3,
            is_excel: false,
            order: None,
            saw_local: false,
        }
    }

    /// Learns the format from the column's name and its first cells.
    pub(super) fn learn<'a>(&mut self, header: &str, cells: impl Iterator<Item = &'a str> + Clone) {
        let unit = header.rsplit(|c: char| !c.is_ascii_alphanumeric()).find(|w| !w.is_empty()).unwrap_or_default();
        self.small_unit_ms = match unit.to_ascii_lowercase().as_str() {
            "ms" | "millis" | "milliseconds" => 1.0,
            "us" | "micros" | "microseconds" => 1e-3,
            "ns" | "nanos" | "nanoseconds" => 1e-6,
            _ => 1e3,
        };
        let numbers: Vec<f64> = cells.clone().map_while(|c| self.number(c)).collect();
        let steps = || numbers.windows(2).map(|w| (w[1] - w[0]).abs());
        self.is_excel = numbers.len() > 1
            && numbers.iter().all(|n| EXCEL_DAYS.contains(n))
            && steps().all(|s| s < MAX_EXCEL_STEP)
            && steps().any(|s| s > 0.0);
        self.order = cells.filter_map(order_shown).next();
    }

    /// Takes the order of day and month from any cell that shows it.
    pub(super) fn learn_order<'a>(&mut self, mut cells: impl Iterator<Item = &'a str>) {
        self.order = self.order.or_else(|| cells.find_map(order_shown));
    }

    /// Whether this cell needs the order of day and month, which is not known.
    pub(super) fn lacks_order(&self, text: &str) -> bool {
        self.order.is_none() && self.pattern.is_none() && calendar_parts(text).is_some_and(|p| p.is_unordered())
    }

    /// Reads a cell.
    pub(super) fn read(&mut self, text: &str) -> Result<Timestamp, Wrong> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        if let Some(pattern) = self.pattern.clone() {
            return self.by_pattern(&pattern, text).ok_or(Wrong::NotATime);
        }
        // Nanoseconds do not fit a float.
        if let Some(time) = text.parse::<i64>().ok().and_then(|n| self.unix_integer(n)) {
            return Ok(time);
        }
        if let Some(time) = self.number(text).and_then(|n| self.unix(n)) {
            return Ok(time);
        }
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return Ok(Timestamp::from_ms(time.as_millisecond()));
        }
        if let Ok(local) = text.parse::<DateTime>() {
            return self.local(local).ok_or(Wrong::NotATime);
        }
        self.other(text)
    }

    /// A wall clock without a zone, as milliseconds as if in UTC.
    pub(super) fn wall_ms(&mut self, ms: i64) -> Option<Timestamp> {
        let wall = TimeZone::UTC.to_datetime(jiff::Timestamp::from_millisecond(ms).ok()?);
        self.local(wall)
    }

    /// Unix time as a number.
    pub(super) fn unix(&mut self, number: f64) -> Option<Timestamp> {
        let size = number.abs();
        let ms_each = match () {
            // Excel's days are local time; they are precise to the millisecond at best.
            () if self.is_excel => return self.wall_ms(((number + EXCEL_EPOCH_DAYS) * 8.64e7).round() as i64),
            () if size < MAX_RELATIVE => self.small_unit_ms,
            () if size < MAX_SECONDS => 1e3,
            () if size < MAX_SECONDS * 1e3 => 1.0,
            () if size < MAX_SECONDS * 1e6 => 1e-3,
            () => 1e-6,
        };
        Timestamp::from_seconds(number * ms_each / 1e3)
    }

    /// Unix time as a whole number, to the millisecond.
    pub(super) fn unix_integer(&mut self, number: i64) -> Option<Timestamp> {
        match number.unsigned_abs() as f64 {
            size if size < MAX_SECONDS * 1e3 || self.is_excel => self.unix(number as f64),
            size if size < MAX_SECONDS * 1e6 => Some(Timestamp::from_ms(number.div_euclid(1000))),
            _ => Some(Timestamp::from_ms(number.div_euclid(1_000_000))),
        }
    }

    fn number(&self, text: &str) -> Option<f64> {
        match number_cell::read(text, self.decimal.or(Some(Decimal::Point))) {
            Cell::Number(value, Dimension::Plain) => Some(value),
            _ => None,
        }
    }

    fn local(&mut self, at: DateTime) -> Option<Timestamp> {
        self.saw_local = true;
        let zoned = at.to_zoned_datetime(self.zone.clone()).ok()?;
        Some(Timestamp::from_ms(zoned.timestamp().as_millisecond()))
    }

    fn other(&mut self, text: &str) -> Result<Timestamp, Wrong> {
        let (bare, is_utc) = without_utc(text);
        if is_utc && let Ok(time) = bare.replacen(' ', "T", 1).replace(' ', "").parse::<jiff::Timestamp>() {
            return Ok(Timestamp::from_ms(time.as_millisecond()));
        }
        let wall = bare.parse::<DateTime>().ok().map(Ok).or_else(|| calendar_parts(bare).map(|p| p.wall(self.order)));
        match wall {
            Some(Err(wrong)) => Err(wrong),
            Some(Ok(wall)) if is_utc => {
                let utc = wall.to_zoned_datetime(TimeZone::UTC).map_err(|_| Wrong::NotATime)?;
                Ok(Timestamp::from_ms(utc.timestamp().as_millisecond()))
            }
            Some(Ok(wall)) => self.local(wall).ok_or(Wrong::NotATime),
            None => PATTERNS.iter().find_map(|p| self.by_pattern(p, bare)).ok_or(Wrong::NotATime),
        }
    }

    fn by_pattern(&mut self, pattern: &str, text: &str) -> Option<Timestamp> {
        let scale = match pattern {
            "s" => Some(1.0),
            "ms" => Some(1e-3),
            "us" => Some(1e-6),
            "ns" => Some(1e-9),
            _ => None,
        };
        if let Some(scale) = scale {
            return Timestamp::from_seconds(self.number(text)? * scale);
        }
        // JavaScript adds the zone's name in parentheses.
        let text = text.split(" (").next().unwrap_or(text);
        let parts = strtime::parse(pattern, text).ok()?;
        match parts.to_timestamp() {
            Ok(time) => Some(Timestamp::from_ms(time.as_millisecond())),
            Err(_) => self.local(parts.to_datetime().ok()?),
        }
    }
}

/// Whether a cell is a time, other than a plain number.
pub(super) fn is_calendar(text: &str) -> bool {
    let mut reader = TimeReader::new(&TableOptions::default(), None);
    let looks = text.len() >= 8 && text.contains([':', '-', '/', '.']) && text.bytes().any(|b| b.is_ascii_digit());
    looks && reader.number(text).is_none() && !matches!(reader.read(text), Err(Wrong::NotATime))
}

/// Whether a cell is a date without a time, or a time without a date.
pub(super) fn is_clock(text: &str) -> bool {
    clock(text.trim()).is_some()
}

/// The text without a trailing word for UTC.
fn without_utc(text: &str) -> (&str, bool) {
    let end = ["UTC", "GMT", "(UTC)", "Z"].iter().find_map(|word| text.strip_suffix(word));
    end.map_or((text, false), |rest| (rest.trim_end(), true))
}

/// A date with dots, slashes or hyphens, and a time of day.
struct CalendarParts {
    numbers: [i16; 3],
    mark: char,
    time: Time,
    has_half_day: bool,
}

fn calendar_parts(text: &str) -> Option<CalendarParts> {
    let (date, time) = text.split_once([' ', 'T', ',']).unwrap_or((text, ""));
    let mark = date.chars().find(|c| "./-".contains(*c))?;
    let mut numbers = date.split(mark).map(|n| n.parse::<i16>().ok().filter(|_| n.len() <= 4));
    let numbers = [numbers.next()??, numbers.next()??, numbers.next().flatten()?];
    let time = time.trim_start_matches([' ', ',']).trim();
    let has_half_day = time.to_ascii_lowercase().ends_with('m');
    let time = if time.is_empty() { Time::midnight() } else { clock(time)? };
    (date.split(mark).count() == 3).then_some(CalendarParts { numbers, mark, time, has_half_day })
}

impl CalendarParts {
    /// Whether day and month cannot be distinguished.
    fn is_unordered(&self) -> bool {
        self.mark != '.' && self.numbers[0] <= 12 && self.numbers[1] <= 12 && !self.has_half_day
    }

    /// The local date and time.
    fn wall(&self, order: Option<Order>) -> Result<DateTime, Wrong> {
        let [a, b, c] = self.numbers;
        let century = |year: i16| if year < 100 { year + 2000 } else { year };
        let (year, month, day) = match order {
            _ if a > 31 => (a, b, c),
            _ if self.mark == '.' || a > 12 => (century(c), b, a),
            _ if b > 12 || self.has_half_day => (century(c), a, b),
            Some(Order::DayFirst) => (century(c), b, a),
            Some(Order::MonthFirst) => (century(c), a, b),
            None if a == b => (century(c), a, b),
            None => return Err(Wrong::AmbiguousDate(format!("%d{0}%m{0}%Y %H:%M:%S", self.mark))),
        };
        let small = |n: i16| i8::try_from(n).map_err(|_| Wrong::NotATime);
        let date = Date::new(year, small(month)?, small(day)?).map_err(|_| Wrong::NotATime)?;
        Ok(DateTime::from_parts(date, self.time))
    }
}

/// The order of day and month that a date with slashes shows.
fn order_shown(text: &str) -> Option<Order> {
    let parts = calendar_parts(text.trim()).filter(|p| p.mark != '.' && p.numbers[0] <= 31)?;
    match parts.numbers {
        [a, _, _] if a > 12 => Some(Order::DayFirst),
        [_, b, _] if b > 12 || parts.has_half_day => Some(Order::MonthFirst),
        _ => None,
    }
}

/// `21:22`, `21:22:30.5`, `9:22:30 PM`.
fn clock(text: &str) -> Option<Time> {
    let lower = text.to_ascii_lowercase().replace(',', ".");
    let half =
        ["am", "pm", "a.m.", "p.m."].iter().find_map(|h| lower.strip_suffix(h).map(|rest| (rest, h.starts_with('p'))));
    let (digits, is_afternoon) = half.map_or((lower.as_str(), None), |(rest, pm)| (rest, Some(pm)));
    let digits = digits.trim_end_matches("uhr").trim();
    let (hour, rest) = digits.split_once(':')?;
    let hour: i8 = hour.parse().ok()?;
    let hour = match is_afternoon {
        None => hour,
        Some(is_afternoon) => (1..=12).contains(&hour).then_some(hour % 12 + if is_afternoon { 12 } else { 0 })?,
    };
    format!("{hour:02}:{rest}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, options: &TableOptions) -> Result<String, Wrong> {
        TimeReader::new(options, None).read(text).map(Timestamp::rfc3339)
    }

    #[test]
    fn one_instant_in_many_writings() {
        for text in [
            "1795000000",
            "1795000000000",
            "1795000000000000",
            "1795000000000000000",
            "1.795e9",
            "2026-11-18T11:06:40Z",
            "2026-11-18T12:06:40+01:00",
            "2026-11-18 11:06:40+00:00",
            "2026-11-18 11:06:40",
            "2026-11-18T11:06:40",
            "2026-11-18 11:06:40.000000",
            "2026-11-18 11:06:40 UTC",
            "2026-11-18 11:06:40 +0000 UTC",
            "2026/11/18 11:06:40",
            "18.11.2026 11:06:40",
            "18/11/2026 11:06:40",
            "11/18/2026 11:06:40",
            "11/18/2026, 11:06:40 AM",
            "Nov 18, 2026, 11:06:40 AM",
            "18 Nov 2026 11:06:40",
            "Wed, 18 Nov 2026 11:06:40 +0000",
            "Wed Nov 18 2026 12:06:40 GMT+0100 (CET)",
        ] {
            assert_eq!(read(text, &TableOptions::default()).as_deref(), Ok("2026-11-18T11:06:40Z"), "{text}");
        }
    }

    #[test]
    fn a_zone_moves_only_times_without_one() {
        let offset = TimeZone::fixed(jiff::tz::offset(8));
        let options = TableOptions { time_zone: Some(offset), ..TableOptions::default() };
        assert_eq!(read("2026-11-18 19:06:40", &options).as_deref(), Ok("2026-11-18T11:06:40Z"));
        assert_eq!(read("2026-11-18T11:06:40Z", &options).as_deref(), Ok("2026-11-18T11:06:40Z"));
        assert_eq!(read("1795000000", &options).as_deref(), Ok("2026-11-18T11:06:40Z"));
    }

    #[test]
    fn a_pattern_decides_what_is_ambiguous() {
        let wrong = read("03/04/2026 10:00", &TableOptions::default()).unwrap_err();
        assert_eq!(wrong, Wrong::AmbiguousDate("%d/%m/%Y %H:%M:%S".to_owned()));
        let options = TableOptions { time_format: Some("%d/%m/%Y %H:%M".to_owned()), ..TableOptions::default() };
        assert_eq!(read("03/04/2026 10:00", &options).as_deref(), Ok("2026-04-03T10:00:00Z"));
        let mut reader = TimeReader::new(&TableOptions::default(), None);
        assert!(reader.lacks_order("03/04/2026 10:00"));
        reader.learn_order(["03/04/2026 23:59", "03/14/2026 00:00"].into_iter());
        assert_eq!(reader.read("03/04/2026 10:00").map(Timestamp::rfc3339).as_deref(), Ok("2026-03-04T10:00:00Z"));
    }

    #[test]
    fn small_numbers_count_what_the_name_says_and_excel_counts_days() {
        let mut reader = TimeReader::new(&TableOptions::default(), None);
        reader.learn("time_ms", ["0", "15000"].into_iter());
        assert_eq!(reader.read("15000"), Ok(Timestamp::from_ms(15_000)));
        assert_eq!(reader.read("1795000000000"), Ok(Timestamp::from_ms(1_795_000_000_000)));
        reader.learn("Zeit", ["46344.46296", "46344.46314"].into_iter());
        assert!(!reader.saw_local);
        assert_eq!(reader.read("46344.5").map(Timestamp::rfc3339).as_deref(), Ok("2026-11-18T12:00:00Z"));
        assert!(reader.saw_local, "Excel knows no zones");
    }

    #[test]
    fn other_cells_are_no_times() {
        for text in ["", "NaN", "yesterday", "1e300", "payment", "12:30", "2026-13-45", "99.99.2026", "1.2.3.4"] {
            assert_eq!(read(text, &TableOptions::default()), Err(Wrong::NotATime), "{text}");
        }
        assert!(is_calendar("18.11.2026 11:06") && !is_calendar("1795000000") && !is_calendar("carts-db-2"));
        assert!(is_clock("11:06:40") && !is_clock("1106"));
    }
}
