//! Makes data harmless for the formats that several renderers write: terminals and XML (SVG, GraphML).
//!
//! Names and sentences come from metrics that other people's programs export, and may hold anything. HTML is escaped by its template engine (see the `html` module), and
//! formats with rules of their own (DOT, Mermaid, Markdown) escape beside their writer.

pub(crate) use automap_core::text::is_hidden as is_deceptive;

/// Text for one line of a terminal: deceptive characters, escape sequences and line breaks among them, become `�`.
///
/// ```
/// use automap_render::table::plain;
/// assert_eq!(plain("pay\x1b[31m\n"), "pay�[31m�");
/// ```
pub fn plain(data: &str) -> String {
    automap_core::text::plain(data).into_owned()
}

/// A finished page with deceptive characters replaced by `�`, except those in `kept` that lay it out.
pub(crate) fn page(markup: &str, kept: &[char]) -> String {
    markup.chars().map(|c| if is_deceptive(c) && !kept.contains(&c) { '\u{fffd}' } else { c }).collect()
}

/// Text for an XML element or a quoted attribute. The caller takes care of characters that XML forbids (see `map::words::line`).
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_turn_or_hide_text_are_shown_as_such() {
        assert_eq!(plain("pay\u{202e}tnem\u{0}\u{1b}[31m"), "pay\u{fffd}tnem\u{fffd}\u{fffd}[31m");
        assert_eq!(plain("付款 → orders"), "付款 → orders");
    }

    #[test]
    fn xml_reads_data_as_text() {
        assert_eq!(xml("\"a\" & '<b>'"), "&quot;a&quot; &amp; &#39;&lt;b&gt;&#39;");
    }
}
