//! The phrases of a comparison that its terminal, Markdown and JSON forms share: the answer in a sentence, and the cells of its table.

use crate::text_options::TextOptions;
use automap_core::compare::INCIDENT_IN_PERIOD;
use automap_core::compare::model::{
    Comparison, Difference, EdgeDifference, EdgeKind, LevelKind, SeriesComparison, SeriesVerdict, ShapeKind,
};
use automap_core::quantity::{change, duration, number, value};
use automap_core::text::listed;

/// Beyond this many spreads a shift is only "large".
const LARGE_SHIFT: f64 = 999.0;
/// Milliseconds in an hour.
const HOUR_MS: i64 = 3_600_000;
/// Edges named in one line.
const MAX_EDGES: usize = 8;

/// The answer in a sentence: `payment differs most: p95 latency 4.1 → 312 ms; 3 of 14 services differ, 210 series the same`.
pub fn summary(comparison: &Comparison) -> String {
    let c = &comparison.counts;
    if c.differs + c.only_in_a + c.only_in_b == 0 {
        let unjudged: String = [(c.too_few_samples, "have too few samples"), (c.not_comparable, "are not comparable")]
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("; {n} {word}"))
            .collect();
        return match c.same {
            0 => format!("nothing can be judged: none of {} series has enough samples in all periods", c.series),
            same => {
                let alike = format!("{same} of {} series are alike{unjudged}", c.series);
                match comparison.notes.iter().find(|n| n.code == INCIDENT_IN_PERIOD) {
                    Some(note) => format!("not told apart: {alike}, but {}", note.message),
                    None => format!("nothing differs: {same} of {} series are the same{unjudged}", c.series),
                }
            }
        };
    }
    let services = &comparison.services;
    let differ = services.iter().filter(|s| s.verdict.is_finding()).count();
    let first = services.first().map_or_else(String::new, |s| {
        let top = comparison.series.iter().find(|x| x.service == s.service && x.verdict.is_finding());
        match (s.verdict, top) {
            (SeriesVerdict::OnlyInA, _) => format!("{} vanished", s.service),
            (SeriesVerdict::OnlyInB, _) => format!("{} is new", s.service),
            (_, Some(top)) => format!("{} differs most: {} {}", s.service, metric(top), levels(top, 2)),
            (_, None) => format!("{} differs", s.service),
        }
    });
    let mut rest = vec![format!("{differ} of {} services differ, {} series the same", services.len(), c.same)];
    let more = [
        (c.only_in_a, "vanished"),
        (c.only_in_b, "new"),
        (c.too_few_samples, "with too few samples"),
        (c.not_comparable, "not comparable"),
    ];
    rest.extend(more.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
    format!("{first}; {}", rest.join(", "))
}

/// `latency at the caller to payment`.
pub(crate) fn metric(s: &SeriesComparison) -> String {
    let peer = s.peer.as_ref().map_or_else(String::new, |p| format!(" to {p}"));
    s.metric.words() + &peer
}

/// `4.1 → 312 ms` of the strongest difference, or the medians of all periods if there are more than two.
pub(crate) fn levels(s: &SeriesComparison, periods: usize) -> String {
    let unit = s.unit;
    if periods > 2 {
        let one = |l: &Option<_>| {
            l.as_ref()
                .map_or_else(|| "no data".to_owned(), |l: &automap_core::compare::model::Level| value(l.median, unit))
        };
        return s.levels.iter().map(one).collect::<Vec<_>>().join(" → ");
    }
    let Some(d) = strongest(s) else { return String::new() };
    let mean = if d.level == LevelKind::Mean { " (mean)" } else { "" };
    change(d.from, d.to, unit) + mean
}

/// The difference that a line shows: the one with the series' verdict and the largest shift.
pub(crate) fn strongest(s: &SeriesComparison) -> Option<&Difference> {
    let size = |d: &Difference| d.shift.map_or(0.0, f64::abs);
    let telling = s.differences.iter().filter(|d| d.verdict == s.verdict);
    telling.reduce(|best, d| if size(d) > size(best) { d } else { best })
}

