//! Lists names in a remark, and counts those that are too many to read.

/// Most names named in one remark.
const MAX_NAMED: usize = 12;

/// `a, b, c and 9 more`.
pub(crate) fn enumerate(names: impl IntoIterator<Item = String>) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    names.truncate(MAX_NAMED);
    let list = names.join(", ");
    if more > 0 { format!("{list} and {more} more") } else { list }
}
