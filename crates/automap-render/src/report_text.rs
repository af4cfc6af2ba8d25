//! The report for a terminal: when, the symptoms, the verdict, then the candidates with their evidence, the victims, and what could not be
//! checked.
//!
//! Long queries are shown on request only. Control characters in names and sentences are shown as `�`.

use crate::dossier_words as words;
use crate::dossier_words::level;
use crate::table::{pad, plain, width};
use crate::text_options::{HEADING_WIDTH, TextOptions, section};
use automap_core::note::Severity;
use automap_core::report::OnsetSource;
use automap_core::report::{AlsoChanged, Cause, ListedChange, NextStep, OtherIncident, Parts, Report, VerdictKind};

/// Candidates whose evidence is shown unless `verbose`.
const DETAILED_CAUSES: usize = 3;
/// Candidates below this confidence are a name in a list, not a block.
const FAINT: f64 = 0.02;

/// Renders the report; ends with a newline, at most some 40 lines unless `verbose`.
pub fn text(report: &Report, options: &TextOptions) -> String {
    let before =
        [windows(report, options), symptoms(report), impacts(report), others(report, options), vec![coverage(report)]];
    let after = [
        causes(report, options),
        victims(report),
        also_changed(report),
        earlier_days(report),
        changes(report, options),
        remarks(report, options),
    ];
    let shown =
        |lines: Vec<Vec<String>>| lines.into_iter().flatten().map(|line| plain(&line) + "\n").collect::<String>();
    format!("{}{}\n{}", shown(before.to_vec()), verdict(report, options.color), shown(after.to_vec()))
}

/// `INCIDENT    2026-11-24 00:57:26–00:57:58 UTC (onset detected)   baseline 00:56:22–00:57:22`, and whether it is over.
fn windows(report: &Report, options: &TextOptions) -> Vec<String> {
    let w = &report.windows;
    let is_calm = report.verdict.kind.is_quiet();
    let source = match w.incident_start_is {
        OnsetSource::Given => "",
        OnsetSource::Moved => " (earlier than given)",
        OnsetSource::Detected if is_calm => " (after the largest change)",
        OnsetSource::Detected => " (onset detected)",
        OnsetSource::NotFound => " (no onset found: the last third)",
    };
    let title = if is_calm { "LOOKED AT" } else { "INCIDENT" };
    let (incident, baseline) = (options.zone.dated_clocks(w.incident()), options.zone.clocks(w.baseline()));
    let over = report.course.over_since.map(|at| format!("{:HEADING_WIDTH$}over since {}", "", options.zone.clock(at)));
    std::iter::once(format!("{title:<HEADING_WIDTH$}{incident}{source}   baseline {baseline}")).chain(over).collect()
}

/// The other incidents in the data, so that they are not confused.
fn others(report: &Report, options: &TextOptions) -> Vec<String> {
    let of = |title, list: &[OtherIncident]| {
        section(title, list.iter().map(|other| words::other_incident(other, options.zone)))
            .into_iter()
            .skip(1)
            .collect::<Vec<_>>()
    };
    [of("EARLIER", &report.course.earlier), of("LATER", &report.course.later)].concat()
}

fn symptoms(report: &Report) -> Vec<String> {
    let items = report.symptoms.iter().map(|s| format!("{} {}", s.service, s.evidence.summary));
    // No blank line before them: they belong to the line above.
    section("SYMPTOM", items).into_iter().skip(1).collect()
}

fn impacts(report: &Report) -> Vec<String> {
    section("FELT", report.impacts.iter().map(|i| i.summary.clone())).into_iter().skip(1).collect()
}

fn also_changed(report: &Report) -> Vec<String> {
    let one = |c: &AlsoChanged| {
        let changes: Vec<&str> = c.evidence.iter().map(|e| e.summary.as_str()).collect();
        format!("{} also changed, which users do not feel: {}", c.service, changes.join(", "))
    };
    section("UNFELT", report.also_changed.iter().map(one))
}

fn earlier_days(report: &Report) -> Vec<String> {
    section("OTHER DAYS", words::time_of_day(report).map(str::to_owned))
}

fn coverage(report: &Report) -> String {
    let (c, w) = (&report.coverage, &report.windows);
    format!(
        "{:<HEADING_WIDTH$}{} of {} services, {} of {} series judged; {} + {} samples every {} s",
        "COVERAGE",
        c.services_judged,
        c.services,
        c.series_judged,
        c.series,
        w.baseline_samples,
        w.incident_samples,
        w.step_s
    )
}

fn verdict(report: &Report, color: bool) -> String {
    let v = &report.verdict;
    let (code, tail) = match v.kind {
        VerdictKind::Cause => {
            let second = report.next_candidate();
            let next = second.map_or_else(String::new, |c| format!("; next {} {:.2}", c.service, c.confidence));
            ("1;31", format!("   confidence {} ({:.2}{next})", level(v.level), v.confidence))
        }
        VerdictKind::NoIncident => ("1;32", String::new()),
        VerdictKind::CannotTell => ("1;33", String::new()),
        VerdictKind::NotEnoughEvidence => {
            let best = report.causes.first();
            ("1;33", best.map_or_else(String::new, |c| format!("; closest {} ({:.2})", c.service, c.confidence)))
        }
    };
    let (summary, tail) = (plain(&v.summary), plain(&tail));
    let summary = if color { format!("\x1b[{code}m{summary}\x1b[0m") } else { summary };
    format!("{:<HEADING_WIDTH$}{summary}{tail}", "VERDICT")
}

