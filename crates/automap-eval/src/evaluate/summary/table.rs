//! The content of one table, before it is written as text or Markdown.

/// One table. The first column is aligned left; the others are aligned right if all their cells look like numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) title: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// A note below the table.
    pub(super) note: Option<String>,
}
