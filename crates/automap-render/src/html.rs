//! The page of an incident: one HTML file with everything inside. No script, no asset from elsewhere, no clock: same dossier, same bytes.
//!
//! Sections come in the order in which an on-call engineer reads them: the verdict, the candidates, the map, the series, how it spread, what could
//! not be observed, the data, what to do next.
//!
//! Markup is written with maud, in which a value in parentheses is escaped unless its type says that it is markup, so escaping cannot be forgotten.
//! It is preferred to askama: the page is some thirty small functions of typed values, which are functions in maud and would be as many structs and
//! template files in askama; and maud adds three crates to the tree where askama adds six, including a parser. Its releases are rare (0.27 of
//! February 2025 is the newest). One thing that maud does not do is done once, over the finished page: deceptive characters become `�`.

mod answer;
mod changes;
mod chart_svg;
mod charts;
pub(crate) mod notebook;
mod remarks;
mod scale;
mod spread;
mod view;

use automap_core::dossier::Dossier;
use maud::{Markup, PreEscaped, html as markup};

use crate::clock::Zone;
use crate::dossier_words as words;
use crate::escape;
use view::View;

const STYLE: &str = concat!(include_str!("html/style.css"), include_str!("html/plot.css"));
/// Styles inside the page and nothing else: no script, image, font, frame or connection.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Renders the page, with times in a zone. Every label is escaped; values that are not numbers are not drawn. O(points of the charts).
pub fn html(dossier: &Dossier, zone: Zone) -> String {
    let view = View { dossier, zone };
    let page = markup! {
        (PreEscaped("<!doctype html>\n"))
        html lang="en" {
            (head(&view))
            body {
                "\n"
                main class=(answer::class(dossier.report.verdict.kind)) { (sections(&view)) } "\n"
                (remarks::footer(&view))
            }
        }
        "\n"
    };
    escape::page(&page.into_string(), &['\n', '\t'])
}

fn sections(view: &View<'_>) -> Markup {
    let parts = [
        answer::verdict(view),
        contents(view),
        answer::candidates(view),
        answer::map(view),
        charts::charts(view),
        spread::spread(view),
        changes::changes(view),
        remarks::victims(view),
        remarks::not_checked(view),
        remarks::data(view),
        remarks::next(view),
        remarks::queries(view),
    ];
    markup! { @for part in &parts { "\n" (part) } }
}

/// Links to the existing sections, for small screens.
fn contents(view: &View<'_>) -> Markup {
    let (d, report) = (view.dossier, &view.dossier.report);
    let links = [
        (!report.causes.is_empty(), "#candidates", "Candidates"),
        (!d.map.nodes.is_empty(), "#map", "Map"),
        (!d.charts.is_empty(), "#charts", "Series"),
        (spread::has_content(view), "#spread", "How it spread"),
        (!report.changes.summary.is_empty(), "#changes", "Changes"),
        (true, "#data", "Data"),
        (!report.next.is_empty(), "#next", "Next"),
        (!report.queries.is_empty(), "#queries", "Queries"),
    ];
    markup! {
        nav aria-label="Sections" {
            @for (_, target, name) in links.iter().filter(|(exists, _, _)| *exists) { a href=(target) { (name) } " " }
        }
    }
}

fn head(view: &View<'_>) -> Markup {
    let report = &view.dossier.report;
    let (_, headline, _) = words::headline(&report.verdict);
    let (span, date) = (words::incident_span(report, view.zone), view.zone.date(report.windows.incident_start));
    markup! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { (headline) " – " (span) ", " (date) }
            // A constant of this program.
            style { (PreEscaped(STYLE)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use maud::html as markup;

    #[test]
    fn data_stays_data() {
        let (title, text) = ("\" onmouseover=\"x", "</style><script>&amp;]]>");
        let page = markup! { p title=(title) { (text) } };
        assert_eq!(
            page.into_string(),
            "<p title=\"&quot; onmouseover=&quot;x\">&lt;/style&gt;&lt;script&gt;&amp;amp;]]&gt;</p>"
        );
    }
}
