//! Reads labelled incidents from disk: the metrics that an engine may see and, kept separately, the fault that was injected.
//!
//! A folder may hold any of three layouts at any depth: labelled incidents (`<set>/<case>/{metrics.csv, truth.json}`), RCAEval's folders
//! (`<dataset>/<service>_<fault>/<repeat>/{data.csv, inject_time.txt}`), and captures of the lab with what was injected
//! (`<name>.parquet` and `<name>.json`, as `automap drill --save` writes them). A recording without a fault is a quiet window.

mod calls;
mod case;
mod files;
mod labelled;
mod rcaeval;
mod recorded;

use std::path::Path;

pub use case::{Case, CaseLocation, DatasetError, Truth, indicator};

use case::Layout;

/// Folders nested deeper than this are not searched.
const DEPTH_MAX: usize = 6;

/// All cases below a folder.
#[derive(Debug)]
pub struct Dataset {
    locations: Vec<CaseLocation>,
}

impl Dataset {
    /// Finds all cases, ordered by set and name. Nothing is read yet, so a case with a broken truth file is listed too.
    ///
    /// # Errors
    /// When a folder cannot be listed, or there is no case at all.
    pub fn open(root: &Path) -> Result<Self, DatasetError> {
        let mut locations = Vec::new();
        find(root, root, 0, &mut locations)?;
        if locations.is_empty() {
            let layouts = "<set>/<case>/{metrics.csv,truth.json}, <dataset>/<service>_<fault>/<repeat>/{data.csv,inject_time.txt} or \
                           <name>.{parquet,json}";
            return Err(files::wrong(root, format!("contains no labelled incidents; expected {layouts}")));
        }
        locations.sort();
        Ok(Self { locations })
    }

    /// Names of the sets, in order.
    pub fn sets(&self) -> Vec<&str> {
        let mut sets: Vec<&str> = self.locations.iter().map(|p| p.set.as_str()).collect();
        sets.dedup();
        sets
    }

    /// Keeps only these sets.
    pub fn keep(&mut self, sets: &[String]) {
        self.locations.retain(|p| sets.contains(&p.set));
    }

    /// Recordings of faults.
    pub fn incidents(&self) -> impl Iterator<Item = &CaseLocation> {
        self.locations.iter().filter(|p| !p.is_quiet)
    }

    /// Recordings without a fault.
    pub fn quiet(&self) -> impl Iterator<Item = &CaseLocation> {
        self.locations.iter().filter(|p| p.is_quiet)
    }
}

impl CaseLocation {
    /// Reads the case. Without `topology` its call graph is empty.
    ///
    /// # Errors
    /// When the truth or the metrics cannot be read.
    pub fn read(&self, topology: bool) -> Result<Case, DatasetError> {
        let mut case = match self.layout {
            Layout::Labelled => labelled::read(self),
            Layout::RcaEval => rcaeval::read(self),
            Layout::Recorded => recorded::read(self),
        }?;
        case.observation.hint = Default::default();
        if !topology {
            case.observation.calls = Default::default();
        }
        Ok(case)
    }
}

fn find(root: &Path, dir: &Path, depth: usize, locations: &mut Vec<CaseLocation>) -> Result<(), DatasetError> {
    let (folders, mut files) = files::list(dir)?;
    files.sort();
    if labelled::is_case(&files) {
        locations.push(location_of(root, dir, 1, Layout::Labelled, labelled::is_quiet(dir)));
    } else if rcaeval::is_case(&files) {
        locations.push(location_of(root, dir, 2, Layout::RcaEval, false));
    }
    for capture in recorded::captures(&files) {
        locations.push(location_of(root, &capture, 1, Layout::Recorded, recorded::is_quiet(&capture)));
    }
    if depth < DEPTH_MAX {
        for folder in folders {
            find(root, &folder, depth + 1, locations)?;
        }
    }
    Ok(())
}

/// The last `levels` parts of a case's path name it, the part before is its set.
fn location_of(root: &Path, path: &Path, levels: usize, layout: Layout, is_quiet: bool) -> CaseLocation {
    let set_dir = path.ancestors().nth(levels).unwrap_or(root);
    let name_of = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let relative = set_dir.strip_prefix(root).unwrap_or(set_dir).to_string_lossy().into_owned();
    let set = match relative.is_empty() {
        true => set_dir.canonicalize().map_or_else(|_| name_of(set_dir), |full| name_of(&full)),
        false => relative,
    };
    let name = path.strip_prefix(set_dir).unwrap_or(path).with_extension("").to_string_lossy().into_owned();
    CaseLocation { set, name, path: path.to_owned(), is_quiet, layout }
}

#[cfg(test)]
mod tests {
    use automap_core::time::Timestamp;

    use super::*;

    #[test]
    fn percentiles_share_one_indicator() {
        for (metric, want) in [
            ("latency-90", "latency"),
            ("latency_p95_ms", "latency"),
            ("latency_ms", "latency"),
            ("net-in", "net-in"),
            ("mem-delta", "mem-delta"),
            ("cpu", "cpu"),
        ] {
            assert_eq!(indicator(metric), want);
        }
    }

    #[test]
    fn a_root_is_named_by_metric_or_by_family() {
        let truth = |root: &str| Truth {
            services: vec!["carts".to_owned()],
            other_ends: Default::default(),
            root_metric: (!root.is_empty()).then(|| root.to_owned()),
            fault: String::new(),
            started: Timestamp::from_ms(0),
            felt_by: Default::default(),
            is_felt: None,
        };
        assert_eq!(truth("latency-99").is_root("carts", "latency-50"), Some(true));
        assert_eq!(truth("memory").is_root("carts", "memory_bytes"), Some(true));
        assert_eq!(truth("memory").is_root("carts-db", "memory_bytes"), Some(false));
        assert_eq!(truth("cpu").is_root("carts", "mem"), Some(false));
        assert_eq!(truth("").is_root("carts", "mem"), None);
    }
}