/// `+12.3`, `> +999`; a word if the series exists on one side only.
pub(crate) fn shift(d: &Difference) -> String {
    match (d.verdict, d.shift) {
        (SeriesVerdict::OnlyInA, _) => "vanished".to_owned(),
        (SeriesVerdict::OnlyInB, _) => "new".to_owned(),
        (_, None) => "–".to_owned(),
        (_, Some(shift)) if shift.abs() > LARGE_SHIFT => format!("{}999+", sign(shift)),
        (_, Some(shift)) => format!("{}{}", sign(shift), number(shift.abs())),
    }
}

fn sign(v: f64) -> char {
    if v < 0.0 { '−' } else { '+' }
}

/// `97 %`, never more certain than the samples allow.
pub(crate) fn superiority(d: &Difference) -> String {
    d.superiority.map_or_else(|| "–".to_owned(), |p| format!("{:.0} %", 100.0 * p))
}

/// `0.012`, `<0.001`.
pub(crate) fn probability(p: Option<f64>) -> String {
    match p {
        None => "–".to_owned(),
        Some(p) if p < 0.001 => "<0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
    }
}

/// The span for which the movement of a series is described: the later period, or all periods if there are more than two.
pub(crate) fn span_ms(comparison: &Comparison) -> i64 {
    let later = comparison.periods.get(1..).unwrap_or_default();
    let described = if later.len() > 1 { &comparison.periods } else { later };
    let start = described.iter().map(|p| p.start).min();
    let end = described.iter().map(|p| p.end).max();
    start.zip(end).map_or(HOUR_MS, |(start, end)| end.ms() - start.ms())
}

/// `step at 14:03:15`, `drift +30 MiB per hour`; nothing if it did not move. A span of less than an hour is reported as observed, not extrapolated to
/// an hour: `drift −35 ms in 1 min`.
pub(crate) fn shape(s: &SeriesComparison, span_ms: i64, options: &TextOptions) -> String {
    let Some(shape) = &s.shape else { return String::new() };
    let unit = s.unit;
    let at = shape.at.map(|t| format!("step at {}", options.zone.clock(t)));
    let slope = shape.slope_per_hour.map(|v| match span_ms {
        HOUR_MS.. => format!("drift {}{} per hour", sign(v), value(v.abs(), unit)),
        _ => {
            let seen = v.abs() * span_ms as f64 / HOUR_MS as f64;
            format!("drift {}{} in {}", sign(v), value(seen, unit), duration(span_ms))
        }
    });
    match shape.kind {
        ShapeKind::Level => "level throughout".to_owned(),
        ShapeKind::Unclear => "unclear".to_owned(),
        _ => [slope, at].into_iter().flatten().collect::<Vec<_>>().join(", "),
    }
}

/// `calls vanished in B: orders → payment, front-end → user`, `inferred edges new in B: orders – payment (cpu)`.
pub(crate) fn edges(comparison: &Comparison) -> Vec<String> {
    let mut groups: Vec<(&str, EdgeKind, SeriesVerdict, Vec<String>)> = Vec::new();
    for e in &comparison.edges {
        let name = name(e);
        match groups.iter_mut().find(|g| (g.0, g.1, g.2) == (e.period.as_str(), e.kind, e.verdict)) {
            Some(group) => group.3.push(name),
            None => groups.push((&e.period, e.kind, e.verdict, vec![name])),
        }
    }
    let line = |(period, kind, verdict, names): &(&str, EdgeKind, SeriesVerdict, Vec<String>)| {
        let kind = if *kind == EdgeKind::Learnt { "inferred edges" } else { "calls" };
        let word = if *verdict == SeriesVerdict::OnlyInA { " vanished in" } else { " new in" };
        format!("{kind}{word} {period}: {}", listed(names, MAX_EDGES))
    };
    groups.iter().map(line).collect()
}

fn name(e: &EdgeDifference) -> String {
    match &e.metric {
        Some(metric) => format!("{} – {} ({metric})", e.from, e.to),
        None => format!("{} → {}", e.from, e.to),
    }
}
