//! Reads labelled incidents from disk: the metrics that an engine may see and, kept apart, the fault that was really injected.
//!
//! A folder may hold any of three layouts at any depth: labelled incidents (`<set>/<case>/{metrics.csv, truth.json}`), RCAEval's folders
//! (`<dataset>/<service>_<fault>/<repeat>/{data.csv, inject_time.txt}`), and captures of the lab with what was injected
//! (`<name>.parquet` and `<name>.json`, as `automap drill --save` writes them). A recording without a fault is a quiet window.

mod calls;
mod files;
mod labelled;
mod rcaeval;
mod recorded;

use std::path::{Path, PathBuf};

use automap_core::metric::Metric;
use automap_core::observation::Observation;
use automap_core::time::Timestamp;

/// Folders nested deeper than this are not searched.
const DEPTH_MAX: usize = 6;

/// Why a data set or one of its cases cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct DatasetError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// One recording.
#[derive(Debug)]
pub struct Case {
    /// What an engine may see. Its hint is empty; the caller decides what is known about the onset.
    pub observation: Observation,
    /// The service that receives user requests: a property of the application, the same in all its incidents.
    pub entry: Option<String>,
    /// The injected fault, for scoring only; `None` for a quiet window.
    pub truth: Option<Truth>,
}

/// The ground truth of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The services with the fault, nearly always one.
    pub services: Vec<String>,
    /// The indicator that the fault changes first: a metric name without the service, or a family; `None` where the label names none.
    pub root_metric: Option<String>,
    /// The kind of fault.
    pub fault: String,
    /// When it began.
    pub started: Timestamp,
}

impl Truth {
    /// Services and kind of fault, as one text. Repetitions of a scenario are not independent cases.
    pub fn scenario(&self) -> String {
        format!("{} {}", self.services.join(" "), self.fault)
    }

    /// Whether this metric of this service is the root cause; `None` where the truth names no metric.
    pub fn is_root(&self, service: &str, metric: &str) -> Option<bool> {
        let root = self.root_metric.as_deref()?;
        let is_metric = indicator(metric) == indicator(root) || Metric::parse(metric).family.as_str() == root;
        Some(is_metric && self.services.iter().any(|s| s == service))
    }
}

/// The name of a metric without unit and percentile.
///
/// ```
/// use automap_eval::dataset::indicator;
///
/// assert_eq!(indicator("latency-90"), "latency");
/// assert_eq!(indicator("latency_p95_ms"), "latency");
/// assert_eq!(indicator("net-in"), "net-in");
/// ```
pub fn indicator(metric: &str) -> &str {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let plain = metric.strip_suffix("_ms").unwrap_or(metric);
    match plain.rsplit_once('-').or_else(|| plain.rsplit_once("_p")) {
        Some((name, percentile)) if digits(percentile) => name,
        _ => plain,
    }
}

/// The location of a case on disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseLocation {
    /// Name of its set.
    pub set: String,
    /// Name of the case within its set.
    pub name: String,
    /// The case's folder or capture.
    pub path: PathBuf,
    /// Whether no fault was injected.
    pub is_quiet: bool,
    layout: Layout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layout {
    Labelled,
    RcaEval,
    Recorded,
}

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
            root_metric: (!root.is_empty()).then(|| root.to_owned()),
            fault: String::new(),
            started: Timestamp::from_ms(0),
        };
        assert_eq!(truth("latency-99").is_root("carts", "latency-50"), Some(true));
        assert_eq!(truth("memory").is_root("carts", "memory_bytes"), Some(true));
        assert_eq!(truth("memory").is_root("carts-db", "memory_bytes"), Some(false));
        assert_eq!(truth("cpu").is_root("carts", "mem"), Some(false));
        assert_eq!(truth("").is_root("carts", "mem"), None);
    }
}
