//! What the HTML and the Markdown page of an incident say in the same words.

pub(crate) mod wording;
