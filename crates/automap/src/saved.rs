//! Reads an incident that was saved as JSON: the data of a page (`automap report -o json`), a report (`automap diagnose -o json`), or an
//! incident from the API or `automap incidents show -o json`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use automap_core::dossier::{DOSSIER_SCHEMA_VERSION, Dossier, of_report_alone};
use automap_core::incident::{INCIDENT_SCHEMA_VERSION, Incident};
use automap_core::report::{Report, SCHEMA_VERSION};
use automap_sources::bounded::read_file;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::args::file::is_standard;

/// Largest file that is read: many times the page's data of the largest system.
const MAX_BYTES: u64 = 64 << 20;
/// How many bytes are searched for the first non-space.
const PEEK_BYTES: usize = 256;

/// What was saved.
#[derive(Debug)]
pub(crate) struct Saved {
    /// The incident, if it was saved.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only a page shows incidents"))]
    pub(crate) incident: Option<Incident>,
    /// Everything that a page shows; without series if only the report was saved.
    pub(crate) dossier: Dossier,
}

/// The keys that identify the kind of document.
#[derive(Deserialize)]
struct Keys {
    schema_version: Option<u32>,
    timeline: Option<IgnoredAny>,
    map: Option<IgnoredAny>,
    verdict: Option<IgnoredAny>,
}

/// Reads a JSON file; `None` if it is missing or something else, such as a capture.
pub(crate) fn read(path: &Path) -> Result<Option<Saved>> {
    if is_standard(path) || !begins_as_json(path) {
        return Ok(None);
    }
    let bytes = read_file(path, MAX_BYTES)?;
    parse(&bytes).with_context(|| path.display().to_string()).map(Some)
}

fn begins_as_json(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(PEEK_BYTES as u64).read_to_end(&mut start));
    read.is_ok() && start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

fn parse(bytes: &[u8]) -> Result<Saved> {
    let keys: Keys =
        serde_json::from_slice(bytes).map_err(|e| anyhow!("it is not a JSON document: {e}; save it again"))?;
    let version = keys.schema_version;
    if keys.timeline.is_some() {
        let incident: Incident = of_version(bytes, "an incident", version, INCIDENT_SCHEMA_VERSION)?;
        let Some(report) = incident.report.clone() else {
            bail!("{} was never diagnosed, so there is nothing to show", incident.id);
        };
        return Ok(Saved { dossier: of_report_alone(report), incident: Some(incident) });
    }
    let dossier = if keys.map.is_some() {
        of_version(bytes, "the data of a page", version, DOSSIER_SCHEMA_VERSION)?
    } else if keys.verdict.is_some() {
        of_report_alone(of_version::<Report>(bytes, "a report", version, SCHEMA_VERSION)?)
    } else {
        bail!(
            "it is JSON, but neither a report nor an incident; write one with `automap report -o json` or `automap diagnose -o json`"
        );
    };
    Ok(Saved { incident: None, dossier })
}

fn of_version<T: DeserializeOwned>(bytes: &[u8], what: &str, version: Option<u32>, newest: u32) -> Result<T> {
    if let Some(version) = version.filter(|version| *version > newest) {
        bail!(
            "it is {what} of version {version}, but this automap reads up to {newest}; use the automap that wrote it"
        );
    }
    serde_json::from_slice(bytes).map_err(|e| anyhow!("it looks like {what}, but cannot be read: {e}; save it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        format!("{:#}", parse(text.as_bytes()).unwrap_err())
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert!(error("{").contains("not a JSON document"));
        assert!(error(r#"{"a": 1}"#).contains("neither a report nor an incident"));
        assert!(error(r#"{"schema_version": 99, "verdict": {}}"#).contains("reads up to 4"));
        assert!(error(r#"{"schema_version": 4, "verdict": {}}"#).contains("looks like a report"));
        assert!(error(r#"{"schema_version": 1, "timeline": []}"#).contains("looks like an incident"));
    }

    #[test]
    fn other_files_are_left_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        std::fs::write(&path, "time,payment_latency_ms\n").unwrap();
        assert!(read(&path).unwrap().is_none());
        assert!(read(&folder.path().join("gone")).unwrap().is_none() && read(Path::new("-")).unwrap().is_none());
    }
}
