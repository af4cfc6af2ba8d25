//! Writes the tables of a summary, as aligned text for a terminal or as Markdown for a pull request.
//!
//! `tables` decides which tables there are and what they contain.

use automap_render::table::{self, Align};

use super::model::Summary;
use super::table::Table;
use super::tables;

/// The format of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Aligned columns.
    Text,
    /// Markdown.
    Markdown,
}

/// Writes a summary. `verbose` adds the scores by kind of fault, false alarms by set, and all unanswered cases.
pub fn render(summary: &Summary, style: Style, verbose: bool) -> String {
    let mut out = String::new();
    for onset in summary.onsets() {
        for table in tables::tables_of(summary, onset, verbose) {
            out += &written(&table, style);
            out.push('\n');
        }
    }
    out + &tables::cost(summary)
}

fn written(table: &Table, style: Style) -> String {
    let is_number = |cell: &String| cell.chars().next().is_none_or(|c| c.is_ascii_digit() || "+-–".contains(c));
    let align = |i: usize| match i > 0 && table.rows.iter().filter_map(|row| row.get(i)).all(is_number) {
        true => Align::Right,
        false => Align::Left,
    };
    let mut aligned = table::Table::new((0..table.header.len()).map(align).collect::<Vec<_>>());
    aligned.row(&table.header);
    table.rows.iter().for_each(|row| aligned.row(row));
    let note = |indent: &str| table.note.as_ref().map_or_else(String::new, |note| format!("{indent}{note}\n"));
    match style {
        Style::Text => {
            let lines: String = aligned.lines().iter().map(|line| format!("  {line}\n")).collect();
            format!("{}\n{lines}{}", table.title, note("  "))
        }
        Style::Markdown => format!("### {}\n\n{}{}", table.title, aligned.markdown(), note("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_words_is_aligned_left() {
        let row = |cells: [&str; 2]| cells.map(ToOwned::to_owned).to_vec();
        let rows = vec![row(["a", "no onset found"]), row(["b", "file"])];
        let table = Table { header: row(["case", "reason"]), rows, ..Table::default() };
        assert!(written(&table, Style::Text).ends_with("  a     no onset found\n  b     file\n"));
    }

    #[test]
    fn numbers_are_aligned_right_in_text_and_markdown() {
        let row = |cells: [&str; 2]| cells.map(ToOwned::to_owned).to_vec();
        let table = Table {
            title: "By set".to_owned(),
            header: row(["set", "AC@1"]),
            rows: vec![row(["a-long-name", "0.5"])],
            note: Some("two cases".to_owned()),
        };
        assert_eq!(written(&table, Style::Text), "By set\n  set          AC@1\n  a-long-name   0.5\n  two cases\n");
        assert_eq!(
            written(&table, Style::Markdown),
            // An invisible word joiner keeps "@1" from becoming a mention of a user.
            "### By set\n\n| set | AC@\u{2060}1 |\n| :-- | --: |\n| a-long-name | 0.5 |\n\ntwo cases\n"
        );
    }
}
