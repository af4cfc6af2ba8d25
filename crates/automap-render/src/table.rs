//! Rows for terminals, spreadsheets and pages.

use crate::html::is_deceptive;
use crate::markdown::escape;

/// Which way a column leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Aligned columns, two spaces apart, no trailing blanks; the first row is the heading. Control characters are shown as �.
pub(crate) fn aligned(rows: &[Vec<String>], align: &[Align]) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| plain(c)).collect()).collect();
    let length = |cell: &String| cell.chars().count();
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(length).max().unwrap_or(0);
    let widths: Vec<usize> = (0..align.len()).map(width).collect();
    let cell = |((text, width), align): ((&String, &usize), &Align)| match align {
        Align::Left => format!("{text:<width$}"),
        Align::Right => format!("{text:>width$}"),
    };
    let line = |row: &Vec<String>| row.iter().zip(&widths).zip(align).map(cell).collect::<Vec<_>>().join("  ");
    rows.iter().map(|row| line(row).trim_end().to_owned()).collect()
}

/// Data for a terminal: no escape sequence, no line of its own.
pub(crate) fn plain(data: &str) -> String {
    data.chars().map(|c| if c.is_control() || is_deceptive(c) { '\u{fffd}' } else { c }).collect()
}

/// One line of comma-separated values (RFC 4180), ending with a newline.
pub(crate) fn csv_line(cells: &[String]) -> String {
    let cell = |text: &String| {
        if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
}

/// A number for programs: all digits that matter; empty where not observed.
pub(crate) fn csv_number(v: Option<f64>) -> String {
    v.map_or_else(String::new, |v| v.to_string())
}

/// A Markdown table; every cell is escaped.
pub(crate) fn markdown_table(rows: &[Vec<String>], align: &[Align]) -> String {
    let mut out = String::new();
    for (i, row) in rows.iter().enumerate() {
        out += &format!("| {} |\n", row.iter().map(|c| escape::text(c)).collect::<Vec<_>>().join(" | "));
        if i == 0 {
            let rule = |a: &Align| if *a == Align::Left { ":--" } else { "--:" };
            out += &format!("| {} |\n", align.iter().map(rule).collect::<Vec<_>>().join(" | "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 2]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn columns_line_up_and_control_characters_do_not_pass() {
        let rows = [row(["SERVICE", "SHIFT"]), row(["a\x1b[31m", "+3"])];
        assert_eq!(aligned(&rows, &[Align::Left, Align::Right]), ["SERVICE  SHIFT", "a\u{fffd}[31m      +3"]);
    }

    #[test]
    fn cells_are_quoted_and_escaped() {
        assert_eq!(csv_line(&row(["a,\"b\"", "2"])), "\"a,\"\"b\"\"\",2\n");
        assert_eq!((csv_number(Some(0.1)), csv_number(None)), ("0.1".to_owned(), String::new()));
        let table = markdown_table(&[row(["A", "B"]), row(["x|y", "<b>"])], &[Align::Left, Align::Right]);
        assert_eq!(table, "| A | B |\n| :-- | --: |\n| x\\|y | &lt;b&gt; |\n");
    }
}
