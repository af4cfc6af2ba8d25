//! The first screen: the verdict, then who may have caused it and why, then where they stand.

use super::View;
use super::page::Page;
use crate::clock::length;
use crate::map::{SvgOptions, Theme, svg};
use crate::page::wording;
use automap_core::report::{Cause, VerdictKind};
use automap_core::service_map::{NodeRole, ServiceMap};

/// The verdict, how sure, and why.
pub(crate) fn verdict(page: &mut Page, view: &View<'_>) {
    let report = &view.dossier.report;
    let v = &report.verdict;
    let (kicker, headline, small) = wording::headline(v);
    page.raw("<header class=\"verdict\">\n<p class=\"when\">");
    page.raw("<span>").text(&view.options.date(report.windows.incident_start)).raw("</span> <span>");
    page.text(&wording::incident_span(report, view.options)).raw("</span> <span>");
    page.text(&length(report.windows.incident().len_ms())).raw(", ");
    page.text(wording::start_is(report)).raw("</span></p>\n");
    page.wrap("<p class=\"kicker\">", kicker, "</p>\n").wrap("<h1>", headline, "");
    if !small.is_empty() {
        page.wrap(" <small>", small, "</small>");
    }
    page.raw("</h1>\n");
    if v.kind == VerdictKind::Cause {
        page.raw("<p class=\"sure\"><span>");
        bar(page, v.confidence);
        page.raw(" confidence ").wrap("<b>", wording::level(v.level), "</b> ");
        page.wrap("<span class=\"n\">", &format!("{:.2}", v.confidence), "</span></span>");
        if let Some(second) = report.causes.get(1) {
            page.raw(" <span class=\"muted\">next ").text(&second.service);
            page.wrap(" <span class=\"n\">", &format!("{:.2}", second.confidence), "</span></span>");
        }
        page.raw("</p>\n");
    }
    page.wrap("<p class=\"why\">", &wording::why(report, view.options), "</p>\n");
    page.wrap("<p class=\"source\">", &report.source, "</p>\n</header>\n");
}

/// The page's tone.
pub(crate) fn class(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Cause => "is-cause",
        VerdictKind::NoIncident => "is-calm",
        VerdictKind::NotEnoughEvidence => "is-open",
    }
}

/// A bar from 0 to 1. The number stands beside it for everybody.
fn bar(page: &mut Page, share: f64) {
    page.raw("<span class=\"bar\" aria-hidden=\"true\"><span style=\"width:");
    page.number(100.0 * share.clamp(0.0, 1.0)).raw("%\"></span></span>");
}

/// The candidates: the first few in full, the rest in a line.
pub(crate) fn candidates(page: &mut Page, view: &View<'_>) {
    let (detailed, rest) = &view.dossier.report.detailed_causes();
    if detailed.is_empty() {
        return;
    }
    page.raw("<section id=\"candidates\">\n<h2>Candidates</h2>\n<ol class=\"candidates\">\n");
    for cause in detailed {
        candidate(page, view, cause);
    }
    page.raw("</ol>\n");
    if !rest.is_empty() {
        let names: Vec<String> = rest.iter().map(|c| format!("{} ({:.2})", c.service, c.confidence)).collect();
        page.wrap("<p class=\"muted\">Far behind: ", &names.join(", "), ".</p>\n");
    }
    page.raw("</section>\n");
}

fn candidate(page: &mut Page, view: &View<'_>, cause: &Cause) {
    let named = view.dossier.report.verdict.service.as_deref() == Some(cause.service.as_str());
    page.raw(if named { "<li class=\"named\">\n" } else { "<li>\n" });
    page.raw("<div class=\"who\"><span class=\"rank\">").count(cause.rank).raw("</span>");
    page.wrap("<h3>", &cause.service, "</h3>").raw("<span class=\"sure\">");
    bar(page, cause.confidence);
    page.wrap(" <span class=\"n\">", &format!("{:.2}", cause.confidence), "</span></span></div>\n<dl>\n");
    if cause.path.len() > 1 {
        page.wrap("<dt>Path</dt><dd>", &cause.path.join(" → "), "</dd>\n");
    }
    page.raw("<dt>Changed</dt><dd>");
    if cause.evidence.is_empty() {
        page.raw("<span class=\"muted\">nothing of its own that stands out</span>");
    } else {
        page.raw("<ul class=\"for\">");
        for e in &cause.evidence {
            let (place, what) = wording::placed(e);
            let onset = e.onset.map_or_else(String::new, |t| view.options.clock(t));
            page.wrap("<li><span class=\"muted n\">", &onset, "</span> <span>");
            if e.seen_by != cause.service || e.peer.is_some() {
                page.wrap("<b>", &place, "</b> ");
            }
            page.text(what).raw("</span></li>");
        }
        page.raw("</ul>");
    }
    page.raw("</dd>\n");
    if !cause.counter_evidence.is_empty() {
        page.raw("<dt>Against it</dt><dd><ul class=\"against\">");
        for against in &cause.counter_evidence {
            page.wrap("<li>", &against.sentence(|t| view.options.clock(t)), "</li>");
        }
        page.raw("</ul></dd>\n");
    }
    page.raw("</dl>\n</li>\n");
}

/// The service map, and the same as a table.
pub(crate) fn map(page: &mut Page, view: &View<'_>) {
    let map = &view.dossier.map;
    if map.nodes.is_empty() {
        return;
    }
    page.raw("<section id=\"map\">\n<h2>Service map</h2>\n<div class=\"scroll map\" tabindex=\"0\">\n");
    page.picture(&svg(map, &SvgOptions { theme: Theme::Auto, embedded: true }));
    page.raw("</div>\n<details class=\"table\"><summary>The map as a table</summary>\n");
    table(page, view, map);
    page.raw("</details>\n</section>\n");
}

fn table(page: &mut Page, view: &View<'_>, map: &ServiceMap) {
    page.raw("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>Service</th><th>In this incident</th><th>Calls</th>");
    page.raw("<th>Clearest change</th><th class=\"n\">Since</th></tr></thead><tbody>\n");
    for node in &map.nodes {
        let calls = map.edges.iter().filter(|e| e.from == node.service && (e.observed || e.asserted));
        let calls: Vec<&str> = calls.map(|e| e.to.as_str()).collect();
        page.wrap("<tr><th scope=\"row\">", &node.service, "</th><td>").raw(role(node.role)).raw("</td><td>");
        page.text(&calls.join(", ")).wrap("</td><td>", node.summary.as_deref().unwrap_or(""), "</td><td class=\"n\">");
        page.text(&node.onset.map_or_else(String::new, |t| view.options.clock(t))).raw("</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n");
}

fn role(role: NodeRole) -> &'static str {
    match role {
        NodeRole::Cause => "named as the cause",
        NodeRole::Candidate => "candidate",
        NodeRole::Victim => "victim",
        NodeRole::Normal => "normal",
        NodeRole::Unobserved => "not observed",
    }
}
