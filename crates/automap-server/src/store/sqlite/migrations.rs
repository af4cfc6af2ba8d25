//! The tables, version by version. A file is brought up step by step; each step is one transaction.

use std::path::Path;

use rusqlite::Connection;

use super::database;
use crate::store::StoreError;

/// One step for each version, from 0. Never changed once released; a new version is a new step.
const STEPS: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS confirmed (
         id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, cause TEXT NOT NULL,
         anomaly TEXT NOT NULL, precision TEXT NOT NULL
     ) STRICT;",
    "CREATE TABLE incidents (
         id TEXT PRIMARY KEY, target TEXT NOT NULL, state TEXT NOT NULL, opened_ms INTEGER NOT NULL, closed_ms INTEGER,
         revision INTEGER NOT NULL, cause TEXT, confirmed TEXT,
         body TEXT NOT NULL,   -- the incident as JSON, without its report
         report TEXT           -- the latest report as JSON
     ) STRICT;
     CREATE INDEX incidents_by_opened ON incidents (opened_ms DESC, id DESC);
     CREATE TABLE outbox (
         key TEXT PRIMARY KEY, route TEXT NOT NULL, incident TEXT NOT NULL, revision INTEGER NOT NULL,
         queued_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
         state TEXT NOT NULL DEFAULT 'waiting', error TEXT, done_ms INTEGER
     ) STRICT;
     CREATE INDEX outbox_waiting ON outbox (route, incident, revision) WHERE state = 'waiting';
     CREATE TABLE replies (
         route TEXT NOT NULL, incident TEXT NOT NULL, reply TEXT NOT NULL, PRIMARY KEY (route, incident)
     ) STRICT;",
];

/// Brings a file up to date.
pub(super) fn run(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |e: rusqlite::Error| database(path, &e);
    let known = STEPS.len() as i64;
    let found = version(connection).map_err(failed)?;
    if found > known {
        return Err(StoreError::TooNew { place: path.display().to_string(), found, known });
    }
    for (i, step) in STEPS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        // Another process may have taken this step while we waited.
        let behind = version(connection).map_err(failed)? == i as i64;
        let taken = match behind {
            true => connection.execute_batch(&format!("{step} PRAGMA user_version = {};", i + 1)),
            false => Ok(()),
        };
        let end = if taken.is_ok() { "COMMIT" } else { "ROLLBACK" };
        taken.and(connection.execute_batch(end)).map_err(failed)?;
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
