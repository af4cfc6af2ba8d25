//! The explanation of one service for a terminal: what it is, what changed, its callers and callees, why it ranks where it does, and what would have
//! to be true for another answer.
//!
//! Queries are shown if they are the only lead, or on request.

use std::fmt::{Result, Write};

use crate::clock::Zone;
use crate::propagation_text::{short, when};
use crate::table::{Align, Table, pad, plain, width};
use crate::text_options::{HEADING_WIDTH, TextOptions, write_section};
use automap_core::explain::{
    ChangeSize, Condition, ConditionKind, Explanation, Neighbour, ScorePart, SeriesChange, Standing,
};
use automap_core::report::Engine;
use automap_core::report::VerdictKind;

/// Parts of the score that add less than this to both services are left out.
const SMALL_PART: f64 = 0.05;
/// Explained shares below this are left out.
const SMALL_SHARE: f64 = 0.05;
/// Small and unchanged series in a list.
const MAX_SMALL: usize = 6;

/// Renders an explanation; ends with a newline.
pub fn explain_text(explanation: &Explanation, options: &TextOptions) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_all(&mut out, explanation, options);
    out
}

fn write_all(out: &mut String, e: &Explanation, options: &TextOptions) -> Result {
    let zone = options.zone;
    headline(out, e, options.color)?;
    changes(out, e, zone, options.verbose)?;
    neighbours(out, "CALLERS", &e.callers, zone);
    neighbours(out, "CALLEES", &e.callees, zone);
    parts(out, e)?;
    let (suppositions, facts): (Vec<&Condition>, Vec<&Condition>) =
        e.conditions.iter().partition(|c| is_supposition(c));
    let (facts_heading, suppositions_heading) = match e.standing {
        Standing::Cause | Standing::Closest => ("FOR AND AGAINST IT", "WHAT WOULD REFUTE IT"),
        Standing::Unobserved => ("WHAT IS KNOWN", "SUPPOSE"),
        _ if e.verdict == VerdictKind::NoIncident => ("NO INCIDENT", "SUPPOSE"),
        _ => ("TO BE THE CAUSE", "SUPPOSE"),
    };
    conditions(out, facts_heading, &facts, zone)?;
    conditions(out, suppositions_heading, &suppositions, zone)?;
    let not_checked: Vec<String> = e.not_checked.iter().map(|n| format!("{}: {}", n.signal, n.reason)).collect();
    write_section(out, "NOT CHECKED", not_checked);
    let shown = options.verbose || e.standing == Standing::Unobserved;
    let queries: Vec<String> =
        e.queries.iter().filter(|_| shown).map(|q| format!("{}: {}", q.signal, q.promql)).collect();
    write_section(out, "LOOK AT", queries);
    Ok(())
}

fn headline(out: &mut String, e: &Explanation, color: bool) -> Result {
    let code = match e.standing {
        Standing::Cause => "1;31",
        Standing::Closest | Standing::Unexplained => "1;33",
        _ => "1",
    };
    let name = plain(&e.service.to_uppercase());
    let summary = if color { format!("\x1b[{code}m{}\x1b[0m", plain(&e.summary)) } else { plain(&e.summary) };
    let place = match (e.rank, e.score, e.confidence) {
        (Some(rank), Some(score), Some(confidence)) => {
            format!("   rank {rank} of {}, score {score:.2}, confidence {confidence:.2}", e.ranked)
        }
        _ => String::new(),
    };
    writeln!(out, "{name:<11} {summary}{place}")
}

