//! Errors in Python: `automap.AutomapError`, with what is wrong, where, and what to try next.
//!
//! The messages of the other crates have the form `where: what; what to try next`, and name command line options, which are keywords in Python.

use std::fmt::Display;

use pyo3::{PyErr, import_exception};

import_exception!(automap._errors, AutomapError);

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    place: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// From an error whose message is `what; what to try next`.
    pub(crate) fn new(error: impl Display) -> Self {
        let text = in_python(&error.to_string());
        let (what, hint) = match text.split_once("; ") {
            Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        Self { what, place: None, hint }
    }

    /// The same, at this place.
    pub(crate) fn at(place: impl Into<String>, error: impl Display) -> Self {
        Self { place: Some(place.into()), ..Self::new(error) }
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        AutomapError::new_err((failure.what, failure.place, failure.hint))
    }
}

/// Renames command line options to keywords: `--time-zone` becomes `time_zone`.
fn in_python(text: &str) -> String {
    let mut pieces = text.split("--");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(piece.len());
        let (name, rest) = piece.split_at(end);
        match name.starts_with(|c: char| c.is_ascii_lowercase()) {
            true => out += &name.replace('-', "_"),
            false => out.extend(["--", name]),
        }
        out += rest;
    }
    out
}
