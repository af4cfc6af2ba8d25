//! One chart as an inline drawing: tints for baseline and incident, the normal band, lines with gaps, the onset, and changes to the service.

use maud::{Markup, html};

use super::scale::{ValueAxis, time_ticks};
use crate::clock::Zone;
use crate::pixels::px;
use automap_core::chart::{Chart, ChartLine, ChartSpan};
use automap_core::report::{ChangeRole, ListedChange};

/// The drawing's own pixels; the page scales it.
const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 150.0;
/// The plot inside: numbers to the left, times below, the unit above.
const LEFT: f64 = 38.0;
const RIGHT: f64 = 322.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 128.0;
/// Half the width of a clock time.
const HALF_LABEL: f64 = 23.0;
/// Height of the strips that distinguish baseline and incident without colour.
const STRIP: f64 = 3.0;

/// The drawing. `index` makes the ids of its title and description unique on the page; `changes` are marked.
pub(crate) fn svg(chart: &Chart, index: usize, changes: &[&ListedChange], zone: Zone) -> Markup {
    let plot = Plot { axis: ValueAxis::of(chart), span: chart.span };
    let (title, text) = (format!("chart-{index}-title"), format!("chart-{index}-text"));
    html! {
        svg.plot viewBox={ "0 0 " (px(WIDTH)) " " (px(HEIGHT)) } role="img" aria-labelledby={ (title) " " (text) } {
            title id=(title) { (name(chart)) }
            desc id=(text) { (describe(chart, changes, zone)) }
            (plot.window(chart.baseline, "tint-baseline", "strip-baseline"))
            (plot.window(chart.incident, "tint-incident", "strip-incident"))
            (plot.grid())
            (plot.band(chart))
            (plot.times(zone))
            @for (i, line) in chart.lines.iter().enumerate() { (plot.line(line, line_class(i == 0))) }
            (plot.onset(chart))
            @for listed in changes { (plot.changed(listed)) }
            @if chart.lines.len() > 1 { (key(&chart.lines)) }
        }
    }
}

fn line_class(is_first: bool) -> &'static str {
    if is_first { "line" } else { "line second" }
}

/// `orders → payment, latency at both ends`.
pub(crate) fn name(chart: &Chart) -> String {
    format!("{}, {}", place(chart), chart.title)
}

/// `payment`, or `orders → payment` for metrics of calls.
pub(crate) fn place(chart: &Chart) -> String {
    chart.peer.as_ref().map_or_else(|| chart.service.clone(), |peer| format!("{} → {peer}", chart.service))
}

/// The content of the drawing, for readers who cannot see it.
fn describe(chart: &Chart, changes: &[&ListedChange], zone: Zone) -> String {
    let onset = chart.onset_ms.map_or_else(
        || "it did not leave its normal range for two samples".to_owned(),
        |t| format!("it left its normal range at {}", zone.clock_ms(t)),
    );
    let gaps: usize = chart.lines.iter().map(|l| l.gaps).sum();
    let gaps = if gaps == 0 { String::new() } else { format!("; {gaps} samples are missing") };
    let changed = changes.iter().map(|l| format!("; {} at {}", l.summary, zone.clock(l.change.at)));
    let changed: String = changed.collect();
    format!("From the baseline to the incident: {}; {onset}{gaps}{changed}.", chart.change)
}

struct Plot {
    axis: ValueAxis,
    span: ChartSpan,
}

impl Plot {
    fn x(&self, at_ms: i64) -> f64 {
        let share = (at_ms - self.span.start_ms) as f64 / (self.span.end_ms - self.span.start_ms).max(1) as f64;
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.axis.low) / (self.axis.high - self.axis.low);
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    /// A tint over the whole height, and a strip on top that is solid for the incident and hollow for the baseline.
    fn window(&self, span: ChartSpan, tint: &str, strip: &str) -> Markup {
        let sides = (self.x(span.start_ms), self.x(span.end_ms));
        html! { (rect(tint, sides, (TOP, BOTTOM))) (rect(strip, sides, (TOP - STRIP, TOP))) }
    }

    fn grid(&self) -> Markup {
        html! {
            text.unit x="0" y="9" { (self.axis.unit) }
            @for (value, label) in &self.axis.ticks {
                @let y = self.y(*value);
                (segment(if *value == self.axis.low { "floor" } else { "grid" }, (LEFT, y), (RIGHT, y)))
                text.tick.value x=(px(LEFT - 6.0)) y=(px(y + 3.5)) { (label) }
            }
        }
    }

