//! What to drill: a built-in plan, files, or a directory of them. Several faults in one file are injected together.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use automap_sources::bounded::read_text_file;
use clap::{Args, ValueEnum};

#[cfg(feature = "lab")]
use super::plan::{CAUSES, CHANGES, NODES, PAIRS, PLAN};
use crate::episode::Fault;

/// Most files of a suite.
const MAX_FILES: usize = 500;
/// Largest file.
const MAX_BYTES: u64 = 256 * 1024;

#[derive(Args, Debug)]
pub(super) struct ChoiceArgs {
    /// Chaos Mesh files; all experiments of one file are injected together [default: the built-in plan]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Built-in plan
    #[arg(long, value_enum, default_value_t = Plan::Single, conflicts_with_all = ["files", "suite"], hide = cfg!(not(feature = "lab")))]
    plan: Plan,
    /// All .yaml files of a directory, in the order of their names
    #[arg(long, value_name = "DIR", conflicts_with = "files")]
    suite: Option<PathBuf>,
    /// Run on the local lab
    #[arg(long, hide = cfg!(not(feature = "lab")))]
    pub(super) lab: bool,
    /// Only the drills with these file names
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Number of periods without a fault, spread evenly, in which no cause should be named [default: 3 in a suite]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=50))]
    quiet_stretches: Option<u8>,
    /// List the names of the drills and exit
    #[arg(long)]
    pub(super) list: bool,
}

/// What the built-in plans inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Plan {
    /// One fault at a time, and quiet stretches.
    Single,
    /// Two faults at a time.
    Pairs,
    /// Harmful releases and other changes, and harmless decoys.
    Changes,
    /// A full node, noisy neighbours, a busy disk.
    Nodes,
    /// One of every kind of cause, and decoys.
    Causes,
}

/// One drill.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Name of the file without its ending.
    pub(super) name: String,
    /// `None`: a quiet stretch.
    pub(super) fault: Option<Fault>,
}

impl ChoiceArgs {
    /// Whether it is a built-in plan, whole or in part.
    pub(super) fn is_built_in(&self) -> bool {
        self.files.is_empty() && self.suite.is_none()
    }

    /// The built-in plan that is drilled, whole or in part.
    pub(super) fn built_in_plan(&self) -> Option<Plan> {
        self.is_built_in().then_some(self.plan)
    }

    /// What is drilled, in order.
    pub(super) fn items(&self) -> Result<Vec<Item>> {
        let all = self.all()?;
        if let Some(unknown) = self.only.iter().find(|name| all.iter().all(|item| item.name != **name)) {
            bail!(
                "there is no drill '{unknown}'; `automap drill --list` shows them, with --suite those of a directory"
            );
        }
        let chosen = |item: &Item| self.only.is_empty() || self.only.contains(&item.name);
        Ok(all.into_iter().filter(chosen).collect())
    }

    fn all(&self) -> Result<Vec<Item>> {
        if self.is_built_in() {
            return built_in(self.plan);
        }
        let files = match &self.suite {
            Some(dir) => in_directory(dir)?,
            None => self.files.clone(),
        };
        let faults: Vec<Item> = files.iter().map(|path| read(path)).collect::<Result<_>>()?;
        let quiet = self.quiet_stretches.unwrap_or(if self.suite.is_some() { 3 } else { 0 });
        Ok(with_quiet(faults, usize::from(quiet)))
    }
}

#[cfg(feature = "lab")]
fn built_in(plan: Plan) -> Result<Vec<Item>> {
    let drills = match plan {
        Plan::Single => PLAN.as_slice(),
        Plan::Pairs => &PAIRS,
        Plan::Changes => &CHANGES,
        Plan::Nodes => &NODES,
        Plan::Causes => &CAUSES,
    };
    Ok(drills.iter().map(|d| Item { name: d.name.to_owned(), fault: d.fault() }).collect())
}

#[cfg(not(feature = "lab"))]
fn built_in(_: Plan) -> Result<Vec<Item>> {
    bail!("nothing to drill: give Chaos Mesh files, or --suite DIR; the built-in plans need the cargo feature `lab`")
}

fn in_directory(dir: &Path) -> Result<Vec<PathBuf>> {
    let place = || dir.display().to_string();
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(place)? {
        let path = entry.with_context(place)?.path();
        if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            bail!("{}: more than {MAX_FILES} files", place());
        }
    }
    if files.is_empty() {
        bail!("{}: it has no .yaml file; a suite is a directory of Chaos Mesh files", place());
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Item> {
    let place = || path.display().to_string();
    let yaml = read_text_file(path, MAX_BYTES)?;
    let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_else(place);
    Ok(Item { name, fault: Some(Fault { name: place(), yaml }) })
}

/// The first quiet stretch comes first, the others split the rest into equal parts.
fn with_quiet(faults: Vec<Item>, quiet: usize) -> Vec<Item> {
    let (n, mut done, mut out) = (faults.len(), 0, Vec::new());
    for (i, fault) in faults.into_iter().enumerate() {
        if done < quiet && i >= done * n / quiet {
            done += 1;
            out.push(Item { name: format!("quiet-{done}"), fault: None });
        }
        out.push(fault);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_stretches_are_spread() {
        let faults = ["a", "b", "c", "d"]
            .map(|n| Item { name: n.to_owned(), fault: Some(Fault { name: n.to_owned(), yaml: String::new() }) });
        let names =
            |quiet| with_quiet(faults.to_vec(), quiet).into_iter().map(|i| i.name).collect::<Vec<_>>().join(" ");
        assert_eq!(names(0), "a b c d");
        assert_eq!(names(2), "quiet-1 a b quiet-2 c d");
    }
}
