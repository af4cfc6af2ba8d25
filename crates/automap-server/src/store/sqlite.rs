//! One SQLite file, in WAL mode: what was answered with `Ok` is on the disk.

mod confirmed;
mod incidents;
mod migrations;
mod outbox;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use automap_core::incident::Incident;
use automap_core::time::Timestamp;
use rusqlite::Connection;

use super::{IncidentFilter, Outgoing, Store, StoreError};

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The open file. Shared by threads; writes are one after another anyway.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the file, made anew where there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] for the file of a later automap, [`StoreError::Database`] when it cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            Ok(connection)
        };
        let connection = opened().map_err(|e| database(path, &e))?;
        migrations::run(&connection, path)?;
        Ok(Self { connection: Mutex::new(connection), path: path.to_owned() })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed_with(&self, error: &rusqlite::Error) -> StoreError {
        database(&self.path, error)
    }

    fn damaged(&self, what: String, error: &serde_json::Error) -> StoreError {
        StoreError::Damaged { place: self.path.display().to_string(), what, message: error.to_string() }
    }
}

fn database(path: &Path, error: &rusqlite::Error) -> StoreError {
    StoreError::Database { place: path.display().to_string(), message: error.to_string() }
}

impl Store for SqliteStore {
    fn put(&self, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), StoreError> {
        self.put_incident(incident, routes, now)
    }

    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        self.incident(id)
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        self.incidents(filter)
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.due_messages(now, limit)
    }

    fn delivered(&self, key: &str, reply: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        self.message_delivered(key, reply, now)
    }

    fn failed(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.message_failed(key, error, due)
    }

    fn reply(&self, route: &str, incident: &str) -> Result<Option<String>, StoreError> {
        self.last_reply(route, incident)
    }
}
