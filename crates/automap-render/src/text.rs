//! The report for a terminal: verdict first, then who, why, since when, and what could not be seen.

use std::fmt::Write;

use crate::table::{pad, width};
use automap_core::note::Severity;
use automap_core::report::{Cause, Level, NextStep, Report, VerdictKind};
use automap_core::time::Timestamp;
use automap_core::windows::OnsetSource;

/// How the text looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextOptions {
    /// ANSI colours, where they mean something: the verdict, and warnings.
    pub color: bool,
    /// Offset of the wall-clock times from UTC.
    pub utc_offset_s: i32,
    /// Also what is long: queries, informational notes, every candidate's evidence.
    pub verbose: bool,
}

/// Candidates whose evidence is shown unless `verbose`.
const DETAILED_CAUSES: usize = 3;
/// Candidates below this confidence are a name in a list, not a block.
const FAINT: f64 = 0.02;

/// Renders the report; ends with a newline, at most some 40 lines unless `verbose`.
pub fn text(report: &Report, options: &TextOptions) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_report(&mut out, report, &Style { options });
    out
}

fn write_report(out: &mut String, report: &Report, style: &Style<'_>) -> std::fmt::Result {
    let w = &report.windows;
    let when = format!("{}–{}", style.clock(w.incident_start), style.clock(w.incident_end));
    let how = match w.incident_start_is {
        OnsetSource::Given => "",
        OnsetSource::Moved => ", earlier than given",
        OnsetSource::Detected => ", onset detected",
        OnsetSource::NotFound => ", no onset found: the last third",
    };
    let base = format!("{}–{}", style.clock(w.baseline_start), style.clock(w.baseline_end));
    let title = if report.verdict.kind == VerdictKind::NoIncident { "LOOKED AT" } else { "INCIDENT" };
    writeln!(out, "{title:<12}{when} ({}{how})   baseline {base}", style.zone())?;
    let mut head = "SYMPTOM";
    for s in &report.symptoms {
        writeln!(out, "{head:<12}{} {}", s.service, s.evidence.summary)?;
        head = "";
    }
    let c = &report.coverage;
    writeln!(
        out,
        "{:<12}{} of {} services, {} of {} series judged; {} + {} samples every {} s",
        "COVERAGE",
        c.services_judged,
        c.services,
        c.series_judged,
        c.series,
        w.baseline_samples,
        w.incident_samples,
        w.step_s
    )?;
    writeln!(out, "{:<12}{}", "VERDICT", style.verdict(report))?;
    write_causes(out, report, style)?;
    write_victims(out, report)?;
    write_remarks(out, report, style)
}

fn write_causes(out: &mut String, report: &Report, style: &Style<'_>) -> std::fmt::Result {
    let name_width = report.causes.iter().map(|c| width(&c.service)).max().unwrap_or(0);
    let detailed =
        |c: &&Cause| style.options.verbose || c.rank == 1 || (c.rank <= DETAILED_CAUSES && c.confidence >= FAINT);
    for cause in report.causes.iter().filter(detailed) {
        let onset = cause.onset.map_or_else(|| "no onset".to_owned(), |t| format!("onset {}", style.clock(t)));
        let path = if cause.path.len() > 1 { format!("   {}", cause.path.join(" → ")) } else { String::new() };
        let name = pad(&cause.service, name_width);
        let line = format!("{:>2} {name}  {:.2}  {onset}{path}", cause.rank, cause.confidence);
        writeln!(out, "\n{}", line.trim_end())?;
        for e in &cause.evidence {
            writeln!(out, "     + {}", e.summary)?;
        }
        for against in &cause.counter_evidence {
            writeln!(out, "     − {}", against.sentence(|t| style.clock(t)))?;
        }
    }
    let rest: Vec<String> = report
        .causes
        .iter()
        .filter(|c| !detailed(c))
        .map(|c| format!("{} {} ({:.2})", c.rank, c.service, c.confidence))
        .collect();
    if !rest.is_empty() {
        writeln!(out, "\n   then {}", rest.join(", "))?;
    }
    Ok(())
}

fn write_victims(out: &mut String, report: &Report) -> std::fmt::Result {
    let name_width = report.victims.iter().map(|v| width(&v.service)).max().unwrap_or(0);
    let lines = report.victims.iter().map(|v| format!("{}  {}", pad(&v.service, name_width), v.summary));
    write_section(out, "VICTIMS", lines)
}

fn write_remarks(out: &mut String, report: &Report, style: &Style<'_>) -> std::fmt::Result {
    let not_checked = report.not_checked.iter().map(|n| {
        let place = if n.services.is_empty() { String::new() } else { format!(" of {}", n.services.join(", ")) };
        format!("{}{place}: {}", n.signal, n.reason)
    });
    write_section(out, "NOT CHECKED", not_checked)?;
    let notes = report.notes.iter().filter(|n| style.options.verbose || n.severity == Severity::Warning);
    write_section(out, "NOTES", notes.map(|n| n.message.clone()))?;
    write_section(out, "NEXT", report.next.iter().map(step_text))?;
    let queries = report.queries.iter().filter(|_| style.options.verbose);
    write_section(out, "QUERIES", queries.map(|q| format!("{} ({} series): {}", q.signal, q.series, q.promql)))
}

/// `look at latency_ms: rate(…)`.
fn step_text(step: &NextStep) -> String {
    step.query.as_ref().map_or_else(|| step.text.clone(), |query| format!("{}: {query}", step.text))
}

/// A blank line, then the heading before the first line and its width before every other; nothing without lines.
fn write_section(out: &mut String, heading: &str, lines: impl Iterator<Item = String>) -> std::fmt::Result {
    for (i, line) in lines.enumerate() {
        let (gap, head) = if i == 0 { ("\n", heading) } else { ("", "") };
        writeln!(out, "{gap}{head:<12}{line}")?;
    }
    Ok(())
}

struct Style<'a> {
    options: &'a TextOptions,
}

impl Style<'_> {
    fn verdict(&self, report: &Report) -> String {
        let v = &report.verdict;
        let (code, tail) = match v.kind {
            VerdictKind::Cause => {
                let word = match v.level {
                    Level::High => "high",
                    Level::Medium => "medium",
                    Level::Low => "low",
                };
                let second = report.causes.get(1);
                let next = second.map_or_else(String::new, |c| format!("; next {} {:.2}", c.service, c.confidence));
                ("1;31", format!("   confidence {word} ({:.2}{next})", v.confidence))
            }
            VerdictKind::NoIncident => ("1;32", String::new()),
            VerdictKind::NotEnoughEvidence => {
                let best = report.causes.first();
                ("1;33", best.map_or_else(String::new, |c| format!("; closest {} ({:.2})", c.service, c.confidence)))
            }
        };
        if self.options.color { format!("\x1b[{code}m{}\x1b[0m{tail}", v.summary) } else { v.summary.clone() + &tail }
    }

    /// `14:03:15` in the zone of the options.
    fn clock(&self, at: Timestamp) -> String {
        at.clock(self.options.utc_offset_s)
    }

    fn zone(&self) -> String {
        match self.options.utc_offset_s {
            0 => "UTC".to_owned(),
            s => format!("{}{:02}:{:02}", if s < 0 { '-' } else { '+' }, s.abs() / 3600, s.abs() / 60 % 60),
        }
    }
}
