//! The findings and the table of signals, as text.

use std::fmt::Write as _;

use super::findings::{Doctor, Finding, State};
use crate::coverage_table;

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// Findings first, then the signals of every service.
pub(super) fn text(doctor: &Doctor, is_coloured: bool) -> String {
    let paint = |colour: &str, text: &str| match is_coloured {
        true => format!("{colour}{text}{PLAIN}"),
        false => text.to_owned(),
    };
    let mut out = format!("{}\n\n", doctor.source);
    let width = doctor.findings.iter().map(|f| f.check.len()).max().unwrap_or(0);
    for Finding { check, state, found, fix } in &doctor.findings {
        let (colour, mark) = match state {
            State::Ok => (GREEN, "ok  "),
            State::Weak => (YELLOW, "weak"),
            State::Bad => (RED, "BAD "),
        };
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{}  {:<width$}  {found}", paint(colour, mark), check.replace('_', " "));
        if let Some(fix) = fix.as_ref().filter(|_| *state != State::Ok) {
            let _ = writeln!(out, "{:width$}        → {fix}", "");
        }
    }
    out.push('\n');
    coverage_table::write(&mut out, &doctor.signals, &doctor.services, is_coloured);
    out
}
