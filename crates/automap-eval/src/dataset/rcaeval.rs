//! RCAEval's folders (Pham et al., WWW 2025): `<dataset>/<service>_<fault>/<repeat>/data.csv` with `inject_time.txt` beside it, and
//! `simple_metrics.csv` in place of `data.csv` in RE2 and RE3. Who calls whom is told by nobody; a `graph.json` in the dataset's folder
//! will be read.

use std::path::{Path, PathBuf};

use automap_core::time::{Interval, Timestamp, WindowHint};
use automap_sources::csv_table;

use super::files::{has, text, wrong};
use super::{Case, DatasetError, Place, Truth, calls};

/// Their harness looks at ten minutes on either side of the injection.
const SIDE_MS: i64 = 600_000;
/// Tables in the order in which their harness prefers them.
const TABLES: [&str; 2] = ["data.csv", "simple_metrics.csv"];
/// Faults whose root indicator has another name; `cpu`, `mem` and `socket` are called what they move.
const INDICATORS: [(&str, &str); 3] = [("delay", "latency"), ("loss", "latency"), ("disk", "diskio")];

pub(super) fn is_case(files: &[PathBuf]) -> bool {
    has(files, "inject_time.txt") && TABLES.iter().any(|name| has(files, name))
}

pub(super) fn read(place: &Place) -> Result<Case, DatasetError> {
    let scenario_dir = place.path.parent().unwrap_or(&place.path);
    let scenario = scenario_dir.file_name().unwrap_or_default().to_string_lossy();
    let Some((service, fault)) = scenario.rsplit_once('_') else {
        return Err(wrong(scenario_dir, "is not named <service>_<fault>"));
    };
    let started = inject_time(&place.path)?;
    let table = TABLES.iter().map(|name| place.path.join(name)).find(|p| p.exists());
    let table = table.ok_or_else(|| wrong(&place.path, "holds no data.csv"))?;
    let mut observation = csv_table::read(&table, WindowHint::default()).map_err(|e| wrong(&table, e))?;
    let around = Interval { start: started.plus_ms(-SIDE_MS), end: started.plus_ms(SIDE_MS) };
    observation.frame = observation.frame.within(around).map_err(|e| wrong(&table, e))?;
    let set_dir = scenario_dir.parent().unwrap_or(scenario_dir);
    let set = set_dir.file_name().unwrap_or_default().to_string_lossy();
    observation.calls = calls::graph(&calls::of_system(set_dir, &set)?);
    let root = INDICATORS.iter().find(|(name, _)| *name == fault).map_or(fault, |(_, indicator)| indicator);
    // The faults of RE3 are lines of code: f1, f2, …
    let is_code = fault.strip_prefix('f').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let truth = Truth {
        services: vec![service.to_owned()],
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
    time.ok_or_else(|| wrong(&file, format!("\"{first}\" is no time in Unix seconds")))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;

    use super::super::Dataset;
    use super::*;

    #[test]
    fn their_folders_are_read_as_their_harness_reads_them() {
        let root = std::env::temp_dir().join(format!("automap-rcaeval-{}", std::process::id()));
        let case = root.join("RE1/RE1-SS/carts-db_delay/1");
        fs::create_dir_all(&case).unwrap();
        let mut table = "time,carts-db_cpu,carts-db_latency-90,front-end_latency-90,time\n".to_owned();
        for t in 0..1500 {
            writeln!(table, "{t},1.0,2.0,,{t}").unwrap();
        }
        fs::write(case.join("data.csv"), table).unwrap();
        fs::write(case.join("inject_time.txt"), "700\n").unwrap();
        fs::write(root.join("RE1/RE1-SS/graph.json"), r#"[["front-end", "carts-db"]]"#).unwrap();
        let dataset = Dataset::open(&root).unwrap();
        let place = dataset.incidents().next().unwrap();
        assert_eq!((place.set.as_str(), place.name.as_str()), ("RE1/RE1-SS", "carts-db_delay/1"));
        let read = place.read(true).unwrap();
        assert_eq!(read.observation.frame.times().len(), 1200);
        assert_eq!(read.observation.frame.series().len(), 3);
        assert_eq!(read.observation.calls.len(), 1);
        let truth = read.truth.unwrap();
        assert_eq!((truth.scenario().as_str(), truth.started), ("carts-db delay", Timestamp::from_ms(700_000)));
        assert_eq!(truth.is_root("carts-db", "latency-90"), Some(true));
        fs::write(case.join("inject_time.txt"), "noon").unwrap();
        assert!(place.read(true).unwrap_err().to_string().contains("\"noon\" is no time"));
        fs::remove_dir_all(root).unwrap();
    }
}
