//! The series behind the answer: small charts on one time axis, and the same as a table.

use super::View;
use super::chart_svg;
use super::page::Page;
use crate::page::wording;
use automap_core::chart::{Chart, ChartRole};
use automap_core::quantity::value;

/// Small multiples, most telling first.
pub(crate) fn charts(page: &mut Page, view: &View<'_>) {
    let charts = &view.dossier.charts;
    if charts.is_empty() {
        return;
    }
    page.raw("<section id=\"charts\">\n<h2>Series</h2>\n");
    legend(page, view);
    page.raw("<div class=\"charts\">\n");
    for (i, chart) in charts.iter().enumerate() {
        figure(page, view, chart, i);
    }
    page.raw("</div>\n");
    page.raw("<details class=\"table\"><summary>The charts as a table</summary>\n");
    table(page, view);
    page.raw("</details>\n</section>\n");
}

/// Why it is shown.
fn role(role: ChartRole) -> &'static str {
    match role {
        ChartRole::Cause => "the cause",
        ChartRole::Candidate => "a candidate",
        ChartRole::Symptom => "users notice",
        ChartRole::Victim => "a victim",
        ChartRole::Unchanged => "unchanged",
        ChartRole::Calm => "looked at",
    }
}

fn legend(page: &mut Page, view: &View<'_>) {
    let Some(first) = view.dossier.charts.first() else { return };
    let span = |from: i64, to: i64| format!("{}–{}", view.options.clock_ms(from), view.options.clock_ms(to));
    page.raw("<ul class=\"legend\"><li><span class=\"swatch baseline\"></span>baseline <span class=\"n\">");
    page.text(&span(first.baseline.start_ms, first.baseline.end_ms));
    page.raw("</span></li><li><span class=\"swatch incident\"></span>");
    page.raw(wording::later_window(&view.dossier.report)).raw(" <span class=\"n\">");
    page.text(&span(first.incident.start_ms, first.incident.end_ms));
    page.raw("</span></li><li><span class=\"swatch normal\"></span>normal range</li>");
    page.raw("<li><span class=\"swatch onset\"></span>leaves it</li><li>a broken line: not observed</li><li>times in ");
    page.text(&view.options.zone()).raw("</li></ul>\n");
}

fn figure(page: &mut Page, view: &View<'_>, chart: &Chart, index: usize) {
    page.raw(if chart.role == ChartRole::Cause { "<figure class=\"named\">" } else { "<figure>" });
    page.raw("\n<figcaption><b>")
        .text(&chart_svg::place(chart))
        .raw("</b> <span class=\"role\">")
        .raw(role(chart.role));
    page.wrap("</span> <span>", &chart.title, "</span> ").wrap("<span class=\"change n\">", &chart.change, "</span>");
    page.raw("</figcaption>\n");
    chart_svg::write(page, chart, index, view.options);
    page.raw("\n</figure>\n");
}

fn table(page: &mut Page, view: &View<'_>) {
    page.raw("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>Series</th><th class=\"n\">Baseline → incident</th>");
    page.raw("<th class=\"n\">Normal range</th><th class=\"n\">Lowest</th><th class=\"n\">Highest</th>");
    page.raw("<th class=\"n\">Since</th><th class=\"n\">Missing</th></tr></thead><tbody>\n");
    for chart in &view.dossier.charts {
        let unit = chart.unit;
        let observed = || chart.lines.iter().take(1).flat_map(|l| l.points.iter().filter_map(|p| p.value));
        let told = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| value(v, unit));
        let band = chart
            .normal
            .map_or_else(|| "–".to_owned(), |b| format!("{} to {}", value(b.low, unit), value(b.high, unit)));
        let cell = |page: &mut Page, text: &str| {
            page.wrap("<td class=\"n\">", text, "</td>");
        };
        page.wrap("<tr><th scope=\"row\">", &chart_svg::name(chart), "</th>");
        cell(page, &chart.change);
        cell(page, &band);
        cell(page, &told(observed().min_by(f64::total_cmp)));
        cell(page, &told(observed().max_by(f64::total_cmp)));
        cell(page, &chart.onset_ms.map_or_else(|| "–".to_owned(), |t| view.options.clock_ms(t)));
        let line = &chart.lines[0];
        cell(page, &format!("{} of {}", line.gaps, line.samples));
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n");
}
