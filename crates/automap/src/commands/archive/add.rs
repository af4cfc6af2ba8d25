//! `automap archive add`: closed incidents of a store, exported ones, and captures, which are diagnosed.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use automap_archive::{Added, Archive, LeftOut};
use automap_core::incident::{Incident, IncidentState};
use automap_core::text::digest;
use automap_core::{DiagnoseOptions, diagnose};
use automap_server::recorded_system::incident_of_report;
use automap_server::store::{IncidentFilter, transfer};
use automap_sources::capture;
use clap::Args;

use crate::console::{bar, say};
use crate::store::KeptArgs;

/// Default target of captures.
const RECORDED: &str = "recorded";

#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Folder of the archive; created if there is none
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Captures, or files from `automap incidents export` [default: the closed incidents of the store]
    #[arg(value_name = "FILE", conflicts_with_all = ["config", "store"])]
    files: Vec<PathBuf>,
    /// Only incidents of this target; for captures, their target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    #[command(flatten)]
    kept: KeptArgs,
}

/// Incidents held in memory before they are written.
const BATCH: usize = 1_000;
/// Most incidents whose refusal is explained; the rest is counted.
const MAX_EXPLAINED: usize = 20;

/// Incidents on their way into the archive.
struct Adding<'a> {
    archive: Archive,
    target: Option<&'a str>,
    waiting: Vec<Incident>,
    added: Added,
    /// How many were not added.
    left_out: usize,
}

/// Runs it.
pub(super) fn run(args: &AddArgs) -> Result<()> {
    let store = if args.files.is_empty() { Some(args.kept.open_existing()?.store) } else { None };
    let archive = Archive::create(&args.dir)?;
    let (waiting, added) = (Vec::new(), Added::default());
    let mut adding = Adding { archive, target: args.target.as_deref(), waiting, added, left_out: 0 };
    if let Some(store) = store {
        let closed = IncidentFilter {
            states: vec![IncidentState::Closed],
            target: args.target.clone(),
            ..IncidentFilter::default()
        };
        transfer::each(&*store, &closed, |incident| adding.take(incident))?;
    }
    let progress = bar(args.files.len() as u64);
    for file in &args.files {
        match is_capture(file)? {
            true => progress.suspend(|| adding.capture(file))?,
            false => progress.suspend(|| adding.exported(file))?,
        }
        progress.inc(1);
    }
    drop(progress);
    adding.write()?;
    let Added { new, later, known, .. } = adding.added;
    let left_out = match adding.left_out {
        0 => String::new(),
        n => format!(", {n} were left out"),
    };
    let dir = args.dir.display();
    say(&format!(
        "{new} incidents are new in {dir}, {later} are later than they were, {known} were there already{left_out}"
    ));
    Ok(())
}

impl Adding<'_> {
    /// Takes a closed incident; an open one would be stored in an intermediate state.
    fn take(&mut self, incident: Incident) -> Result<()> {
        let is_wanted = self.target.is_none_or(|target| target == incident.target);
        if is_wanted && incident.state == IncidentState::Closed {
            self.waiting.push(incident);
        }
        if self.waiting.len() >= BATCH { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let more = self.archive.add(std::mem::take(&mut self.waiting))?;
        self.added.new += more.new;
        self.added.later += more.later;
        self.added.known += more.known;
        for LeftOut { id, reason } in &more.left_out {
            if self.left_out < MAX_EXPLAINED {
                say(&format!("{id} is left out: {reason}"));
            }
            self.left_out += 1;
        }
        Ok(())
    }

    fn exported(&mut self, file: &Path) -> Result<()> {
        let place = || file.display().to_string();
        let lines = File::open(file).with_context(place)?;
        transfer::read(&mut BufReader::new(lines), |incident| self.take(incident)).with_context(place)
    }

    /// Diagnoses a capture, and keeps it next to its incident.
    fn capture(&mut self, file: &Path) -> Result<()> {
        let Some((incident, bytes)) = diagnosed(file, self.target.unwrap_or(RECORDED))? else {
            say(&format!("nothing is wrong in {}: it is not added", file.display()));
            return Ok(());
        };
        self.archive.add_capture(&incident, &bytes)?;
        self.take(incident)
    }
}

/// A capture's incident and bytes; `None` if nothing is wrong. The same recording has the same id however often it is added.
pub(super) fn diagnosed(file: &Path, target: &str) -> Result<Option<(Incident, Vec<u8>)>> {
    let observation = capture::read(file)?;
    let report = diagnose(&observation, &DiagnoseOptions::default()).with_context(|| file.display().to_string())?;
    let onset = report.windows.incident_start;
    let Some(mut incident) = incident_of_report(target, onset, &report) else { return Ok(None) };
    let bytes = capture::to_bytes(&observation)?;
    incident.id = format!("{target}-{}-{:08x}", onset.compact(), digest(&bytes) as u32);
    (incident.state, incident.closed) = (IncidentState::Closed, Some(observation.frame.span().end));
    Ok(Some((incident, bytes)))
}

fn is_capture(file: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let opened = File::open(file).with_context(|| file.display().to_string())?;
    opened.take(4).read_to_end(&mut start).with_context(|| file.display().to_string())?;
    match start.first() {
        Some(_) => Ok(start == b"PAR1"),
        None => bail!("{} is empty", file.display()),
    }
}
