//! A table's rows, column by column, whatever the kind of file.
//!
//! Numbers are 8 bytes each, strings are stored once, and the number of cells is bounded. A column accepts one kind of unit; a number without a unit
//! among them is ambiguous and refused.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use super::error::{TableProblem, shown};
use super::number_cell::{self, Cell, Dimension};
use super::options::Decimal;

/// Most rows of a table.
pub(super) const MAX_ROWS: usize = 12_000_000;
/// Most numbers of a table: the same limit as for a frame.
pub(super) const MAX_CELLS: usize = automap_core::frame::MAX_CELLS;
/// Most different strings of a column.
const MAX_WORDS: usize = 200_000;

/// The word for rows in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowWord {
    /// In text.
    Line,
    /// In Parquet and Arrow files.
    Row,
}

impl RowWord {
    /// `line 7`.
    pub(super) fn place(self, number: u64) -> String {
        match self {
            Self::Line => format!("line {number}"),
            Self::Row => format!("row {number}"),
        }
    }
}

/// All rows.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) word: RowWord,
    pub(super) times: Vec<Timestamp>,
    /// Number of each row's line or row in the file.
    pub(super) places: Vec<u64>,
    pub(super) numbers: Vec<NumberColumn>,
    pub(super) words: Vec<WordColumn>,
    /// Whether a time had no zone.
    pub(super) saw_local: bool,
}

impl Body {
    /// Opens the next row.
    pub(super) fn push_time(&mut self, time: Timestamp, place: u64) -> Result<(), TableProblem> {
        if self.times.len() >= MAX_ROWS {
            return Err(TableProblem::TooLarge { what: "rows", limit: MAX_ROWS as u64 });
        }
        if self.times.len().saturating_mul(self.numbers.len()) >= MAX_CELLS {
            return Err(TableProblem::TooLarge { what: "numbers", limit: MAX_CELLS as u64 });
        }
        self.times.push(time);
        self.places.push(place);
        Ok(())
    }

    /// The place of a row in the file.
    pub(super) fn place(&self, row: usize) -> String {
        self.word.place(self.places[row])
    }
}

/// A column of numbers; a gap is `NaN`.
#[derive(Debug)]
pub(super) struct NumberColumn {
    /// As written in the header.
    pub(super) name: String,
    /// Position in the file, from 0.
    pub(super) at: usize,
    pub(super) values: Vec<f64>,
    /// The unit of cells that have one.
    pub(super) dimension: Dimension,
    /// Place of the first number without a unit, zeros aside.
    bare: Option<u64>,
}

impl NumberColumn {
    pub(super) fn new(name: &str, at: usize) -> Self {
        Self { name: name.to_owned(), at, values: Vec::new(), dimension: Dimension::Plain, bare: None }
    }

    /// Reads the next cell.
    pub(super) fn push(
        &mut self,
        text: &str,
        decimal: Option<Decimal>,
        place: u64,
        word: RowWord,
    ) -> Result<(), TableProblem> {
        let (column, cell) = (|| shown(&self.name), || shown(text));
        match number_cell::read(text, decimal) {
            Cell::Missing => self.values.push(f64::NAN),
            Cell::Number(value, dimension) => {
                let expected = match (dimension, self.dimension, self.bare) {
                    (Dimension::Plain, Dimension::Plain, _) => None,
                    (Dimension::Plain, other, _) => (value != 0.0).then_some(other),
                    (_, Dimension::Plain, Some(_)) => Some(Dimension::Plain),
                    (_, Dimension::Plain, None) => None,
                    (new, old, _) => (new != old).then_some(old),
                };
                if let Some(expected) = expected {
                    let want = format!("other cells of the column have {}", expected.words());
                    let (place, column, text) = (word.place(place), column(), cell());
                    return Err(TableProblem::MixedUnits { place, column, text, have: dimension.words(), want });
                }
                if dimension != Dimension::Plain {
                    self.dimension = dimension;
                } else if value != 0.0 {
                    self.bare = self.bare.or(Some(place));
                }
                self.values.push(value);
            }
            Cell::AmbiguousComma => {
                return Err(TableProblem::AmbiguousComma { place: word.place(place), column: column(), text: cell() });
            }
            Cell::Text => {
                return Err(TableProblem::NotANumber { place: word.place(place), column: column(), text: cell() });
            }
        }
        Ok(())
    }
}

/// A column of strings, each stored once.
#[derive(Debug, Default)]
pub(super) struct WordColumn {
    /// As written in the header.
    pub(super) name: String,
    pub(super) ids: Vec<u32>,
    pub(super) words: Vec<String>,
    index: BTreeMap<String, u32>,
}

impl WordColumn {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Adds the next row's string.
    pub(super) fn push(&mut self, word: &str) -> Result<(), TableProblem> {
        let word = word.trim();
        let repeated = self.ids.last().copied().filter(|id| self.words[*id as usize] == word);
        let id = match repeated.or_else(|| self.index.get(word).copied()) {
            Some(id) => id,
            None if self.words.len() >= MAX_WORDS => {
                return Err(TableProblem::TooLarge { what: "different names in a column", limit: MAX_WORDS as u64 });
            }
            None => {
                let id = self.words.len() as u32;
                self.words.push(word.to_owned());
                self.index.insert(word.to_owned(), id);
                id
            }
        };
        self.ids.push(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cells: &[&str]) -> Result<NumberColumn, String> {
        let mut column = NumberColumn::new("a_latency", 1);
        for (i, cell) in cells.iter().enumerate() {
            column.push(cell, None, i as u64 + 2, RowWord::Line).map_err(|e| e.to_string())?;
        }
        Ok(column)
    }

    #[test]
    fn units_of_one_kind_go_together() {
        let read = column(&["12 ms", "1.5 s", "", "0"]).unwrap();
        assert_eq!(
            (read.dimension, &read.values[..2], read.values[2].is_nan()),
            (Dimension::Duration, &[12.0, 1500.0][..], true)
        );
        for (cells, message) in [
            (
                &["12 ms", "1.5"][..],
                "line 3, column \"a_latency\": \"1.5\" has no unit, other cells of the column have a unit of time",
            ),
            (
                &["1.5", "12 ms"],
                "line 3, column \"a_latency\": \"12 ms\" has a unit of time, other cells of the column have no unit",
            ),
            (
                &["12 ms", "3 MiB"],
                "line 3, column \"a_latency\": \"3 MiB\" has a unit of bytes, other cells of the column have a unit of time",
            ),
            (&["x"], "line 2, column \"a_latency\": \"x\" is not a number"),
        ] {
            assert_eq!(column(cells).unwrap_err(), message);
        }
        assert!(column(&["1,234"]).unwrap_err().contains("--decimal"));
    }

    #[test]
    fn words_are_kept_once() {
        let mut column = WordColumn::new("service");
        ["a", "b", " a "].into_iter().for_each(|w| column.push(w).unwrap());
        assert_eq!((column.ids, column.words), (vec![0, 1, 0], vec!["a".to_owned(), "b".to_owned()]));
    }
}
