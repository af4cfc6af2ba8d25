//! Labelled incidents on disk: `<root>/<set>/<case>/{metrics.csv, truth.json}`, `<root>/graphs.json` with the calls of
//! known systems, and for the set of traced services one graph file for each level of traffic.
//!
//! The analysis gets an [`Observation`] that knows when the incident began and nothing else of the truth.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use automap_core::observation::Observation;
use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::CallGraph;
use automap_sources::csv_table;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Why a data set or one of its cases cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct DatasetError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// One labelled incident.
#[derive(Debug)]
pub struct Case {
    /// What the analysis sees.
    pub observation: Observation,
    /// The service that was really at fault. For scoring alone.
    pub service: String,
    /// Service and kind of fault: repetitions of it say nothing new. For scoring alone.
    pub scenario: String,
}

/// Where a case lies.
#[derive(Clone, Debug)]
pub struct Place {
    /// The set.
    pub set: String,
    /// The case's folder.
    pub dir: PathBuf,
}

#[derive(Deserialize)]
struct Truth {
    service: String,
    fault_type: Option<String>,
    system: Option<String>,
    inject_time: Option<f64>,
    edges: Option<Edges>,
}

type Edges = Vec<(String, String)>;

/// A folder of sets.
#[derive(Debug)]
pub struct Dataset {
    root: PathBuf,
    graphs: BTreeMap<String, Edges>,
}

impl Dataset {
    /// Opens a folder; without `graphs.json` systems have no calls.
    ///
    /// # Errors
    /// When `graphs.json` is there and is not what it should be.
    pub fn open(root: &Path) -> Result<Self, DatasetError> {
        let graphs = root.join("graphs.json");
        let graphs = if graphs.exists() { json(&graphs)? } else { BTreeMap::new() };
        Ok(Self { root: root.to_owned(), graphs })
    }

    /// All cases with a known injection time or an unreadable truth, by set and name.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn places(&self) -> Result<Vec<Place>, DatasetError> {
        let mut out = Vec::new();
        for set in folders(&self.root)? {
            let name = set.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for dir in folders(&set)?.into_iter().filter(|d| d.join("truth.json").exists()) {
                // Recordings without a fault have no time of injection; they are no cases for a ranking.
                let is_case = json::<Truth>(&dir.join("truth.json")).map_or(true, |t| t.inject_time.is_some());
                out.extend(is_case.then(|| Place { set: name.clone(), dir }));
            }
        }
        Ok(out)
    }

    /// Reads one case. Without `topology` it has no calls.
    ///
    /// # Errors
    /// When the truth or the table cannot be read.
    pub fn read(&self, place: &Place, topology: bool) -> Result<Case, DatasetError> {
        let file = place.dir.join("truth.json");
        let truth: Truth = json(&file)?;
        let start = truth.inject_time.and_then(Timestamp::from_seconds);
        let start = start.ok_or_else(|| wrong(&file, "has no usable inject_time"))?;
        let hint = WindowHint { incident_start: Some(start), ..WindowHint::default() };
        let table = place.dir.join("metrics.csv");
        let mut observation = csv_table::read(&table, hint).map_err(|e| wrong(&table, e))?;
        if topology {
            observation.calls = self.calls(place, &truth)?;
        }
        let scenario = format!("{} {}", truth.service, truth.fault_type.unwrap_or_default());
        Ok(Case { observation, service: truth.service, scenario })
    }

    /// The case's observed calls, else its traffic level's trace map, else its system's known calls; never the answer.
    fn calls(&self, place: &Place, truth: &Truth) -> Result<CallGraph, DatasetError> {
        let name = place.dir.file_name().unwrap_or_default().to_string_lossy();
        let level = if name.starts_with("high") { "high" } else { "low" };
        let traced = self.root.join(&place.set).join(format!("graph_{level}_traffic.json"));
        let is_traced = traced.exists();
        let mut edges = match truth.system.as_ref().and_then(|s| self.graphs.get(s)) {
            _ if is_traced => json(&traced)?,
            Some(known) => known.clone(),
            None => Edges::new(),
        };
        if let Some(observed) = truth.edges.as_ref().filter(|e| !e.is_empty()) {
            // Some recordings hold addresses in place of names.
            edges = observed.iter().filter(|(_, to)| !to.starts_with(|c: char| c.is_ascii_digit())).cloned().collect();
        }
        let mut calls: CallGraph = edges.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        if is_traced {
            // AWS X-Ray draws remote end points and user agents as nodes; they are its clients' view and no components.
            let is_view = |node: &&String| node.ends_with("-remote") || node.ends_with("-client");
            edges.iter().flat_map(|(from, to)| [from, to]).filter(is_view).for_each(|n| calls.mark_view(n));
        }
        Ok(calls)
    }
}

fn wrong(path: &Path, reason: impl ToString) -> DatasetError {
    DatasetError { path: path.to_owned(), reason: reason.to_string() }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, DatasetError> {
    let text = fs::read_to_string(path).map_err(|e| wrong(path, e))?;
    serde_json::from_str(&text).map_err(|e| wrong(path, e))
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let entries = fs::read_dir(dir).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect());
    let mut out: Vec<PathBuf> = entries.map_err(|e| wrong(dir, e))?;
    out.retain(|p| p.is_dir());
    out.sort();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_shows_the_analysis_its_start_and_its_calls_and_not_the_answer() {
        let root = std::env::temp_dir().join(format!("automap-dataset-{}", std::process::id()));
        let case = root.join("shop/case_1");
        fs::create_dir_all(&case).unwrap();
        fs::create_dir_all(root.join("shop/quiet_1")).unwrap();
        fs::write(root.join("graphs.json"), r#"{"sock-shop": [["front-end", "carts"]]}"#).unwrap();
        fs::write(case.join("truth.json"), r#"{"service": "carts", "system": "sock-shop", "inject_time": 3}"#).unwrap();
        fs::write(root.join("shop/quiet_1/truth.json"), r#"{"service": "", "inject_time": null}"#).unwrap();
        fs::write(case.join("metrics.csv"), "time,carts_cpu,front-end_latency\n1,1,1\n2,1,1\n3,9,9\n").unwrap();
        let dataset = Dataset::open(&root).unwrap();
        let places = dataset.places().unwrap();
        assert_eq!(places.len(), 1);
        let read = dataset.read(&places[0], true).unwrap();
        assert_eq!(read.service, "carts");
        assert_eq!(read.observation.hint.incident_start, Timestamp::from_seconds(3.0));
        assert_eq!(read.observation.calls.len(), 1);
        assert!(dataset.read(&places[0], false).unwrap().observation.calls.is_empty());
        fs::write(case.join("truth.json"), "{").unwrap();
        let error = dataset.read(&dataset.places().unwrap()[0], true).unwrap_err().to_string();
        assert!(error.contains("truth.json"), "{error}");
        fs::remove_dir_all(root).unwrap();
    }
}
