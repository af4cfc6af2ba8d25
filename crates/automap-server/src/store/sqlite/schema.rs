//! The tables and their versions.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// Marks the file as automap's (`PRAGMA application_id`): "aMap".
const APPLICATION_ID: i64 = 0x614d_6170;
/// Columns of the first table that automap ever made, for files from before the mark.
const FIRST_TABLE: &str = "anomaly,cause,id,precision,started_ms";
/// Most tables of another program that are named.
const MAX_NAMED: usize = 5;
/// Longest name of such a table that is shown, in characters.
const MAX_NAME: usize = 40;

/// Migrates a file from one version to the next; the first entry makes version 1 of an empty file.
const STEPS: [&str; 6] = [
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
    // A list of names as JSON.
    "ALTER TABLE alerts ADD COLUMN services TEXT NOT NULL DEFAULT '[]';",
    // The id is `<target>/<key>`.
    "CREATE TABLE changes (id TEXT PRIMARY KEY, target TEXT NOT NULL, at_ms INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
     CREATE INDEX changes_by_target ON changes (target, at_ms DESC, id DESC);",
];

/// What the file is if it is not automap's; `None` for automap's own and for an empty one. Changes nothing in it.
pub(super) fn foreign(connection: &Connection, busy: Duration) -> rusqlite::Result<Option<String>> {
    connection.busy_timeout(busy)?;
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = match pragma("application_id") {
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            return Ok(Some("is not an SQLite database".to_owned()));
        }
        other => other?,
    };
    let tables = tables(connection)?;
    let columns = "SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_table_info('confirmed') ORDER BY name)";
    let is_older = || connection.query_row(columns, [], |row| row.get::<_, Option<String>>(0));
    let version = pragma("user_version")?;
    let is_ours = match application {
        APPLICATION_ID => true,
        0 if tables.is_empty() => version == 0,
        0 => version > 0 && is_older()?.as_deref() == Some(FIRST_TABLE),
        _ => false,
    };
    Ok((!is_ours).then(|| format!("is an SQLite database of another program ({})", named(&tables))))
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name LIMIT ?1";
    let mut query = connection.prepare(names)?;
    let rows = query.query_map([MAX_NAMED as i64 + 1], |row| row.get::<_, String>(0))?;
    rows.collect()
}

/// The names of the first tables, cleaned because they may be malicious.
fn named(tables: &[String]) -> String {
    let clean = |name: &String| name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect::<String>();
    let first: Vec<String> = tables.iter().take(MAX_NAMED).map(clean).collect();
    match (tables.len(), tables.len() > MAX_NAMED) {
        (0, _) => "it has no tables, but a version".to_owned(),
        (_, more) => format!("tables {}{}", first.join(", "), if more { ", …" } else { "" }),
    }
}

/// Settings of a connection to a file of our own.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Brings the tables up to date. Returns the version found and the latest known if the file is of a later one.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let known = STEPS.len() as i64;
    let pragma = |c: &Connection, name: &str| c.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let version = |c: &Connection| pragma(c, "user_version");
    if version(connection)? == known && pragma(connection, "application_id")? == APPLICATION_ID {
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
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(None)
}
