//! One chart as an inline picture: tints for normal time and incident, normal band, lines with their gaps, the onset.

use super::page::Page;
use super::scale::{ValueAxis, time_ticks};
use crate::clock::PageOptions;
use automap_core::chart::{Chart, ChartLine, ChartSpan};

/// The picture's own pixels; the page scales it.
const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 150.0;
/// The plot inside: numbers to the left, times below, the unit above.
const LEFT: f64 = 38.0;
const RIGHT: f64 = 322.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 128.0;
/// Half a clock time's width.
const HALF_LABEL: f64 = 23.0;
/// Height of the strips that tell baseline and incident apart without colour.
const STRIP: f64 = 3.0;

/// Writes the picture. `index` makes the ids of its title and description unique on the page.
pub(crate) fn write(page: &mut Page, chart: &Chart, index: usize, options: &PageOptions) {
    let plot = Plot { axis: ValueAxis::of(chart), span: chart.span };
    page.raw("<svg class=\"plot\" viewBox=\"0 0 ").number(WIDTH).raw(" ").number(HEIGHT);
    page.raw("\" role=\"img\" aria-labelledby=\"chart-").count(index).raw("-title chart-").count(index).raw("-text\">");
    page.raw("<title id=\"chart-").count(index).raw("-title\">").text(&name(chart)).raw("</title>");
    page.raw("<desc id=\"chart-").count(index).raw("-text\">").text(&describe(chart, options)).raw("</desc>");
    plot.window(page, chart.baseline, "tint-baseline", "strip-baseline");
    plot.window(page, chart.incident, "tint-incident", "strip-incident");
    plot.grid(page);
    plot.band(page, chart);
    plot.times(page, options);
    for (i, line) in chart.lines.iter().enumerate() {
        plot.line(page, line, if i == 0 { "line" } else { "line second" });
    }
    plot.onset(page, chart);
    if chart.lines.len() > 1 {
        key(page, &chart.lines);
    }
    page.raw("</svg>");
}

/// `orders → payment, latency at both ends`.
pub(crate) fn name(chart: &Chart) -> String {
    format!("{}, {}", place(chart), chart.title)
}

/// `payment`, or `orders → payment` for metrics of calls.
pub(crate) fn place(chart: &Chart) -> String {
    chart.peer.as_ref().map_or_else(|| chart.service.clone(), |peer| format!("{} → {peer}", chart.service))
}

