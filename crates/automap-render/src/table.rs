//! One table writer for every command: aligned columns on a terminal, and the same rows in Markdown.
//!
//! Columns are aligned by the width at which a terminal shows them, so that names in Chinese or Japanese, two columns a character, do not shift the
//! rest of their row. Frames, wrapping and the terminal's size are left out: a row is one line, however long.

use automap_core::text::spreadsheet_cell;
use unicode_width::UnicodeWidthStr;

use crate::escape::is_deceptive;
use crate::markdown::escape;

pub use crate::escape::plain;

/// The side on which a column's cells line up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// One cell. Converts from strings; deceptive characters are shown as `�`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    color: Option<&'static str>,
}

impl Cell {
    /// A cell in an ANSI colour, given by its SGR code: `"1;31"` is bold red. The colour takes no room in the column.
    pub fn colored(text: impl Into<Self>, code: &'static str) -> Self {
        Self { color: Some(code), ..text.into() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: plain(text), color: None }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        // Most cells contain nothing to replace.
        let text = if text.contains(is_deceptive) { plain(&text) } else { text };
        Self { text, color: None }
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

/// Rows of cells. The first row is the heading, for Markdown at least.
///
/// ```
/// use automap_render::table::{Align, Table};
///
/// let mut table = Table::new([Align::Left, Align::Right]);
/// table.row(["SERVICE", "RPS"]);
/// table.row(["付款", "9.5"]);
/// table.row(["orders", "12.0"]);
/// assert_eq!(table.text(), "SERVICE   RPS\n付款      9.5\norders   12.0\n");
/// assert_eq!(table.markdown(), "| SERVICE | RPS |\n| :-- | --: |\n| 付款 | 9.5 |\n| orders | 12.0 |\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows. Cells beyond the given columns are written without padding.
    pub fn new(columns: impl Into<Vec<Align>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row. It may be shorter than the others.
    pub fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// One line a row, columns two spaces apart, no blanks at the end.
    pub fn lines(&self) -> Vec<String> {
        let cell_width = |column: usize| move |row: &Vec<Cell>| row.get(column).map(|c| width(&c.text));
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| self.rows.iter().filter_map(cell_width(column)).max().unwrap_or(0))
            .collect();
        self.rows.iter().map(|row| self.line(row, &widths)).collect()
    }

    /// The lines as one text; every line ends with a newline.
    pub fn text(&self) -> String {
        self.lines().into_iter().map(|line| line + "\n").collect()
    }

    /// A Markdown table in which every cell is escaped; colours are left out. Ends with a newline.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        for (i, row) in self.rows.iter().enumerate() {
            out += &format!("| {} |\n", row.iter().map(|c| escape::text(&c.text)).collect::<Vec<_>>().join(" | "));
            if i == 0 {
                let rule = |a: &Align| if *a == Align::Left { ":--" } else { "--:" };
                out += &format!("| {} |\n", self.columns.iter().map(rule).collect::<Vec<_>>().join(" | "));
            }
        }
        out
    }

    fn line(&self, row: &[Cell], widths: &[usize]) -> String {
        let mut out = String::new();
        // Blanks before the next cell with text: none are written at the end of a line.
        let mut pending = 0;
        for (i, cell) in row.iter().enumerate() {
            let room = widths.get(i).map_or(0, |w| w.saturating_sub(width(&cell.text)));
            let (before, after) = if self.columns.get(i) == Some(&Align::Right) { (room, 0) } else { (0, room) };
            pending += if i > 0 { GAP + before } else { before };
            if cell.text.trim().is_empty() {
                pending += width(&cell.text) + after;
                continue;
            }
            out.extend(std::iter::repeat_n(' ', pending));
            match cell.color {
                Some(code) => out += &format!("\x1b[{code}m{}\x1b[0m", cell.text),
                None => out += &cell.text,
            }
            pending = after;
        }
        out.truncate(out.trim_end().len());
        out
    }
}

/// Blanks between two columns.
const GAP: usize = 2;

/// Columns that a terminal needs for a text: two for full-width characters, none for combining marks.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text padded with blanks to at least `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let room = columns.saturating_sub(width(text));
    format!("{text}{:room$}", "")
}

/// A heading and rows of as many cells, as comma-separated values (RFC 4180). No cell is a formula to a spreadsheet, and a row is one line.
pub(crate) fn csv_table<const N: usize>(heading: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing rows of one length into memory cannot fail.
    let _ = writer.write_record(heading);
    for row in rows {
        let _ = writer.write_record(row.iter().map(|cell| spreadsheet_cell(&plain(cell)).into_owned()));
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// A number for programs: all significant digits; empty if not observed.
pub(crate) fn csv_number(v: Option<f64>) -> String {
    v.map_or_else(String::new, |v| v.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_control_characters_do_not_pass() {
        let mut table = Table::new([Align::Left, Align::Right]);
        table.row(["SERVICE", "SHIFT"]);
        table.row(["a\x1b[31m", "+3"]);
        assert_eq!(table.lines(), ["SERVICE  SHIFT", "a\u{fffd}[31m      +3"]);
    }

    #[test]
    fn full_width_names_take_two_columns() {
        let mut table = Table::new([Align::Left, Align::Left]);
        table.row(["付款", "slow"]);
        table.row(["orders", "calm"]);
        assert_eq!(table.lines(), ["付款    slow", "orders  calm"]);
        assert_eq!((width("付款"), width("e\u{301}"), pad("付", 3).as_str()), (4, 1, "付 "));
    }

    #[test]
    fn colours_take_no_room_and_no_blanks_end_a_line() {
        let mut table = Table::new([Align::Left; 3]);
        table.row([Cell::from("a"), Cell::colored("yes", "32"), Cell::from("")]);
        table.row(["long name", "-", "x"]);
        table.row(["b", "", ""]);
        assert_eq!(table.lines(), ["a          \x1b[32myes\x1b[0m", "long name  -    x", "b"]);
    }

    #[test]
    fn cells_are_quoted_and_escaped() {
        assert_eq!(csv_table(["x", "y"], [["a,\"b\"", "2"].map(str::to_owned)]), "x,y\n\"a,\"\"b\"\"\",2\n");
        let formulas = [["=1+1", "-2.5"], ["@SUM(A1)", "+cmd|' /C calc'!A0"]].map(|row| row.map(str::to_owned));
        assert_eq!(csv_table(["x", "y"], formulas), "x,y\n'=1+1,-2.5\n'@SUM(A1),'+cmd|' /C calc'!A0\n");
        assert_eq!((csv_number(Some(0.1)), csv_number(None)), ("0.1".to_owned(), String::new()));
        let mut table = Table::new([Align::Left, Align::Right]);
        table.row(["A", "B"]);
        table.row(["x|y", "<b>"]);
        assert_eq!(table.markdown(), "| A | B |\n| :-- | --: |\n| x\\|y | &lt;b&gt; |\n");
    }
}
