//! The layout `<set>/<case>/{metrics.csv, truth.json}`.
//!
//! Calls come from the label if it lists observed ones, else from `<set>/graph.json` or `graphs.json` beside the sets. Sets recorded with
//! traces have one graph file for each traffic level instead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use automap_core::time::{Timestamp, WindowHint};
use automap_core::topology::CallGraph;
use automap_sources::table::{self, TableOptions};
use serde::Deserialize;

use super::calls::{self, Edges};
use super::case::{Case, CaseLocation, DatasetError, Truth};
use super::files::{has, json, wrong};

#[derive(Deserialize)]
struct Label {
    #[serde(default)]
    service: String,
    /// If several were faulty at once.
    #[serde(default)]
    services: Vec<String>,
    fault_type: Option<String>,
    root_metric: Option<String>,
    system: Option<String>,
    inject_time: Option<f64>,
    entry_service: Option<String>,
    edges: Option<Edges>,
}

pub(super) fn is_case(files: &[PathBuf]) -> bool {
    has(files, "truth.json")
}

/// A recording without a fault has no injection time.
pub(super) fn is_quiet(dir: &Path) -> bool {
    json::<Label>(&dir.join("truth.json")).is_ok_and(|label| label.inject_time.is_none())
}

pub(super) fn read(location: &CaseLocation) -> Result<Case, DatasetError> {
    let file = location.path.join("truth.json");
    let label: Label = json(&file)?;
    let table = location.path.join("metrics.csv");
    let mut observation =
        table::read(&table, WindowHint::default(), &TableOptions::default()).map_err(|e| wrong(&table, e))?;
    observation.calls = calls(location, &label)?;
    let truth = match label.inject_time {
        None => None,
        Some(at) => {
            let started = Timestamp::from_seconds(at)
                .ok_or_else(|| wrong(&file, "inject_time is not a valid time in Unix seconds"))?;
            let mut services = label.services;
            if services.is_empty() && !label.service.is_empty() {
                services.push(label.service);
            }
            if services.is_empty() {
                return Err(wrong(
                    &file,
                    "names no service; write \"service\": \"carts\" or \"services\": [\"carts\", \"user\"]",
                ));
            }
            let of_service = |column: &str, s: &String| column.strip_prefix(&format!("{s}_")).map(ToOwned::to_owned);
            let metric = |column: String| services.iter().find_map(|s| of_service(&column, s));
            Some(Truth {
                root_metric: label.root_metric.and_then(metric),
                other_ends: BTreeMap::new(),
                felt_by: BTreeMap::new(),
                is_felt: None,
                services,
                fault: label.fault_type.unwrap_or_else(|| "unknown".to_owned()),
                started,
            })
        }
    };
    Ok(Case { observation, entry: label.entry_service, truth })
}

/// The calls observed in the case, else the traced calls of its traffic level, else the known calls of its system.
fn calls(location: &CaseLocation, label: &Label) -> Result<CallGraph, DatasetError> {
    if let Some(observed) = label.edges.as_ref().filter(|e| !e.is_empty()) {
        // Some recordings contain addresses instead of names.
        let named = observed.iter().filter(|(_, to)| !to.starts_with(|c: char| c.is_ascii_digit()));
        return Ok(calls::graph(&named.cloned().collect()));
    }
    let set_dir = location.path.parent().unwrap_or(&location.path);
    let level = if location.name.starts_with("high") { "high" } else { "low" };
    let traced = set_dir.join(format!("graph_{level}_traffic.json"));
    if !traced.exists() {
        return Ok(calls::graph(&calls::of_system(set_dir, label.system.as_deref().unwrap_or_default())?));
    }
    Ok(calls::graph(&json(&traced)?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Dataset;
    use super::*;

    #[test]
    fn a_case_is_read_with_its_calls_and_its_truth() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let case = root.join("shop/case_1");
        fs::create_dir_all(&case).unwrap();
        fs::create_dir_all(root.join("shop/quiet_1")).unwrap();
        fs::write(root.join("graphs.json"), r#"{"sock-shop": [["front-end", "carts"]]}"#).unwrap();
        let truth = r#"{"service": "carts", "system": "sock-shop", "inject_time": 3, "root_metric": "carts_cpu"}"#;
        fs::write(case.join("truth.json"), truth).unwrap();
        fs::write(root.join("shop/quiet_1/truth.json"), r#"{"service": "", "inject_time": null}"#).unwrap();
        fs::write(case.join("metrics.csv"), "time,carts_cpu,front-end_latency\n1,1,1\n2,1,1\n3,9,9\n").unwrap();
        let dataset = Dataset::open(root).unwrap();
        let locations: Vec<&CaseLocation> = dataset.incidents().collect();
        assert_eq!((locations.len(), locations[0].set.as_str(), locations[0].name.as_str()), (1, "shop", "case_1"));
        assert_eq!(dataset.quiet().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["quiet_1"]);
        let read = locations[0].read(true).unwrap();
        let truth = read.truth.unwrap();
        assert_eq!((truth.services, truth.root_metric), (vec!["carts".to_owned()], Some("cpu".to_owned())));
        assert_eq!(Some(truth.started), Timestamp::from_seconds(3.0));
        assert_eq!(read.observation.hint, WindowHint::default());
        assert_eq!(read.observation.calls.len(), 1);
        assert!(locations[0].read(false).unwrap().observation.calls.is_empty());
        // A set named directly is the same set.
        assert_eq!(Dataset::open(&root.join("shop")).unwrap().incidents().next().unwrap().set, "shop");
        // Several may be faulty at once; an empty list is not a truth.
        fs::write(
            case.join("truth.json"),
            r#"{"services": ["user", "carts"], "inject_time": 3, "root_metric": "carts_cpu"}"#,
        )
        .unwrap();
        let both = locations[0].read(true).unwrap().truth.unwrap();
        assert_eq!(
            (both.services, both.root_metric),
            (vec!["user".to_owned(), "carts".to_owned()], Some("cpu".to_owned()))
        );
        fs::write(case.join("truth.json"), r#"{"inject_time": 3}"#).unwrap();
        assert!(locations[0].read(true).unwrap_err().to_string().contains("names no service"));
        fs::write(case.join("truth.json"), "{").unwrap();
        let error = Dataset::open(root).unwrap().incidents().next().unwrap().read(true).unwrap_err().to_string();
        assert!(error.contains("truth.json"), "{error}");
    }
}
