//! How it spread: one row for each changed service with the interval in which its change began, the hops between them, what
//! speaks against the order, and every single change by its beginning.

use super::View;
use super::page::Page;
use crate::clock::length;
use crate::page::wording;
use automap_core::report::VerdictKind;
use automap_core::spread::{ChangedService, HopState, OnsetInterval, Propagation, SpreadRole};
use automap_core::time::Timestamp;

/// Rates look back over about this many samples, so onsets closer than that have no order.
const ONSET_STEPS: f64 = 5.0;
/// The bars' own pixels; the page scales them.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 16.0;
/// Half the mark of the first sample.
const MARK: f64 = 4.0;
/// Samples on the axis of the bars at least: a few instants stretched over all of it would look like a long time.
const MIN_STEPS: f64 = 12.0;

/// Whether there is anything to tell.
pub(crate) fn is_told(view: &View<'_>) -> bool {
    !view.dossier.propagation.services.is_empty() || !wording::events(&view.dossier.report).is_empty()
}

/// The section.
pub(crate) fn spread(page: &mut Page, view: &View<'_>) {
    if !is_told(view) {
        return;
    }
    let spread = &view.dossier.propagation;
    page.raw("<section id=\"spread\">\n<h2>How it spread</h2>\n");
    if !spread.services.is_empty() {
        page.wrap("<p>", &spread.summary, "</p>\n");
        services(page, view, spread);
        hops(page, spread);
    }
    if !spread.against.is_empty() {
        page.raw("<h3>What speaks against it</h3>\n<ul class=\"notes\">\n");
        for against in &spread.against {
            page.wrap("<li class=\"warning\">", against, "</li>\n");
        }
        page.raw("</ul>\n");
    }
    events(page, view);
    page.raw("</section>\n");
}

/// Who changed, in the order of beginnings. The bar is for the eye; the times stand beside it.
fn services(page: &mut Page, view: &View<'_>, spread: &Propagation) {
    let axis = Axis::of(spread);
    page.raw("<ol class=\"spread\">\n");
    for service in &spread.services {
        page.raw(if service.role == SpreadRole::Cause { "<li class=\"named\">" } else { "<li>" });
        page.wrap("<span class=\"place\"><b>", &service.service, "</b> <span class=\"muted\">");
        page.text(&role(service, spread.verdict)).raw("</span></span> <span class=\"range\">");
        if let (Some(onset), Some(axis)) = (&service.onset, &axis) {
            axis.bar(page, onset);
        }
        page.raw("</span> <span class=\"began\">");
        match &service.onset {
            Some(onset) => {
                page.wrap("<time class=\"n\">", &view.options.clock(onset.at), "</time> <span class=\"muted n\">");
                page.text(&format!("{}–{}", view.options.clock(onset.earliest), view.options.clock(onset.latest)));
                page.raw("</span>");
            }
            None => {
                page.raw("<span class=\"muted\">no sharp beginning</span>");
            }
        }
        let (place, what) = wording::placed(&service.change);
        page.raw("</span> <span class=\"what\">");
        if place != service.service {
            page.text(&place).raw(" ");
        }
        page.text(what).raw("</span></li>\n");
    }
    page.raw("</ol>\n");
    if axis.is_some() {
        page.raw("<p class=\"muted small\">A mark is the first sample that shows the change, its bar the time in which the change ");
        page.text(&format!("began in {:.0} of 100 cases.", 100.0 * spread.interval_level)).raw("</p>\n");
    }
}

fn role(service: &ChangedService, verdict: VerdictKind) -> String {
    match (&service.explained_by, service.role) {
        (Some(by), _) => format!("explained by {by}"),
        (None, SpreadRole::Cause) if verdict == VerdictKind::Cause => "cause".to_owned(),
        (None, SpreadRole::Cause) => "candidate".to_owned(),
        (None, _) => "unexplained".to_owned(),
    }
}

/// From cause to effect: what the onsets say about the order.
fn hops(page: &mut Page, spread: &Propagation) {
    if spread.hops.is_empty() {
        return;
    }
    page.raw("<h3>From cause to effect</h3>\n<ul class=\"hops\">\n");
    for hop in &spread.hops {
        page.raw("<li><span class=\"place\"><b>").text(&format!("{} → {}", hop.from, hop.to)).raw("</b> ");
        page.raw(match hop.state {
            HopState::Consistent => "<span class=\"muted n\">order fits",
            HopState::Simultaneous => "<span class=\"muted n\">at the same time",
            HopState::Unobserved => "<span class=\"muted n\">order not seen",
            HopState::Contradictory => "<span class=\"warn n\">order contradicts",
        });
        if let Some((least, most)) = hop.lag_min_s.zip(hop.lag_max_s) {
            page.text(&format!(", {} to {} s", tidy(least), tidy(most)));
        }
        page.wrap("</span></span> <span>", &hop.summary, "</span></li>\n");
    }
    page.raw("</ul>\n");
}

