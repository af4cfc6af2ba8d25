//! The page for an incident channel: Markdown that GitHub, GitLab and Slack accept, short enough for all of them.

pub(crate) mod escape;
mod section;

use automap_core::dossier::Dossier;

use crate::clock::{Zone, duration};
use crate::dossier_words as words;
use crate::map::mermaid;
use automap_core::note::Severity;
use automap_core::report::{Cause, VerdictKind};
use escape::{block, span, text};
use section::Section;

/// Queries shown, the most telling first.
const MAX_QUERIES: usize = 6;

/// Renders the page: at most 3,000 characters for each section and 12,000 in all; omissions are stated. Every label is escaped.
pub fn markdown(dossier: &Dossier, zone: Zone) -> String {
    let sections = [
        verdict(dossier, zone),
        candidates(dossier, zone),
        evidence(dossier, zone),
        map(dossier),
        spread(dossier, zone),
        changes(dossier, zone),
        victims(dossier),
        data_notes(dossier),
        next(dossier),
        queries(dossier),
    ];
    section::join(&sections, &footer(dossier, zone))
}

fn verdict(dossier: &Dossier, zone: Zone) -> Section {
    let report = &dossier.report;
    let (kicker, headline, small) = words::headline(&report.verdict);
    let mut section = Section::new("");
    let title = if report.verdict.kind == VerdictKind::Cause { format!("{kicker}: {headline}") } else { headline };
    let small = match (small, report.verdict.kind) {
        ("", _) => String::new(),
        (small, VerdictKind::Cause) => format!(" ({})", text(small)),
        (small, _) => format!(" {}", text(small)),
    };
    section.pieces.push(format!("## {}{small}\n", text(&title)));
    let w = &report.windows;
    let when = format!(
        "{}, {} ({}, {})",
        zone.date(w.incident_start),
        words::incident_span(report, zone),
        duration(w.incident().len_ms()),
        words::start_is(report)
    );
    section.pieces.push(format!("{}  ", text(&when)));
    section.pieces.extend(words::course(report, zone).iter().map(|sentence| format!("{}  ", text(sentence))));
    if report.verdict.kind == VerdictKind::Cause {
        let second = report.next_candidate();
        let second = second.map_or_else(String::new, |c| format!(", next {} {:.2}", text(&c.service), c.confidence));
        let level = words::level(report.verdict.level);
        section.pieces.push(format!("Confidence **{level}** {:.2}{second}", report.verdict.confidence));
    }
    section.pieces.push(format!("\n{}", text(&words::why(report, zone))));
    let earlier_days = words::time_of_day(report).map(|sentence| format!("\nEarlier days: {}.", text(sentence)));
    section.pieces.extend(earlier_days);
    section
}

fn candidates(dossier: &Dossier, zone: Zone) -> Section {
    let mut section = Section::new("### Candidates");
    if dossier.report.causes.is_empty() {
        return section;
    }
    section.pieces.push("| # | Service | Confidence | Since | Path |\n|--:|:--|--:|:--|:--|".to_owned());
    for c in &dossier.report.causes {
        let since = c.onset.map_or_else(|| "–".to_owned(), |t| text(&zone.clock(t)));
        let path = if c.path.len() > 1 { text(&c.path.join(" → ")) } else { String::new() };
        section.pieces.push(format!("| {} | {} | {:.2} | {since} | {path} |", c.rank, name(c, dossier), c.confidence));
    }
    section
}

fn name(cause: &Cause, dossier: &Dossier) -> String {
    let named = dossier.report.verdict.names(&cause.service);
    let name = text(&cause.service);
    if named { format!("**{name}**") } else { name }
}

fn evidence(dossier: &Dossier, zone: Zone) -> Section {
    let mut section = Section::new("### Evidence");
    for cause in &dossier.report.detailed_causes().0 {
        let gap = if section.pieces.is_empty() { "" } else { "\n" };
        section.pieces.push(format!("{gap}**{}**\n", text(&cause.service)));
        for share in &cause.accounts_for {
            section.pieces.push(format!("- {}", text(&share.summary)));
        }
        section.pieces.extend(cause.telling_parts().map(|p| format!("- which part, by {}", text(&p.summary))));
        let change = cause.change.as_ref().map(|c| format!("- after {}", text(&c.summary)));
        section.pieces.extend(change);
        for e in &cause.evidence {
            let since = e.onset.map_or_else(String::new, |t| format!("{} ", text(&zone.clock(t))));
            section.pieces.push(format!("- {since}{}", text(&e.summary)));
        }
        for against in &cause.counter_evidence {
            section.pieces.push(format!("- *against it:* {}", text(&against.sentence(|t| zone.clock(t)))));
        }
    }
    for changed in &dossier.report.also_changed {
        let what = text(&words::also_changed(changed));
        section.pieces.push(format!("\nAlso changed, without user impact: {what}"));
    }
    section
}

