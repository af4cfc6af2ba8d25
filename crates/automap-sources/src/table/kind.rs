//! What a column contains, judged by its first cells.

use super::number_cell::{self, Cell};
use super::time_cell;

/// What a column contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing in the first rows.
    Empty,
    /// Numbers, or some numbers among other cells.
    Number,
    /// Dates, with or without a time.
    Time,
    /// Times of day.
    Clock,
    /// Words.
    Text,
}

impl Kind {
    /// The kind of some cells.
    pub(super) fn of<'a>(cells: impl Iterator<Item = &'a str>) -> Self {
        let given: Vec<&str> = cells.map(str::trim).filter(|c| number_cell::read(c, None) != Cell::Missing).collect();
        let is_number = |c: &&str| number_cell::read(c, None) != Cell::Text;
        match () {
            () if given.is_empty() => Self::Empty,
            () if given.iter().all(is_number) => Self::Number,
            () if given.iter().all(|c| time_cell::is_clock(c)) => Self::Clock,
            () if given.iter().all(|c| time_cell::is_calendar(c)) => Self::Time,
            () if given.iter().any(is_number) => Self::Number,
            () => Self::Text,
        }
    }

    /// Whether it can be a series.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_show_what_a_column_holds() {
        for (cells, kind) in [
            (&["", "NaN", "-"][..], Kind::Empty),
            (&["1", "", "2,5"], Kind::Number),
            (&["12 ms", "1.5 s"], Kind::Number),
            (&["1", "much"], Kind::Number),
            (&["2026-11-18 11:06:40", "NaT"], Kind::Time),
            (&["18.11.2026"], Kind::Time),
            (&["11:06:40", "11:06"], Kind::Clock),
            (&["carts", "carts-db"], Kind::Text),
        ] {
            assert_eq!(Kind::of(cells.iter().copied()), kind, "{cells:?}");
        }
    }
}
