//! What a reader of tables cannot infer and a user may specify.

use jiff::tz::TimeZone;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal {
    /// `1,234.5`
    Point,
    /// `1.234,5`
    Comma,
}

/// Options of a reader of tables. Everything unset is inferred, or refused as ambiguous.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    /// Zone of times that carry none; unset is UTC.
    pub time_zone: Option<TimeZone>,
    /// Pattern of times, in the syntax of `strftime`.
    pub time_format: Option<String>,
    /// Separates service and metric in a column's name; the service ends at the first one.
    pub separator: Option<String>,
    /// The metric of columns that name only a service.
    pub metric: Option<String>,
    /// How numbers are written.
    pub decimal: Option<Decimal>,
    /// Services that are known from another source.
    pub services: Vec<String>,
}
