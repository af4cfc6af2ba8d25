//! Pieces of SVG that several parts of the drawing write: escaped text, and a line of text at a position.

use std::fmt::Write;

use super::super::captions;
use crate::escape::xml;
use crate::pixels::px;

/// Text for an element or an attribute: one line, and nothing that XML reads as markup.
pub(crate) fn escape(text: &str) -> String {
    xml(&captions::line(text))
}

/// One line of text with its middle at `x`.
pub(super) fn text(out: &mut String, class: &str, x: f64, y: f64, size: f64, content: &str) -> std::fmt::Result {
    writeln!(
        out,
        "<text class=\"am-{class}\" x=\"{}\" y=\"{}\" font-size=\"{}\">{}</text>",
        px(x),
        px(y),
        px(size),
        escape(content)
    )
}
