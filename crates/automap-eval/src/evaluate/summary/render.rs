//! Writes the tables of a summary, as aligned text for a terminal or as Markdown for a pull request.
//!
//! Which tables there are and what they hold is decided in `tables`.

use super::{Summary, tables};

/// The format of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Aligned columns.
    Text,
    /// Markdown.
    Markdown,
}

/// One table. The first column is aligned left; the others are aligned right if all their cells look like numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) title: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// A note below the table.
    pub(super) note: Option<String>,
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
    let all = || std::iter::once(&table.header).chain(&table.rows);
    let width = |i: usize| all().filter_map(|row| row.get(i)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.header.len()).map(width).collect();
    let is_number = |cell: &String| cell.chars().next().is_none_or(|c| c.is_ascii_digit() || "+-–".contains(c));
    let is_right: Vec<bool> =
        (0..widths.len()).map(|i| i > 0 && table.rows.iter().filter_map(|row| row.get(i)).all(is_number)).collect();
    let cells = |row: &Vec<String>| -> Vec<String> {
        let aligned = row.iter().zip(&widths).zip(&is_right);
        aligned.map(|((cell, w), right)| if *right { format!("{cell:>w$}") } else { format!("{cell:<w$}") }).collect()
    };
    let mut out = match style {
        Style::Text => format!("{}\n", table.title),
        Style::Markdown => format!("### {}\n\n", table.title),
    };
    for (i, row) in all().enumerate() {
        out += &match style {
            Style::Text => format!("  {}\n", cells(row).join("  ").trim_end()),
            Style::Markdown => format!("| {} |\n", cells(row).join(" | ")),
        };
        if i == 0 && style == Style::Markdown {
            let rule = widths.iter().zip(&is_right).map(|(w, right)| {
                if *right { format!("{}:", "-".repeat(w.saturating_sub(1).max(1))) } else { "-".repeat(*w) }
            });
            out += &format!("| {} |\n", rule.collect::<Vec<_>>().join(" | "));
        }
    }
    if let Some(note) = &table.note {
        out += &match style {
            Style::Text => format!("  {note}\n"),
            Style::Markdown => format!("\n{note}\n"),
        };
    }
    out
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
            "### By set\n\n| set         | AC@1 |\n| ----------- | ---: |\n| a-long-name |  0.5 |\n\ntwo cases\n"
        );
    }
}
