//! The folder itself: its parts, how they are read, and how incidents are added.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use automap_core::incident::Incident;
use automap_core::time::Timestamp;
use automap_sources::whole_file;

use crate::error::ArchiveError;
use crate::merge::Merge;
use crate::partition::{self, Partition, encoded};
use crate::row::{Change, Row};
use crate::{evidence_table, incident_table, table};

const INCIDENTS: &str = "incidents";
const EVIDENCE: &str = "evidence";
const CAPTURES: &str = "captures";
/// Locked while a process adds incidents.
const LOCK: &str = ".lock";
/// Most incidents, and most changed metrics, in one answer.
const MAX_ROWS: usize = 1_000_000;

/// An archive.
#[derive(Clone, Debug)]
pub struct Archive {
    root: PathBuf,
}

/// Selects incidents; everything unset matches all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this target.
    pub target: Option<String>,
    /// Opened at this time or later.
    pub since: Option<Timestamp>,
    /// Opened before this time.
    pub until: Option<Timestamp>,
    /// With this cause: the confirmed one, or the named one if none is confirmed.
    pub cause: Option<String>,
    /// With this kind of fault.
    pub mechanism: Option<String>,
}

/// Result of [`Archive::add`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Incidents that were new.
    pub new: usize,
    /// Incidents that replaced an earlier revision.
    pub later: usize,
    /// Incidents that were already present in this or a later revision.
    pub known: usize,
    /// Incidents that were not added: what is there stays as it is.
    pub left_out: Vec<LeftOut>,
}

/// An incident that was not added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: &'static str,
}

impl Filter {
    fn lets_through(&self, row: &Row) -> bool {
        let is_in_time = self.since.is_none_or(|t| row.opened >= t) && self.until.is_none_or(|t| row.opened < t);
        let has = |wanted: &Option<String>, value: Option<&str>| wanted.as_deref().is_none_or(|w| Some(w) == value);
        is_in_time && has(&self.cause, row.known_cause()) && has(&self.mechanism, row.mechanism.as_deref())
    }
}

impl Archive {
    /// Opens an archive.
    ///
    /// # Errors
    /// [`ArchiveError::Absent`] if the folder contains none.
    pub fn open(root: &Path) -> Result<Self, ArchiveError> {
        match root.join(INCIDENTS).is_dir() {
            true => Ok(Self { root: root.to_owned() }),
            false => Err(ArchiveError::Absent(root.to_owned())),
        }
    }

    /// Opens an archive, or creates it.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] if the folder cannot be created.
    pub fn create(root: &Path) -> Result<Self, ArchiveError> {
        let incidents = root.join(INCIDENTS);
        fs::create_dir_all(&incidents).map_err(ArchiveError::io(&incidents))?;
        Self::open(root)
    }

    /// Adds incidents; earlier revisions are replaced, by the rules of [`automap_core::incident::history`]. Each changed month is rewritten as a whole or
    /// not at all; months are written one after the other, so that after an error the earlier ones are done, and adding again does the rest. Waits for
    /// other processes that are adding.
    ///
    /// # Errors
    /// When a month cannot be read or written, or would become too large to be read.
    pub fn add(&self, incidents: Vec<Incident>) -> Result<Added, ArchiveError> {
        let _lock = self.lock()?;
        let mut added = Added::default();
        let mut by_part: BTreeMap<Partition, Vec<Incident>> = BTreeMap::new();
        for incident in incidents {
            match Partition::of(&incident.target, incident.opened) {
                Some(part) => by_part.entry(part).or_default().push(incident),
                None => added.left_out.push(LeftOut { id: incident.id, reason: partition::NO_MONTH }),
            }
        }
        let mut elsewhere = self.elsewhere(&by_part)?;
        for (part, incidents) in by_part {
            let mut merge = Merge::onto(incident_table::documents(&self.incidents_file(&part))?);
            incidents.into_iter().for_each(|incident| merge.take(incident, &mut elsewhere, &mut added));
            if merge.is_changed {
                self.write(&part, &merge.sorted())?;
            }
        }
        Ok(added)
    }

    /// Of the ids that are new to their part, those that another part holds: an id belongs to one incident for ever.
    fn elsewhere(&self, by_part: &BTreeMap<Partition, Vec<Incident>>) -> Result<BTreeSet<String>, ArchiveError> {
        let mut new: BTreeSet<&str> = BTreeSet::new();
        for (part, incidents) in by_part {
            let known: BTreeSet<String> = incident_table::ids(&self.incidents_file(part))?.into_iter().collect();
            new.extend(incidents.iter().map(|i| i.id.as_str()).filter(|id| !known.contains(*id)));
        }
        let mut held = BTreeSet::new();
        if new.is_empty() {
            return Ok(held);
        }
        for part in self.parts(&Filter::default())? {
            let ids = incident_table::ids(&self.incidents_file(&part))?;
            held.extend(ids.into_iter().filter(|id| new.contains(id.as_str())));
        }
        Ok(held)
    }

