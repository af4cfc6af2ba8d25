//! An explanation for a terminal: what it is, what changed, whom it touches, why this rank, what would have to be true.

use std::fmt::{Result, Write};

use crate::clock::PageOptions;
use crate::spread::{section, short, when};
use crate::table::{Align, Table, pad, width};
use crate::text::TextOptions;
use automap_core::explain::{
    ChangeSize, Condition, ConditionKind, Explanation, Neighbour, ScorePart, SeriesChange, Standing,
};
use automap_core::rank::Engine;
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
    let clock = PageOptions { utc_offset_s: options.utc_offset_s };
    headline(out, e, options.color)?;
    changes(out, e, &clock, options.verbose)?;
    neighbours(out, "CALLERS", &e.callers, &clock)?;
    neighbours(out, "CALLEES", &e.callees, &clock)?;
    parts(out, e)?;
    let (suppositions, facts): (Vec<&Condition>, Vec<&Condition>) =
        e.conditions.iter().partition(|c| is_supposition(c));
    let (is_told, supposed) = match e.standing {
        Standing::Cause | Standing::Closest => ("WHAT SPEAKS FOR IT, AND AGAINST", "WHAT WOULD UNDO IT"),
        Standing::Unobserved => ("WHAT CAN BE SAID", "SUPPOSE"),
        _ if e.verdict == VerdictKind::NoIncident => ("NO INCIDENT", "SUPPOSE"),
        _ => ("TO BE THE CAUSE", "SUPPOSE"),
    };
    conditions(out, is_told, &facts, &clock)?;
    conditions(out, supposed, &suppositions, &clock)?;
    let not_checked: Vec<String> = e.not_checked.iter().map(|n| format!("{}: {}", n.signal, n.reason)).collect();
    section(out, "NOT CHECKED", &not_checked)?;
    let shown = options.verbose || e.standing == Standing::Unobserved;
    let queries: Vec<String> =
        e.queries.iter().filter(|_| shown).map(|q| format!("{}: {}", q.signal, q.promql)).collect();
    section(out, "LOOK AT", &queries)
}

fn headline(out: &mut String, e: &Explanation, color: bool) -> Result {
    let code = match e.standing {
        Standing::Cause => "1;31",
        Standing::Closest | Standing::Unexplained => "1;33",
        _ => "1",
    };
    let name = e.service.to_uppercase();
    let summary = if color { format!("\x1b[{code}m{}\x1b[0m", e.summary) } else { e.summary.clone() };
    let place = match (e.rank, e.score, e.confidence) {
        (Some(rank), Some(score), Some(confidence)) => {
            format!("   rank {rank} of {}, score {score:.2}, confidence {confidence:.2}", e.ranked)
        }
        _ => String::new(),
    };
    writeln!(out, "{name:<11} {summary}{place}")
}

