//! An answer and one service's series as fragments for a notebook: no page of their own, no script, light in any theme of the notebook.
//!
//! A notebook shows many outputs in one document, so every style rule applies below `.automap` only. Left out: what the page of an incident has
//! beyond the answer, its candidates and the map.

use automap_core::chart::{Chart, ChartSpan};
use automap_core::dossier::{Dossier, ServiceDossier};
use automap_core::report::{Cause, Report, VerdictKind};
use maud::{Markup, PreEscaped, html};

use super::{answer, chart_svg};
use crate::clock::Zone;
use crate::dossier_words as words;
use crate::escape;
use crate::map::{SvgOptions, Theme, svg};

const STYLE: &str = include_str!("notebook.css");
/// The rules of a chart, which the page has at top level.
const PLOT: &str = include_str!("plot.css");

/// The answer: the verdict, the candidates shown in full, and the service map. O(services · log services).
pub fn notebook(dossier: &Dossier, zone: Zone) -> String {
    let report = &dossier.report;
    let (causes, rest) = report.detailed_causes();
    let (kicker, headline, small) = words::headline(&report.verdict);
    finished(&html! {
        div class={ "automap " (answer::class(report.verdict.kind)) } {
            (style())
            p.muted { (kicker) }
            p.headline { b { (headline) } @if !small.is_empty() { " " small { (small) } } (confidence(report)) }
            p { (words::why(report, zone)) }
            @if !causes.is_empty() { (candidates(&causes, zone)) }
            @if !rest.is_empty() { p.muted { "Far behind: " (rest.len()) " more." } }
            @if !dossier.map.nodes.is_empty() {
                // The drawing escapes its own labels.
                (PreEscaped(svg(&dossier.map, &SvgOptions { theme: Theme::Light, embedded: true })))
            }
            p.muted { (zone.dated_clocks(report.windows.incident())) ", " (words::start_is(report)) ", " (report.source) }
            @if !report.not_checked.is_empty() { p.muted { "Not checked: " (not_checked(report)) "." } }
        }
    })
}

/// Every series of one service, and of its calls, as small charts on one time axis. O(points of the charts).
pub fn notebook_series(service: &ServiceDossier, zone: Zone) -> String {
    finished(&html! {
        div.automap {
            (style())
            p.headline { b { (service.service) } }
            @match service.charts.first() {
                None => { p { "No series of it was observed." } }
                Some(first) => {
                    p.muted { "baseline " (clocks(first.baseline, zone)) ", incident " (clocks(first.incident, zone)) ", times in " (zone.name()) }
                    div.charts { @for (i, chart) in service.charts.iter().enumerate() { "\n" (figure(service, chart, i, zone)) } }
                }
            }
            @if service.omitted > 0 { p.muted { (service.omitted) " more series are left out." } }
        }
    })
}

fn style() -> Markup {
    // Nested rules apply below their parent, so the chart's rules cannot affect the notebook around it.
    html! { style { (PreEscaped(STYLE)) ".automap {" (PreEscaped(PLOT)) "}\n" } }
}

/// `latency (6 services), disk_read_bytes_per_s`: a signal that some services lack differs from one that all lack.
fn not_checked(report: &Report) -> String {
    let place = |services: &[String]| match services {
        [] => String::new(),
        [one] => format!(" ({one})"),
        several => format!(" ({} services)", several.len()),
    };
    let listed = report.not_checked.iter().map(|n| format!("{}{}", n.signal, place(&n.services)));
    listed.collect::<Vec<_>>().join(", ")
}

fn confidence(report: &Report) -> Markup {
    html! {
        @if report.verdict.kind == VerdictKind::Cause {
            " " small.n { "confidence " (words::level(report.verdict.level)) " " (format!("{:.2}", report.verdict.confidence)) }
        }
    }
}

fn candidates(causes: &[&Cause], zone: Zone) -> Markup {
    html! {
        table {
            thead { tr { th {} th { "Candidate" } th { "Confidence" } th { "Since" } th { "What changed" } } }
            tbody { @for cause in causes { (candidate(cause, zone)) } }
        }
    }
}

fn candidate(cause: &Cause, zone: Zone) -> Markup {
    let told = cause.accounts_for.iter().map(|share| share.summary.as_str());
    let changed = cause.evidence.iter().map(|e| e.summary.as_str());
    html! {
        tr {
            td.n { (cause.rank) }
            td { b { (cause.service) } }
            td.n { (format!("{:.2}", cause.confidence)) }
            td.n { (cause.onset.map_or_else(|| "–".to_owned(), |t| zone.clock(t))) }
            td { (told.chain(changed).take(2).collect::<Vec<_>>().join("; ")) }
        }
    }
}

fn figure(service: &ServiceDossier, chart: &Chart, index: usize, zone: Zone) -> Markup {
    html! {
        figure {
            figcaption { b { (chart_svg::place(chart)) } " " (chart.title) " " span.n { (chart.change) } }
            (chart_svg::svg(chart, number(&service.service, index), &chart_svg::marked(chart, &service.changes), zone))
        }
    }
}

/// A number for a chart's ids: one document contains the charts of several services.
fn number(service: &str, index: usize) -> usize {
    const SERVICES: usize = 1_000_003;
    const CHARTS: usize = 1_000;
    service.bytes().fold(0, |sum, byte| (sum * 31 + usize::from(byte)) % SERVICES) * CHARTS + index
}

fn clocks(span: ChartSpan, zone: Zone) -> String {
    format!("{}–{}", zone.clock_ms(span.start_ms), zone.clock_ms(span.end_ms))
}

fn finished(markup: &Markup) -> String {
    escape::page(&markup.0, &['\n', '\t'])
}
