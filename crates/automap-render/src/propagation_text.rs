//! How a fault spread, for a terminal: a time line with one row for each changed service, then the paths and what contradicts them.
//!
//! The page of an incident shows the same with its own bars (`html/spread`).

use crate::clock::{Zone, seconds};
use crate::table::{plain, width};
use crate::text_options::{HEADING_WIDTH, TextOptions, section};
use automap_core::report::VerdictKind;
use automap_core::spread::{ChangedService, Hop, HopState, OnsetInterval, Propagation, SpreadRole};
use automap_core::time::Timestamp;

/// Columns of the time axis.
const AXIS: usize = 36;
/// Fewest sampling steps on it.
const MIN_STEPS: i64 = 12;
/// A longer change is cut at its first explanation.
const MAX_CHANGE: usize = 64;

/// Renders a propagation; ends with a newline.
pub fn propagation_text(spread: &Propagation, options: &TextOptions) -> String {
    let list = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
    let mut lines = vec![plain(&format!("{:<HEADING_WIDTH$}{}", "SPREAD", spread.summary))];
    lines.extend(time_line(spread, options));
    let rest = [
        paths(spread, options.zone),
        section("AGAINST", spread.against.iter().cloned()),
        section("CALM", list(&spread.calm)),
        section("UNOBSERVED", list(&spread.unobserved)),
    ];
    lines.extend(rest.concat().iter().map(|line| plain(line)));
    lines.join("\n") + "\n"
}

/// One row for each service in the order of onsets: its name and its explanation, the interval as a bar, the time, what changed.
fn time_line(spread: &Propagation, options: &TextOptions) -> Vec<String> {
    let Some(axis) = Axis::of(&spread.services, (1e3 * spread.windows.step_s) as i64) else { return Vec::new() };
    let names: Vec<String> = spread.services.iter().map(|s| plain(&label(s, spread.verdict))).collect();
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).max(HEADING_WIDTH);
    let step = axis.span_ms as f64 / 1e3 / (AXIS - 1) as f64;
    let (heading, zone) = (axis.heading(options.zone), options.zone.name());
    let share = 100.0 * spread.interval_level;
    let first_line =
        format!("{:<name_width$}  {heading}   first observed ({zone}), in {share:.0} of 100 cases between", "ONSET");
    let mut lines = vec![String::new(), first_line];
    for (service, name) in spread.services.iter().zip(names) {
        let blanks = " ".repeat(name_width.saturating_sub(width(&name)));
        let name = if options.color { paint(&name, service.role) } else { name };
        let (bar, when) = match &service.onset {
            Some(onset) => (axis.bar(onset), when(onset, options.zone)),
            None => (" ".repeat(AXIS), "no sharp beginning".to_owned()),
        };
        lines.push(format!("{name}{blanks}  {bar}   {when:<27}  {}", plain(short(&service.change.summary))));
    }
    if spread.services.iter().any(|s| s.onset.is_some()) {
        let legend = "● first sample that shows it, ├ ┤ bounds of the change itself";
        lines.push(format!("{:name_width$}  one column is {} s; {legend}", "", seconds(step)));
    }
    lines
}

/// A change without its explanation.
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
pub(crate) fn when(onset: &OnsetInterval, zone: Zone) -> String {
    format!("{}, {}–{}", zone.clock(onset.at), zone.clock(onset.earliest), zone.clock(onset.latest))
}

fn paths(spread: &Propagation, zone: Zone) -> Vec<String> {
    let mut lines = Vec::new();
    for path in &spread.paths {
        let onsets = path.hops.iter().map(|i| &spread.hops[*i]);
        let first = path.hops.first().and_then(|i| spread.hops[*i].from_onset.as_ref());
        let times = std::iter::once(first).chain(onsets.map(|h| h.to_onset.as_ref()));
        let stop = |(name, onset): (&String, Option<&OnsetInterval>)| match onset {
            Some(onset) => format!("{name} {}{}", zone.clock(onset.at), margin(onset)),
            None => format!("{name} (not observed)"),
        };
        let stops: Vec<String> = path.services.iter().zip(times).map(stop).collect();
        let head = format!("{}   {}", stops.join(" → "), hop_state(path.state));
        let hops = path.hops.iter().map(|i| hop(&spread.hops[*i]));
        lines.extend(section("PATH", std::iter::once(head).chain(hops)));
    }
    lines
}

/// `payment → orders: order fits (5 to 25 s later); latency at the caller 5.26 → 255 ms`.
fn hop(hop: &Hop) -> String {
    let lag = match (hop.lag_min_s, hop.lag_max_s) {
        (Some(least), Some(most)) => format!(" ({} to {} s later)", seconds(least), seconds(most)),
        _ => String::new(),
    };
    let early = hop.too_early_s.map_or_else(String::new, |s| format!(", {} s too early", seconds(s)));
    let shown = hop.shown_by.as_ref().map_or_else(String::new, |e| format!("; {}", e.summary));
    format!("{} → {}: {}{lag}{early}{shown}", hop.from, hop.to, hop_state(hop.state))
}

/// ` −4/+0 s`: the bounds around the first sample.
fn margin(onset: &OnsetInterval) -> String {
    let between = |from: Timestamp, to: Timestamp| seconds((to.ms() - from.ms()) as f64 / 1e3);
    format!(" −{}/+{} s", between(onset.earliest, onset.at), between(onset.at, onset.latest))
}

/// What the onsets at both ends of a hop say about its order.
pub(crate) fn hop_state(state: HopState) -> &'static str {
    match state {
        HopState::Consistent => "order fits",
        HopState::Simultaneous => "at the same time",
        HopState::Unobserved => "order not observed",
        HopState::Contradictory => "order contradicts",
    }
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
                // A few samples stretched over the whole axis would look like a long time.
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

    fn heading(&self, zone: Zone) -> String {
        let (start, end) = (zone.clock_ms(self.start_ms), zone.clock_ms(self.start_ms + self.span_ms));
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
