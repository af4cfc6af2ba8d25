//! The folders of RCAEval (Pham et al., WWW 2025): `<dataset>/<service>_<fault>/<repeat>/data.csv` with `inject_time.txt` beside it; RE2 and
//! RE3 have `simple_metrics.csv` instead of `data.csv`.
//!
//! RCAEval publishes no call graphs. A `graph.json` in the dataset's folder is read if there is one.

use std::path::{Path, PathBuf};

use automap_core::time::{Interval, Timestamp, WindowHint};
use automap_sources::table::{self, TableOptions};

use super::calls;
use super::case::{Case, CaseLocation, DatasetError, Truth};
use super::files::{has, text, wrong};

/// RCAEval's harness uses ten minutes before and after the injection.
const SIDE_MS: i64 = 600_000;
/// Table names in the order of preference of RCAEval's harness.
const TABLES: [&str; 2] = ["data.csv", "simple_metrics.csv"];
/// Faults whose root indicator has a different name. `cpu`, `mem` and `socket` faults are named after the metric that they change.
const INDICATORS: [(&str, &str); 3] = [("delay", "latency"), ("loss", "latency"), ("disk", "diskio")];

pub(super) fn is_case(files: &[PathBuf]) -> bool {
    has(files, "inject_time.txt") && TABLES.iter().any(|name| has(files, name))
}

pub(super) fn read(location: &CaseLocation) -> Result<Case, DatasetError> {
    let scenario_dir = location.path.parent().unwrap_or(&location.path);
    let scenario = scenario_dir.file_name().unwrap_or_default().to_string_lossy();
    let Some((service, fault)) = scenario.rsplit_once('_') else {
        return Err(wrong(scenario_dir, "is not named <service>_<fault>"));
    };
    let started = inject_time(&location.path)?;
    let table = TABLES.iter().map(|name| location.path.join(name)).find(|p| p.exists());
    let table = table.ok_or_else(|| wrong(&location.path, "holds no data.csv"))?;
    let mut observation =
        table::read(&table, WindowHint::default(), &TableOptions::default()).map_err(|e| wrong(&table, e))?;
    let around = Interval { start: started.plus_ms(-SIDE_MS), end: started.plus_ms(SIDE_MS) };
    observation.frame = observation.frame.within(around).map_err(|e| wrong(&table, e))?;
    let set_dir = scenario_dir.parent().unwrap_or(scenario_dir);
    let set = set_dir.file_name().unwrap_or_default().to_string_lossy();
    observation.calls = calls::graph(&calls::of_system(set_dir, &set)?);
    let root = INDICATORS.iter().find(|(name, _)| *name == fault).map_or(fault, |(_, indicator)| indicator);
    // The faults of RE3 are bugs in the code, named f1, f2, …; no metric is their root.
    let is_code = fault.strip_prefix('f').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let truth = Truth {
        services: vec![service.to_owned()],
        other_ends: Default::default(),
        felt_by: Default::default(),
        is_felt: None,
        root_metric: (!is_code).then(|| root.to_owned()),
        fault: fault.to_owned(),
        started,
    };
    Ok(Case { observation, entry: None, truth: Some(truth) })
}

fn inject_time(dir: &Path) -> Result<Timestamp, DatasetError> {
    let file = dir.join("inject_time.txt");
    let text = text(&file)?;
    let first = text.lines().next().unwrap_or_default().trim();
    let time = first.parse::<f64>().ok().and_then(Timestamp::from_seconds);
    time.ok_or_else(|| wrong(&file, format!("\"{first}\" is not a time in Unix seconds")))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;

    use super::super::Dataset;
    use super::*;

    #[test]
    fn folders_are_read_as_the_rcaeval_harness_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let case = root.join("RE1/RE1-SS/carts-db_delay/1");
        fs::create_dir_all(&case).unwrap();
        let mut table = "time,carts-db_cpu,carts-db_latency-90,front-end_latency-90,time\n".to_owned();
        for t in 0..1500 {
            writeln!(table, "{t},1.0,2.0,,{t}").unwrap();
        }
        fs::write(case.join("data.csv"), table).unwrap();
        fs::write(case.join("inject_time.txt"), "700\n").unwrap();
        fs::write(root.join("RE1/RE1-SS/graph.json"), r#"[["front-end", "carts-db"]]"#).unwrap();
        let dataset = Dataset::open(root).unwrap();
        let location = dataset.incidents().next().unwrap();
        assert_eq!((location.set.as_str(), location.name.as_str()), ("RE1/RE1-SS", "carts-db_delay/1"));
        let read = location.read(true).unwrap();
        assert_eq!(read.observation.frame.times().len(), 1200);
        assert_eq!(read.observation.frame.series().len(), 3);
        assert_eq!(read.observation.calls.len(), 1);
        let truth = read.truth.unwrap();
        assert_eq!((truth.scenario().as_str(), truth.started), ("carts-db delay", Timestamp::from_ms(700_000)));
        assert_eq!(truth.is_root("carts-db", "latency-90"), Some(true));
        fs::write(case.join("inject_time.txt"), "noon").unwrap();
        assert!(location.read(true).unwrap_err().to_string().contains("\"noon\" is not a time"));
    }
}
