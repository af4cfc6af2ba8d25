//! The options that all renderers for terminals share, and their common layout: sections with a heading on the left.

use crate::clock::Zone;
use crate::table::plain;

/// How text for a terminal looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextOptions {
    /// ANSI colours where they carry meaning: the verdict, and warnings.
    pub color: bool,
    /// The zone of wall-clock times.
    pub zone: Zone,
    /// Also the long parts: queries, informational notes, every candidate's evidence.
    pub verbose: bool,
}

/// Columns of a section's heading.
pub(crate) const HEADING_WIDTH: usize = 12;

/// The lines of a section: a blank line, then the heading before the first item and its width before every other; nothing without items. Control
/// characters of the items are shown as `�`.
///
/// `("NOTES", ["one", "two"])` gives `["", "NOTES       one", "            two"]`.
pub(crate) fn section(heading: &str, items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        if i == 0 {
            lines.push(String::new());
        }
        lines.push(format!("{:<HEADING_WIDTH$}{}", if i == 0 { heading } else { "" }, plain(&item)));
    }
    lines
}

/// Appends a section to a text.
pub(crate) fn write_section(out: &mut String, heading: &str, items: impl IntoIterator<Item = String>) {
    for line in section(heading, items) {
        out.push_str(&line);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_stands_before_the_first_item() {
        let mut out = String::new();
        write_section(&mut out, "NOTES", ["one".to_owned(), "two".to_owned()]);
        write_section(&mut out, "NONE", []);
        assert_eq!(out, "\nNOTES       one\n            two\n");
    }
}
