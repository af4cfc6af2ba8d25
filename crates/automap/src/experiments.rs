//! The chaos ledger that `serve` and `incidents show` display with an incident. It is read again for every request, because a recorder
//! keeps writing to it.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use automap_chaos::{Entry, file};
use automap_core::time::{Interval, Timestamp};
use automap_server::system::{Experiment, ExperimentSource};

/// The file that `automap chaos record` writes.
#[derive(Debug)]
pub(crate) struct LedgerFile(pub(crate) PathBuf);

impl ExperimentSource for LedgerFile {
    fn during(&self, period: Interval) -> Result<Vec<Experiment>, String> {
        let entries = entries(&self.0).map_err(|e| format!("{e:#}"))?;
        Ok(during(&entries, period))
    }
}

/// The experiments in place at some time in the period.
pub(crate) fn during(entries: &[Entry], period: Interval) -> Vec<Experiment> {
    entries.iter().filter(|e| overlaps(e, period)).map(experiment).collect()
}

fn entries(path: &Path) -> Result<Vec<Entry>> {
    let place = || path.display().to_string();
    file::read(BufReader::new(File::open(path).with_context(place)?)).with_context(place)
}

/// Whether it was in place at some time in the period; `false` if its start is unknown.
fn overlaps(entry: &Entry, period: Interval) -> bool {
    entry.started.is_some_and(|started| started < period.end) && entry.ended.is_none_or(|ended| ended > period.start)
}

fn experiment(entry: &Entry) -> Experiment {
    let name =
        if entry.namespace.is_empty() { entry.name.clone() } else { format!("{}/{}", entry.namespace, entry.name) };
    Experiment {
        name,
        fault: format!("{} {}", entry.kind, entry.action).trim_end().to_owned(),
        places: entry.places().into_iter().map(ToOwned::to_owned).collect(),
        started: entry.started,
        ended: entry.ended,
    }
}

/// One line of text per experiment: what, where, from when to when.
pub(crate) fn lines(experiments: &[Experiment], clock: impl Fn(Timestamp) -> String) -> Vec<String> {
    let line = |e: &Experiment| {
        let places = if e.places.is_empty() { String::new() } else { format!(" at {}", e.places.join(", ")) };
        let from = e.started.map_or_else(|| "–".to_owned(), &clock);
        let to = e.ended.map_or_else(|| "now".to_owned(), &clock);
        format!("{from} to {to}  {}{places}  ({})", e.fault, e.name)
    };
    experiments.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(dir: &Path, spans: &[(i64, Option<i64>)]) -> LedgerFile {
        let path = dir.join("chaos.jsonl");
        let rfc = |s: i64| Timestamp::from_ms(s * 1000).rfc3339();
        let line = |(i, (from, to)): (usize, &(i64, Option<i64>))| {
            serde_json::json!({
                "key": format!("{i}/1"), "experiment": i.to_string(), "kind": "NetworkChaos", "name": format!("delay-{i}"),
                "namespace": "shop", "action": "delay", "peers": [], "fraction": null, "started": rfc(*from), "ended": to.map(rfc),
                "targets": [{"namespace": "shop", "pod": "", "container": null, "service": "payment", "from": null, "to": null}],
                "state": if to.is_some() { "injected" } else { "running" }, "source": "records", "parent": null,
                "expected_metric": null, "ineffective": null, "seen": null, "notes": []
            })
            .to_string()
                + "\n"
        };
        std::fs::write(&path, spans.iter().enumerate().map(line).collect::<String>()).unwrap();
        LedgerFile(path)
    }

    #[test]
    fn experiments_that_overlap_the_period_are_shown() {
        let dir = tempfile::tempdir().unwrap();
        let source = ledger(dir.path(), &[(0, Some(100)), (50, Some(150)), (180, None), (300, None)]);
        let at = |s: i64| Timestamp::from_ms(s * 1000);
        let shown = source.during(Interval { start: at(100), end: at(200) }).unwrap();
        assert_eq!(
            lines(&shown, |t| (t.ms() / 1000).to_string()),
            [
                "50 to 150  NetworkChaos delay at payment  (shop/delay-1)",
                "180 to now  NetworkChaos delay at payment  (shop/delay-2)"
            ]
        );
        let gone = LedgerFile(dir.path().join("none")).during(Interval { start: at(0), end: at(1) }).unwrap_err();
        assert!(gone.contains("none"), "{gone}");
    }
}
