//! The changes around the incident, in order of time, and which of them fit.

use maud::{Markup, html};

use super::view::View;
use crate::dossier_words as words;
use automap_core::report::{ChangeRole, ListedChange};

/// The section; nothing if changes were not observed.
pub(crate) fn changes(view: &View<'_>) -> Markup {
    let info = &view.dossier.report.changes;
    html! {
        @if !info.summary.is_empty() {
            section #changes {
                h2 { "Changes" }
                p { (info.summary) "." }
                @if !info.listed.is_empty() {
                    div.scroll tabindex="0" {
                        table {
                            thead { tr { th.n { "Time" } th { "Where" } th { "What" } th { "Beside the onset" } th { "Known from" } } }
                            tbody { @for listed in &info.listed { "\n" (row(view, listed)) } }
                        }
                    }
                }
                @if info.omitted > 0 { p.muted { "And " (info.omitted) " more." } }
            }
        }
    }
}

fn row(view: &View<'_>, listed: &ListedChange) -> Markup {
    let change = &listed.change;
    html! {
        tr class=[(listed.role == ChangeRole::Fits).then_some("named")] {
            td.n data-head="Time" { (view.zone.clock(change.at)) }
            th scope="row" { (words::changed_place(change)) }
            td data-head="What" { (listed.summary) }
            td data-head="Beside the onset" { (words::changed_role(listed)) }
            td.muted data-head="Known from" { (change.source) @if let Some(url) = &change.url { " " (url) } }
        }
    }
}
