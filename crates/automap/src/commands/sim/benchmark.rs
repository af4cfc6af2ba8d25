//! The published benchmark: the same incidents wherever it is made, with the truth as two Parquet tables next to the captures.
//!
//! ```text
//! incidents.parquet   one row for each incident: its system, split, number of faults, whether users felt it
//! faults.parquet      one row for each fault and decoy: place, mechanism, onset, who felt it, the path to the users
//! about.json          the version, and the options that made it
//! system-01/incident-0001.parquet, incident-0001.json, …   what `automap sim DIR` writes
//! ```

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use automap_eval::truth_table::{self, LabelledIncident};
use serde_json::json;

use super::captures::{Made, check_empty, table, write_all};
use super::spec::SimSpec;
use crate::console::{print, say};

/// Incremented when any byte of the incidents changes.
const VERSION: u32 = 1;

/// Its options.
pub(super) fn spec() -> SimSpec {
    SimSpec {
        incidents: 1200,
        systems: 40,
        services: 8..=60,
        users_per_s: 20.0,
        minutes: 20,
        scrape_s: 5,
        double: 0.2,
        spreading: 0.1,
        seed: 20_261_130,
    }
}

/// Writes it below `dir`.
pub(super) fn write(spec: &SimSpec, dir: &Path) -> Result<()> {
    check_empty(dir)?;
    let made = write_all(spec, dir)?;
    let rows: Vec<LabelledIncident<'_>> = made.iter().map(labelled).collect();
    let about = json!({
        "version": VERSION,
        "incidents": spec.incidents,
        "systems": spec.systems,
        "services": [spec.services.start(), spec.services.end()],
        "users_per_s": spec.users_per_s,
        "minutes": spec.minutes,
        "scrape_s": spec.scrape_s,
        "double": spec.double,
        "spreading": spec.spreading,
        "seed": spec.seed,
        "made_by": concat!("automap ", env!("CARGO_PKG_VERSION")),
    });
    let about = serde_json::to_string_pretty(&about)? + "\n";
    for (name, bytes) in [
        ("incidents.parquet", truth_table::incidents(&rows)?),
        ("faults.parquet", truth_table::faults(&rows)?),
        ("about.json", about.into_bytes()),
    ] {
        let path = dir.join(name);
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    }
    print(&table(&made))?;
    let dir = dir.display();
    say(&format!("{} incidents in {dir}; score with: automap eval {dir} --onset known,detected --quiet", made.len()));
    Ok(())
}

fn labelled(made: &Made) -> LabelledIncident<'_> {
    LabelledIncident {
        system: &made.system,
        name: &made.name,
        services: made.services,
        injected: &made.injected,
        is_for_tuning: is_for_tuning(&made.system),
    }
}

/// Systems with odd numbers are for tuning a method; the others are reserved for its test.
fn is_for_tuning(system: &str) -> bool {
    system.ends_with(['1', '3', '5', '7', '9'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_a_thousand_incidents_and_is_the_same_wherever_it_is_made() {
        assert!(spec().incidents >= 1000 && spec().several().check().is_ok());
        let small = SimSpec { incidents: 3, systems: 2, services: 5..=6, minutes: 6, ..spec() };
        let made = || {
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join("benchmark");
            write(&small, &folder).unwrap();
            let files = ["incidents.parquet", "faults.parquet", "about.json", "system-02/incident-0002.parquet"];
            files.map(|file| fs::read(folder.join(file)).unwrap())
        };
        let first = made();
        assert!(first == made());
        assert!(first[..2].iter().all(|bytes| bytes.starts_with(b"PAR1")));
        assert!(is_for_tuning("system-07") && !is_for_tuning("system-40"));
    }
}
