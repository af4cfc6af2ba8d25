//! The tables and their versions.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

/// What brings a file from one version to the next; the first entry makes version 1 of an empty file.
const STEPS: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS confirmed (
         id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, cause TEXT NOT NULL, anomaly TEXT NOT NULL, precision TEXT NOT NULL
     ) STRICT;",
    "CREATE TABLE incidents (
         id TEXT PRIMARY KEY, target TEXT NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL,
         cause TEXT, confirmed TEXT, revision INTEGER NOT NULL,
         opened_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, closed_ms INTEGER,
         body TEXT NOT NULL, report TEXT
     ) STRICT;
     CREATE INDEX incidents_by_opened ON incidents (opened_ms DESC, id DESC);
     CREATE INDEX incidents_by_target ON incidents (target, opened_ms DESC, id DESC);
     CREATE INDEX incidents_by_state ON incidents (state, opened_ms DESC, id DESC);
     -- What a message says is shared by all routes of a revision and lives as long as one of them waits.
     CREATE TABLE snapshots (
         incident TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (incident, revision)
     ) STRICT;
     CREATE TABLE outbox (
         seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, route TEXT NOT NULL, incident TEXT NOT NULL,
         revision INTEGER NOT NULL, event TEXT NOT NULL, state TEXT NOT NULL, queued_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
         attempts INTEGER NOT NULL, tried_ms INTEGER, done_ms INTEGER, error TEXT
     ) STRICT;
     CREATE INDEX outbox_waiting ON outbox (route, incident, revision) WHERE state = 'waiting';
     CREATE INDEX outbox_by_incident ON outbox (incident, seq);
     CREATE TABLE replies (
         route TEXT NOT NULL, incident TEXT NOT NULL, reply TEXT, PRIMARY KEY (incident, route)
     ) STRICT;
     CREATE TABLE profiles (
         target TEXT NOT NULL, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, body TEXT NOT NULL,
         PRIMARY KEY (target, end_ms, start_ms)
     ) STRICT;
     CREATE TABLE leases (target TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms INTEGER NOT NULL) STRICT;",
    "CREATE TABLE alerts (
         target TEXT NOT NULL, key TEXT NOT NULL, summary TEXT NOT NULL, started_ms INTEGER NOT NULL,
         received_ms INTEGER NOT NULL, PRIMARY KEY (target, key)
     ) STRICT;",
    "CREATE TABLE mutes (id TEXT PRIMARY KEY, until_ms INTEGER NOT NULL, body TEXT NOT NULL) STRICT;",
];

/// Settings of a connection, before anything is read.
pub(super) fn configure(connection: &Connection, busy: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(busy)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Brings the tables up to date. The version found and the latest known when the file is of a later one.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let known = STEPS.len() as i64;
    let version = |c: &Connection| c.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    if version(connection)? == known {
        return Ok(None);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again: another process may have done it in between.
    let found = version(&transaction)?;
    if found > known {
        return Ok(Some((found, known)));
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(None)
}
