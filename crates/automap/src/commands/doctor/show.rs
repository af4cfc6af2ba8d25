//! The findings and the table of signals, for people.

use std::fmt::Write as _;

use automap_core::coverage::Presence;

use super::findings::{Doctor, Finding, State};

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// Findings first, then what is seen of every service.
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
    let width = doctor.services.iter().map(|s| s.service.chars().count()).max().unwrap_or(0).max("SERVICE".len());
    let _ = write!(out, "\n{:<width$}  {:>10}", "SERVICE", "REQUESTS/S");
    for signal in &doctor.signals {
        let _ = write!(out, "  {:<8}", signal.as_str().to_uppercase());
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    for service in &doctor.services {
        let rps = service.requests_per_s.map_or_else(|| "-".to_owned(), |rps| format!("{rps:.1}"));
        let _ = write!(out, "{:<width$}  {rps:>10}", service.service);
        for presence in &service.signals {
            let (colour, word) = match presence {
                Presence::Present => (GREEN, "yes"),
                Presence::Missing => (PLAIN, "-"),
                Presence::Sparse | Presence::Stale => (YELLOW, presence.as_str()),
            };
            let _ = write!(out, "  {}", paint(colour, &format!("{word:<8}")));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}
