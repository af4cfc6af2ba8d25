//! Sanitises text from the watched system: names where they enter, and foreign sentences where they are shown.
//!
//! Names of services come from labels, files and messages that anybody may have written. A line break forges a log line, an escape sequence moves a
//! terminal's cursor, a bidirectional control character makes one name look like another, and PostgreSQL rejects a NUL. So names are cleaned once, on
//! their way into a frame or a call graph, and every later stage may print and store them. Not covered: characters that only look alike (a Cyrillic
//! `а`), which no rule can distinguish from legitimate names.

use std::borrow::Cow;

/// Longest name of a service or metric, in bytes: as long as Kubernetes allows.
pub const MAX_NAME_BYTES: usize = 253;
/// Stands for a character that cannot be shown.
pub const REPLACEMENT: char = '\u{fffd}';

/// Separates a changed name from the digits that distinguish it from others.
const MARK: char = '~';
const HASH_DIGITS: usize = 16;

/// Whether a character hides, breaks the line, or changes how the text around it is read: control characters (C0, DEL, C1), line and paragraph
/// separators, bidirectional controls, zero-width characters, tags, and noncharacters.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether a text has no character that [`is_hidden`].
pub fn is_plain(text: &str) -> bool {
    // Most names are ASCII, which is checked by bytes.
    text.bytes().all(|b| (0x20..0x7f).contains(&b)) || !text.chars().any(is_hidden)
}

/// The text with `�` in place of every hidden character.
///
/// ```
/// assert_eq!(automap_core::text::plain("pay\x1b[31m\n"), "pay�[31m�");
/// ```
pub fn plain(text: &str) -> Cow<'_, str> {
    if is_plain(text) { Cow::Borrowed(text) } else { text.chars().map(visible).collect::<String>().into() }
}

fn visible(c: char) -> char {
    if is_hidden(c) { REPLACEMENT } else { c }
}

/// A foreign sentence as one line of a message or a log: whitespace becomes single spaces, hidden characters `�`, and text longer than
/// `max_chars` ends in `…`.
///
/// ```
/// use automap_core::text::shown;
///
/// assert_eq!(shown("refused\r\nVERDICT  payment\t\x1b[2J", 100), "refused VERDICT payment �[2J");
/// assert_eq!(shown("abcdef", 4), "abcd…");
/// ```
pub fn shown(text: &str, max_chars: usize) -> String {
    let (mut out, mut chars, mut is_blank) = (String::new(), 0, false);
    for c in text.chars() {
        if c.is_whitespace() {
            is_blank = !out.is_empty();
            continue;
        }
        if chars + usize::from(is_blank) >= max_chars {
            out.push('…');
            break;
        }
        if std::mem::take(&mut is_blank) {
            out.push(' ');
            chars += 1;
        }
        out.push(visible(c));
        chars += 1;
    }
    out
}

/// Names in one line: `a, b, c and 4 more`, at most `max` of them by name. Empty without names.
///
/// ```
/// use automap_core::text::listed;
///
/// assert_eq!(listed(["a", "b", "c"], 3), "a, b, c");
/// assert_eq!(listed(["a", "b", "c"], 2), "a, b and 1 more");
/// ```
pub fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>, max: usize) -> String {
    let (mut text, mut names) = (String::new(), names.into_iter());
    for name in names.by_ref().take(max) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name.as_ref());
    }
    match names.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// A text as a cell of a table that a spreadsheet may open: anything that would be read as a formula is prefixed with `'`. Numbers stay numbers.
///
/// ```
/// use automap_core::text::spreadsheet_cell;
///
/// assert_eq!(spreadsheet_cell("=HYPERLINK(\"http://evil\")"), "'=HYPERLINK(\"http://evil\")");
/// assert_eq!((spreadsheet_cell("-1.5"), spreadsheet_cell("orders")), ("-1.5".into(), "orders".into()));
/// ```
pub fn spreadsheet_cell(text: &str) -> Cow<'_, str> {
    let is_formula =
        text.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if is_formula && text.parse::<f64>().is_err() { format!("'{text}").into() } else { Cow::Borrowed(text) }
}

/// A name as it may be stored and shown: at most [`MAX_NAME_BYTES`], nothing hidden. A valid name is unchanged. Any other gets `�` for each hidden
/// character, is truncated, and ends in `~` and 16 digits that are a hash of the whole name, so that two different names do not become one.
/// Idempotent.
///
/// ```
/// use automap_core::text::clean_name;
///
/// assert_eq!(clean_name("payment"), "payment");
/// assert_eq!(clean_name("付款"), "付款");
/// assert_eq!(clean_name("pay\0"), "pay�~039ff30debb787ab");
/// assert_ne!(clean_name("pay\0"), clean_name("pay\u{1}"));
/// ```
pub fn clean_name(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME_BYTES && is_plain(name) { Cow::Borrowed(name) } else { marked(name).into() }
}

