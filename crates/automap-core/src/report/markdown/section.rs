//! Sections that never grow beyond what a chat takes.

use std::fmt::Write;

/// Characters of one section at most, heading included: the limit of a text block in Slack.
pub(super) const MAX_SECTION: usize = 3000;
/// Characters of the whole at most: the limit of a message.
pub(super) const MAX_TOTAL: usize = 12_000;
/// Kept free in a section for the line that says how much was left out.
const REST: usize = 60;

/// A heading and what stands below it, piece by piece: a piece is shown whole or not at all.
#[derive(Debug)]
pub(super) struct Section {
    /// Already escaped; empty for none.
    pub(super) heading: String,
    /// Already escaped: a line, a block of code, or the head of a table.
    pub(super) pieces: Vec<String>,
}

impl Section {
    pub(super) fn new(heading: &str) -> Self {
        Self { heading: heading.to_owned(), pieces: Vec::new() }
    }

    /// The section in at most `budget` characters, empty where nothing fits or nothing is there.
    fn fit(&self, budget: usize) -> String {
        let mut out = if self.heading.is_empty() { String::new() } else { format!("{}\n\n", self.heading) };
        let mut used = out.chars().count();
        let mut shown = 0;
        for piece in &self.pieces {
            let size = piece.chars().count() + 1;
            if used + size + REST > budget {
                break;
            }
            used += size;
            shown += 1;
            out.push_str(piece);
            out.push('\n');
        }
        if shown == 0 {
            return String::new();
        }
        if shown < self.pieces.len() {
            let _ = write!(out, "\n*… and {} more; the page holds all.*\n", self.pieces.len() - shown);
        }
        out
    }
}

/// All sections in their order, a blank line between them; what no longer fits is left out, the last first.
pub(super) fn join(sections: &[Section]) -> String {
    let mut out = String::new();
    let mut used = 0;
    for section in sections {
        let text = section.fit(MAX_SECTION.min(MAX_TOTAL.saturating_sub(used + 1)));
        if !text.is_empty() {
            if !out.is_empty() {
                out.push('\n');
                used += 1;
            }
            used += text.chars().count();
            out.push_str(&text);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_section_says_how_much_is_left_out() {
        let long = Section { heading: "## Long".into(), pieces: vec!["x".repeat(999); 5] };
        let text = join(&[long]);
        assert!(text.chars().count() <= MAX_SECTION);
        // Heading 9, then two pieces of 1,000 with their line ends: a third would leave no room for the last line.
        assert_eq!(text.matches(&"x".repeat(999)).count(), 2);
        assert!(text.ends_with("*… and 3 more; the page holds all.*\n"), "{text}");
    }

    #[test]
    fn the_whole_is_bounded_and_a_section_of_nothing_is_no_section() {
        let many: Vec<Section> =
            (0..9).map(|_| Section { heading: "## S".into(), pieces: vec!["é".repeat(700); 4] }).collect();
        let text = join(&many);
        assert!(text.chars().count() <= MAX_TOTAL, "{}", text.chars().count());
        assert_eq!(join(&[Section::new("## Empty")]), "");
        assert_eq!(join(&[Section { heading: String::new(), pieces: vec!["a".repeat(5000)] }]), "");
    }
}
