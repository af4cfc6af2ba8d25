//! `automap changes`: what was changed in the window, from all sources.

use anyhow::Result;
use automap_core::change::{Change, ChangeKind, ChangeLog};
use automap_core::note::NotChecked;
use automap_core::quantity::duration;
use automap_render::Zone;
use automap_render::table::{Align, Table};
use clap::Args;
use jiff::ZonedDateTime;
use serde::Serialize;

use crate::args::input::AnyInputArgs;
use crate::args::output::{Format, StyleArgs};
use crate::console::print;
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap changes --prometheus http://localhost:9090 -n sock-shop
  automap changes --prometheus http://localhost:9090 -n shop --grafana http://localhost:3000
  automap changes incident.parquet
  automap changes --csv metrics.csv --changes changes.json -o json";

#[derive(Args, Debug)]
pub(crate) struct ChangesArgs {
    #[command(flatten)]
    input: AnyInputArgs,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

/// The answer as JSON: the log, and what was not checked.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    #[serde(flatten)]
    log: &'a ChangeLog,
    not_checked: Vec<&'a NotChecked>,
}

/// Runs `automap changes`.
pub(crate) fn run(args: &ChangesArgs) -> Result<Exit> {
    let now = ZonedDateTime::now();
    let observation = args.input.observation(&now)?;
    let not_checked = observation.not_checked.iter().filter(|gap| gap.signal == "changes").collect();
    let listing = Listing { log: &observation.changes, not_checked };
    match args.output {
        Format::Json => print(&(serde_json::to_string_pretty(&listing)? + "\n"))?,
        Format::Text => {
            let zone = args.style.text_options(observation.frame.span().end).zone;
            print(&text(&listing, zone))?;
        }
    }
    Ok(Exit::Ok)
}

fn text(listing: &Listing<'_>, zone: Zone) -> String {
    let log = listing.log;
    let mut table = Table::new([Align::Left; 5]);
    table.row(["TIME", "SERVICE", "KIND", "WHAT", "FROM"]);
    for change in &log.changes {
        table.row([
            when(change, zone),
            change.service.clone().unwrap_or_else(|| "-".to_owned()),
            change.kind.words().to_owned(),
            what(change),
            change.source.clone(),
        ]);
    }
    let mut out = if log.changes.is_empty() { String::new() } else { table.text() + "\n" };
    out += &observed(log, zone);
    for gap in &listing.not_checked {
        out += &format!("not checked: {}\n", automap_render::table::plain(&gap.reason));
    }
    out
}

fn when(change: &Change, zone: Zone) -> String {
    match change.uncertainty_ms {
        0 => zone.date_and_clock(change.at),
        ms => format!("{} (or up to {} earlier)", zone.date_and_clock(change.at), duration(ms)),
    }
}

fn what(change: &Change) -> String {
    match (&change.from, &change.to) {
        (Some(from), Some(to)) => format!("{} {from} → {to}", change.subject),
        (None, Some(to)) => format!("{} {to}", change.subject),
        _ => change.subject.clone(),
    }
}

/// The period that was checked, and the kinds that could not be observed: an empty list alone says nothing.
fn observed(log: &ChangeLog, zone: Zone) -> String {
    let Some(observed) = log.observed else {
        return "changes were not checked: an empty list does not mean that nothing changed\n".to_owned();
    };
    let mut kinds: Vec<&str> = log.unseen.iter().copied().map(ChangeKind::noun).collect();
    kinds.dedup();
    let count = match log.changes.len() {
        1 => "1 change".to_owned(),
        n => format!("{n} changes"),
    };
    let more = if log.omitted > 0 { format!(", {} more before them", log.omitted) } else { String::new() };
    let unseen = if kinds.is_empty() { String::new() } else { format!("; not observed: {}", kinds.join(", ")) };
    format!("{count}{more}, {}{unseen}\n", zone.dated_clocks(observed))
}
