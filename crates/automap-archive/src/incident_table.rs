//! The table of incidents.

use std::path::Path;

use arrow_array::ArrayRef;
use automap_core::incident::Incident;
use automap_sources::parquet_columns::{flags, lists, numbers, strings, times};
use parquet::errors::ParquetError;

use crate::error::ArchiveError;
use crate::row::Row;
use crate::table::{self, Columns};

/// The columns of a [`Row`]; `target` and `month` come from the folder.
const OF_ROW: [&str; 15] = [
    "id",
    "opened",
    "onset",
    "closed",
    "state",
    "severity",
    "title",
    "cause",
    "mechanism",
    "confidence",
    "change",
    "first_candidate",
    "confirmed",
    "users_feel_it",
    "victims",
];
/// The whole record, as JSON.
const DOCUMENT: &str = "document";

/// The table as a Parquet file, in the order given.
pub(crate) fn write(incidents: &[Incident]) -> Result<Vec<u8>, ParquetError> {
    let text = |of: &dyn Fn(&Incident) -> Option<String>| strings(incidents.iter().map(of));
    let cause = |i: &Incident| i.cause.clone();
    let first = |i: &Incident| Some(i.report.as_ref()?.causes.first()?.service.clone());
    let document = |i: &Incident| serde_json::to_string(i).ok();
    let columns: Vec<ArrayRef> = vec![
        text(&|i| Some(i.id.clone())),
        times(incidents.iter().map(|i| Some(i.opened.ms()))),
        times(incidents.iter().map(|i| Some(i.onset.ms()))),
        times(incidents.iter().map(|i| Some(i.closed?.ms()))),
        text(&|i| Some(i.state.as_str().to_owned())),
        text(&|i| Some(i.severity.as_str().to_owned())),
        text(&|i| Some(i.title.clone())),
        text(&|i| Some(cause(i)?.service)),
        text(&|i| cause(i)?.mechanism),
        numbers(incidents.iter().map(|i| Some(i.cause.as_ref()?.confidence))),
        text(&|i| cause(i)?.change),
        text(&first),
        text(&|i| i.confirmed.clone()),
        flags(incidents.iter().map(|i| i.report.as_ref()?.verdict.is_felt)),
        lists(incidents.iter().map(|i| Some(i.victims.iter().map(String::as_str)))),
    ];
    let mut all: Vec<(&str, ArrayRef)> = OF_ROW.into_iter().zip(columns).collect();
    all.push((DOCUMENT, text(&document)));
    table::write(all)
}

/// The rows of a file; none if there is no such file.
pub(crate) fn rows(path: &Path, target: &str) -> Result<Vec<Row>, ArchiveError> {
    let mut rows = Vec::new();
    for columns in table::read(path, &OF_ROW)? {
        rows.extend(rows_of(&columns, target)?);
    }
    Ok(rows)
}

/// The ids of a file's incidents; none if there is no such file.
pub(crate) fn ids(path: &Path) -> Result<Vec<String>, ArchiveError> {
    let mut ids = Vec::new();
    for columns in table::read(path, &["id"])? {
        ids.extend(columns.all("id", columns.strings("id")?)?);
    }
    Ok(ids)
}

/// The whole records of a file; none if there is no such file.
pub(crate) fn documents(path: &Path) -> Result<Vec<Incident>, ArchiveError> {
    let mut incidents = Vec::new();
    for columns in table::read(path, &[DOCUMENT])? {
        for document in columns.all(DOCUMENT, columns.strings(DOCUMENT)?)? {
            let incident = serde_json::from_str(&document);
            incidents.push(incident.map_err(|e| columns.unreadable(format!("a document is no incident: {e}")))?);
        }
    }
    Ok(incidents)
}

fn rows_of(columns: &Columns, target: &str) -> Result<Vec<Row>, ArchiveError> {
    let words = |name: &str| columns.strings(name).map(Vec::into_iter);
    let all = |name: &str| columns.all(name, columns.strings(name)?).map(Vec::into_iter);
    let (mut ids, mut states, mut severities, mut titles) =
        (all("id")?, all("state")?, all("severity")?, all("title")?);
    let mut opened = columns.all("opened", columns.times("opened")?)?.into_iter();
    let mut onsets = columns.all("onset", columns.times("onset")?)?.into_iter();
    let (mut closed, mut confidences) =
        (columns.times("closed")?.into_iter(), columns.numbers("confidence")?.into_iter());
    let (mut causes, mut mechanisms, mut changes) = (words("cause")?, words("mechanism")?, words("change")?);
    let (mut firsts, mut confirmed) = (words("first_candidate")?, words("confirmed")?);
    let (mut felt, mut victims) = (columns.flags("users_feel_it")?.into_iter(), columns.lists("victims")?.into_iter());
    let mut row = || {
        Some(Row {
            id: ids.next()?,
            target: target.to_owned(),
            opened: opened.next()?,
            onset: onsets.next()?,
            closed: closed.next()?,
            state: states.next()?,
            severity: severities.next()?,
            title: titles.next()?,
            cause: causes.next()?,
            mechanism: mechanisms.next()?,
            confidence: confidences.next()?,
            change: changes.next()?,
            first_candidate: firsts.next()?,
            confirmed: confirmed.next()?,
            users_feel_it: felt.next()?,
            victims: victims.next()?,
        })
    };
    Ok((0..columns.rows()).map_while(|_| row()).collect())
}
