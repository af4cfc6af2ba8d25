//! The scorecard as one self-contained page.

use minijinja::{AutoEscape, Environment, context};

use super::{Outcome, Scorecard};

const TEMPLATE: &str = include_str!("page.html");

/// A page for a browser: the totals first, then the rows.
///
/// # Errors
/// Never for a scorecard created by this crate; `minijinja`'s own otherwise.
pub fn html(card: &Scorecard) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    let class = |outcome: Outcome| match outcome {
        o if o.is_right() => "right",
        Outcome::AmongThree => "near",
        Outcome::NothingInjected | Outcome::NotScored => "aside",
        _ => "wrong",
    };
    let rows: Vec<_> =
        card.rows.iter().map(|row| context! { class => class(row.outcome), cells => row.cells() }).collect();
    let header = card.cells().into_iter().next();
    environment.render_str(TEMPLATE, context! { title => card.title, header, rows, lines => card.totals.lines() })
}
