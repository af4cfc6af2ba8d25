//! `automap mutes`: lists, adds and ends mutes in the store that a watcher shares.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, bail};
use automap_core::time::Timestamp;
use automap_render::mutes_text::{MuteRow, mutes_text};
use automap_server::config::Config;
use automap_server::mutes::{Known, ListedMute, MuteOrigin, MuteRequest, Mutes, add, read_silences};
use automap_server::store::{IncidentFilter, MAX_PAGE, Store};
use automap_server::watcher::{Clock, SystemClock};
use clap::{Args, Subcommand};

use crate::args::output::OutputArgs;
use crate::args::parse::{millis, span};
use crate::console::say;
use crate::store::KeptArgs;

pub(crate) const EXAMPLES: &str = "Examples:
  automap mutes add --for 2h --reason 'database move' --service '*-db'
  automap mutes list --config automap.yaml
  automap mutes end mute-20261129T020000Z";

#[derive(Debug, Subcommand)]
pub(crate) enum MutesCommand {
    /// List mutes that apply now or later; with a configuration, also its windows and the silences of its Alertmanagers
    List(ListArgs),
    /// Suppress notifications of some incidents for a while
    Add(AddArgs),
    /// End a mute early
    End(EndArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    kept: KeptArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Duration from now, at most 30 days
    #[arg(long = "for", value_name = "SPAN", value_parser = span)]
    length: Duration,
    /// Only incidents with this cause; * stands for any characters; may be repeated [default: all]
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// Only incidents of this target; * stands for any characters; may be repeated [default: all]
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Reason, shown with muted incidents
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    kept: KeptArgs,
}

#[derive(Args, Debug)]
pub(crate) struct EndArgs {
    /// The mute's id, as `list` shows it
    id: String,
    #[command(flatten)]
    kept: KeptArgs,
}

/// Runs `automap mutes`.
pub(crate) fn run(command: &MutesCommand) -> Result<()> {
    match command {
        MutesCommand::List(args) => list(args),
        MutesCommand::Add(args) => make(args),
        MutesCommand::End(args) => end(args),
    }
}

fn list(args: &ListArgs) -> Result<()> {
    let now = SystemClock.now();
    let config = args.kept.configuration()?.unwrap_or_default();
    let mutes = known(&config, args, now)?;
    let listed = mutes.list(now);
    args.output.print_other(&listed, now, |o| mutes_text(&listed.iter().map(row).collect::<Vec<_>>(), o))
}

/// The mutes of the store, of the configuration, and of its Alertmanagers as far as they answer.
fn known(config: &Config, args: &ListArgs, now: Timestamp) -> Result<Mutes> {
    let mutes = Mutes::new(&config.mutes, config.places());
    mutes.refresh(&*args.kept.open()?.store, now)?;
    for source in &config.mutes.alertmanagers {
        match read_silences(source) {
            Ok(read) => {
                if let Some(which) = read.unread() {
                    say(&format!("silences of {} that were not read and mute nothing: {which}", source.url));
                }
                mutes.set_silences(&source.url, read.silences);
            }
            Err(error) => say(&format!("silences could not be read: {error}")),
        }
    }
    Ok(mutes)
}

fn row(listed: &ListedMute) -> MuteRow<'_> {
    let origin = match listed.origin {
        MuteOrigin::Configuration => "configuration",
        MuteOrigin::Store => "store",
        MuteOrigin::Alertmanager => "alertmanager",
    };
    let mute = &listed.mute;
    MuteRow {
        id: &mute.id,
        origin,
        is_active: listed.is_active,
        from: mute.from,
        until: mute.until,
        targets: &mute.targets,
        services: &mute.services,
        by: &mute.by,
        reason: &mute.reason,
    }
}

fn make(args: &AddArgs) -> Result<()> {
    let now = SystemClock.now();
    let by = std::env::var("USER").unwrap_or_else(|_| "the operator".to_owned());
    let (targets, services, reason) = (args.targets.clone(), args.services.clone(), args.reason.clone());
    let until = now.plus_ms(millis(args.length));
    let request = MuteRequest { targets, services, from: None, until, reason };
    let opened = args.kept.open()?;
    // Targets come from the configuration; the store knows only services that had incidents.
    let targets = args.kept.configuration()?.map(|c| c.places().map(|(name, ..)| name).collect()).unwrap_or_default();
    let known = Known { targets, services: Vec::new() };
    let mute = add(&*opened.store, &request, &known, &by, now)?;
    say(&format!("{} is in force until {}", mute.id, mute.until));
    if let Some(unknown) = told_by_incidents(&*opened.store)?.unknown(&request) {
        say(&format!("in the incidents of {} {}: {}", opened.place, unknown.message, unknown.next));
    }
    Ok(())
}

/// Services and targets of the latest incidents of a store.
fn told_by_incidents(store: &dyn Store) -> Result<Known> {
    let latest = store.list(&IncidentFilter { limit: MAX_PAGE, ..IncidentFilter::default() })?;
    let targets: BTreeSet<String> = latest.iter().map(|incident| incident.target.clone()).collect();
    let known = Known { targets: targets.into_iter().collect(), services: Vec::new() };
    Ok(known.with_services_of(&latest))
}

fn end(args: &EndArgs) -> Result<()> {
    let opened = args.kept.open_existing()?;
    if !opened.store.end_mute(&args.id, SystemClock.now())? {
        bail!("{} has no mute '{}' that has not ended; `automap mutes list` shows them", opened.place, args.id);
    }
    say(&format!("{} is ended", args.id));
    Ok(())
}
