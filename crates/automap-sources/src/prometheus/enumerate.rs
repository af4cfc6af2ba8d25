//! Lists names in a remark, and counts those that are too many to read.

use automap_core::text::listed;

/// Most names named in one remark.
const MAX_NAMED: usize = 12;

/// `a, b, c and 9 more`.
pub(crate) fn enumerate(names: impl IntoIterator<Item = String>) -> String {
    listed(names, MAX_NAMED)
}
