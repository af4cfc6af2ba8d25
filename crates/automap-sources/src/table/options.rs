//! What a reader of tables cannot know by itself, and a user may say.

use jiff::tz::TimeZone;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal {
    /// `1,234.5`
    Point,
    /// `1.234,5`
    Comma,
}

/// What a reader of tables is told. Everything unset is found out or refused as ambiguous.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    /// Zone of times that carry none; unset is UTC.
    pub time_zone: Option<TimeZone>,
    /// Pattern of times, as of `strftime`.
    pub time_format: Option<String>,
    /// What stands between service and metric in a column's name; the service ends at the first one.
    pub separator: Option<String>,
    /// What columns measure that name a service alone.
    pub metric: Option<String>,
    /// How numbers are written.
    pub decimal: Option<Decimal>,
    /// Services known from elsewhere.
    pub services: Vec<String>,
}
