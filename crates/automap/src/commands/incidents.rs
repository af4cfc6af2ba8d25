//! `automap incidents`: what the memory holds, out of it and into another.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use automap_server::store::{IncidentFilter, transfer};
use clap::{Args, Subcommand};

use crate::console::say;
use crate::exit::Exit;
use crate::output_file;
use crate::store::StoreArgs;

pub(crate) const EXAMPLES: &str = "Examples:
  automap incidents export incidents.jsonl
  automap incidents export - --target sock-shop | jq .title
  automap incidents import incidents.jsonl --store other.db";

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum IncidentsCommand {
    /// Write all incidents with their reports, one JSON document a line
    Export(ExportArgs),
    /// Keep the incidents of such a file that are new or later than what is kept; nobody is told of them
    Import(ImportArgs),
}

/// What is written where.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// The file to write; `-` is the standard output
    file: PathBuf,
    /// Of this target only
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// What is read.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The file to read; `-` is the standard input
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(command: &IncidentsCommand) -> Result<Exit> {
    match command {
        IncidentsCommand::Export(args) => export(args),
        IncidentsCommand::Import(args) => import(args),
    }
}

fn export(args: &ExportArgs) -> Result<Exit> {
    let Some(store) = args.store.open_existing()? else { bail!("nothing is remembered yet: there is no store") };
    let filter = IncidentFilter { target: args.target.clone(), ..IncidentFilter::default() };
    let standard = args.file.as_os_str() == "-";
    let mut out: Box<dyn Write> = if standard {
        Box::new(io::stdout().lock())
    } else {
        output_file::check(Some(&args.file), args.force)?;
        let file =
            OpenOptions::new().write(true).create(true).create_new(!args.force).truncate(args.force).open(&args.file);
        Box::new(BufWriter::new(file.with_context(|| args.file.display().to_string())?))
    };
    let count = transfer::export(&store, &filter, &mut out)?;
    if !standard {
        say(&format!("{count} incidents are in {}", args.file.display()));
    }
    Ok(Exit::Ok)
}

fn import(args: &ImportArgs) -> Result<Exit> {
    let place = || args.file.display().to_string();
    let done = if args.file.as_os_str() == "-" {
        transfer::import(&args.store.open()?, &mut io::stdin().lock())?
    } else {
        let file = File::open(&args.file).with_context(place)?;
        transfer::import(&args.store.open()?, &mut BufReader::new(file)).with_context(place)?
    };
    say(&format!("{} incidents are new or later, {} were kept already", done.written, done.known));
    Ok(Exit::Ok)
}
