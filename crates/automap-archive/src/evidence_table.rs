//! The table of metrics that changed: those of the candidates and victims in each incident's latest report.

use std::path::Path;

use automap_core::incident::Incident;
use automap_core::report::Evidence;
use automap_sources::parquet_columns::{counts, numbers, strings};
use parquet::errors::ParquetError;

use crate::error::ArchiveError;
use crate::row::Change;
use crate::table::{self, Columns};

const COLUMNS: [&str; 10] =
    ["id", "service", "rank", "metric", "seen_by", "peer", "level_before", "level_during", "unit", "strength"];

/// The changed metrics of an incident, the most likely candidate first.
pub fn of(incident: &Incident) -> Vec<Change> {
    let Some(report) = &incident.report else { return Vec::new() };
    let one = |service: &str, rank: Option<u32>, e: &Evidence| Change {
        id: incident.id.clone(),
        service: service.to_owned(),
        rank,
        metric: e.metric.name.clone(),
        seen_by: e.seen_by.clone(),
        peer: e.peer.clone(),
        from: e.from,
        to: e.to,
        unit: e.unit.as_str().to_owned(),
        strength: e.strength,
    };
    let candidates =
        report.causes.iter().flat_map(|c| c.evidence.iter().map(|e| one(&c.service, Some(c.rank as u32), e)));
    let victims = report.victims.iter().flat_map(|v| v.evidence.iter().map(|e| one(&v.service, None, e)));
    candidates.chain(victims).collect()
}

/// The table as a Parquet file.
pub(crate) fn write(incidents: &[Incident]) -> Result<Vec<u8>, ParquetError> {
    let all: Vec<Change> = incidents.iter().flat_map(of).collect();
    let text = |of: &dyn Fn(&Change) -> Option<String>| strings(all.iter().map(of));
    let columns = vec![
        text(&|c| Some(c.id.clone())),
        text(&|c| Some(c.service.clone())),
        counts(all.iter().map(|c| c.rank)),
        text(&|c| Some(c.metric.clone())),
        text(&|c| Some(c.seen_by.clone())),
        text(&|c| c.peer.clone()),
        numbers(all.iter().map(|c| c.from)),
        numbers(all.iter().map(|c| c.to)),
        text(&|c| Some(c.unit.clone())),
        numbers(all.iter().map(|c| Some(c.strength))),
    ];
    table::write(COLUMNS.into_iter().zip(columns).collect())
}

/// The rows of a file; none if there is no such file.
pub(crate) fn rows(path: &Path) -> Result<Vec<Change>, ArchiveError> {
    let mut rows = Vec::new();
    for columns in table::read(path, &COLUMNS)? {
        rows.extend(rows_of(&columns)?);
    }
    Ok(rows)
}

fn rows_of(columns: &Columns) -> Result<Vec<Change>, ArchiveError> {
    let all = |name: &str| columns.all(name, columns.strings(name)?).map(Vec::into_iter);
    let (mut ids, mut services, mut metrics) = (all("id")?, all("service")?, all("metric")?);
    let (mut seen_by, mut units) = (all("seen_by")?, all("unit")?);
    let (mut peers, mut ranks) = (columns.strings("peer")?.into_iter(), columns.counts("rank")?.into_iter());
    let (mut from, mut to) =
        (columns.numbers("level_before")?.into_iter(), columns.numbers("level_during")?.into_iter());
    let mut strengths = columns.all("strength", columns.numbers("strength")?)?.into_iter();
    let mut row = || {
        Some(Change {
            id: ids.next()?,
            service: services.next()?,
            rank: ranks.next()?,
            metric: metrics.next()?,
            seen_by: seen_by.next()?,
            peer: peers.next()?,
            from: from.next()?,
            to: to.next()?,
            unit: units.next()?,
            strength: strengths.next()?,
        })
    };
    Ok((0..columns.rows()).map_while(|_| row()).collect())
}
