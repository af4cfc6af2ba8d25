//! The page: one HTML file with everything inside. No script, no asset from elsewhere, no clock: same dossier, same bytes.
//!
//! In the order in which somebody woken at night reads: the verdict, who and why, where, the series, how it spread, what
//! could not be seen, the data, what to do next.

mod answer;
mod chart_svg;
mod charts;
mod page;
mod remarks;
mod scale;
mod spread;

use automap_core::dossier::Dossier;

use crate::clock::PageOptions;
use crate::page::wording;
use page::Page;

const STYLE: &str = include_str!("html/style.css");

/// Renders the page. Every label is escaped; numbers that are none never get in. O(points of the charts).
pub fn html(dossier: &Dossier, options: &PageOptions) -> String {
    let view = View { dossier, options };
    let mut page = Page::default();
    head(&mut page, &view);
    page.raw("<body>\n<main class=\"").raw(answer::class(dossier.report.verdict.kind)).raw("\">\n");
    answer::verdict(&mut page, &view);
    contents(&mut page, &view);
    answer::candidates(&mut page, &view);
    answer::map(&mut page, &view);
    charts::charts(&mut page, &view);
    spread::spread(&mut page, &view);
    remarks::victims(&mut page, &view);
    remarks::not_checked(&mut page, &view);
    remarks::data(&mut page, &view);
    remarks::next(&mut page, &view);
    remarks::queries(&mut page, &view);
    page.raw("</main>\n");
    remarks::footer(&mut page, &view);
    page.raw("</body>\n</html>\n");
    page.finish()
}

/// What every section is written from.
struct View<'a> {
    dossier: &'a Dossier,
    options: &'a PageOptions,
}

/// Where to jump on a small screen: the sections that there are.
fn contents(page: &mut Page, view: &View<'_>) {
    let (d, report) = (view.dossier, &view.dossier.report);
    page.raw("<nav aria-label=\"Sections\">");
    for (there, link) in [
        (!report.causes.is_empty(), "<a href=\"#candidates\">Candidates</a> "),
        (!d.map.nodes.is_empty(), "<a href=\"#map\">Map</a> "),
        (!d.charts.is_empty(), "<a href=\"#charts\">Series</a> "),
        (spread::is_told(view), "<a href=\"#spread\">How it spread</a> "),
        (true, "<a href=\"#data\">Data</a> "),
        (!report.next.is_empty(), "<a href=\"#next\">Next</a> "),
        (!report.queries.is_empty(), "<a href=\"#queries\">Queries</a>"),
    ] {
        page.raw(if there { link } else { "" });
    }
    page.raw("</nav>\n");
}

fn head(page: &mut Page, view: &View<'_>) {
    let report = &view.dossier.report;
    let (_, headline, _) = wording::headline(&report.verdict);
    let title = format!(
        "{headline} – {}, {}",
        wording::incident_span(report, view.options),
        view.options.date(report.windows.incident_start)
    );
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.raw("<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.wrap("<title>", &title, "</title>\n").raw("<style>\n").raw(STYLE).raw("</style>\n</head>\n");
}
