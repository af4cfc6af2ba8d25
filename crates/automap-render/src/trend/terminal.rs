//! The trend for a terminal: the answer first, then what moves, each with its picture.

use crate::clock::rough_duration;
use crate::compare::probability;
use crate::markdown::escape;
use crate::table::{Align, Table, plain};
use crate::text_options::{TextOptions, section};
use automap_core::compare::trend::{Direction, SeriesTrend, Trend, TrendStep};
use automap_core::note::Severity;
use automap_core::quantity::{change, number, value};

/// Series shown unless `verbose`.
const MAX_ROWS: usize = 25;
/// Projections shown unless `verbose`.
const MAX_PROJECTIONS: usize = 5;
/// Widest sparkline; more windows are averaged.
const SPARKLINE_WIDTH: usize = 40;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The answer in a sentence.
pub fn summary(trend: &Trend) -> String {
    let count = |d: Direction| trend.series.iter().filter(|s| s.direction == d).count();
    let (rising, falling) = (count(Direction::Rising), count(Direction::Falling));
    let (steady, few) = (count(Direction::Steady), count(Direction::TooFewWindows));
    let tail = if few > 0 { format!(", {few} with too few windows") } else { String::new() };
    match trend.series.first().filter(|s| s.direction.is_finding()) {
        Some(s) => format!(
            "{} {} {} most: {}; {rising} series rise, {falling} fall, {steady} are steady{tail}",
            s.service,
            metric(s),
            if s.direction == Direction::Rising { "rises" } else { "falls" },
            change(s.first, s.last, s.unit),
        ),
        None if steady == 0 => format!(
            "nothing can be judged: {} window(s), at least {} with data are needed; use a shorter window or more data",
            trend.windows.len(),
            automap_core::compare::trend::MIN_WINDOWS
        ),
        None => match largest_step(trend) {
            Some((s, step)) => format!(
                "no slow trend, but a step at {} UTC: {} {} {}; {} series step, {} are steady{tail}",
                step.at.clock(0),
                s.service,
                metric(s),
                change(Some(step.from), Some(step.to), s.unit),
                steps(trend).count(),
                steady - steps(trend).count(),
            ),
            None => format!("no trend: {steady} series are steady{tail}"),
        },
    }
}

/// The series that changed suddenly instead of slowly.
fn steps(trend: &Trend) -> impl Iterator<Item = (&SeriesTrend, &TrendStep)> {
    trend.series.iter().filter_map(|s| s.step.as_ref().map(|step| (s, step)))
}

/// The one that users would feel most: the largest factor of a latency or failure share, else the largest factor.
fn largest_step(trend: &Trend) -> Option<(&SeriesTrend, &TrendStep)> {
    let size = |(s, step): &(&SeriesTrend, &TrendStep)| {
        let factor = ((step.to.abs() + 1e-9) / (step.from.abs() + 1e-9)).ln().abs();
        (s.metric.family.is_symptom() && s.peer.is_none(), factor)
    };
    let larger = |a: &(bool, f64), b: &(bool, f64)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
    steps(trend).max_by(|a, b| larger(&size(a), &size(b)))
}

/// Renders the trend; ends with a newline.
pub fn text(trend: &Trend, options: &TextOptions) -> String {
    let sentence = plain(&summary(trend));
    let found = trend.series.iter().any(|s| s.direction.is_finding());
    let answer = match (options.color, found) {
        (true, true) => format!("\x1b[1;33m{sentence}\x1b[0m"),
        (true, false) => format!("\x1b[1;32m{sentence}\x1b[0m"),
        _ => sentence,
    };
    let mut lines = vec![answer, String::new()];
    lines.push(plain(&span_of(trend, options)));
    let shown: Vec<&SeriesTrend> =
        trend.series.iter().filter(|s| options.verbose || s.direction.is_finding()).collect();
    let limit = if options.verbose { usize::MAX } else { MAX_ROWS };
    if !shown.is_empty() {
        lines.push(String::new());
        lines.extend(table(trend, &shown[..shown.len().min(limit)]).lines());
    }
    if shown.len() > limit {
        lines.push(format!("… and {} more (-v shows all)", shown.len() - limit));
    }
    let ahead = trend.series.iter().filter_map(projected);
    let ahead = ahead.take(if options.verbose { usize::MAX } else { MAX_PROJECTIONS });
    lines.extend(section("AHEAD", ahead.map(|l| plain(&l))));
    let notes = trend.notes.iter().filter(|n| options.verbose || n.severity == Severity::Warning);
    lines.extend(section("NOTES", notes.map(|n| plain(&n.message))));
    lines.join("\n") + "\n"
}

