//! Which signals every service has, as a table.

use std::fmt::Write as _;

use automap_core::coverage::{CoverageSignal, Presence, ServiceCoverage};

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// One row for each service, one column for each signal.
pub(crate) fn write(out: &mut String, signals: &[CoverageSignal], services: &[ServiceCoverage], is_coloured: bool) {
    let width = services.iter().map(|s| s.service.chars().count()).max().unwrap_or(0).max("SERVICE".len());
    // Writing into a String cannot fail.
    let _ = write!(out, "{:<width$}  {:>10}", "SERVICE", "REQUESTS/S");
    for signal in signals {
        let _ = write!(out, "  {:<8}", signal.as_str().to_uppercase());
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    for service in services {
        let rps = service.requests_per_s.map_or_else(|| "-".to_owned(), |rps| format!("{rps:.1}"));
        let _ = write!(out, "{:<width$}  {rps:>10}", service.service);
        for presence in &service.signals {
            let (colour, word) = match presence {
                Presence::Present => (GREEN, "yes"),
                Presence::Missing => (PLAIN, "-"),
                Presence::Sparse | Presence::Stale => (YELLOW, presence.as_str()),
            };
            let word = format!("{word:<8}");
            let _ = write!(out, "  {}", if is_coloured { format!("{colour}{word}{PLAIN}") } else { word });
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
}
