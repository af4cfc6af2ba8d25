//! A trend for people and programs: text with sparklines, JSON, CSV. Renderers take a [`Trend`] and nothing else.

mod text;

use crate::table::{csv_line, csv_number};
use automap_core::compare::trend::Trend;

pub use text::{markdown, summary, text};

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
    let mut out = csv_line(&COLUMNS.map(str::to_owned));
    for s in &trend.series {
        let mut cells = vec![
            s.service.clone(),
            s.metric.clone(),
            s.peer.clone().unwrap_or_default(),
            s.unit.clone(),
            s.direction.as_str().to_owned(),
            s.windows.to_string(),
        ];
        let numbers = [
            s.level,
            s.first,
            s.last,
            s.per_hour,
            s.per_hour_low,
            s.per_hour_high,
            s.per_day,
            s.percent_per_day,
            s.change_spreads,
            s.p_value,
            s.q_value,
        ];
        cells.extend(numbers.into_iter().map(csv_number));
        out += &csv_line(&cells);
    }
    out
}