fn causes(report: &Report, options: &TextOptions) -> Vec<String> {
    let name_width = report.causes.iter().map(|c| width(&c.service)).max().unwrap_or(0);
    let is_detailed =
        |c: &&Cause| options.verbose || c.rank == 1 || (c.rank <= DETAILED_CAUSES && c.confidence >= FAINT);
    let (detailed, rest): (Vec<&Cause>, Vec<&Cause>) = report.causes.iter().partition(is_detailed);
    let mut lines: Vec<String> = detailed.iter().flat_map(|c| cause(c, name_width, options)).collect();
    if !rest.is_empty() {
        let names: Vec<String> =
            rest.iter().map(|c| format!("{} {} ({:.2})", c.rank, c.service, c.confidence)).collect();
        lines.extend([String::new(), format!("   then {}", names.join(", "))]);
    }
    lines
}

fn cause(cause: &Cause, name_width: usize, options: &TextOptions) -> Vec<String> {
    let onset = cause.onset.map_or_else(|| "no onset".to_owned(), |t| format!("onset {}", options.zone.clock(t)));
    let path = if cause.path.len() > 1 { format!("   {}", cause.path.join(" → ")) } else { String::new() };
    let name = pad(&cause.service, name_width);
    let mut lines = vec![String::new(), format!("{:>2} {name}  {:.2}  {onset}{path}", cause.rank, cause.confidence)];
    lines.extend(cause.accounts_for.iter().map(|a| format!("     = {}", a.summary)));
    lines.extend(cause.parts.iter().filter(|p| options.verbose || p.tells()).flat_map(|p| parts(p, options)));
    lines.extend(cause.change.iter().map(|c| format!("     ~ {}", c.summary)));
    lines.extend(cause.evidence.iter().map(|e| format!("     + {}", e.summary)));
    let against = cause.counter_evidence.iter().map(|a| a.sentence(|t| options.zone.clock(t)));
    lines.extend(against.map(|sentence| format!("     − {sentence}")));
    lines
}

/// Which part of it; with `verbose`, also what each label says and which labels are missing.
fn parts(parts: &Parts, options: &TextOptions) -> Vec<String> {
    let labels = parts.labels.iter().map(|l| format!("       {}", l.summary));
    let unseen = parts.unseen.iter().map(|u| format!("       not by {}: {}", u.label.words().0, u.reason));
    let details = labels.chain(unseen).filter(|_| options.verbose);
    std::iter::once(format!("     @ {}", parts.summary)).chain(details).collect()
}

fn victims(report: &Report) -> Vec<String> {
    let name_width = report.victims.iter().map(|v| width(&v.service)).max().unwrap_or(0);
    section("VICTIMS", report.victims.iter().map(|v| format!("{}  {}", pad(&v.service, name_width), v.summary)))
}

/// The changes around the incident: `14:02:11  catalogue  release 1.4.2 → 1.4.3  fits the onset`. Nothing if changes were not observed.
fn changes(report: &Report, options: &TextOptions) -> Vec<String> {
    let listed = &report.changes.listed;
    let place = |l: &ListedChange| words::changed_place(&l.change).to_owned();
    let (places, whats) = (
        listed.iter().map(|l| width(&place(l))).max().unwrap_or(0),
        listed.iter().map(|l| width(&l.summary)).max().unwrap_or(0),
    );
    let rows = listed.iter().map(|l| {
        let (place, what) = (pad(&place(l), places), pad(&l.summary, whats));
        format!("{}  {place}  {what}  {}", options.zone.clock(l.change.at), words::changed_role(l))
    });
    let more = (report.changes.omitted > 0).then(|| format!("and {} more", report.changes.omitted));
    let summary = Some(report.changes.summary.clone()).filter(|s| !s.is_empty());
    section("CHANGES", summary.into_iter().chain(rows).chain(more))
}

fn remarks(report: &Report, options: &TextOptions) -> Vec<String> {
    let not_checked = report.not_checked.iter().map(|n| {
        let place = if n.services.is_empty() { String::new() } else { format!(" of {}", n.services.join(", ")) };
        format!("{}{place}: {}", n.signal, n.reason)
    });
    let notes = report.notes.iter().filter(|n| options.verbose || n.severity == Severity::Warning);
    let queries = report.queries.iter().filter(|_| options.verbose);
    [
        section("NOT CHECKED", not_checked),
        section("NOTES", notes.map(|n| n.message.clone())),
        section("NEXT", report.next.iter().map(|step| step_text(step, options.verbose))),
        section("QUERIES", queries.map(|q| format!("{} ({} series): {}", q.signal, q.series, q.promql))),
    ]
    .concat()
}

/// `look at latency_ms (-v shows the query)`; with `verbose`, the query in its place.
fn step_text(step: &NextStep, verbose: bool) -> String {
    match &step.query {
        Some(query) if verbose => format!("{}: {query}", step.text),
        Some(_) => format!("{} (-v shows the query)", step.text),
        None => step.text.clone(),
    }
}