    fn band(&self, chart: &Chart) -> Markup {
        html! {
            @if let Some(band) = chart.normal {
                @let top = self.y(band.high);
                (rect("band", (LEFT, RIGHT), (top, self.y(band.low).max(top + 0.5))))
            }
        }
    }

    fn times(&self, zone: Zone) -> Markup {
        html! {
            @for (at_ms, label) in time_ticks(self.span.start_ms, self.span.end_ms, zone) {
                @let x = self.x(at_ms);
                (segment("floor", (x, BOTTOM), (x, BOTTOM + 4.0)))
                // A label that would extend beyond the drawing is left out; its tick stays.
                @if (HALF_LABEL..=WIDTH - HALF_LABEL).contains(&x) {
                    text.tick.time x=(px(x)) y=(px(BOTTOM + 16.0)) { (label) }
                }
            }
        }
    }

    /// One path, broken at every gap; a sample between two gaps is a dot.
    fn line(&self, line: &ChartLine, class: &str) -> Markup {
        let runs = line.points.split(|p| p.value.is_none());
        let runs: Vec<Vec<(f64, f64)>> = runs
            .map(|run| run.iter().filter_map(|p| Some((self.x(p.at_ms), self.y(p.value?)))).collect::<Vec<_>>())
            .filter(|run| !run.is_empty())
            .collect();
        let step =
            |(i, (x, y)): (usize, &(f64, f64))| format!("{}{} {}", if i == 0 { 'M' } else { 'L' }, px(*x), px(*y));
        let path: String =
            runs.iter().filter(|r| r.len() > 1).flat_map(|run| run.iter().enumerate().map(step)).collect();
        html! {
            path class=(class) d=(path) {}
            @for run in runs.iter().filter(|r| r.len() == 1) {
                circle.dot cx=(px(run[0].0)) cy=(px(run[0].1)) r="1.6" {}
            }
        }
    }

    /// A thin line on a diamond: when the service was changed.
    fn changed(&self, listed: &ListedChange) -> Markup {
        let x = self.x(listed.change.at.ms());
        let class = if listed.role == ChangeRole::Fits { "changed fits" } else { "changed" };
        html! {
            (segment(class, (x, TOP), (x, BOTTOM)))
            path class=(class) d={ "M" (px(x)) " " (px(BOTTOM - 4.0)) "l4 4l-4 4l-4 -4z" } {}
        }
    }

    /// A dashed line with a small flag on top: a shape, not only a colour.
    fn onset(&self, chart: &Chart) -> Markup {
        html! {
            @if let Some(x) = chart.onset_ms.map(|t| self.x(t)) {
                (segment("onset", (x, TOP - STRIP), (x, BOTTOM)))
                path.onset-flag d={ "M" (px(x - 4.0)) " " (px(TOP - 10.0)) "h8l-4 7z" } {}
            }
        }
    }
}

/// The changes to mark in a chart: deliberate changes at its service, within its time.
pub(crate) fn marked<'a>(chart: &Chart, listed: &'a [ListedChange]) -> Vec<&'a ListedChange> {
    let is_shown = |l: &&ListedChange| {
        let is_there = [Some(&chart.service), chart.peer.as_ref()].contains(&l.change.service.as_ref());
        let is_then = (chart.span.start_ms..=chart.span.end_ms).contains(&l.change.at.ms());
        l.change.service.is_some() && is_there && is_then && l.change.kind.is_deliberate()
    };
    listed.iter().filter(is_shown).collect()
}

/// The legend of two lines, on top, from the right: a piece of each line and its label.
fn key(lines: &[ChartLine]) -> Markup {
    const Y: f64 = 6.0;
    const SLOT: f64 = 92.0;
    html! {
        @for (i, line) in lines.iter().rev().enumerate() {
            @let left = RIGHT - (i + 1) as f64 * SLOT + 8.0;
            (segment(line_class(i + 1 == lines.len()), (left, Y), (left + 18.0, Y)))
            text.tick x=(px(left + 23.0)) y=(px(Y + 3.5)) { (line.label) }
        }
    }
}

fn rect(class: &str, (left, right): (f64, f64), (top, bottom): (f64, f64)) -> Markup {
    let (width, height) = (px((right - left).max(0.0)), px((bottom - top).max(0.0)));
    html! { rect class=(class) x=(px(left)) y=(px(top)) width=(width) height=(height) {} }
}

fn segment(class: &str, from: (f64, f64), to: (f64, f64)) -> Markup {
    html! { line class=(class) x1=(px(from.0)) y1=(px(from.1)) x2=(px(to.0)) y2=(px(to.1)) {} }
}
