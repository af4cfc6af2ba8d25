//! Small pieces of text: cut, escaped, rounded.

use automap_core::text::shown;

/// The beginning of a receiver's answer, on one line.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const MAX_CHARS: usize = 200;
    shown(&String::from_utf8_lossy(bytes), MAX_CHARS)
}

/// At most `max` characters, the last of them `…` where something is missing.
pub(super) fn cut(text: &str, max: usize) -> String {
    escape_cut(text, max, |_| None, true)
}

/// At most `max` bytes, the end marked with `…` where something is missing.
pub(super) fn cut_bytes(text: &str, max: usize) -> String {
    escape_cut(text, max, |_| None, false)
}

/// `&`, `<` and `>` as entities, at most `max` characters of output: Slack, and HTML outside attributes.
pub(super) fn entities(text: &str, max: usize) -> String {
    let escape = |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    };
    escape_cut(text, max, escape, true)
}

/// Cuts between characters, never inside an escape.
fn escape_cut(text: &str, max: usize, escape: impl Fn(char) -> Option<&'static str>, count_chars: bool) -> String {
    let size = |c: char| match (escape(c), count_chars) {
        (Some(escaped), _) => escaped.len(),
        (None, true) => 1,
        (None, false) => c.len_utf8(),
    };
    let whole: usize = text.chars().map(size).sum();
    let budget = if whole <= max { max } else { max.saturating_sub(size('…')) };
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        used += size(c);
        if used > budget {
            break;
        }
        match escape(c) {
            Some(escaped) => out.push_str(escaped),
            None => out.push(c),
        }
    }
    if whole > max && max >= size('…') {
        out.push('…');
    }
    out
}

/// Three significant digits, as people write them: `74.1`, `376`, `0.0312`.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { "?".into() };
    }
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 6);
    let text = format!("{value:.*}", digits.unsigned_abs() as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `4 min`, `1 h 5 min`, `2 d 3 h`.
pub(super) fn span(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{} s", ms.max(0) / 1000),
        (0, 0, m) => format!("{m} min"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_where_they_may_be() {
        assert_eq!((cut("abc", 3), cut("abcd", 3)), ("abc".into(), "ab…".into()));
        assert_eq!((cut_bytes("äöü", 6), cut_bytes("äöüä", 6)), ("äöü".into(), "ä…".into()));
        assert_eq!(entities("a<b & <!channel>", 100), "a&lt;b &amp; &lt;!channel&gt;");
        assert_eq!(entities("<<<", 9), "&lt;&lt;…", "no entity is cut in two");
        assert_eq!(excerpt(b"<html>\n\t no "), "<html> no");
    }

    #[test]
    fn numbers_and_spans_are_short() {
        let got: Vec<String> = [74.1, 376.2, 0.03121, 1234.5, 0.5, 0.0, f64::NAN].into_iter().map(number).collect();
        assert_eq!(got, ["74.1", "376", "0.0312", "1234", "0.5", "0", "?"]);
        let got: Vec<String> = [42_000, 240_000, 3_900_000, 183_600_000].into_iter().map(span).collect();
        assert_eq!(got, ["42 s", "4 min", "1 h 5 min", "2 d 3 h"]);
    }
}