/// Renders the trend as Markdown, every label escaped; at most 25 rows.
pub fn markdown(trend: &Trend, options: &TextOptions) -> String {
    let found: Vec<&SeriesTrend> = trend.series.iter().filter(|s| s.direction.is_finding()).collect();
    let mut out = format!("**{}**\n\n{}\n", escape::text(&summary(trend)), escape::text(&span_of(trend, options)));
    if !found.is_empty() {
        let shown = &found[..found.len().min(MAX_ROWS)];
        out += &format!("\n{}", table(trend, shown).markdown());
    }
    if found.len() > MAX_ROWS {
        out += &format!("\n… and {} more\n", found.len() - MAX_ROWS);
    }
    let ahead: Vec<String> = trend.series.iter().filter_map(projected).take(MAX_PROJECTIONS).collect();
    if !ahead.is_empty() {
        out += &format!("\n{}", ahead.iter().map(|l| format!("- {}\n", escape::text(l))).collect::<String>());
    }
    out
}

fn span_of(trend: &Trend, options: &TextOptions) -> String {
    let (Some(first), Some(last)) = (trend.windows.first(), trend.windows.last()) else { return String::new() };
    format!(
        "{} windows, {} to {} {}, from {}",
        trend.windows.len(),
        options.zone.date_and_clock(first.start),
        options.zone.date_and_clock(last.end),
        options.zone.name(),
        trend.sources.join(", "),
    )
}

const ALIGN: [Align; 8] = {
    let (left, right) = (Align::Left, Align::Right);
    [left, left, left, right, right, right, right, left]
};

fn table(trend: &Trend, shown: &[&SeriesTrend]) -> Table {
    let between = format!("{:.0} % BETWEEN", 100.0 * (1.0 - trend.false_discovery));
    let head = ["SERVICE", "METRIC", "FIRST → LAST", "PER HOUR", &between, "PER DAY", "Q", "LEVELS"];
    let mut table = Table::new(ALIGN);
    table.row(head);
    shown.iter().for_each(|s| table.row(row(s)));
    table
}

fn metric(s: &SeriesTrend) -> String {
    s.metric.words() + &s.peer.as_ref().map_or_else(String::new, |p| format!(" to {p}"))
}

fn row(s: &SeriesTrend) -> Vec<String> {
    let unit = s.unit;
    let signed = |v: f64| format!("{}{}", if v < 0.0 { '−' } else { '+' }, value(v.abs(), unit));
    let none = || "–".to_owned();
    let between = match (s.per_hour_low, s.per_hour_high) {
        (Some(low), Some(high)) => format!("{} and {}", signed(low), signed(high)),
        _ => none(),
    };
    let levels = match (s.first, s.last) {
        (Some(_), Some(_)) => change(s.first, s.last, unit),
        _ => s.level.map_or_else(none, |v| value(v, unit)),
    };
    let percent = |p: f64| format!("{}{} %", if p < 0.0 { '−' } else { '+' }, number(p.abs()));
    vec![
        s.service.clone(),
        metric(s),
        levels,
        s.per_hour.map_or_else(none, signed),
        between,
        s.percent_per_day.map_or_else(|| s.per_day.map_or_else(none, signed), percent),
        probability(s.q_value),
        sparkline(&s.levels),
    ]
}

/// `at this rate memory of carts reaches its double, 900 MiB, in 9 h`.
fn projected(s: &SeriesTrend) -> Option<String> {
    let p = s.projection.as_ref()?;
    let unit = s.unit;
    let goal = if p.to == 0.0 { "zero".to_owned() } else { format!("its double, {},", value(p.to, unit)) };
    Some(format!("at this rate {} of {} reaches {goal} in {}", metric(s), s.service, rough_duration(p.in_hours)))
}

/// One bar per window between the smallest and the largest level, `·` for a gap; at most 40 wide.
fn sparkline(levels: &[Option<f64>]) -> String {
    let cells: Vec<Option<f64>> = levels
        .chunks(levels.len().div_ceil(SPARKLINE_WIDTH).max(1))
        .map(|chunk| {
            let observed: Vec<f64> = chunk.iter().flatten().copied().collect();
            (!observed.is_empty()).then(|| observed.iter().sum::<f64>() / observed.len() as f64)
        })
        .collect();
    let observed = || cells.iter().flatten().copied();
    let (low, high) = (observed().fold(f64::INFINITY, f64::min), observed().fold(f64::NEG_INFINITY, f64::max));
    let bar = |v: f64| {
        let share = if high > low { (v - low) / (high - low) } else { 0.0 };
        BARS[((share * BARS.len() as f64) as usize).min(BARS.len() - 1)]
    };
    cells.iter().map(|c| c.map_or('·', bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparklines_show_gaps_and_the_whole_range() {
        assert_eq!(sparkline(&[Some(0.0), None, Some(50.0), Some(100.0)]), "▁·▅█");
        assert_eq!(sparkline(&[Some(3.0), Some(3.0)]), "▁▁");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&vec![Some(1.0); 100]).chars().count(), 34, "three windows a bar");
    }
}
