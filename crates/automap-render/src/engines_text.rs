//! The answers of several engines to one incident, side by side for a terminal, and whether they agree.

use std::fmt::Write;

use crate::table::{Align, Table, plain};
use automap_core::report::{Cause, EngineComparison, Report, disagreements};

/// A table for a terminal: one column of candidates for each engine, then the sentence.
pub fn engines_text(comparison: &EngineComparison) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_table(&mut out, comparison);
    out
}

fn write_table(out: &mut String, comparison: &EngineComparison) -> std::fmt::Result {
    let reports = &comparison.reports;
    let cell = |c: &Cause| format!("{} {:.2}", c.service, c.confidence);
    let verdict =
        |r: &Report| r.verdict.service.clone().map_or_else(|| "names no service".to_owned(), |s| format!("names {s}"));
    let mut columns = vec![Align::Right];
    columns.resize(1 + reports.len(), Align::Left);
    let mut table = Table::new(columns);
    // The column of ranks is four wide.
    table.row(std::iter::once("    ".to_owned()).chain(reports.iter().map(|r| r.engine.to_string())));
    table.row(std::iter::once(String::new()).chain(reports.iter().map(verdict)));
    let rows = reports.iter().map(|r| r.causes.len()).max().unwrap_or(0);
    for row in 0..rows {
        let cells = reports.iter().map(|r| r.causes.get(row).map_or_else(String::new, cell));
        table.row(std::iter::once((row + 1).to_string()).chain(cells));
    }
    out.push_str(&table.text());
    if comparison.agree {
        return writeln!(out, "\n{}", plain(&comparison.summary));
    }
    writeln!(out, "\nthe engines disagree")?;
    disagreements(reports).iter().try_for_each(|line| writeln!(out, "  {}", plain(line)))
}
