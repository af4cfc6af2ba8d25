//! Writes HTML that no label can break: markup is text of this program, everything else is escaped.

use std::fmt::Write;

use crate::escape::is_deceptive;

/// A page being written. Only `&'static str` goes in as markup; whatever comes from data goes in escaped.
#[derive(Debug, Default)]
pub(crate) struct Page {
    out: String,
}

impl Page {
    /// Markup of this program.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Data as text or inside a quoted attribute.
    pub(crate) fn text(&mut self, data: &str) -> &mut Self {
        escape_into(&mut self.out, data);
        self
    }

    /// A coordinate or length: one decimal, `0` for what is not a number.
    pub(crate) fn number(&mut self, value: f64) -> &mut Self {
        let value = if value.is_finite() { (value * 10.0).round() / 10.0 } else { 0.0 };
        // Adding zero turns −0 into 0. Writing into a String cannot fail.
        let _ = write!(self.out, "{}", value + 0.0);
        self
    }

    /// A count.
    pub(crate) fn count(&mut self, value: usize) -> &mut Self {
        let _ = write!(self.out, "{value}");
        self
    }

    /// `open`, the escaped data, `close`.
    pub(crate) fn wrap(&mut self, open: &'static str, data: &str, close: &'static str) -> &mut Self {
        self.raw(open).text(data).raw(close)
    }

    /// A picture by another renderer of this crate, which escapes its own labels.
    pub(crate) fn picture(&mut self, svg: &str) -> &mut Self {
        self.out.push_str(svg);
        self
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}

/// Escapes for text and for quoted attributes. Characters that hide or turn text around become `�`: a label shows
/// what it is.
fn escape_into(out: &mut String, data: &str) {
    for c in data.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if is_deceptive(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_stays_data() {
        let mut page = Page::default();
        page.raw("<p title=\"").text("\" onmouseover='x'").raw("\">").text("</style><script>&amp;]]>").raw("</p>");
        assert_eq!(
            page.finish(),
            "<p title=\"&quot; onmouseover=&#39;x&#39;\">&lt;/style&gt;&lt;script&gt;&amp;amp;]]&gt;</p>"
        );
    }

    #[test]
    fn text_that_turns_around_or_hides_is_shown_as_such() {
        let mut page = Page::default();
        page.text("pay\u{202e}tnem\u{0}\u{1b}[31m\nnext");
        assert_eq!(page.finish(), "pay\u{fffd}tnem\u{fffd}\u{fffd}[31m\nnext");
    }

    #[test]
    fn numbers_are_short_and_always_numbers() {
        let mut page = Page::default();
        for v in [1.25, -0.01, f64::NAN, f64::INFINITY, 12.0] {
            page.number(v).raw(" ");
        }
        assert_eq!(page.finish(), "1.3 0 0 0 12 ");
    }
}
