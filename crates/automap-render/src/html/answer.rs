//! The first screen: the verdict, then the candidates with the evidence for and against them, then the service map.

use maud::{Markup, PreEscaped, html};

use super::view::View;
use crate::clock::duration;
use crate::dossier_words as words;
use crate::map::{SvgOptions, Theme, placed, svg};
use crate::pixels::px;
use automap_core::report::{Cause, Evidence, Parts, Report, VerdictKind};
use automap_core::service_map::{NodeRole, ServiceMap};

/// The verdict, its confidence, and why.
pub(crate) fn verdict(view: &View<'_>) -> Markup {
    let report = &view.dossier.report;
    let (kicker, headline, small) = words::headline(&report.verdict);
    html! {
        header.verdict {
            p.when {
                span { (view.zone.date(report.windows.incident_start)) } " "
                span { (words::incident_span(report, view.zone)) } " "
                span { (duration(report.windows.incident().len_ms())) ", " (words::start_is(report)) }
            }
            @for sentence in words::course(report, view.zone) { p.when { span { (sentence) } } }
            p.kicker { (kicker) }
            h1 { (headline) @if !small.is_empty() { " " small { (small) } } }
            @if report.verdict.kind == VerdictKind::Cause { (confidence(report)) }
            p.why { (words::why(report, view.zone)) }
            @if let Some(sentence) = words::time_of_day(report) { p.why { "Earlier days: " (sentence) "." } }
            p.source { (report.source) }
        }
    }
}

fn confidence(report: &Report) -> Markup {
    let (confidence, level) = (report.verdict.confidence, words::level(report.verdict.level));
    html! {
        p.sure {
            span { (bar(confidence)) " confidence " b { (level) } " " (two_decimals(confidence)) }
            @if let Some(second) = report.next_candidate() {
                " " span.muted { "next " (second.service) " " (two_decimals(second.confidence)) }
            }
        }
    }
}

/// The CSS class of the page, which sets its tone.
pub(crate) fn class(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Cause => "is-cause",
        VerdictKind::NoIncident => "is-calm",
        VerdictKind::NotEnoughEvidence | VerdictKind::CannotTell => "is-open",
    }
}

/// A bar from 0 to 1. Screen readers skip it: the number is beside it.
fn bar(share: f64) -> Markup {
    html! { span.bar aria-hidden="true" { span style={ "width:" (px(100.0 * share.clamp(0.0, 1.0))) "%" } {} } }
}

fn two_decimals(share: f64) -> Markup {
    html! { span.n { (format!("{share:.2}")) } }
}

/// The candidates: the first few in full, the rest in one line.
pub(crate) fn candidates(view: &View<'_>) -> Markup {
    let (detailed, rest) = &view.dossier.report.detailed_causes();
    let names: Vec<String> = rest.iter().map(|c| format!("{} ({:.2})", c.service, c.confidence)).collect();
    html! {
        @if !detailed.is_empty() {
            section #candidates {
                h2 { "Candidates" }
                ol.candidates { @for cause in detailed { "\n" (candidate(view, cause)) } }
                @if !names.is_empty() { p.muted { "Far behind: " (names.join(", ")) "." } }
                @for changed in &view.dossier.report.also_changed {
                    p.muted { "Also changed, without user impact: " (words::also_changed(changed)) "." }
                }
            }
        }
    }
}

fn candidate(view: &View<'_>, cause: &Cause) -> Markup {
    let is_named = view.dossier.report.verdict.names(&cause.service);
    html! {
        li class=[is_named.then_some("named")] {
            div.who {
                span.rank { (cause.rank) }
                h3 { (cause.service) }
                span.sure { (bar(cause.confidence)) " " (two_decimals(cause.confidence)) }
            }
            dl {
                @if cause.path.len() > 1 { dt { "Path" } dd { (cause.path.join(" → ")) } }
                @if !cause.accounts_for.is_empty() {
                    dt { "Accounts for" }
                    dd { ul.shares { @for share in &cause.accounts_for { li { (share.summary) } } } }
                }
                @for parts in cause.telling_parts() { dt { "Breakdown" } dd { (which_part(parts)) } }
                @if let Some(change) = &cause.change { dt { "After" } dd { (change.summary) } }
                dt { "Changed" }
                dd {
                    @if cause.evidence.is_empty() {
                        span.muted { "no notable change of its own" }
                    } @else {
                        ul.for { @for e in &cause.evidence { (change(view, cause, e)) } }
                    }
                }
                @if !cause.counter_evidence.is_empty() {
                    dt { "Against" }
                    dd {
                        ul.against {
                            @for against in &cause.counter_evidence { li { (against.sentence(|t| view.zone.clock(t))) } }
                        }
                    }
                }
            }
        }
    }
}

/// The sentence, and behind it what each label says and which labels are missing.
fn which_part(parts: &Parts) -> Markup {
    html! {
        (parts.summary)
        details {
            summary { "By label" }
            ul {
                @for label in &parts.labels { li { (label.summary) } }
                @for unseen in &parts.unseen { li.muted { "not by " (unseen.label.words().0) ": " (unseen.reason) } }
            }
        }
    }
}

fn change(view: &View<'_>, cause: &Cause, e: &Evidence) -> Markup {
    let (place, what) = words::place_and_change(e);
    html! {
        li {
            span.muted.n { (e.onset.map_or_else(String::new, |t| view.zone.clock(t))) } " "
            span {
                @if e.seen_by != cause.service || e.peer.is_some() { b { (place) } " " }
                (what)
            }
        }
    }
}

/// The service map, and the same as a table.
pub(crate) fn map(view: &View<'_>) -> Markup {
    let map = &view.dossier.map;
    html! {
        @if !map.nodes.is_empty() {
            section #map {
                h2 { "Service map" }
                // The drawing escapes its own labels.
                div.scroll.map.from-end[cause_is_right(map)] tabindex="0" { (PreEscaped(svg(map, &SvgOptions { theme: Theme::Auto, embedded: true }))) }
                details.table { summary { "The map as a table" } (table(view, map)) }
            }
        }
    }
}

/// Whether a screen that shows half of the map must start with the right half to show the cause.
fn cause_is_right(map: &ServiceMap) -> bool {
    let cause = map.nodes.iter().find(|node| node.role == NodeRole::Cause);
    cause.is_some_and(|cause| {
        let placed = placed(map);
        placed.nodes.iter().any(|node| node.service == cause.service && node.x > placed.width / 2.0)
    })
}

fn table(view: &View<'_>, map: &ServiceMap) -> Markup {
    let calls = |from: &str| {
        let calls = map.edges.iter().filter(|e| e.from == from && (e.observed || e.asserted));
        calls.map(|e| e.to.as_str()).collect::<Vec<_>>().join(", ")
    };
    html! {
        div.scroll tabindex="0" {
            table {
                thead {
                    tr {
                        th { "Service" } th { "Role" } th { "Calls" } th { "Clearest change" }
                        th.n { "Since" }
                    }
                }
                tbody {
                    @for node in &map.nodes {
                        tr {
                            th scope="row" { (node.service) }
                            td data-head="Role" { (role(node.role)) }
                            td data-head="Calls" { (calls(&node.service)) }
                            td data-head="Clearest change" { (node.summary.as_deref().unwrap_or("")) }
                            td.n data-head="Since" { (node.onset.map_or_else(String::new, |t| view.zone.clock(t))) }
                        }
                    }
                }
            }
        }
    }
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