fn changes(out: &mut String, e: &Explanation, clock: &PageOptions, verbose: bool) -> Result {
    let of = |size: ChangeSize| e.changes.iter().filter(move |c| c.size == size);
    let told: Vec<String> = of(ChangeSize::Clear)
        .map(|c| line(c, clock))
        .chain(of(ChangeSize::Small).take(if verbose { usize::MAX } else { MAX_SMALL }).map(|c| line(c, clock)))
        .collect();
    section(out, "CHANGED", &told)?;
    let listed = |size: ChangeSize, heading: &str, out: &mut String| -> Result {
        let names: Vec<&str> = of(size).map(|c| c.change.summary.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let shown = if verbose { names.len() } else { MAX_SMALL.min(names.len()) };
        let more = names.len() - shown;
        let more = if more > 0 { format!("; and {more} more (-v)") } else { String::new() };
        writeln!(out, "{heading:<12}{}{more}", names[..shown].join("; "))
    };
    if told.is_empty() && !e.changes.is_empty() {
        writeln!(
            out,
            "\n{:<12}nothing of its own{}",
            "CHANGED",
            if e.callers.iter().any(seen) { ": what its callers see is below" } else { "" }
        )?;
    }
    listed(ChangeSize::Fell, "FELL", out)?;
    listed(ChangeSize::WithinNoise, "NO CHANGE", out)?;
    listed(ChangeSize::NotJudged, "NOT JUDGED", out)
}

/// Whether a caller's calls show something.
fn seen(n: &Neighbour) -> bool {
    n.call.as_ref().is_some_and(|c| c.size == ChangeSize::Clear)
}

/// `p95 latency 48.7 → 488 ms   3.2, since 14:03:15 (14:03:11–14:03:15)`.
fn line(c: &SeriesChange, clock: &PageOptions) -> String {
    let strength = match (c.size, c.before_noise, c.noise) {
        (ChangeSize::Small, Some(before), Some(noise)) => {
            format!("too small: evidence {:.2}, {before:.2} less noise {noise:.2}", c.change.strength)
        }
        _ => format!("evidence {:.2}", c.change.strength),
    };
    let since = c.onset.as_ref().map_or_else(String::new, |o| format!("; since {}", when(o, clock)));
    format!("{}   ({strength}{since})", c.change.summary)
}

fn neighbours(out: &mut String, heading: &str, all: &[Neighbour], clock: &PageOptions) -> Result {
    let name_width = all.iter().map(|n| width(&n.service)).max().unwrap_or(0);
    let lines: Vec<String> = all
        .iter()
        .map(|n| {
            let call = match &n.call {
                Some(c) if c.size == ChangeSize::Clear => format!("calls: {}", short(&c.change.summary)),
                Some(c) if c.change.metric.name.starts_with("tcp_") => {
                    format!("calls not timed ({})", short(&c.change.summary))
                }
                Some(c) => format!("calls calm ({})", short(&c.change.summary)),
                None => "calls not measured".to_owned(),
            };
            let own = match (&n.change, n.rank) {
                (Some(change), _) => {
                    let since = n.onset.as_ref().map_or_else(String::new, |o| format!(" at {}", clock.clock(o.at)));
                    format!("itself: {}{since}", short(&change.summary))
                }
                (None, Some(_)) => "itself calm".to_owned(),
                (None, None) => "nobody measures it".to_owned(),
            };
            format!("{}  {call}; {own}", pad(&n.service, name_width))
        })
        .collect();
    section(out, heading, &lines)
}

fn parts(out: &mut String, e: &Explanation) -> Result {
    let Some(other) = e.compared_with.as_deref() else { return Ok(()) };
    let told: Vec<&ScorePart> = e.parts.iter().filter(|p| p.adds >= SMALL_PART || p.other_adds >= SMALL_PART).collect();
    if e.rank.is_none() {
        return Ok(());
    }
    // Columns of at least these widths, so that short names do not press the numbers together.
    let (part_width, number_width) = (12, 7);
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Left]);
    let heading = if e.engine == Engine::Evidence { "SCORE" } else { "ATTRACTION" };
    let wide = |name: &str| format!("{name:>number_width$}");
    table.row([" ".repeat(part_width), wide(&e.service), wide(other), " weight".to_owned()]);
    for p in &told {
        let cell = |evidence: Option<f64>, adds: f64| match evidence {
            Some(_) => format!("{adds:.2}"),
            None => "–".to_owned(),
        };
        let (own, others) = (cell(p.evidence, p.adds), cell(p.other_evidence, p.other_adds));
        table.row([p.part.clone(), own, others, format!(" {}", p.weight)]);
    }
    section(out, heading, &table.lines())?;
    for x in e.explained.iter().filter(|x| x.share >= SMALL_SHARE && x.before >= SMALL_PART) {
        let why = if x.is_unseen { "whom nobody measures and it may wait for" } else { "who shows it too" };
        writeln!(
            out,
            "{:<12}explained away: {:.0} % of its {} (evidence {:.2}) by {}, {why}",
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

fn conditions(out: &mut String, heading: &str, all: &[&Condition], clock: &PageOptions) -> Result {
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
        writeln!(out, "  {mark} {}", c.statement.write(|t| clock.clock(t)))?;
    }
    Ok(())
}
