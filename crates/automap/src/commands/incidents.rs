//! `automap incidents`: what a watcher has kept.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use automap_core::incident::{Incident, IncidentState, Moment, incident_text, incidents_text};
use automap_core::time::Timestamp;
use automap_server::store::{Cursor, IncidentFilter, SqliteStore, Store};
use clap::{Args, Subcommand};
use jiff::ZonedDateTime;

use super::output_args::{Format, StyleArgs};
use super::source_args::{millis, span};
use crate::console::{print, print_answer, say};
use crate::store::StoreArgs;

pub(crate) const EXAMPLES: &str = "Examples:
  automap incidents list --since 7d
  automap incidents show sock-shop-20261125T140315Z
  automap incidents confirm sock-shop-20261125T140315Z payment
  automap incidents export > incidents.jsonl";

/// Longest line of an import, in bytes: an incident with its report.
const MAX_LINE: u64 = 8 << 20;
/// Most lines of an import.
const MAX_LINES: usize = 100_000;

#[derive(Debug, Subcommand)]
pub(crate) enum IncidentsCommand {
    /// A table, the latest first
    List(ListArgs),
    /// One incident: its timeline and its latest diagnosis
    Show(ShowArgs),
    /// Say what the cause was
    Confirm(ConfirmArgs),
    /// Every incident as a line of JSON on standard output
    Export(StoreArgs),
    /// Read what `export` wrote; incidents that are known already are left alone
    Import(ImportArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Opened within the last
    #[arg(long, value_name = "SPAN", value_parser = span)]
    since: Option<Duration>,
    /// Only those that go on
    #[arg(long)]
    open: bool,
    /// Only those with this cause, named or confirmed
    #[arg(long, value_name = "SERVICE")]
    cause: Option<String>,
    /// Only those of this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Form of the answer
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The incident's id, as `list` shows it
    id: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Form of the answer
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ConfirmArgs {
    /// The incident's id, as `list` shows it
    id: String,
    /// The service that was the cause
    service: String,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// A file that `export` wrote, or - for standard input
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs `automap incidents`.
pub(crate) fn run(command: &IncidentsCommand) -> Result<()> {
    match command {
        IncidentsCommand::List(args) => list(args),
        IncidentsCommand::Show(args) => show(args),
        IncidentsCommand::Confirm(args) => confirm(args),
        IncidentsCommand::Export(store) => export(&existing(store)?),
        IncidentsCommand::Import(args) => import(args),
    }
}

fn existing(store: &StoreArgs) -> Result<SqliteStore> {
    store
        .open_existing()?
        .context("nothing is kept yet: `automap watch` keeps incidents, --store FILE names another file")
}

fn now() -> Timestamp {
    Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond())
}

fn list(args: &ListArgs) -> Result<()> {
    let store = existing(&args.store)?;
    let states = if args.open { vec![IncidentState::Open, IncidentState::Recovering] } else { Vec::new() };
    let filter = IncidentFilter {
        states,
        cause: args.cause.clone(),
        target: args.target.clone(),
        since: args.since.map(|s| now().plus_ms(-millis(s))),
        limit: args.limit,
        ..IncidentFilter::default()
    };
    let incidents = store.list(&filter)?;
    match args.output {
        Format::Json => print(&(serde_json::to_string_pretty(&incidents)? + "\n")),
        Format::Text => print(&incidents_text(&incidents, now(), &args.style.text_options(now()))),
    }
}

fn known(store: &SqliteStore, id: &str) -> Result<Incident> {
    match store.get(id)? {
        Some(incident) => Ok(incident),
        None => bail!("there is no incident '{id}' in {}; `automap incidents list` shows them", store.path().display()),
    }
}

fn show(args: &ShowArgs) -> Result<()> {
    let incident = known(&existing(&args.store)?, &args.id)?;
    match args.output {
        Format::Json => print(&(serde_json::to_string_pretty(&incident)? + "\n")),
        Format::Text => print_answer(&incident_text(&incident, &args.style.text_options(incident.onset))),
    }
}

fn confirm(args: &ConfirmArgs) -> Result<()> {
    let store = existing(&args.store)?;
    let mut incident = known(&store, &args.id)?;
    let services = incident.report.iter().flat_map(|r| &r.causes).any(|c| c.service == args.service);
    if !services {
        say(&format!("{} is not among the candidates of the last diagnosis; confirmed all the same", args.service));
    }
    incident.confirmed = Some(args.service.clone());
    incident.note(now(), Moment::Confirmed, format!("{} was the cause", args.service));
    incident.revision += 1;
    incident.updated = now();
    store.put(&incident, &[], now())?;
    say(&format!("{}: {} is confirmed", incident.id, args.service));
    Ok(())
}

/// Page by page, the latest first.
fn export(store: &SqliteStore) -> Result<()> {
    let mut filter = IncidentFilter::default();
    loop {
        let page = store.list(&filter)?;
        let Some(last) = page.last() else { return Ok(()) };
        filter.after = Some(Cursor { opened: last.opened, id: last.id.clone() });
        for incident in &page {
            if let Some(whole) = store.get(&incident.id)? {
                print(&(serde_json::to_string(&whole)? + "\n"))?;
            }
        }
    }
}

fn import(args: &ImportArgs) -> Result<()> {
    let place = args.file.display().to_string();
    let reader: Box<dyn Read> = match args.file.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(&args.file).with_context(|| place.clone())?),
    };
    let store = args.store.open()?;
    let (mut reader, mut line) = (BufReader::new(reader), String::new());
    let (mut taken, mut left) = (0, 0);
    for n in 1..=MAX_LINES {
        line.clear();
        reader.by_ref().take(MAX_LINE).read_line(&mut line).with_context(|| format!("{place}:{n}"))?;
        if line.is_empty() {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        let mut incident: Incident =
            serde_json::from_str(&line).with_context(|| format!("{place}:{n}: not an incident"))?;
        if store.get(&incident.id)?.is_some() {
            left += 1;
            continue;
        }
        incident.revision = 1;
        store.put(&incident, &[], now())?;
        taken += 1;
    }
    say(&format!("{taken} incidents taken, {left} were known"));
    Ok(())
}
