//! A propagation for a terminal: a time line with one row for each changed service, then the paths and what speaks against them.

use std::fmt::{Result, Write};

use crate::clock::PageOptions;
use crate::table::width;
use crate::text::TextOptions;
use automap_core::report::VerdictKind;
use automap_core::spread::{ChangedService, HopState, OnsetInterval, Propagation, SpreadRole};
use automap_core::time::Timestamp;

/// Columns of the time axis.
const AXIS: usize = 36;
/// Fewest sampling steps on it.
const MIN_STEPS: i64 = 12;
/// A change longer than this is cut at its first explanation.
const MAX_CHANGE: usize = 64;

/// Renders a propagation; ends with a newline.
pub fn propagation_text(spread: &Propagation, options: &TextOptions) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_all(&mut out, spread, options);
    out
}

fn write_all(out: &mut String, spread: &Propagation, options: &TextOptions) -> Result {
    let clock = PageOptions { utc_offset_s: options.utc_offset_s };
    writeln!(out, "{:<12}{}", "SPREAD", spread.summary)?;
    time_line(out, spread, &clock, options.color)?;
    paths(out, spread, &clock)?;
    section(out, "AGAINST", &spread.against)?;
    let list = |names: &[String]| if names.is_empty() { Vec::new() } else { vec![names.join(", ")] };
    section(out, "CALM", &list(&spread.calm))?;
    section(out, "UNOBSERVED", &list(&spread.unobserved))
}

/// One row for each service in the order of onsets: who, explained by whom, the interval as a bar, the time, what changed.
pub(crate) fn time_line(out: &mut String, spread: &Propagation, clock: &PageOptions, color: bool) -> Result {
    let Some(axis) = Axis::of(&spread.services, (1e3 * spread.windows.step_s) as i64) else { return Ok(()) };
    let names: Vec<String> = spread.services.iter().map(|s| label(s, spread.verdict)).collect();
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).max(12);
    let step = axis.span_ms as f64 / 1e3 / (AXIS - 1) as f64;
    writeln!(
        out,
        "\n{:<name_width$}  {}   first seen ({}), in 90 of 100 cases between",
        "ONSET",
        axis.heading(clock),
        clock.zone()
    )?;
    for (service, name) in spread.services.iter().zip(names) {
        let pad = " ".repeat(name_width.saturating_sub(width(&name)));
        let name = if color { paint(&name, service.role) } else { name };
        let (bar, when) = match &service.onset {
            Some(onset) => (axis.bar(onset), when(onset, clock)),
            None => (" ".repeat(AXIS), "no sharp beginning".to_owned()),
        };
        writeln!(out, "{name}{pad}  {bar}   {when:<27}  {}", short(&service.change.summary))?;
    }
    if spread.services.iter().any(|s| s.onset.is_some()) {
        writeln!(
            out,
            "{:name_width$}  one column is {} s; ● first sample that shows it, ├ ┤ bounds of the change itself",
            "",
            tidy(step)
        )?;
    }
    Ok(())
}

/// A change without what it means.
pub(crate) fn short(summary: &str) -> &str {
    match summary.split_once(": ") {
        Some((change, _)) if width(summary) > MAX_CHANGE => change,
        _ => summary,
    }
}

fn label(service: &ChangedService, verdict: VerdictKind) -> String {
    match (&service.explained_by, service.role) {
        (Some(by), _) => match service.explained_share {
            Some(share) => format!("{} ◀ {by} {:.0} %", service.service, 100.0 * share),
            None => format!("{} ◀ {by}", service.service),
        },
        (None, SpreadRole::Cause) if verdict != VerdictKind::Cause => format!("{} ◆ candidate", service.service),
        (None, SpreadRole::Cause) => format!("{} ◆ cause", service.service),
        (None, _) => format!("{} ? unexplained", service.service),
    }
}

fn paint(name: &str, role: SpreadRole) -> String {
    let code = match role {
        SpreadRole::Cause => "1;31",
        SpreadRole::Victim => "0",
        SpreadRole::Unexplained => "1;33",
    };
    format!("\x1b[{code}m{name}\x1b[0m")
}

/// `14:03:15, 14:03:11–14:03:15`: the first sample that shows it, the bounds of the change.
pub(crate) fn when(onset: &OnsetInterval, clock: &PageOptions) -> String {
    format!("{}, {}–{}", clock.clock(onset.at), clock.clock(onset.earliest), clock.clock(onset.latest))
}

