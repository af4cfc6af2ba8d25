//! One SQLite file. Works on a read-only root with one writable folder, which holds the file, its `-wal` and `-shm`; temporary tables are in memory.
//!
//! Written with `synchronous=FULL` in WAL mode, so that a commit is on the disk when it returns; several processes may share the file
//! (not over a network file system: its locks cannot be trusted). An incident's report is a column of its own, so that listings do not
//! read it.

mod alerts;
mod changes;
mod confirmed;
mod files;
mod incidents;
mod leases;
mod mutes;
mod outbox;
mod probe;
mod profiles;
mod retention;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::StoreError;

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The open file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Mutex<Connection>,
    path: PathBuf,
    /// Whether a write failed since the last large one succeeded.
    has_write_failed: AtomicBool,
}

/// An error inside a transaction; the caller adds the place.
#[derive(Debug)]
enum Trouble {
    Sql(rusqlite::Error),
    Damaged { what: String, message: String },
    Refused(StoreError),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Trouble {
    fn damaged(what: &str, message: &dyn std::fmt::Display) -> Self {
        Self::Damaged { what: what.to_owned(), message: message.to_string() }
    }
}

impl SqliteStore {
    /// Opens or makes the file and brings its tables up to date. The folder must exist.
    ///
    /// # Errors
    /// When it is not a database, belongs to another program or a later automap, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let fail = |e: rusqlite::Error| StoreError::Database { place: place.clone(), message: e.to_string() };
        let io = |e: std::io::Error| StoreError::Database { place: place.clone(), message: e.to_string() };
        files::make_private(path).map_err(io)?;
        let mut connection = Connection::open(path).map_err(fail)?;
        // Before anything is changed: the file may be another program's.
        let foreign = schema::foreign(&connection, BUSY_TIMEOUT).map_err(fail)?;
        if let Some(found) = foreign {
            return Err(StoreError::Foreign { place, found });
        }
        schema::configure(&connection).map_err(fail)?;
        if let Some((found, known)) = schema::migrate(&mut connection).map_err(fail)? {
            return Err(StoreError::TooNew { place, found, known });
        }
        Ok(Self { connection: Mutex::new(connection), path: path.to_owned(), has_write_failed: AtomicBool::new(false) })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A transaction that was not committed is rolled back when it is dropped, so a panic elsewhere leaves the connection usable.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock()
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, StoreError> {
        work(&self.connection()).map_err(|trouble| self.place(trouble))
    }

    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let done = || {
            // Immediate: what is read before the write cannot have changed at the write.
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        let done = done();
        self.note_write(&done);
        done.map_err(|trouble| self.place(trouble))
    }

    fn place(&self, trouble: Trouble) -> StoreError {
        let place = self.path.display().to_string();
        match trouble {
            Trouble::Sql(e) => StoreError::Database { place, message: e.to_string() },
            Trouble::Damaged { what, message } => StoreError::Damaged { place, what, message },
            Trouble::Refused(error) => error,
        }
    }
}