/// GitHub and GitLab draw it; elsewhere it is a readable list of calls.
fn map(dossier: &Dossier) -> Section {
    let mut section = Section::new("### Map");
    if !dossier.map.edges.is_empty() {
        section.pieces.push(block("mermaid", &mermaid(&dossier.map)));
    }
    section
}

/// Which service changed when, and what contradicts the order.
fn spread(dossier: &Dossier, zone: Zone) -> Section {
    let spread = &dossier.propagation;
    let mut section = Section::new("### How it spread");
    if spread.services.is_empty() {
        return section;
    }
    section.pieces.push(format!("{}\n", text(&spread.summary)));
    for s in &spread.services {
        let since = s.onset.as_ref().map_or_else(|| "no sharp beginning".to_owned(), |o| zone.clock(o.at));
        let by = s.explained_by.as_ref().map_or_else(String::new, |by| format!(", explained by {}", text(by)));
        section.pieces.push(format!("- {since} **{}**{by}: {}", text(&s.service), text(&s.change.summary)));
    }
    for against in &spread.against {
        section.pieces.push(format!("- **against it:** {}", text(against)));
    }
    section
}

/// The changes around the incident; nothing if changes were not observed.
fn changes(dossier: &Dossier, zone: Zone) -> Section {
    let info = &dossier.report.changes;
    let mut section = Section::new("### Changes");
    if info.summary.is_empty() {
        return section;
    }
    section.pieces.push(format!("{}\n", text(&info.summary)));
    for listed in &info.listed {
        let (place, role) = (words::changed_place(&listed.change), words::changed_role(listed));
        let at = zone.clock(listed.change.at);
        section.pieces.push(format!("- {at} **{}** {} ({})", text(place), text(&listed.summary), text(&role)));
    }
    if info.omitted > 0 {
        section.pieces.push(format!("- and {} more", info.omitted));
    }
    section
}

fn victims(dossier: &Dossier) -> Section {
    let mut section = Section::new("### Victims");
    if !dossier.propagation.services.is_empty() {
        // The section on the spread names them.
        return section;
    }
    for v in &dossier.report.victims {
        let (service, by) = (text(&v.service), text(&v.explained_by));
        section.pieces.push(format!("- **{service}**, explained by {by}: {}", text(&v.summary)));
    }
    section
}

/// How much of the data could be judged, what could not be checked, and warnings.
fn data_notes(dossier: &Dossier) -> Section {
    let report = &dossier.report;
    let c = &report.coverage;
    let mut section = Section::new("### Data");
    section.pieces.push(format!(
        "- {} of {} services and {} of {} series judged; {} + {} samples every {} s",
        c.services_judged,
        c.services,
        c.series_judged,
        c.series,
        report.windows.baseline_samples,
        report.windows.incident_samples,
        report.windows.step_s
    ));
    for n in &report.not_checked {
        let place = if n.services.is_empty() { String::new() } else { format!(" of {}", n.services.join(", ")) };
        section.pieces.push(format!("- *not checked:* {}{}: {}", text(&n.signal), text(&place), text(&n.reason)));
    }
    for note in &report.notes {
        let word = if note.severity == Severity::Warning { "**warning:**" } else { "*note:*" };
        section.pieces.push(format!("- {word} {}", text(&note.message)));
    }
    section
}

fn next(dossier: &Dossier) -> Section {
    let mut section = Section::new("### Next");
    for step in &dossier.report.next {
        let place = if step.query.is_some() { " (below)" } else { "" };
        section.pieces.push(format!("- {}", text(&format!("{}{place}", step.text))));
    }
    section
}

/// The queries of the next steps and those behind the charts, each once, ready to copy.
fn queries(dossier: &Dossier) -> Section {
    let mut section = Section::new("### Queries");
    let of_steps = dossier.report.next.iter().filter_map(|step| step.query.as_deref());
    let of_charts = dossier.charts.iter().filter_map(|c| c.query.as_deref());
    let mut shown: Vec<&str> = Vec::new();
    for query in of_steps.chain(of_charts) {
        if shown.len() < MAX_QUERIES && !shown.contains(&query) {
            shown.push(query);
            let signal = dossier.report.queries.iter().find(|q| q.promql == query).map_or("", |q| &q.signal);
            section.pieces.push(format!("{}:\n\n{}\n", text(signal), block("promql", query)));
        }
    }
    section
}

fn footer(dossier: &Dossier, zone: Zone) -> Section {
    let baseline = text(&zone.clocks(dossier.report.windows.baseline()));
    let mut section = Section::new("");
    section.pieces.push(format!(
        "*automap {}, from* {}*, baseline {baseline} {}*",
        text(&dossier.automap_version),
        span(&dossier.report.source),
        text(&zone.name())
    ));
    section
}