fn paths(out: &mut String, spread: &Propagation, clock: &PageOptions) -> Result {
    for path in &spread.paths {
        let onsets = path.hops.iter().map(|i| &spread.hops[*i]);
        let first = path.hops.first().and_then(|i| spread.hops[*i].from_onset.as_ref());
        let times = std::iter::once(first).chain(onsets.map(|h| h.to_onset.as_ref()));
        let stops: Vec<String> = path
            .services
            .iter()
            .zip(times)
            .map(|(name, onset)| match onset {
                Some(onset) => format!("{name} {}{}", clock.clock(onset.at), margin(onset)),
                None => format!("{name} (unseen)"),
            })
            .collect();
        writeln!(out, "\n{:<12}{}   {}", "PATH", stops.join(" → "), word(path.state))?;
        for hop in path.hops.iter().map(|i| &spread.hops[*i]) {
            let lag = match (hop.lag_min_s, hop.lag_max_s) {
                (Some(least), Some(most)) => format!(" ({} to {} s later)", tidy(least), tidy(most)),
                _ => String::new(),
            };
            let early = hop.too_early_s.map_or_else(String::new, |s| format!(", {} s too early", tidy(s)));
            let shown = hop.shown_by.as_ref().map_or_else(String::new, |e| format!("; {}", e.summary));
            writeln!(out, "{:<12}{} → {}: {}{lag}{early}{shown}", "", hop.from, hop.to, word(hop.state))?;
        }
    }
    Ok(())
}

/// ` −4/+0 s`: the bounds around the first sample.
fn margin(onset: &OnsetInterval) -> String {
    let seconds = |from: Timestamp, to: Timestamp| tidy((to.ms() - from.ms()) as f64 / 1e3);
    format!(" −{}/+{} s", seconds(onset.earliest, onset.at), seconds(onset.at, onset.latest))
}

/// The state in the words of a reader.
pub(crate) fn word(state: HopState) -> &'static str {
    match state {
        HopState::Consistent => "order fits",
        HopState::Simultaneous => "at the same time",
        HopState::Unobserved => "order not seen",
        HopState::Contradictory => "order contradicts",
    }
}

pub(crate) fn section(out: &mut String, heading: &str, lines: &[String]) -> Result {
    for (i, line) in lines.iter().enumerate() {
        let (gap, head) = if i == 0 { ("\n", heading) } else { ("", "") };
        writeln!(out, "{gap}{head:<12}{line}")?;
    }
    Ok(())
}

fn tidy(v: f64) -> String {
    let text = format!("{v:.1}").replace('-', "−");
    text.strip_suffix(".0").map_or(text.clone(), ToOwned::to_owned)
}

/// The time axis that all rows share.
struct Axis {
    start_ms: i64,
    span_ms: i64,
}

impl Axis {
    /// From the earliest bound to the latest; `None` without services.
    fn of(services: &[ChangedService], step_ms: i64) -> Option<Self> {
        let onsets: Vec<&OnsetInterval> = services.iter().filter_map(|s| s.onset.as_ref()).collect();
        let start = onsets.iter().map(|o| o.earliest.ms()).min();
        let end = onsets.iter().map(|o| o.latest.ms()).max();
        match (start, end) {
            (Some(start), Some(end)) => {
                // A few instants stretched over the whole axis would look like a long time.
                let room_ms = (MIN_STEPS * step_ms - (end - start)).max(0) / 2;
                Some(Self { start_ms: start - room_ms, span_ms: (end - start + 2 * room_ms).max(1) })
            }
            _ => (!services.is_empty()).then_some(Self { start_ms: 0, span_ms: 1 }),
        }
    }

    fn column(&self, at: Timestamp) -> usize {
        let share = (at.ms() - self.start_ms) as f64 / self.span_ms as f64;
        ((share * (AXIS - 1) as f64).round().max(0.0) as usize).min(AXIS - 1)
    }

    fn heading(&self, clock: &PageOptions) -> String {
        let (start, end) = (clock.clock_ms(self.start_ms), clock.clock_ms(self.start_ms + self.span_ms));
        format!("{start}{:>width$}", end, width = AXIS - width(&start))
    }

    fn bar(&self, onset: &OnsetInterval) -> String {
        let (from, at, to) = (self.column(onset.earliest), self.column(onset.at), self.column(onset.latest));
        let cell = |i: usize| match i {
            i if i == at => '●',
            i if i == from => '├',
            i if i == to => '┤',
            i if from < i && i < to => '─',
            _ => '·',
        };
        (0..AXIS).map(cell).collect()
    }
}
