//! The comparison for a terminal: the answer first, then the periods, then the differences, largest first.

use super::phrases;
use crate::table::{Align, Table, plain};
use crate::text_options::{HEADING_WIDTH, TextOptions, section};
use automap_core::compare::Comparison;
use automap_core::compare::model::{SeriesComparison, SeriesVerdict, ServiceDifference};
use automap_core::note::Severity;
use automap_core::text::listed;
use automap_core::time::Interval;

/// Series shown unless `verbose`.
const MAX_ROWS: usize = 25;
/// Services named in the list.
const MAX_SERVICES: usize = 10;

/// Renders the comparison; ends with a newline, at most some 45 lines unless `verbose`.
pub fn text(comparison: &Comparison, options: &TextOptions) -> String {
    let mut lines = vec![answer(comparison, options), String::new()];
    lines.extend(periods(comparison, options));
    lines.extend(services(comparison));
    let found: Vec<&SeriesComparison> = shown(comparison, options.verbose).collect();
    let limit = if options.verbose { usize::MAX } else { MAX_ROWS };
    if !found.is_empty() {
        lines.push(String::new());
        lines.extend(table(comparison, &found[..found.len().min(limit)], options).lines());
    }
    if found.len() > limit {
        lines.push(format!("… and {} more (-v shows all)", found.len() - limit));
    }
    let edges = phrases::edges(comparison);
    lines.extend(section("EDGES", edges.iter().map(|e| plain(e))));
    let notes = comparison.notes.iter().filter(|n| options.verbose || n.severity == Severity::Warning);
    lines.extend(section("NOTES", notes.map(|n| plain(&n.message))));
    lines.join("\n") + "\n"
}

/// The rows of a table: findings or, with `verbose`, everything that was judged.
fn shown(comparison: &Comparison, verbose: bool) -> impl Iterator<Item = &SeriesComparison> {
    comparison.series.iter().filter(move |s| verbose || s.verdict.is_finding())
}

fn answer(comparison: &Comparison, options: &TextOptions) -> String {
    let sentence = plain(&phrases::summary(comparison));
    let found = comparison.services.iter().any(|s| s.verdict.is_finding());
    if options.color { format!("\x1b[{}m{sentence}\x1b[0m", if found { "1;33" } else { "1;32" }) } else { sentence }
}

fn periods(comparison: &Comparison, options: &TextOptions) -> Vec<String> {
    let mut table = Table::new([Align::Left; 4]);
    for (i, p) in comparison.periods.iter().enumerate() {
        table.row([
            letter(i),
            p.name.clone(),
            options.zone.dated_clocks(Interval { start: p.start, end: p.end }),
            format!("{} samples every {} s, {} services, {} series", p.samples, p.step_s, p.services, p.series),
        ]);
    }
    table.lines()
}

/// `A`, `B`, …; at most twelve periods.
fn letter(i: usize) -> String {
    char::from(b'A' + (i % 26) as u8).to_string()
}

fn services(comparison: &Comparison) -> Vec<String> {
    let named = |verdict: &[SeriesVerdict], one: &dyn Fn(&ServiceDifference) -> String| -> String {
        listed(comparison.services.iter().filter(|s| verdict.contains(&s.verdict)).map(one), MAX_SERVICES)
    };
    let score = |s: &ServiceDifference| match s.verdict {
        SeriesVerdict::OnlyInA => format!("{} (vanished)", s.service),
        SeriesVerdict::OnlyInB => format!("{} (new)", s.service),
        _ => format!("{} {:.1}", s.service, s.score),
    };
    let name = |s: &ServiceDifference| s.service.clone();
    let differ = named(&[SeriesVerdict::Differs, SeriesVerdict::OnlyInA, SeriesVerdict::OnlyInB], &score);
    let lists = [
        ("DIFFER", differ),
        ("SAME", named(&[SeriesVerdict::Same], &name)),
        ("NOT JUDGED", named(&[SeriesVerdict::TooFewSamples, SeriesVerdict::NotComparable], &name)),
    ];
    let mut lines = vec![String::new()];
    lines.extend(
        lists.iter().filter(|(_, l)| !l.is_empty()).map(|(head, l)| format!("{head:<HEADING_WIDTH$}{}", plain(l))),
    );
    lines
}

/// Table of a comparison with its heading.
pub(crate) fn table(comparison: &Comparison, series: &[&SeriesComparison], options: &TextOptions) -> Table {
    let many = comparison.periods.len() > 2;
    let letters: Vec<String> = (0..comparison.periods.len()).map(letter).collect();
    let later = if many { "LATER > A" } else { "B > A" };
    let mut head: Vec<String> =
        ["SERVICE", "METRIC", &letters.join(" → "), "SHIFT", later, "Q", "MOVEMENT"].map(str::to_owned).to_vec();
    let mut align = vec![Align::Left, Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Left];
    if many {
        head.insert(3, "MOST".to_owned());
        align.insert(3, Align::Left);
    }
    if options.verbose {
        head.push("VERDICT".to_owned());
        align.push(Align::Left);
    }
    let mut table = Table::new(align);
    table.row(head);
    for s in series {
        let Some(d) = phrases::strongest(s) else { continue };
        let mut row = vec![s.service.clone(), phrases::metric(s), phrases::levels(s, comparison.periods.len())];
        if many {
            let place = s.differences.iter().position(|x| std::ptr::eq(x, d)).map_or(0, |i| i + 1);
            row.push(letter(place));
        }
        row.extend([
            phrases::shift(d),
            phrases::superiority(d),
            phrases::probability(d.q_value),
            phrases::shape(s, phrases::span_ms(comparison), options),
        ]);
        if options.verbose {
            row.push(s.verdict.as_str().replace('_', " "));
        }
        table.row(row);
    }
    table
}
