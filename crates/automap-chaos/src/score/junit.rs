//! The scorecard as JUnit XML, which CI systems display: a test for each experiment.

use minijinja::{AutoEscape, Environment, context};

use super::{Outcome, Scorecard};

const TEMPLATE: &str = include_str!("junit.xml");

/// A miss and a false alarm are failures; an experiment that hit no pod or was not scored is skipped.
///
/// # Errors
/// Never for a scorecard created by this crate; `minijinja`'s own otherwise.
pub fn junit(card: &Scorecard) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    // The five special characters of HTML are those of XML.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    let is_skipped = |o: Outcome| matches!(o, Outcome::NothingInjected | Outcome::NotScored);
    let rows: Vec<_> = card
        .rows
        .iter()
        .map(|row| {
            let [experiment, fault, at, answer, rank, _, _, _, result] = row.cells().map(|cell| printable(&cell));
            let skipped = is_skipped(row.outcome);
            let failed = !skipped && !row.outcome.is_right();
            let time = row.detected_after_s;
            context! { experiment, fault, at, answer, rank, result, skipped, failed, time }
        })
        .collect();
    let failures = card.rows.iter().filter(|r| !is_skipped(r.outcome) && !r.outcome.is_right()).count();
    let skipped = card.rows.iter().filter(|r| is_skipped(r.outcome)).count();
    environment.render_str(TEMPLATE, context! { title => printable(&card.title), rows, failures, skipped })
}

/// XML 1.0 cannot represent control characters and the two non-characters of the basic plane.
fn printable(text: &str) -> String {
    let is_allowed = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_allowed(c) { c } else { ' ' }).collect()
}
