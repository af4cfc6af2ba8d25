//! Estimates the width of text. No font is available while drawing, so widths are those of Inter, which PNG pictures embed, plus a margin: a reader's
//! own sans-serif is rarely wider.

/// Advance widths of the printable ASCII characters in Inter, in hundredths of the font size; semi-bold, the wider of the two in use.
const WIDTHS: [u8; 95] = [
    25, 31, 40, 64, 65, 84, 66, 21, 39, 39, 54, 67, 30, 47, 29, 38, 67, 48, 62, 65, 67, 63, 65, 59, 65, 65, 29, 30, 67,
    67, 67, 54, 100, 72, 66, 74, 72, 61, 59, 75, 74, 27, 56, 68, 57, 91, 74, 77, 64, 78, 65, 65, 66, 73, 72, 101, 69,
    70, 65, 39, 38, 39, 48, 47, 50, 57, 63, 58, 63, 59, 38, 63, 61, 26, 26, 57, 26, 90, 61, 61, 62, 62, 40, 55, 38, 61,
    58, 84, 56, 58, 56, 39, 36, 39, 67,
];
/// Margin for fonts that are wider than Inter.
const SLACK: f64 = 1.06;

/// Width of one line of text in pixels at a font size in pixels.
pub(crate) fn width(text: &str, font_px: f64) -> f64 {
    let one = |c: char| {
        let ascii = (c as usize).checked_sub(32).and_then(|i| WIDTHS.get(i));
        match (ascii, c) {
            (Some(w), _) => f64::from(*w) / 100.0,
            // Arrows and full-width scripts fill a square.
            (None, '\u{2190}'..='\u{21FF}' | '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{FFFF}' | '\u{10000}'..) => 1.0,
            (None, '·') => 0.3,
            (None, _) => 0.7,
        }
    };
    text.chars().map(one).sum::<f64>() * font_px * SLACK
}

/// Breaks a text at spaces into lines of at most `max_px`; a longer word gets its own line.
pub(crate) fn wrap(text: &str, font_px: f64, max_px: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        match lines.last_mut() {
            Some(last) if width(last, font_px) + width(word, font_px) + width(" ", font_px) <= max_px => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_add_up() {
        // 0.61 + 0.57 and the slack, at 10 px.
        assert!((width("na", 10.0) - (0.61 + 0.57) * 10.0 * SLACK).abs() < 1e-9);
        assert!(width("付款", 10.0) > width("ab", 10.0));
    }

    #[test]
    fn lines_break_at_spaces() {
        let text = "one two three four";
        let lines = wrap(text, 10.0, width("one two t", 10.0));
        assert_eq!(lines, ["one two", "three", "four"]);
    }
}
