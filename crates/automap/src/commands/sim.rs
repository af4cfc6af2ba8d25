//! `automap sim`: labelled incidents of simulated systems, as captures with the truth beside them, which `eval` reads.

mod spec;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use automap_chaos::injection::Role;
use automap_render::table::{Align, Table};
use automap_sim::incident::{Incident, IncidentOptions, draw};
use automap_sources::capture;
use clap::Args;
use rayon::prelude::*;

use crate::console::{bar, print, say};
use crate::exit::Exit;
pub(crate) use spec::{SimSpec, parse};

pub(crate) const EXAMPLES: &str = "Examples:
  automap sim incidents/                                  100 incidents of 10 systems
  automap sim incidents/ --services 200 --incidents 20 --systems 2
  automap eval incidents/ --quiet                         how accurate is automap on them?
  automap eval --sim systems=20,incidents=1000            the same without keeping them
  automap ui incidents/system-01/incident-0001.parquet    one of them in the browser

Same options, same bytes. It is a second opinion beside recordings: what is tuned to a simulator
fits the simulator.";

#[derive(Args, Debug)]
pub(crate) struct SimArgs {
    /// Folder to write to: one folder for each system, a capture and the truth for each incident
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    spec: SimSpec,
}

/// What came of one incident, for the table.
struct Made {
    kind: String,
    is_felt: bool,
}

/// Runs `automap sim`.
pub(crate) fn run(args: &SimArgs) -> Result<Exit> {
    check_empty(&args.dir)?;
    let made = write_all(&args.spec, &args.dir)?;
    print(&table(&made))?;
    say(&format!("{} incidents in {}", made.len(), args.dir.display()));
    Ok(Exit::Ok)
}

/// Incidents of two runs in one folder would be scored together.
fn check_empty(dir: &Path) -> Result<()> {
    let is_empty = fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        bail!("{} is not empty; give a new folder, or remove what is in it", dir.display());
    }
    Ok(())
}

/// Writes the incidents of a spec below `dir`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn make(spec: &SimSpec, dir: &Path) -> Result<()> {
    write_all(spec, dir).map(|_| ())
}

fn write_all(spec: &SimSpec, dir: &Path) -> Result<Vec<Made>> {
    let all: Vec<(usize, usize, IncidentOptions)> = spec.incidents().collect();
    for (system, _, _) in &all {
        let folder = dir.join(system_name(*system));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let (progress, done) = (bar(all.len() as u64), AtomicUsize::new(0));
    progress.set_message("incidents");
    let made = all.par_iter().map(|(system, number, options)| {
        let incident = draw(options)?;
        let path = dir.join(system_name(*system)).join(format!("incident-{number:04}.parquet"));
        write(&path, &incident)?;
        progress.set_position(done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
        Ok(Made { kind: kind(&incident), is_felt: incident.felt.is_felt() })
    });
    let made: Result<Vec<Made>> = made.collect();
    progress.finish_and_clear();
    made
}

fn system_name(system: usize) -> String {
    format!("system-{system:02}")
}

fn write(path: &Path, incident: &Incident) -> Result<()> {
    capture::write(path, &incident.observation)?;
    let truth = path.with_extension("json");
    let text = serde_json::to_string_pretty(&incident.injected)? + "\n";
    fs::write(&truth, text).with_context(|| truth.display().to_string())
}

/// `NetworkChaos delay`; `nothing` where all that was injected hurts nobody.
fn kind(incident: &Incident) -> String {
    let cause = incident.injected.iter().find(|i| i.role == Role::Cause);
    cause.map_or_else(|| "nothing".to_owned(), |i| format!("{} {}", i.kind, i.action))
}

fn table(made: &[Made]) -> String {
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for one in made {
        let (all, felt) = kinds.entry(&one.kind).or_default();
        *all += 1;
        *felt += usize::from(one.is_felt);
    }
    let mut table = Table::new([Align::Left, Align::Right, Align::Right]);
    table.row(["INJECTED", "INCIDENTS", "FELT BY USERS"]);
    for (kind, (all, felt)) in kinds {
        table.row([kind.to_owned(), all.to_string(), felt.to_string()]);
    }
    table.text()
}
