//! One labelled incident: its location on disk, what an engine may see of it, and its ground truth.

use std::collections::BTreeMap;
use std::path::PathBuf;

use automap_chaos::score::FaultyService;
use automap_core::metric::Metric;
use automap_core::observation::Observation;
use automap_core::time::Timestamp;

use crate::score::paths::FeltBy;

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
    /// The other ends of faulty connections, by service: in scores of sets, naming one of them is equally right.
    pub other_ends: BTreeMap<String, Vec<String>>,
    /// The indicator that the fault changes first: a metric name without the service, or a family; `None` if the label names none.
    pub root_metric: Option<String>,
    /// The kind of fault.
    pub fault: String,
    /// When it began.
    pub started: Timestamp,
    /// Services that felt each fault, by the fault's service; empty if the label does not say.
    pub felt_by: FeltBy,
    /// Whether users felt any of it; `None` if the label does not say.
    pub is_felt: Option<bool>,
}

impl Truth {
    /// Services and kind of fault, as one text. Repetitions of a scenario are not independent cases.
    pub fn scenario(&self) -> String {
        format!("{} {}", self.services.join(" "), self.fault)
    }

    /// The services with a fault, in the form that the score of sets takes.
    pub fn faulty_services(&self) -> Vec<FaultyService> {
        let ends = |service: &String| self.other_ends.get(service).cloned().unwrap_or_default();
        self.services.iter().map(|s| FaultyService { other_ends: ends(s), ..FaultyService::new(s.as_str()) }).collect()
    }

    /// Whether this metric of this service is the root cause; `None` if the truth names no metric.
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
    pub(super) layout: Layout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layout {
    Labelled,
    RcaEval,
    Recorded,
}