    /// Stores the metrics of an incident, a capture's bytes. Returns the path.
    ///
    /// # Errors
    /// When the file cannot be written, or no month can be named for the incident.
    pub fn add_capture(&self, incident: &Incident, capture: &[u8]) -> Result<PathBuf, ArchiveError> {
        let part = Partition::of(&incident.target, incident.opened);
        let part =
            part.ok_or_else(|| ArchiveError::NoMonth { id: incident.id.clone(), reason: partition::NO_MONTH })?;
        let file = part.folder(&self.root.join(CAPTURES)).join(format!("{}.parquet", encoded(&incident.id)));
        replace(&file, capture)?;
        Ok(file)
    }

    /// The incidents that match the filter, the first opened first.
    ///
    /// # Errors
    /// When a part cannot be read, or more than a million match.
    pub fn incidents(&self, filter: &Filter) -> Result<Vec<Row>, ArchiveError> {
        let mut rows = Vec::new();
        for part in self.parts(filter)? {
            let of_part = incident_table::rows(&self.incidents_file(&part), &part.target)?;
            rows.extend(of_part.into_iter().filter(|row| filter.lets_through(row)));
            bounded("incidents", rows.len())?;
        }
        rows.sort_by(|a, b| a.opened.cmp(&b.opened).then_with(|| a.id.cmp(&b.id)));
        Ok(rows)
    }

    /// The changed metrics in the incidents of a target and a time. Causes and kinds of faults in the filter are ignored: they belong to the rows of
    /// [`Archive::incidents`].
    ///
    /// # Errors
    /// As for [`Archive::incidents`].
    pub fn evidence(&self, filter: &Filter) -> Result<Vec<Change>, ArchiveError> {
        let mut all = Vec::new();
        for part in self.parts(filter)? {
            all.extend(evidence_table::rows(&part.folder(&self.root.join(EVIDENCE)).join("evidence.parquet"))?);
            bounded("changed metrics", all.len())?;
        }
        Ok(all)
    }

    /// The whole record of one incident; `None` if it is not there.
    ///
    /// # Errors
    /// As for [`Archive::incidents`].
    pub fn record(&self, id: &str) -> Result<Option<Incident>, ArchiveError> {
        let mut parts = self.parts(&Filter::default())?;
        // Ids begin with their target.
        parts.sort_by_key(|part| !id.starts_with(&part.target));
        for part in parts {
            let file = self.incidents_file(&part);
            if incident_table::rows(&file, &part.target)?.iter().any(|row| row.id == id) {
                return Ok(incident_table::documents(&file)?.into_iter().find(|i| i.id == id));
            }
        }
        Ok(None)
    }

    fn incidents_file(&self, part: &Partition) -> PathBuf {
        part.folder(&self.root.join(INCIDENTS)).join("incidents.parquet")
    }

    /// Both files are checked before the first is replaced: what readers would refuse is not written. The evidence is written first: if the power fails
    /// between the two, it has more than the incidents, and adding again repairs that.
    fn write(&self, part: &Partition, incidents: &[Incident]) -> Result<(), ArchiveError> {
        let (evidence, rows) =
            (part.folder(&self.root.join(EVIDENCE)).join("evidence.parquet"), self.incidents_file(part));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |e: parquet::errors::ParquetError| ArchiveError::Unwritable { path, reason: e.to_string() }
        };
        let of_evidence = table::checked(&evidence, evidence_table::write(incidents).map_err(failed(&evidence))?)?;
        let of_rows = table::checked(&rows, incident_table::write(incidents).map_err(failed(&rows))?)?;
        replace(&evidence, &of_evidence)?;
        replace(&rows, &of_rows)
    }

    /// The parts that may match a filter. Folders with other names are ignored.
    fn parts(&self, filter: &Filter) -> Result<Vec<Partition>, ArchiveError> {
        let mut parts = Vec::new();
        for target in names_in(&self.root.join(INCIDENTS))? {
            let folder = self.root.join(INCIDENTS).join(&target);
            if !folder.is_dir() {
                continue;
            }
            parts.extend(names_in(&folder)?.iter().filter_map(|month| Partition::from_names(&target, month)));
        }
        let is_target = |p: &Partition| filter.target.as_ref().is_none_or(|target| *target == p.target);
        parts.retain(|p| is_target(p) && p.overlaps(filter.since, filter.until));
        parts.sort();
        Ok(parts)
    }

    fn lock(&self) -> Result<File, ArchiveError> {
        let path = self.root.join(LOCK);
        let file = File::create(&path).map_err(ArchiveError::io(&path))?;
        file.lock().map_err(ArchiveError::io(&path))?;
        Ok(file)
    }
}

fn bounded(what: &'static str, count: usize) -> Result<(), ArchiveError> {
    if count > MAX_ROWS { Err(ArchiveError::TooMany { what, limit: MAX_ROWS }) } else { Ok(()) }
}

fn names_in(folder: &Path) -> Result<Vec<String>, ArchiveError> {
    let entries = fs::read_dir(folder).map_err(ArchiveError::io(folder))?;
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(ArchiveError::io(folder))?.file_name().into_string().ok());
    }
    Ok(names)
}

/// Writes a file that appears whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(ArchiveError::io(folder))?;
    }
    whole_file::write(path, bytes).map_err(ArchiveError::io(path))
}