/// One decimal at most, with a real minus.
fn tidy(v: f64) -> String {
    let text = format!("{v:.1}").replace('-', "−");
    text.strip_suffix(".0").map_or(text.clone(), ToOwned::to_owned)
}

/// Every single change with a beginning, earliest first.
fn events(page: &mut Page, view: &View<'_>) {
    let report = &view.dossier.report;
    let events = wording::events(report);
    let Some(first) = events.first().map(|e| e.at_ms) else { return };
    page.raw("<details><summary>Every change by its beginning</summary>\n<ol class=\"timeline\">\n");
    for event in &events {
        page.raw(if event.is_cause { "<li class=\"named\">" } else { "<li>" });
        page.wrap("<time class=\"n\">", &view.options.clock_ms(event.at_ms), "</time> <span class=\"later n\">");
        page.text(&format!("+{}", length(event.at_ms - first))).raw("</span> <span><b>");
        page.text(&event.place).wrap("</b> ", &event.summary, "</span></li>\n");
    }
    let blur = length((ONSET_STEPS * report.windows.step_s * 1000.0) as i64);
    page.raw("</ol>\n<p class=\"muted small\">Rates look back over several samples: onsets less than about ")
        .text(&blur);
    page.raw(" apart have no order.</p>\n</details>\n");
}

/// The time that all bars share: from the earliest bound to the latest, in the middle of enough room.
struct Axis {
    start_ms: f64,
    span_ms: f64,
}

impl Axis {
    fn of(spread: &Propagation) -> Option<Self> {
        let onsets = || spread.services.iter().filter_map(|s| s.onset.as_ref());
        let start = onsets().map(|o| o.earliest.ms()).min()? as f64;
        let end = onsets().map(|o| o.latest.ms()).max()? as f64;
        let room = (MIN_STEPS * 1000.0 * spread.windows.step_s - (end - start)).max(0.0) / 2.0;
        Some(Self { start_ms: start - room, span_ms: (end - start + 2.0 * room).max(1.0) })
    }

    fn x(&self, at: Timestamp) -> f64 {
        let share = (at.ms() as f64 - self.start_ms) / self.span_ms;
        MARK + share.clamp(0.0, 1.0) * (WIDTH - 2.0 * MARK)
    }

    fn bar(&self, page: &mut Page, onset: &OnsetInterval) {
        let (from, at, to) = (self.x(onset.earliest), self.x(onset.at), self.x(onset.latest));
        page.raw("<svg aria-hidden=\"true\" viewBox=\"0 0 ").number(WIDTH).raw(" ").number(HEIGHT).raw("\">");
        page.raw("<rect class=\"track\" x=\"0\" y=\"7.5\" width=\"").number(WIDTH).raw("\" height=\"1\"/>");
        page.raw("<rect class=\"reach\" x=\"").number(from).raw("\" y=\"5\" width=\"").number((to - from).max(1.0));
        page.raw("\" height=\"6\" rx=\"3\"/><circle class=\"mark\" cx=\"").number(at).raw("\" cy=\"8\" r=\"");
        page.number(MARK).raw("\"/></svg>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stands_where_its_times_are() {
        // Twelve steps of 2 s are 24 s; ten seconds of onsets stand in the middle: from 7 s before the first.
        let axis = Axis { start_ms: 0.0, span_ms: 24_000.0 };
        let mut page = Page::default();
        let time = |s: i64| Timestamp::from_ms(1000 * s);
        axis.bar(&mut page, &OnsetInterval { at: time(12), earliest: time(6), latest: time(12) });
        let svg = page.finish();
        // 4 + 6/24 · 232 = 62, 4 + 12/24 · 232 = 120.
        assert!(svg.contains("x=\"62\" y=\"5\" width=\"58\"") && svg.contains("cx=\"120\""), "{svg}");
        assert_eq!(tidy(-2.0), "−2");
        assert_eq!(tidy(3.25), "3.2");
    }
}
