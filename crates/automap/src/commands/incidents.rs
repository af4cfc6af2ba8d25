//! `automap incidents`: lists, shows, confirms, exports and imports the incidents that a watcher stored.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use automap_core::incident::{Incident, IncidentState};
use automap_core::time::Timestamp;
use automap_render::incident_text::{incident_text, incidents_text};
use automap_server::live_system::{self, LiveSystem};
use automap_server::notify::NotifyConfig;
use automap_server::store::{IncidentFilter, transfer};
#[cfg(feature = "chaos")]
use automap_server::system::{ExperimentSource as _, period_beside};
use automap_server::system::{System as _, SystemError};
use clap::{Args, Subcommand};
use jiff::ZonedDateTime;

use crate::args::file::{ForceArgs, is_standard, readable};
use crate::args::output::OutputArgs;
use crate::args::parse::{millis, span};
#[cfg(feature = "chaos")]
use crate::console::print_answer;
use crate::console::say;
#[cfg(feature = "chaos")]
use crate::experiments::{self, LedgerFile};
use crate::store::{KeptArgs, Opened};

pub(crate) const EXAMPLES: &str = "Examples:
  automap incidents list --since 7d
  automap incidents show sock-shop-20261125T140315Z
  automap incidents confirm sock-shop-20261125T140315Z payment
  automap incidents export > incidents.jsonl";

#[derive(Debug, Subcommand)]
pub(crate) enum IncidentsCommand {
    /// List incidents, the latest first
    List(ListArgs),
    /// Show one incident: its timeline and its latest diagnosis
    Show(ShowArgs),
    /// Record the true cause of an incident
    Confirm(ConfirmArgs),
    /// Export incidents with their reports, one JSON document per line
    Export(ExportArgs),
    /// Import incidents that are new or later than the stored ones; no notifications are sent
    Import(ImportArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    kept: KeptArgs,
    /// Only incidents opened within this time before now
    #[arg(long, value_name = "SPAN", value_parser = span)]
    since: Option<Duration>,
    /// Only open incidents
    #[arg(long)]
    open: bool,
    /// Only incidents with this cause, named or confirmed
    #[arg(long, value_name = "SERVICE")]
    cause: Option<String>,
    /// Only incidents of this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Maximum number of incidents to list
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The incident's id, as `list` shows it
    id: String,
    #[cfg(feature = "chaos")]
    /// Ledger from `automap chaos record`; experiments that ran during the incident are listed after it
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    #[command(flatten)]
    kept: KeptArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ConfirmArgs {
    /// The incident's id, as `list` shows it
    id: String,
    /// The service that was the cause
    service: String,
    /// Accept a service that is not in the incident's report
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    kept: KeptArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// File to write; - is standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Only incidents of this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    #[command(flatten)]
    force: ForceArgs,
    #[command(flatten)]
    kept: KeptArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// File written by `export`; - is standard input
    file: PathBuf,
    #[command(flatten)]
    kept: KeptArgs,
}

/// Runs `automap incidents`.
pub(crate) fn run(command: &IncidentsCommand) -> Result<()> {
    match command {
        IncidentsCommand::List(args) => list(args),
        IncidentsCommand::Show(args) => show(args),
        IncidentsCommand::Confirm(args) => confirm(args),
        IncidentsCommand::Export(args) => export(args),
        IncidentsCommand::Import(args) => import(args),
    }
}

fn now() -> Timestamp {
    Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond())
}

fn list(args: &ListArgs) -> Result<()> {
    let store = args.kept.open_existing()?.store;
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
    args.output.print_other(&incidents, now(), |o| incidents_text(&incidents, now(), o))
}

fn known(opened: &Opened, id: &str) -> Result<Incident> {
    match opened.store.get(id)? {
        Some(incident) => Ok(incident),
        None => bail!("there is no incident '{id}' in {}; `automap incidents list` shows them", opened.place),
    }
}

fn show(args: &ShowArgs) -> Result<()> {
    let incident = known(&args.kept.open_existing()?, &args.id)?;
    args.output.print_other(&incident, incident.onset, |o| incident_text(&incident, o))?;
    #[cfg(feature = "chaos")]
    if let Some(path) = args.ledger.clone().filter(|_| !args.output.is_json()) {
        let beside = LedgerFile(path).during(period_beside(&incident, now())).map_err(anyhow::Error::msg)?;
        let zone = args.output.text_options(incident.onset).zone;
        let lines = experiments::lines(&beside, |t| zone.date_and_clock(t));
        let lines = if lines.is_empty() { vec!["none ran at that time".to_owned()] } else { lines };
        let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        print_answer(&format!("\nEXPERIMENTS (no diagnosis sees them)\n{lines}"))?;
    }
    Ok(())
}

/// With a configuration, the routes that were notified of the incident are notified of the confirmation too, and the AutoMAP engine
/// learns from its metrics if Prometheus still has them.
fn confirm(args: &ConfirmArgs) -> Result<()> {
    let opened = args.kept.open_existing()?;
    known(&opened, &args.id)?;
    let (id, service) = (args.id.as_str(), args.service.as_str());
    let by = std::env::var("USER").unwrap_or_else(|_| "the operator".to_owned());
    let confirmed = match args.kept.configuration()? {
        Some(config) if !args.force => LiveSystem::new(&config, &opened.store)?.confirm(id, service, &by),
        config => {
            let notify = config.map_or_else(NotifyConfig::default, |c| c.notify);
            live_system::confirm(&*opened.store, &notify, (id, service, &by), args.force, now())
        }
    };
    match confirmed {
        Ok(incident) => say(&format!("{}: {service} is confirmed", incident.id)),
        Err(SystemError::Refused { message, next }) => {
            bail!("{message}; {next} (--force confirms it anyway)")
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn export(args: &ExportArgs) -> Result<()> {
    let store = args.kept.open_existing()?.store;
    let filter = IncidentFilter { target: args.target.clone(), ..IncidentFilter::default() };
    args.force.check(&args.file)?;
    let mut out = BufWriter::new(args.force.create(&args.file)?);
    let count = transfer::export(&*store, &filter, &mut out)?;
    out.flush().with_context(|| args.file.display().to_string())?;
    if !is_standard(&args.file) {
        say(&format!("{count} incidents written to {}", args.file.display()));
    }
    Ok(())
}

fn import(args: &ImportArgs) -> Result<()> {
    let place = || args.file.display().to_string();
    let file = File::open(readable(&args.file)).with_context(place)?;
    let done = transfer::import(&*args.kept.open()?.store, &mut BufReader::new(file)).with_context(place)?;
    let refused = match done.refused {
        0 => String::new(),
        n => format!(
            ", {n} were skipped, since their ids belong to other incidents here, or to closed ones that would change"
        ),
    };
    say(&format!("{} incidents imported, {} were already stored{refused}", done.written, done.known));
    Ok(())
}
