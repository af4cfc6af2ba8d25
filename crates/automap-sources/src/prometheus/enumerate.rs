//! Lists names in a note, and counts those beyond a readable number.

use automap_core::text::listed;

/// Most names in one note.
const MAX_NAMED: usize = 12;

/// `a, b, c and 9 more`.
pub(crate) fn enumerate(names: impl IntoIterator<Item = String>) -> String {
    listed(names, MAX_NAMED)
}
