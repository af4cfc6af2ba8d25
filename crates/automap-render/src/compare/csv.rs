//! One line per series and later period.

use crate::table::{csv_number, csv_table};
use automap_core::compare::Comparison;
use automap_core::compare::model::LevelKind;
use automap_core::time::Timestamp;

const COLUMNS: [&str; 18] = [
    "service",
    "metric",
    "peer",
    "unit",
    "reference",
    "period",
    "verdict",
    "level",
    "from",
    "to",
    "shift",
    "delta",
    "superiority",
    "p_value",
    "q_value",
    "shape",
    "step_at",
    "slope_per_hour",
];

/// The comparison as comma-separated values with a heading: all series, one line per later period; empty is "not observed".
pub fn csv(comparison: &Comparison) -> String {
    let reference = comparison.periods.first().map_or("", |p| p.name.as_str());
    let mut rows = Vec::new();
    for s in &comparison.series {
        let shape = s.shape.as_ref();
        for d in &s.differences {
            rows.push([
                s.service.clone(),
                s.metric.to_string(),
                s.peer.clone().unwrap_or_default(),
                s.unit.as_str().to_owned(),
                reference.to_owned(),
                d.period.clone(),
                d.verdict.as_str().to_owned(),
                if d.level == LevelKind::Mean { "mean" } else { "median" }.to_owned(),
                csv_number(d.from),
                csv_number(d.to),
                csv_number(d.shift),
                csv_number(d.delta),
                csv_number(d.superiority),
                csv_number(d.p_value),
                csv_number(d.q_value),
                shape.map_or_else(String::new, |s| s.kind.as_str().to_owned()),
                shape.and_then(|s| s.at).map_or_else(String::new, Timestamp::rfc3339),
                csv_number(shape.and_then(|s| s.slope_per_hour)),
            ]);
        }
    }
    csv_table(COLUMNS, rows)
}