/// What a person sees, for one who does not.
fn describe(chart: &Chart, options: &PageOptions) -> String {
    let onset = chart.onset_ms.map_or_else(
        || "it did not leave its normal range for two samples".to_owned(),
        |t| format!("it left its normal range at {}", options.clock_ms(t)),
    );
    let gaps: usize = chart.lines.iter().map(|l| l.gaps).sum();
    let gaps = if gaps == 0 { String::new() } else { format!("; {gaps} samples are missing") };
    format!("From the baseline to the incident: {}; {onset}{gaps}.", chart.change)
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
    fn window(&self, page: &mut Page, span: ChartSpan, tint: &'static str, strip: &'static str) {
        let (from, to) = (self.x(span.start_ms), self.x(span.end_ms));
        rect(page, tint, (from, to), (TOP, BOTTOM));
        rect(page, strip, (from, to), (TOP - STRIP, TOP));
    }

    fn grid(&self, page: &mut Page) {
        page.raw("<text class=\"unit\" x=\"0\" y=\"9\">").text(self.axis.unit).raw("</text>");
        for (value, label) in &self.axis.ticks {
            let y = self.y(*value);
            segment(page, if *value == self.axis.low { "floor" } else { "grid" }, (LEFT, y), (RIGHT, y));
            page.raw("<text class=\"tick value\" x=\"").number(LEFT - 6.0).raw("\" y=\"").number(y + 3.5);
            page.wrap("\">", label, "</text>");
        }
    }

    fn band(&self, page: &mut Page, chart: &Chart) {
        if let Some(band) = chart.normal {
            let (top, bottom) = (self.y(band.high), self.y(band.low));
            rect(page, "band", (LEFT, RIGHT), (top, bottom.max(top + 0.5)));
        }
    }

    fn times(&self, page: &mut Page, options: &PageOptions) {
        for (at_ms, label) in time_ticks(self.span.start_ms, self.span.end_ms, options.utc_offset_s) {
            let x = self.x(at_ms);
            segment(page, "floor", (x, BOTTOM), (x, BOTTOM + 4.0));
            // A label that would run out of the picture is left out; its tick stays.
            if (HALF_LABEL..=WIDTH - HALF_LABEL).contains(&x) {
                page.raw("<text class=\"tick time\" x=\"").number(x).raw("\" y=\"").number(BOTTOM + 16.0);
                page.wrap("\">", &label, "</text>");
            }
        }
    }

    /// One path, broken at every gap; a sample between two gaps is a dot.
    fn line(&self, page: &mut Page, line: &ChartLine, class: &'static str) {
        let runs = line.points.split(|p| p.value.is_none());
        let runs: Vec<Vec<(f64, f64)>> = runs
            .map(|run| run.iter().filter_map(|p| Some((self.x(p.at_ms), self.y(p.value?)))).collect::<Vec<_>>())
            .filter(|run| !run.is_empty())
            .collect();
        page.raw("<path class=\"").raw(class).raw("\" d=\"");
        for run in runs.iter().filter(|r| r.len() > 1) {
            for (i, (x, y)) in run.iter().enumerate() {
                page.raw(if i == 0 { "M" } else { "L" }).number(*x).raw(" ").number(*y);
            }
        }
        page.raw("\"/>");
        for run in runs.iter().filter(|r| r.len() == 1) {
            page.raw("<circle class=\"dot\" cx=\"")
                .number(run[0].0)
                .raw("\" cy=\"")
                .number(run[0].1)
                .raw("\" r=\"1.6\"/>");
        }
    }

    /// A dashed line with a small flag on top: a shape, not only a colour.
    fn onset(&self, page: &mut Page, chart: &Chart) {
        let Some(x) = chart.onset_ms.map(|t| self.x(t)) else { return };
        segment(page, "onset", (x, TOP - STRIP), (x, BOTTOM));
        page.raw("<path class=\"onset-flag\" d=\"M").number(x - 4.0).raw(" ").number(TOP - 10.0);
        page.raw("h8l-4 7z\"/>");
    }
}

/// What tells two lines apart, on top, from the right: a piece of each line and its label.
fn key(page: &mut Page, lines: &[ChartLine]) {
    const Y: f64 = 6.0;
    const SLOT: f64 = 92.0;
    for (i, line) in lines.iter().rev().enumerate() {
        let right = RIGHT - i as f64 * SLOT;
        let is_first = i + 1 == lines.len();
        let left = right - SLOT + 8.0;
        segment(page, if is_first { "line" } else { "line second" }, (left, Y), (left + 18.0, Y));
        page.raw("<text class=\"tick\" x=\"").number(left + 23.0).raw("\" y=\"").number(Y + 3.5);
        page.wrap("\">", &line.label, "</text>");
    }
}

fn rect(page: &mut Page, class: &'static str, (left, right): (f64, f64), (top, bottom): (f64, f64)) {
    page.raw("<rect class=\"").raw(class).raw("\" x=\"").number(left).raw("\" y=\"").number(top);
    page.raw("\" width=\"")
        .number((right - left).max(0.0))
        .raw("\" height=\"")
        .number((bottom - top).max(0.0))
        .raw("\"/>");
}

fn segment(page: &mut Page, class: &'static str, from: (f64, f64), to: (f64, f64)) {
    page.raw("<line class=\"").raw(class).raw("\" x1=\"").number(from.0).raw("\" y1=\"").number(from.1);
    page.raw("\" x2=\"").number(to.0).raw("\" y2=\"").number(to.1).raw("\"/>");
}