/// [`clean_name`] for a source that was not cleaned by automap before, such as a server's labels: a name that only looks cleaned is marked again, so
/// that it cannot pass for one that was. A capture has cleaned names, which are kept.
///
/// ```
/// use automap_core::text::{clean_name, observed_name};
///
/// let cleaned = clean_name("pay\0").into_owned();
/// assert_eq!(observed_name("pay\0"), cleaned);
/// assert_ne!(observed_name(&cleaned), cleaned);
/// ```
pub fn observed_name(name: &str) -> Cow<'_, str> {
    if is_cleaned(name) { marked(name).into() } else { clean_name(name) }
}

/// Whether a name has the form that [`clean_name`] gives to names that it changes.
pub fn is_cleaned(name: &str) -> bool {
    let Some((stem, digits)) = name.rsplit_once(MARK) else { return false };
    let is_hash = digits.len() == HASH_DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    // Truncation leaves less room than the widest character needs.
    is_hash && (stem.contains(REPLACEMENT) || stem.len() + 4 > MAX_STEM_BYTES)
}

const MAX_STEM_BYTES: usize = MAX_NAME_BYTES - HASH_DIGITS - MARK.len_utf8();

fn marked(name: &str) -> String {
    let stem = name.rsplit_once(MARK).filter(|_| is_cleaned(name)).map_or(name, |(stem, _)| stem);
    let mut out = String::with_capacity(MAX_NAME_BYTES);
    for c in stem.chars().map(visible) {
        if out.len() + c.len_utf8() > MAX_STEM_BYTES {
            break;
        }
        out.push(c);
    }
    out.push(MARK);
    out.push_str(&format!("{:016x}", digest(name.as_bytes())));
    out
}

/// Fowler, Noll and Vo's hash 1a of 64 bits: the same on every machine and in every version.
/// For names that must differ if their originals differ; not secure against forgery.
pub fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// One of each kind of what must not pass.
    const HOSTILE: [&str; 16] = [
        "a\0",
        "a\u{1}",
        "a\nVERDICT payment",
        "a\r",
        "a\u{1b}[2J",
        "a\u{7f}",
        "a\u{9b}31m",
        "a\u{85}",
        "a\u{202e}b",
        "a\u{2066}b\u{2069}",
        "a\u{200b}",
        "a\u{200d}",
        "a\u{2028}",
        "a\u{2029}",
        "a\u{feff}",
        "a\u{e0041}",
    ];

    #[test]
    fn every_hostile_name_gets_a_name_of_its_own_that_can_be_shown() {
        let long = ["x".repeat(10_000), format!("{}y", "x".repeat(9_999)), "ü".repeat(MAX_NAME_BYTES)];
        let names: Vec<&str> = HOSTILE.into_iter().chain(long.iter().map(String::as_str)).collect();
        let cleaned: BTreeSet<String> = names.iter().map(|n| clean_name(n).into_owned()).collect();
        assert_eq!(cleaned.len(), names.len(), "{cleaned:?}");
        for name in &cleaned {
            assert!(is_plain(name) && name.len() <= MAX_NAME_BYTES && is_cleaned(name), "{name:?}");
            assert_eq!(clean_name(name), name.as_str(), "cleaning twice changes nothing");
            assert!(!cleaned.contains(observed_name(name).as_ref()), "a forged form is no other's name");
        }
    }

    #[test]
    fn honest_names_stay() {
        for name in ["payment", "user-db.bank", "付款", "Überweisung", "a~0123456789abcdef", "", "GET /cart"] {
            assert_eq!((clean_name(name), observed_name(name)), (name.into(), name.into()));
        }
        assert_eq!(clean_name(&"x".repeat(MAX_NAME_BYTES)).len(), MAX_NAME_BYTES);
        assert_eq!(clean_name(&"x".repeat(MAX_NAME_BYTES + 1)).len(), MAX_NAME_BYTES);
    }

    #[test]
    fn sentences_stay_on_their_line_and_within_their_length() {
        for text in HOSTILE {
            assert!(is_plain(&shown(text, 200)) && is_plain(&plain(text)), "{text:?}");
        }
        assert_eq!(shown("  a \n\n b  ", 9), "a b");
        assert_eq!(shown("a b", 2), "a…", "no blank before the dots");
        assert_eq!(shown(&"ö".repeat(5_000_000), 60).chars().count(), 61);
    }
}
