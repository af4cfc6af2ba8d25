//! Wraps long lines of an answer for a terminal. A continuation is indented to where its text began, so that headings at the left
//! edge stay visible; a terminal would otherwise break lines at any column and start each at the left.

/// Narrower terminals get the lines as they are: wrapped, they would be a column of single words.
pub(crate) const MIN_WIDTH: usize = 60;
/// Continuations are not indented further than this share of the width.
const MAX_INDENT_SHARE: usize = 2;

/// Breaks lines that are longer than `width` at spaces. A continuation is indented to where the text after the line's heading
/// begins, or two columns further than the line itself. Escape sequences have no width; a word longer than the line stays whole.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if columns(line) <= width {
            out.push_str(line)
        } else {
            wrap_line(&mut out, line, width)
        }
        out.push_str(end);
    }
    out
}

fn wrap_line(out: &mut String, line: &str, width: usize) {
    let indent = indent(line).min(width / MAX_INDENT_SHARE);
    let (mut at, mut is_empty) = (0, true);
    // Runs of spaces belong to the word before them: they align what follows.
    for word in line.split_inclusive(' ') {
        let visible = word.trim_end_matches(' ');
        if !is_empty && !visible.is_empty() && at + columns(visible) > width {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            (at, is_empty) = (indent, true);
        }
        out.push_str(word);
        at += columns(word);
        is_empty &= visible.is_empty();
    }
}

/// Where the text after a heading begins: after the first two spaces that follow something.
fn indent(line: &str) -> usize {
    let leading = line.len() - line.trim_start_matches(' ').len();
    let gap = line[leading..].find("  ").map(|i| leading + i);
    let start = gap.map(|i| i + line[i..].len() - line[i..].trim_start_matches(' ').len());
    start.map_or(leading + 2, |i| columns(&line[..i]))
}

/// Columns on a terminal: characters without escape sequences.
fn columns(text: &str) -> usize {
    let (mut count, mut in_escape) = (0, false);
    for c in text.chars() {
        match c {
            '\x1b' => in_escape = true,
            'm' if in_escape => in_escape = false,
            _ if in_escape => {}
            _ => count += 1,
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_stand_below_their_text() {
        let text = "VICTIMS     orders is slow and slower than it was\nshort\n";
        assert_eq!(wrap(text, 30), "VICTIMS     orders is slow and\n            slower than it was\nshort\n");
        assert_eq!(wrap("  + one two three", 12), "  + one two\n    three");
        assert_eq!(wrap(text, 80), text);
    }

    #[test]
    fn escapes_take_no_room_and_long_words_stay_whole() {
        assert_eq!(wrap("\x1b[1;31mabc\x1b[0m def", 7), "\x1b[1;31mabc\x1b[0m def");
        assert_eq!(wrap("a 0123456789 b", 6), "a\n  0123456789\n  b");
    }
}
