//! Columns of text.

/// Aligns rows to the left; columns are two spaces apart, the last one is not padded.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell_width =
        |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(cell_width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["POD", "READY"], ["user-db-x", "2/2"]].map(|r| r.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "POD        READY\nuser-db-x  2/2\n");
        assert_eq!(aligned(&[]), "");
    }
}
