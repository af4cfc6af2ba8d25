//! A trend as text with sparklines, Markdown and CSV. Renderers take a [`Trend`] and nothing else; `automap_core::compare::trend` decided what rises
//! or falls.

mod terminal;

use crate::table::{csv_number, csv_table};
use automap_core::compare::trend::Trend;

pub use terminal::{markdown, summary, text};

const COLUMNS: [&str; 17] = [
    "service",
    "metric",
    "peer",
    "unit",
    "direction",
    "windows",
    "level",
    "first",
    "last",
    "per_hour",
    "per_hour_low",
    "per_hour_high",
    "per_day",
    "percent_per_day",
    "change_spreads",
    "p_value",
    "q_value",
];

/// The trend as comma-separated values with a heading, one line per series; empty is "not observed" or "not judged".
pub fn csv(trend: &Trend) -> String {
    let rows = trend.series.iter().map(|s| {
        [
            s.service.clone(),
            s.metric.to_string(),
            s.peer.clone().unwrap_or_default(),
            s.unit.as_str().to_owned(),
            s.direction.as_str().to_owned(),
            s.windows.to_string(),
            csv_number(s.level),
            csv_number(s.first),
            csv_number(s.last),
            csv_number(s.per_hour),
            csv_number(s.per_hour_low),
            csv_number(s.per_hour_high),
            csv_number(s.per_day),
            csv_number(s.percent_per_day),
            csv_number(s.change_spreads),
            csv_number(s.p_value),
            csv_number(s.q_value),
        ]
    });
    csv_table(COLUMNS, rows)
}
