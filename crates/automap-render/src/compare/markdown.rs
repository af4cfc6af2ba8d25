//! The comparison for an incident channel or a pull request.

use super::{phrases, terminal::table};
use crate::markdown::escape::text as escaped;
use crate::text_options::TextOptions;
use automap_core::compare::Comparison;
use automap_core::compare::model::SeriesComparison;
use automap_core::note::Severity;
use automap_core::time::Interval;

/// Series shown.
const MAX_ROWS: usize = 25;

/// Renders the comparison; every label is escaped. At most 25 rows.
pub fn markdown(comparison: &Comparison, options: &TextOptions) -> String {
    let mut out = format!("**{}**\n\n", escaped(&phrases::summary(comparison)));
    for (i, p) in comparison.periods.iter().enumerate() {
        let when = format!(
            "{}: {}, {}, {} samples",
            char::from(b'A' + (i % 26) as u8),
            p.name,
            options.zone.dated_clocks(Interval { start: p.start, end: p.end }),
            p.samples
        );
        out += &format!("- {}\n", escaped(&when));
    }
    let found: Vec<&SeriesComparison> = comparison.series.iter().filter(|s| s.verdict.is_finding()).collect();
    if !found.is_empty() {
        let options = TextOptions { verbose: false, ..*options };
        out += &format!("\n{}", table(comparison, &found[..found.len().min(MAX_ROWS)], &options).markdown());
    }
    if found.len() > MAX_ROWS {
        out += &format!("\n… and {} more\n", found.len() - MAX_ROWS);
    }
    let warnings = comparison.notes.iter().filter(|n| n.severity == Severity::Warning).map(|n| n.message.clone());
    let remarks: Vec<String> = phrases::edges(comparison).into_iter().chain(warnings).collect();
    if !remarks.is_empty() {
        out += &format!("\n{}", remarks.iter().map(|r| format!("- {}\n", escaped(r))).collect::<String>());
    }
    out
}
