//! Sections that never exceed the limits of a chat.

use std::fmt::Write;

/// Most characters of one section, heading included: the limit of a text block in Slack.
pub(crate) const MAX_SECTION: usize = 3000;
/// Most characters of the whole: the limit of a message.
pub(crate) const MAX_TOTAL: usize = 12_000;
/// Reserved in a section for the line that says how much was left out.
const REST: usize = 60;

/// A heading and its content, piece by piece: a piece is shown whole or not at all.
#[derive(Debug)]
pub(crate) struct Section {
    /// Already escaped; empty for none.
    pub(crate) heading: String,
    /// Already escaped: a line, a block of code, or the head of a table.
    pub(crate) pieces: Vec<String>,
}

impl Section {
    pub(crate) fn new(heading: &str) -> Self {
        Self { heading: heading.to_owned(), pieces: Vec::new() }
    }

    /// The section in at most `budget` characters; empty if there is no content, or no room even to say so.
    fn fit(&self, budget: usize) -> String {
        if self.pieces.is_empty() {
            return String::new();
        }
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
        match self.pieces.len() - shown {
            0 => {}
            _ if used + REST > budget => out.clear(),
            left if shown == 0 => {
                let _ = writeln!(out, "*Too long for a message ({left}); the page holds it.*");
            }
            left => {
                let _ = writeln!(out, "\n*… and {left} more; the page holds all.*");
            }
        }
        out
    }
}

/// All sections in order, a blank line between them, and the footer, for which there is always room; what no longer fits is left out, the last
/// sections first.
pub(crate) fn join(sections: &[Section], footer: &Section) -> String {
    let end = footer.fit(MAX_SECTION);
    let mut out = String::new();
    let mut left = MAX_TOTAL.saturating_sub(end.chars().count() + 1);
    for section in sections {
        let text = section.fit(MAX_SECTION.min(left.saturating_sub(1)));
        if !text.is_empty() {
            left -= text.chars().count() + 1;
            out.push_str(&text);
            out.push('\n');
        }
    }
    out + &end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_section_says_how_much_is_left_out() {
        let long = Section { heading: "## Long".into(), pieces: vec!["x".repeat(999); 5] };
        let text = join(&[long], &Section::new(""));
        assert!(text.chars().count() <= MAX_SECTION);
        // Heading 9, then two pieces of 1,000 with their line ends: a third would leave no room for the last line.
        assert_eq!(text.matches(&"x".repeat(999)).count(), 2);
        assert!(text.ends_with("*… and 3 more; the page holds all.*\n\n"), "{text}");
        let whole = Section { heading: "## Map".into(), pieces: vec!["y".repeat(3000)] };
        let text = join(&[whole], &Section::new(""));
        assert_eq!(text, "## Map\n\n*Too long for a message (1); the page holds it.*\n\n");
    }

    #[test]
    fn the_whole_is_bounded_and_the_footer_has_always_room() {
        let many: Vec<Section> =
            (0..9).map(|_| Section { heading: "## S".into(), pieces: vec!["é".repeat(700); 4] }).collect();
        let footer = Section { heading: String::new(), pieces: vec!["from here".into()] };
        let text = join(&many, &footer);
        let size = text.chars().count();
        assert!(size <= MAX_TOTAL && size > MAX_TOTAL - MAX_SECTION, "{size}");
        assert!(text.ends_with("\nfrom here\n"));
        assert_eq!(join(&[Section::new("## Empty")], &footer), "from here\n");
    }
}
