//! The engines' answers to one incident as a table.

use std::fmt::Write;

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
        |r: &Report| r.verdict.service.clone().map_or_else(|| "names nobody".to_owned(), |s| format!("names {s}"));
    let width = |r: &Report| {
        let cells = r.causes.iter().map(|c| cell(c).chars().count());
        cells.chain([r.engine.len(), verdict(r).chars().count()]).max().unwrap_or(0)
    };
    let line = |out: &mut String, head: &str, cells: Vec<String>| {
        let mut text = format!("{head:>4}");
        for (report, text_of) in reports.iter().zip(cells) {
            let _ = write!(text, "  {text_of:<width$}", width = width(report));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(out, "", reports.iter().map(|r| r.engine.clone()).collect())?;
    line(out, "", reports.iter().map(verdict).collect())?;
    let rows = reports.iter().map(|r| r.causes.len()).max().unwrap_or(0);
    for row in 0..rows {
        let cells = reports.iter().map(|r| r.causes.get(row).map_or_else(String::new, cell));
        line(out, &(row + 1).to_string(), cells.collect())?;
    }
    if comparison.agree {
        return writeln!(out, "\n{}", comparison.summary);
    }
    writeln!(out, "\nthe engines disagree")?;
    disagreements(reports).iter().try_for_each(|line| writeln!(out, "  {line}"))
}
