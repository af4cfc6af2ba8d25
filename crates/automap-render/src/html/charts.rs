//! The series behind the answer: small charts on one time axis, and the same data as a table.

use maud::{Markup, html};

use super::chart_svg;
use super::view::View;
use crate::dossier_words as words;
use automap_core::chart::{Chart, ChartRole, ChartSpan};
use automap_core::quantity::value;

/// The charts, most telling first; nothing if there are none.
pub(crate) fn charts(view: &View<'_>) -> Markup {
    let charts = &view.dossier.charts;
    html! {
        @if let Some(first) = charts.first() {
            section #charts {
                h2 { "Series" }
                (legend(view, first))
                div.charts { @for (i, chart) in charts.iter().enumerate() { "\n" (figure(view, chart, i)) } }
                details.table { summary { "The charts as a table" } (table(view)) }
            }
        }
    }
}

/// Why a chart is shown.
fn role(role: ChartRole) -> &'static str {
    match role {
        ChartRole::Cause => "the cause",
        ChartRole::Candidate => "a candidate",
        ChartRole::Symptom => "user impact",
        ChartRole::Victim => "a victim",
        ChartRole::Unchanged => "unchanged",
        ChartRole::Calm => "for comparison",
    }
}

/// All charts share the windows of the first.
fn legend(view: &View<'_>, first: &Chart) -> Markup {
    let listed = &view.dossier.report.changes.listed;
    let has_changes = view.dossier.charts.iter().any(|chart| !chart_svg::marked(chart, listed).is_empty());
    let span = |s: ChartSpan| format!("{}–{}", view.zone.clock_ms(s.start_ms), view.zone.clock_ms(s.end_ms));
    html! {
        ul.legend {
            li { span.swatch.baseline {} "baseline " span.n { (span(first.baseline)) } }
            li { span.swatch.incident {} (words::later_window(&view.dossier.report)) " " span.n { (span(first.incident)) } }
            li { span.swatch.normal {} "normal range" }
            li { span.swatch.onset {} "onset" }
            @if has_changes { li { span.swatch.changed {} "changed" } }
            li { "gap: not observed" }
            li { "times in " (view.zone.name()) }
        }
    }
}

fn figure(view: &View<'_>, chart: &Chart, index: usize) -> Markup {
    let listed = &view.dossier.report.changes.listed;
    html! {
        figure class=[(chart.role == ChartRole::Cause).then_some("named")] {
            figcaption {
                b { (chart_svg::place(chart)) } " "
                span.role { (role(chart.role)) } " "
                span { (chart.title) } " "
                span.change.n { (chart.change) }
            }
            (chart_svg::svg(chart, index, &chart_svg::marked(chart, listed), view.zone))
        }
    }
}

fn table(view: &View<'_>) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                thead {
                    tr {
                        th { "Series" } th.n { "Baseline → incident" } th.n { "Normal range" } th.n { "Lowest" }
                        th.n { "Highest" } th.n { "Since" } th.n { "Missing" }
                    }
                }
                tbody { @for chart in &view.dossier.charts { (row(view, chart)) } }
            }
        }
    }
}

fn row(view: &View<'_>, chart: &Chart) -> Markup {
    let none = || "–".to_owned();
    let observed = || chart.lines.iter().take(1).flat_map(|l| l.points.iter().filter_map(|p| p.value));
    let with_unit = |v: Option<f64>| v.map_or_else(none, |v| value(v, chart.unit));
    let band =
        |b: automap_core::chart::NormalBand| format!("{} to {}", value(b.low, chart.unit), value(b.high, chart.unit));
    html! {
        tr {
            th scope="row" { (chart_svg::name(chart)) }
            td.n data-head="Baseline → incident" { (chart.change) }
            td.n data-head="Normal range" { (chart.normal.map_or_else(none, band)) }
            td.n data-head="Lowest" { (with_unit(observed().min_by(f64::total_cmp))) }
            td.n data-head="Highest" { (with_unit(observed().max_by(f64::total_cmp))) }
            td.n data-head="Since" { (chart.onset_ms.map_or_else(none, |t| view.zone.clock_ms(t))) }
            td.n data-head="Missing" { @if let Some(line) = chart.lines.first() { (line.gaps) " of " (line.samples) } }
        }
    }
}
