//! The tables and their versions, counted as the file's are.

use postgres::Client;

/// What brings a database from one version to the next. The file's first version had no server beside it.
const STEPS: [&str; 4] = [
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
];
/// Any number that nobody else locks: two that start together make the tables once.
const LOCK: i64 = 0x6175_746f_6d61_7001;

/// Brings the tables up to date. The version found and the latest known when they are of a later one.
pub(super) fn migrate(client: &mut Client) -> Result<Option<(i64, i64)>, postgres::Error> {
    let known = STEPS.len() as i64;
    let mut t = client.transaction()?;
    t.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    t.batch_execute("CREATE TABLE IF NOT EXISTS automap_tables (version BIGINT NOT NULL)")?;
    let found = t.query_opt("SELECT max(version) FROM automap_tables", &[])?;
    let found = found.and_then(|row| row.get::<_, Option<i64>>(0)).unwrap_or(0);
    if found > known {
        return Ok(Some((found, known)));
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        t.batch_execute(step)?;
    }
    t.execute("DELETE FROM automap_tables", &[])?;
    t.execute("INSERT INTO automap_tables VALUES ($1)", &[&known])?;
    t.commit()?;
    Ok(None)
}
