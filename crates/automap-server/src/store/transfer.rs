//! Exports and imports incidents as JSON lines: one incident a line, the latest opened first.

use std::io::{self, BufRead, Read as _, Write};

use automap_core::incident::{INCIDENT_SCHEMA_VERSION, Incident};

use super::{Cursor, IncidentFilter, Store, StoreError};

/// Longest line that is read: an incident with a report of the largest system, many times over.
pub const MAX_LINE_BYTES: u64 = 32 << 20;

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// New, or later than what was kept.
    pub written: u64,
    /// Kept already, in this revision or a later one.
    pub known: u64,
    /// Left out: their id belongs to another incident here, or to a closed one that would be altered.
    pub refused: u64,
}

/// Why a transfer stopped.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error("the lines cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// A line that is not an incident; those before it were stored.
    #[error("line {line} is no incident: {reason}; what stands before it was taken")]
    Line {
        /// From 1.
        line: u64,
        /// Why.
        reason: String,
    },
}

/// Writes the incidents that match the filter, all pages, with their reports. Returns how many.
///
/// # Errors
/// When the store or `out` fails.
pub fn export(store: &dyn Store, filter: &IncidentFilter, out: &mut dyn Write) -> Result<u64, TransferError> {
    let mut count = 0;
    each(store, filter, |incident| {
        serde_json::to_writer(&mut *out, &incident).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        count += 1;
        Ok::<(), TransferError>(())
    })?;
    out.flush()?;
    Ok(count)
}

/// Passes the incidents that match the filter to `take`, all pages, with their reports, the latest opened first.
///
/// # Errors
/// When the store fails, and the first error of `take`.
pub fn each<E: From<StoreError>>(
    store: &dyn Store,
    filter: &IncidentFilter,
    mut take: impl FnMut(Incident) -> Result<(), E>,
) -> Result<(), E> {
    let mut filter = IncidentFilter { limit: 0, ..filter.clone() };
    loop {
        let page = store.list(&filter)?;
        let Some(last) = page.last() else { return Ok(()) };
        filter.after = Some(Cursor { opened: last.opened, id: last.id.clone() });
        for incident in &page {
            // It may have been pruned in between.
            if let Some(incident) = store.get(&incident.id)? {
                take(incident)?;
            }
        }
    }
}

/// Stores every incident of `lines` that is newer than the stored one and overwrites no other. No notification is sent for them.
///
/// # Errors
/// At the first line that is not an incident, or when the store fails.
pub fn import(store: &dyn Store, lines: &mut dyn BufRead) -> Result<Imported, TransferError> {
    let mut done = Imported::default();
    read(lines, |incident| {
        match store.restore(&incident) {
            Ok(true) => done.written += 1,
            Ok(false) => done.known += 1,
            Err(StoreError::History { .. }) => done.refused += 1,
            Err(error) => return Err(error.into()),
        }
        Ok::<(), TransferError>(())
    })?;
    Ok(done)
}

/// Passes the incidents of `lines` to `take`, in their order; empty lines are skipped.
///
/// # Errors
/// At the first line that is not an incident, and the first error of `take`.
pub fn read<E: From<TransferError>>(
    mut lines: &mut dyn BufRead,
    mut take: impl FnMut(Incident) -> Result<(), E>,
) -> Result<(), E> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let limited = (&mut lines).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line);
        if limited.map_err(TransferError::from)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        take(parse(&line).map_err(|reason| TransferError::Line { line: number, reason })?)?;
    }
    Ok(())
}

fn parse(line: &[u8]) -> Result<Incident, String> {
    if line.len() as u64 > MAX_LINE_BYTES {
        return Err(format!("it is longer than {} MiB", MAX_LINE_BYTES >> 20));
    }
    let incident: Incident = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    if incident.schema_version > INCIDENT_SCHEMA_VERSION {
        return Err(format!("it is of a later automap (version {})", incident.schema_version));
    }
    Ok(incident)
}
