//! Formats rows of cells as text; the first row is the header.

/// Aligned columns, two spaces apart; the last one is not padded.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A table in Markdown that is also aligned as text. Empty without rows.
pub fn markdown_table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect()).collect();
    let widths = widths(&rows);
    let line = |row: &[String]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let Some((header, body)) = rows.split_first() else { return String::new() };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    std::iter::once(line(header)).chain([line(&rule)]).chain(body.iter().map(|row| line(row))).collect()
}

/// Escapes text so that it cannot end a cell or begin markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    (0..columns).map(|column| width(column).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        [["POD", "READY"], ["user-db|x", "2/2"]].map(|row| row.map(ToOwned::to_owned).to_vec()).to_vec()
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(aligned(&rows()), "POD        READY\nuser-db|x  2/2\n");
        assert_eq!(aligned(&[]), "");
    }

    #[test]
    fn nothing_ends_a_cell_of_markdown() {
        let want = "| POD        | READY |\n| ---------- | ----- |\n| user-db\\|x | 2/2   |\n";
        assert_eq!((markdown_table(&rows()).as_str(), markdown_table(&[]).as_str()), (want, ""));
        assert_eq!(escaped("<b>\n*"), "&lt;b> \\*");
    }
}
