//! How the fault spread: one row for each changed service with the interval in which its change began, the hops between them, what
//! contradicts the order, and every single change by its beginning.

use maud::{Markup, html};

use super::view::View;
use crate::clock::{duration, seconds};
use crate::dossier_words as words;
use crate::pixels::px;
use crate::propagation_text::hop_state;
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
/// Fewest samples on the axis of the bars: a few samples stretched over the whole axis would look like a long time.
const MIN_STEPS: f64 = 12.0;

/// Whether the section has anything to show.
pub(crate) fn has_content(view: &View<'_>) -> bool {
    !view.dossier.propagation.services.is_empty() || !words::events(&view.dossier.report).is_empty()
}

/// The section.
pub(crate) fn spread(view: &View<'_>) -> Markup {
    let spread = &view.dossier.propagation;
    html! {
        @if has_content(view) {
            section #spread {
                h2 { "How it spread" }
                @if !spread.services.is_empty() {
                    p { (spread.summary) }
                    (services(view, spread))
                    (hops(spread))
                }
                @if !spread.against.is_empty() {
                    h3 { "What speaks against it" }
                    ul.notes { @for against in &spread.against { li.warning { (against) } } }
                }
                (events(view))
            }
        }
    }
}

/// The changed services in the order of onsets. The bar is visual only; the times are beside it.
fn services(view: &View<'_>, spread: &Propagation) -> Markup {
    let axis = Axis::of(spread);
    html! {
        ol.spread {
            @for service in &spread.services { "\n" (service_row(view, spread.verdict, service, axis.as_ref())) }
        }
        @if axis.is_some() {
            p.muted.small {
                "A mark is the first sample that shows the change, its bar the time in which the change began in "
                (format!("{:.0}", 100.0 * spread.interval_level)) " of 100 cases."
            }
        }
    }
}

fn service_row(view: &View<'_>, verdict: VerdictKind, service: &ChangedService, axis: Option<&Axis>) -> Markup {
    let (place, what) = words::place_and_change(&service.change);
    html! {
        li class=[(service.role == SpreadRole::Cause).then_some("named")] {
            span.place { b { (service.service) } " " span.muted { (role(service, verdict)) } } " "
            span.range { @if let (Some(onset), Some(axis)) = (&service.onset, axis) { (axis.bar(onset)) } } " "
            span.began {
                @match &service.onset {
                    Some(onset) => {
                        time.n { (view.zone.clock(onset.at)) } " "
                        span.muted.n { (view.zone.clock(onset.earliest)) "–" (view.zone.clock(onset.latest)) }
                    }
                    None => { span.muted { "no sharp beginning" } }
                }
            } " "
            span.what { @if place != service.service { (place) " " } (what) }
        }
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
fn hops(spread: &Propagation) -> Markup {
    html! {
        @if !spread.hops.is_empty() {
            h3 { "From cause to effect" }
            ul.hops {
                @for hop in &spread.hops {
                    @let is_contradictory = hop.state == HopState::Contradictory;
                    "\n"
                    li {
                        span.place {
                            b { (hop.from) " → " (hop.to) } " "
                            span class=(if is_contradictory { "warn n" } else { "muted n" }) {
                                (hop_state(hop.state))
                                @if let Some((least, most)) = hop.lag_min_s.zip(hop.lag_max_s) {
                                    ", " (seconds(least)) " to " (seconds(most)) " s"
                                }
                            }
                        } " "
                        span { (hop.summary) }
                    }
                }
            }
        }
    }
}

/// Every single change with a beginning, earliest first.
fn events(view: &View<'_>) -> Markup {
    let report = &view.dossier.report;
    let events = words::events(report);
    let blur = duration((ONSET_STEPS * report.windows.step_s * 1000.0) as i64);
    html! {
        @if let Some(first) = events.first() {
            details {
                summary { "Every change by its beginning" }
                ol.timeline {
                    @for event in &events {
                        "\n"
                        li class=[event.is_cause.then_some("named")] {
                            time.n { (view.zone.clock(event.at)) } " "
                            span.later.n { "+" (duration(event.at.ms() - first.at.ms())) } " "
                            span { b { (event.place) } " " (event.summary) }
                        }
                    }
                }
                p.muted.small {
                    "Rates look back over several samples: onsets less than about " (blur) " apart have no order."
                }
            }
        }
    }
}

/// The time axis that all bars share: from the earliest bound to the latest, centred if it is short.
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

    fn bar(&self, onset: &OnsetInterval) -> Markup {
        let (from, at, to) = (self.x(onset.earliest), self.x(onset.at), self.x(onset.latest));
        html! {
            svg aria-hidden="true" viewBox={ "0 0 " (px(WIDTH)) " " (px(HEIGHT)) } {
                rect.track x="0" y="7.5" width=(px(WIDTH)) height="1" {}
                rect.reach x=(px(from)) y="5" width=(px((to - from).max(1.0))) height="6" rx="3" {}
                circle.mark cx=(px(at)) cy="8" r=(px(MARK)) {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stands_where_its_times_are() {
        // Twelve steps of 2 s are 24 s; ten seconds of onsets stand in the middle: from 7 s before the first.
        let axis = Axis { start_ms: 0.0, span_ms: 24_000.0 };
        let time = |s: i64| Timestamp::from_ms(1000 * s);
        let svg = axis.bar(&OnsetInterval { at: time(12), earliest: time(6), latest: time(12) }).into_string();
        // 4 + 6/24 · 232 = 62, 4 + 12/24 · 232 = 120.
        assert!(svg.contains("x=\"62\" y=\"5\" width=\"58\"") && svg.contains("cx=\"120\""), "{svg}");
    }
}