fn changes(out: &mut String, e: &Explanation, zone: Zone, verbose: bool) -> Result {
    let of = |size: ChangeSize| e.changes.iter().filter(move |c| c.size == size);
    let own: Vec<String> = of(ChangeSize::Clear)
        .map(|c| line(c, zone))
        .chain(of(ChangeSize::Small).take(if verbose { usize::MAX } else { MAX_SMALL }).map(|c| line(c, zone)))
        .collect();
    let is_calm = own.is_empty();
    write_section(out, "CHANGED", own);
    let listed = |size: ChangeSize, heading: &str, out: &mut String| -> Result {
        let names: Vec<&str> = of(size).map(|c| c.change.summary.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let shown = if verbose { names.len() } else { MAX_SMALL.min(names.len()) };
        let more = names.len() - shown;
        let more = if more > 0 { format!("; and {more} more (-v)") } else { String::new() };
        writeln!(out, "{heading:<HEADING_WIDTH$}{}{more}", plain(&names[..shown].join("; ")))
    };
    if is_calm && !e.changes.is_empty() {
        writeln!(
            out,
            "\n{:<HEADING_WIDTH$}nothing of its own{}",
            "CHANGED",
            if e.callers.iter().any(is_shown_by) { ": what its callers observe is below" } else { "" }
        )?;
    }
    listed(ChangeSize::Fell, "FELL", out)?;
    listed(ChangeSize::WithinNoise, "NO CHANGE", out)?;
    listed(ChangeSize::NotJudged, "NOT JUDGED", out)
}

/// Whether a caller's calls show a change.
fn is_shown_by(n: &Neighbour) -> bool {
    n.call.as_ref().is_some_and(|c| c.size == ChangeSize::Clear)
}

/// `p95 latency 48.7 → 488 ms   3.2, since 14:03:15 (14:03:11–14:03:15)`.
fn line(c: &SeriesChange, zone: Zone) -> String {
    let strength = match (c.size, c.before_noise, c.noise) {
        (ChangeSize::Small, Some(before), Some(noise)) => {
            format!("too small: evidence {:.2}, {before:.2} less noise {noise:.2}", c.change.strength)
        }
        _ => format!("evidence {:.2}", c.change.strength),
    };
    let since = c.onset.as_ref().map_or_else(String::new, |o| format!("; since {}", when(o, zone)));
    format!("{}   ({strength}{since})", c.change.summary)
}

fn neighbours(out: &mut String, heading: &str, all: &[Neighbour], zone: Zone) {
    let name_width = all.iter().map(|n| width(&n.service)).max().unwrap_or(0);
    let lines: Vec<String> = all
        .iter()
        .map(|n| {
            let call = match &n.call {
                Some(c) if c.size == ChangeSize::Clear => format!("calls: {}", short(&c.change.summary)),
                Some(c) if c.change.metric.is_of_connections() => {
                    format!("calls not timed ({})", short(&c.change.summary))
                }
                Some(c) => format!("calls calm ({})", short(&c.change.summary)),
                None => "calls not measured".to_owned(),
            };
            let own = match (&n.change, n.rank) {
                (Some(change), _) => {
                    let since = n.onset.as_ref().map_or_else(String::new, |o| format!(" at {}", zone.clock(o.at)));
                    format!("itself: {}{since}", short(&change.summary))
                }
                (None, Some(_)) => "itself calm".to_owned(),
                (None, None) => "not measured".to_owned(),
            };
            format!("{}  {call}; {own}", pad(&n.service, name_width))
        })
        .collect();
    write_section(out, heading, lines);
}

fn parts(out: &mut String, e: &Explanation) -> Result {
    let Some(other) = e.compared_with.as_deref() else { return Ok(()) };
    let large: Vec<&ScorePart> =
        e.parts.iter().filter(|p| p.adds >= SMALL_PART || p.other_adds >= SMALL_PART).collect();
    if e.rank.is_none() {
        return Ok(());
    }
    // Minimum column widths, so that short names do not squeeze the numbers together.
    let (part_width, number_width) = (12, 7);
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Left]);
    let heading = if e.engine == Engine::Evidence { "SCORE" } else { "ATTRACTION" };
    let wide = |name: &str| format!("{name:>number_width$}");
    table.row([" ".repeat(part_width), wide(&e.service), wide(other), " weight".to_owned()]);
    for p in &large {
        let cell = |evidence: Option<f64>, adds: f64| match evidence {
            Some(_) => format!("{adds:.2}"),
            None => "–".to_owned(),
        };
        let (own, others) = (cell(p.evidence, p.adds), cell(p.other_evidence, p.other_adds));
        table.row([p.part.clone(), own, others, format!(" {}", p.weight)]);
    }
    write_section(out, heading, table.lines());
    for x in e.explained.iter().filter(|x| x.share >= SMALL_SHARE && x.before >= SMALL_PART) {
        let why = if x.is_unseen { "which is not measured and which it may wait for" } else { "which shows it too" };
        writeln!(
            out,
            "{:<HEADING_WIDTH$}explained away: {:.0} % of its {} (evidence {:.2}) by {}, {why}",
            "",
            100.0 * x.share,
            x.family,
            x.before,
            x.by
        )?;
    }
    Ok(())
}

fn is_supposition(c: &Condition) -> bool {
    matches!(c.kind, ConditionKind::Explained | ConditionKind::Part)
}

fn conditions(out: &mut String, heading: &str, all: &[&Condition], zone: Zone) -> Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{heading}")?;
    for c in all {
        let mark = match c.holds {
            Some(true) => '✓',
            Some(false) => '✗',
            None if is_supposition(c) => '→',
            None => '?',
        };
        writeln!(out, "  {mark} {}", plain(&c.statement.write(|t| zone.clock(t))))?;
    }
    Ok(())
}
