//! The rest of the page: victims, what could not be checked, the data, what to do next, the queries, the origin of the numbers.

use maud::{Markup, html};

use super::view::View;
use crate::dossier_words as words;
use automap_core::note::Severity;
use automap_core::observation::{QueryRecord, QueryState};
use automap_core::time::Interval;

/// Services affected by another service's fault.
pub(crate) fn victims(view: &View<'_>) -> Markup {
    let victims = &view.dossier.report.victims;
    html! {
        @if !victims.is_empty() {
            section #victims {
                h2 { "Victims" }
                div.scroll tabindex="0" {
                    table {
                        thead { tr { th { "Service" } th { "Explained by" } th { "What it shows" } } }
                        tbody {
                            @for v in victims {
                                tr {
                                    th scope="row" { (v.service) }
                                    td data-head="Explained by" { (v.explained_by) }
                                    td data-head="What it shows" { (v.summary) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What could not be checked.
pub(crate) fn not_checked(view: &View<'_>) -> Markup {
    let gaps = &view.dossier.report.not_checked;
    html! {
        @if !gaps.is_empty() {
            section #not-checked {
                h2 { "Not checked" }
                div.scroll tabindex="0" {
                    table {
                        thead { tr { th { "Signal" } th { "Services" } th { "Why" } } }
                        tbody {
                            @for gap in gaps {
                                tr {
                                    th scope="row" { (gap.signal) }
                                    td data-head="Services" { @if gap.services.is_empty() { "all" } @else { (gap.services.join(", ")) } }
                                    td data-head="Why" { (gap.reason) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The windows that were compared, how much of the data could be judged, and remarks.
pub(crate) fn data(view: &View<'_>) -> Markup {
    let report = &view.dossier.report;
    let (w, c) = (&report.windows, &report.coverage);
    let span = |window: Interval, samples: usize| {
        format!("{} {} · {samples} samples", view.zone.clocks(window), view.zone.name())
    };
    let later = if words::later_window(report) == "incident" { "Incident" } else { "Looked at" };
    let facts = [
        ("Baseline", span(w.baseline(), w.baseline_samples)),
        (later, span(w.incident(), w.incident_samples)),
        ("Sampled", format!("every {} s", w.step_s)),
        ("Services judged", part_of(c.services_judged, c.services)),
        ("Series judged", part_of(c.series_judged, c.series)),
        ("Engine", report.engine.to_string()),
    ];
    html! {
        section #data {
            h2 { "Data" }
            dl.facts { @for (name, value) in &facts { div { dt { (name) } dd { (value) } } } }
            @if !report.notes.is_empty() {
                ul.notes {
                    @for note in &report.notes {
                        @match note.severity {
                            Severity::Warning => { li.warning { b { "Warning" } " " (note.message) } }
                            Severity::Info => { li { b { "Note" } " " (note.message) } }
                        }
                    }
                }
            }
        }
    }
}

fn part_of(part: usize, whole: usize) -> String {
    let share = if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    format!("{part} of {whole} ({share:.0} %)")
}

/// What to do next. A query is shown separately for copying; there is no link, since the server's address may come from an untrusted capture.
pub(crate) fn next(view: &View<'_>) -> Markup {
    let steps = &view.dossier.report.next;
    html! {
        @if !steps.is_empty() {
            section #next {
                h2 { "Next" }
                ol.next {
                    @for step in steps {
                        li {
                            (step.text)
                            @if let Some(query) = &step.query { ":" pre { code { (query) } } }
                        }
                    }
                }
            }
        }
    }
}

/// Every query, ready to copy.
pub(crate) fn queries(view: &View<'_>) -> Markup {
    let queries = &view.dossier.report.queries;
    html! {
        @if !queries.is_empty() {
            section #queries {
                h2 { "Queries" }
                details.queries {
                    summary { (queries.len()) " queries behind the numbers" }
                    @for q in queries { "\n" (query(q)) }
                }
            }
        }
    }
}

fn query(q: &QueryRecord) -> Markup {
    html! {
        h3 { (q.signal) }
        p.muted {
            (q.series) " series, " (q.samples) " samples"
            @match q.state {
                QueryState::Complete => {}
                QueryState::Partial => { ", " b { "partial" } ": the server reports that data is missing" }
                QueryState::Empty => { ", " b { "empty" } ": the signal does not exist here" }
                QueryState::Refused => { ", " b { "refused" } ": the server does not answer so large a query" }
                QueryState::Failed => { ", " b { "failed" } ": the signal is missing" }
                QueryState::Screened => { ", " b { "screened" } ": queried for suspects only" }
            }
            @if let Some(reason) = &q.reason { " (" (reason) ")" }
        }
        pre { code { (q.promql) } }
    }
}

/// The origin of the numbers. No "generated at": the same data gives the same page.
pub(crate) fn footer(view: &View<'_>) -> Markup {
    let report = &view.dossier.report;
    let w = &report.windows;
    html! {
        footer {
            p {
                "automap " (view.dossier.automap_version) " · from " (report.source)
                " · baseline " (w.baseline_start) " to " (w.baseline_end)
                " · incident " (w.incident_start) " to " (w.incident_end)
                " · times shown in " (view.zone.name())
            }
        }
    }
}
