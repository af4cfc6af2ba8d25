//! The rest of the page: victims, what could not be seen, the data, what to do next, the queries, where it comes from.

use super::View;
use super::page::Page;
use crate::page::wording;
use automap_core::note::Severity;
use automap_core::observation::QueryState;
use automap_core::time::Interval;

/// Services that show somebody else's fault.
pub(crate) fn victims(page: &mut Page, view: &View<'_>) {
    let victims = &view.dossier.report.victims;
    if victims.is_empty() {
        return;
    }
    page.raw("<section id=\"victims\">\n<h2>Victims</h2>\n<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>Service</th>");
    page.raw("<th>Explained by</th><th>What it shows</th></tr></thead><tbody>\n");
    for v in victims {
        page.wrap("<tr><th scope=\"row\">", &v.service, "</th>").wrap("<td>", &v.explained_by, "</td>");
        page.wrap("<td>", &v.summary, "</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

/// What could not be looked at.
pub(crate) fn not_checked(page: &mut Page, view: &View<'_>) {
    let gaps = &view.dossier.report.not_checked;
    if gaps.is_empty() {
        return;
    }
    page.raw(
        "<section id=\"not-checked\">\n<h2>Not checked</h2>\n<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>",
    );
    page.raw("<th>Signal</th><th>Services</th><th>Why</th></tr></thead><tbody>\n");
    for gap in gaps {
        let place = if gap.services.is_empty() { "all".to_owned() } else { gap.services.join(", ") };
        page.wrap("<tr><th scope=\"row\">", &gap.signal, "</th>").wrap("<td>", &place, "</td>");
        page.wrap("<td>", &gap.reason, "</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

/// What was compared with what, how much could be seen, and remarks.
pub(crate) fn data(page: &mut Page, view: &View<'_>) {
    let report = &view.dossier.report;
    let (w, c, o) = (&report.windows, &report.coverage, view.options);
    let span = |window: Interval, samples: usize| format!("{} {} · {samples} samples", o.clocks(window), o.zone());
    page.raw("<section id=\"data\">\n<h2>Data</h2>\n<dl class=\"facts\">\n");
    let mut fact = |name: &'static str, text: &str| {
        page.raw("<div><dt>").raw(name).raw("</dt>").wrap("<dd>", text, "</dd></div>\n");
    };
    fact("Baseline", &span(w.baseline(), w.baseline_samples));
    fact(
        if wording::later_window(report) == "incident" { "Incident" } else { "Looked at" },
        &span(w.incident(), w.incident_samples),
    );
    fact("Sampled", &format!("every {} s", w.step_s));
    fact("Services judged", &of(c.services_judged, c.services));
    fact("Series judged", &of(c.series_judged, c.series));
    fact("Engine", report.engine.as_str());
    page.raw("</dl>\n");
    if !report.notes.is_empty() {
        page.raw("<ul class=\"notes\">\n");
        for note in &report.notes {
            page.raw(match note.severity {
                Severity::Warning => "<li class=\"warning\"><b>Warning</b> ",
                Severity::Info => "<li><b>Note</b> ",
            });
            page.text(&note.message).raw("</li>\n");
        }
        page.raw("</ul>\n");
    }
    page.raw("</section>\n");
}

fn of(part: usize, whole: usize) -> String {
    let share = if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    format!("{part} of {whole} ({share:.0} %)")
}

/// What to do next. A query is set apart for copying.
pub(crate) fn next(page: &mut Page, view: &View<'_>) {
    let next = &view.dossier.report.next;
    if next.is_empty() {
        return;
    }
    page.raw("<section id=\"next\">\n<h2>Next</h2>\n<ol class=\"next\">\n");
    for step in next {
        page.wrap("<li>", &step.text, "");
        if let Some(query) = &step.query {
            page.wrap(":<pre><code>", query, "</code></pre>");
        }
        page.raw("</li>\n");
    }
    page.raw("</ol>\n</section>\n");
}

/// Every query, ready to copy.
pub(crate) fn queries(page: &mut Page, view: &View<'_>) {
    let queries = &view.dossier.report.queries;
    if queries.is_empty() {
        return;
    }
    page.raw("<section id=\"queries\">\n<h2>Queries</h2>\n<details class=\"queries\"><summary>");
    page.count(queries.len()).raw(" queries behind the numbers</summary>\n");
    for q in queries {
        page.wrap("<h3>", &q.signal, "</h3><p class=\"muted\">");
        page.text(&format!("{} series, {} samples", q.series, q.samples)).raw(match q.state {
            QueryState::Complete => "</p>",
            QueryState::Partial => ", <b>partial</b>: the server says that data is missing</p>",
            QueryState::Empty => ", <b>empty</b>: the signal does not exist here</p>",
            QueryState::Failed => ", <b>failed</b>: the signal is missing</p>",
        });
        page.wrap("<pre><code>", &q.promql, "</code></pre>\n");
    }
    page.raw("</details>\n</section>\n");
}

/// Where it comes from. No "generated at": the same data gives the same page.
pub(crate) fn footer(page: &mut Page, view: &View<'_>) {
    let report = &view.dossier.report;
    let (w, o) = (&report.windows, view.options);
    page.raw("<footer>\n<p>automap ").text(&view.dossier.automap_version).raw(" · from ").text(&report.source);
    page.raw(" · baseline ")
        .text(&w.baseline_start.rfc3339())
        .raw(" to ")
        .text(&w.baseline_end.rfc3339())
        .raw(" · incident ");
    page.text(&w.incident_start.rfc3339())
        .raw(" to ")
        .text(&w.incident_end.rfc3339())
        .raw(" · times shown in ")
        .text(&o.zone());
    page.raw("</p>\n</footer>\n");
}
