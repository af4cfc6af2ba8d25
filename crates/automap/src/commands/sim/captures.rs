//! A folder of captures, each with its truth next to it: one folder per system.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use automap_chaos::injection::{Injection, Role};
use automap_render::table::{Align, Table};
use automap_sim::incident::{Incident, draw};
use automap_sim::several::Numbered;
use automap_sources::capture;
use rayon::prelude::*;

use super::spec::SimSpec;
use crate::console::bar;

/// One written incident, for tables.
pub(super) struct Made {
    /// Its folder.
    pub(super) system: String,
    /// Its file, without the ending.
    pub(super) name: String,
    /// Services of its system.
    pub(super) services: usize,
    /// What was injected, decoys included.
    pub(super) injected: Vec<Injection>,
    is_felt: bool,
}

/// Incidents of two runs in one folder would be scored together.
pub(super) fn check_empty(dir: &Path) -> Result<()> {
    let is_empty = fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        bail!("{} is not empty; give a new folder, or empty this one", dir.display());
    }
    Ok(())
}

/// Writes the incidents of a spec below `dir`, in their order.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write_all(spec: &SimSpec, dir: &Path) -> Result<Vec<Made>> {
    let all: Vec<Numbered> = spec.several().incidents().collect();
    for one in &all {
        let folder = dir.join(one.folder());
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let (progress, done) = (bar(all.len() as u64), AtomicUsize::new(0));
    progress.set_message("incidents");
    let made = all.par_iter().map(|one| {
        let incident = draw(&one.options)?;
        let (system, file) = (one.folder(), one.file());
        write(&dir.join(&system).join(&file), &incident)?;
        let name = file.trim_end_matches(".parquet").to_owned();
        progress.set_position(done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
        let is_felt = incident.felt.is_felt();
        Ok(Made { system, name, services: incident.plan.services.len(), injected: incident.injected, is_felt })
    });
    let made: Result<Vec<Made>> = made.collect();
    progress.finish_and_clear();
    made
}

fn write(path: &Path, incident: &Incident) -> Result<()> {
    capture::write(path, &incident.observation)?;
    let truth = path.with_extension("json");
    let text = serde_json::to_string_pretty(&incident.injected)? + "\n";
    fs::write(&truth, text).with_context(|| truth.display().to_string())
}

/// How many incidents of each fault, and how many of them users felt.
pub(super) fn table(made: &[Made]) -> String {
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for one in made {
        let (all, felt) = kinds.entry(kind(one)).or_default();
        *all += 1;
        *felt += usize::from(one.is_felt);
    }
    let mut table = Table::new([Align::Left, Align::Right, Align::Right]);
    table.row(["INJECTED", "INCIDENTS", "FELT BY USERS"]);
    for (kind, (all, felt)) in kinds {
        table.row([kind, all.to_string(), felt.to_string()]);
    }
    table.text()
}

/// `NetworkChaos delay`; `nothing` if all that was injected is harmless.
fn kind(made: &Made) -> String {
    let causes: Vec<_> = made.injected.iter().filter(|i| i.role == Role::Cause).collect();
    match causes[..] {
        [] => "nothing".to_owned(),
        [only] => format!("{} {}", only.kind, only.action),
        _ => "two at once".to_owned(),
    }
}
