//! The tables and their versions, numbered like the file's.

use super::session::{CallError, Client, Transaction};

/// Migrates a database from one version to the next. The first version of the file had no server equivalent.
const STEPS: [&str; 6] = [
    "CREATE TABLE confirmed (
         id TEXT PRIMARY KEY, started_ms BIGINT NOT NULL, cause TEXT NOT NULL, anomaly TEXT NOT NULL, precision TEXT NOT NULL
     );",
    "CREATE TABLE incidents (
         id TEXT COLLATE \"C\" PRIMARY KEY, target TEXT NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL,
         cause TEXT, confirmed TEXT, revision BIGINT NOT NULL,
         opened_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL, closed_ms BIGINT,
         body TEXT NOT NULL, report TEXT
     );
     CREATE INDEX incidents_by_opened ON incidents (opened_ms DESC, id DESC);
     CREATE INDEX incidents_by_target ON incidents (target, opened_ms DESC, id DESC);
     CREATE INDEX incidents_by_state ON incidents (state, opened_ms DESC, id DESC);
     CREATE TABLE snapshots (
         incident TEXT NOT NULL, revision BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (incident, revision)
     );
     CREATE TABLE outbox (
         seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key TEXT NOT NULL UNIQUE, route TEXT NOT NULL,
         incident TEXT NOT NULL, revision BIGINT NOT NULL, event TEXT NOT NULL, state TEXT NOT NULL,
         queued_ms BIGINT NOT NULL, due_ms BIGINT NOT NULL, attempts BIGINT NOT NULL, tried_ms BIGINT, done_ms BIGINT, error TEXT
     );
     CREATE INDEX outbox_waiting ON outbox (route, incident, revision) WHERE state = 'waiting';
     CREATE INDEX outbox_by_incident ON outbox (incident, seq);
     CREATE TABLE replies (
         route TEXT COLLATE \"C\" NOT NULL, incident TEXT NOT NULL, reply TEXT, PRIMARY KEY (incident, route)
     );
     CREATE TABLE profiles (
         target TEXT NOT NULL, start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, body TEXT NOT NULL,
         PRIMARY KEY (target, end_ms, start_ms)
     );
     CREATE TABLE leases (target TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL);",
    "CREATE TABLE alerts (
         target TEXT NOT NULL, key TEXT COLLATE \"C\" NOT NULL, summary TEXT NOT NULL, started_ms BIGINT NOT NULL,
         received_ms BIGINT NOT NULL, PRIMARY KEY (target, key)
     );",
    "CREATE TABLE mutes (id TEXT COLLATE \"C\" PRIMARY KEY, until_ms BIGINT NOT NULL, body TEXT NOT NULL);",
    // A list of names as JSON.
    "ALTER TABLE alerts ADD COLUMN services TEXT NOT NULL DEFAULT '[]';",
    // The id is `<target>/<key>`.
    "CREATE TABLE changes (id TEXT COLLATE \"C\" PRIMARY KEY, target TEXT NOT NULL, at_ms BIGINT NOT NULL, body TEXT NOT NULL);
     CREATE INDEX changes_by_target ON changes (target, at_ms DESC, id DESC);",
];
/// Any number that nobody else locks: two processes that start together create the tables once.
const LOCK: i64 = 0x6175_746f_6d61_7001;

/// Tables that automap makes, and the one with their version.
const TABLES: [&str; 10] =
    ["alerts", "changes", "confirmed", "incidents", "leases", "mutes", "outbox", "profiles", "replies", "snapshots"];
const VERSION_TABLE: &str = "automap_tables";

/// Why the tables cannot be used.
pub(super) enum Unusable {
    /// They are of a later automap: the version found, and the latest known.
    TooNew(i64, i64),
    /// They are another program's: what is there.
    Foreign(String),
    /// The server refuses, or does not answer.
    Call(CallError),
}

impl From<CallError> for Unusable {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<tokio_postgres::Error> for Unusable {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Call(error.into())
    }
}

/// Brings the tables up to date.
pub(super) fn migrate(client: &mut Client) -> Result<(), Unusable> {
    let known = STEPS.len() as i64;
    let mut t = client.transaction()?;
    t.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    let found = version(&mut t)?;
    if found > known {
        return Err(Unusable::TooNew(found, known));
    }
    t.batch_execute(&format!("CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (version BIGINT NOT NULL)"))?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        t.batch_execute(step)?;
    }
    t.execute(&format!("DELETE FROM {VERSION_TABLE}"), &[])?;
    t.execute(&format!("INSERT INTO {VERSION_TABLE} VALUES ($1)"), &[&known])?;
    t.commit()?;
    Ok(())
}

/// The version of our tables in the schema where new ones would be created; 0 if there are none.
fn version(t: &mut Transaction<'_>) -> Result<i64, Unusable> {
    let schema: Option<String> = t.query_one("SELECT current_schema()::text", &[])?.try_get(0)?;
    let Some(schema) = schema else {
        return Err(Unusable::Foreign("has no schema of its search_path".to_owned()));
    };
    let names =
        "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY relname";
    let names = t.query(names, &[])?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    if names.iter().any(|name| name == VERSION_TABLE) {
        let column = "SELECT format_type(atttypid, NULL) FROM pg_attribute
             WHERE attrelid = (quote_ident(current_schema()) || '.automap_tables')::regclass AND attname = 'version'";
        let kind = t.query_opt(column, &[])?.map(|row| row.try_get::<_, String>(0)).transpose()?;
        if kind.as_deref() != Some("bigint") {
            return Err(Unusable::Foreign(format!("has a table {VERSION_TABLE} of another program (schema {schema})")));
        }
        let found = t.query_one(&format!("SELECT max(version) FROM {VERSION_TABLE}"), &[])?;
        return Ok(found.try_get::<_, Option<i64>>(0)?.unwrap_or(0));
    }
    let taken: Vec<&str> = names.iter().map(String::as_str).filter(|name| TABLES.contains(name)).collect();
    if !taken.is_empty() {
        let taken = taken.join(", ");
        return Err(Unusable::Foreign(format!("has tables of another program (schema {schema}, tables {taken})")));
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_that_is_made_is_looked_for_first() {
        let text = STEPS.concat();
        let made = text
            .match_indices("CREATE TABLE ")
            .filter_map(|(at, word)| text[at + word.len()..].split_whitespace().next());
        let mut made: Vec<&str> = made.collect();
        made.sort_unstable();
        assert_eq!(made, TABLES);
    }
}
