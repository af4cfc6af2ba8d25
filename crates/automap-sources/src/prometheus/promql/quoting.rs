//! Inserts names from outside into an expression: quoted, as patterns, as labels.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A pattern that matches exactly this text.
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A pattern that matches any of these texts, to be quoted.
pub(crate) fn any_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let all = texts.into_iter().map(literal).collect::<Vec<_>>().join("|");
    let quoted = quote(&all);
    quoted[1..quoted.len() - 1].to_owned()
}

/// A text as a PromQL string literal, quotes included.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            // Writing to a String cannot fail.
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Letters, digits and underscores: what every version of PromQL accepts as a label name.
pub(crate) fn is_plain_label(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A label's name in a matcher or after `by`. Names with dots are quoted, which Prometheus accepts from version 3 on.
pub(crate) fn label_name(name: &str) -> Cow<'_, str> {
    if is_plain_label(name) { Cow::Borrowed(name) } else { Cow::Owned(quote(name)) }
}

/// Whether a matcher of a selector quotes its label's name: `{"service.name"="x"}`.
pub(crate) fn names_label_in_quotes(selector: &str) -> bool {
    let (mut quoted, mut escaped, mut ended) = (false, false, false);
    for c in selector.chars() {
        match (quoted, c) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (_, '"') => (quoted, ended) = (!quoted, quoted),
            (false, '=' | '!') if ended => return true,
            (false, ' ') => {}
            (false, _) => ended = false,
            _ => {}
        }
    }
    false
}
