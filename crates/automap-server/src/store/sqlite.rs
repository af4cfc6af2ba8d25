//! One SQLite file. Works on a read-only root with one writable folder: the file, its `-wal` and `-shm` lie there and temporary tables
//! in memory.
//!
//! Written with `synchronous=FULL` in WAL mode, so that a commit is on the disk when it returns; several processes may share the file
//! (not over a network file system: its locks cannot be trusted). An incident's report is a column of its own, so that listings do not
//! read it.

mod confirmed;
mod incidents;
mod leases;
mod outbox;
mod profiles;
mod retention;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use automap_core::incident::Incident;
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::{Interval, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    Delivery, IncidentFilter, OutboxState, Outgoing, Pruned, Queued, Retention, Store, StoreError, StoredProfile,
    Waiting,
};

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The open file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Mutex<Connection>,
    path: PathBuf,
}

/// What can go wrong inside a transaction; the place is added outside.
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
    /// When it is no database, cannot be written, or is of a later automap.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let fail = |e: rusqlite::Error| StoreError::Database { place: place.clone(), message: e.to_string() };
        let mut connection = Connection::open(path).map_err(fail)?;
        schema::configure(&connection, BUSY_TIMEOUT).map_err(fail)?;
        if let Some((found, known)) = schema::migrate(&mut connection).map_err(fail)? {
            return Err(StoreError::TooNew { place, found, known });
        }
        Ok(Self { connection: Mutex::new(connection), path: path.to_owned() })
    }

    /// Where it lies.
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
        done().map_err(|trouble| self.place(trouble))
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

impl Store for SqliteStore {
    fn put(&self, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), StoreError> {
        self.write(|t| incidents::put(t, incident, routes, now))
    }

    fn put_leading(
        &self,
        incident: &Incident,
        routes: &[String],
        now: Timestamp,
        holder: &str,
    ) -> Result<(), StoreError> {
        self.write(|t| {
            leases::check(t, &incident.target, holder, now)?;
            incidents::put(t, incident, routes, now)
        })
    }

    fn restore(&self, incident: &Incident) -> Result<bool, StoreError> {
        self.write(|t| incidents::restore(t, incident))
    }

    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        self.read(|c| incidents::get(c, id))
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        self.read(|c| incidents::list(c, filter))
    }

    fn told(&self, incident: &str) -> Result<Vec<String>, StoreError> {
        self.read(|c| outbox::told(c, incident))
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.read(|c| outbox::due(c, None, now, limit))
    }

    fn due_of(&self, route: &str, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.read(|c| outbox::due(c, Some(route), now, limit))
    }

    fn message(&self, key: &str) -> Result<Option<Queued>, StoreError> {
        self.read(|c| outbox::message(c, key))
    }

    fn waiting(&self, route: &str, incident: &str) -> Result<Vec<Waiting>, StoreError> {
        self.read(|c| outbox::waiting(c, route, incident))
    }

    fn attempting(&self, key: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(|t| outbox::attempting(t, key, now))
    }

    fn delivered(&self, key: &str, reply: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        self.write(|t| outbox::delivered(t, key, reply, now))
    }

    fn failed(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.write(|t| outbox::failed(t, key, error, due, false))
    }

    fn unsure(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.write(|t| outbox::failed(t, key, error, due, true))
    }

    fn folded(&self, keys: &[String], now: Timestamp) -> Result<(), StoreError> {
        self.write(|t| keys.iter().try_for_each(|key| outbox::folded(t, key, now)))
    }

    fn reply(&self, route: &str, incident: &str) -> Result<Option<String>, StoreError> {
        self.read(|c| outbox::reply(c, route, incident))
    }

    fn deliveries(&self, incident: &str) -> Result<Vec<Delivery>, StoreError> {
        self.read(|c| outbox::deliveries(c, incident))
    }

    fn outbox(&self) -> Result<OutboxState, StoreError> {
        self.read(outbox::state)
    }

    fn put_profile(&self, target: &str, period: Interval, json: &str) -> Result<(), StoreError> {
        self.write(|t| profiles::put(t, target, period, json))
    }

    fn profiles(&self, target: &str, since: Timestamp, limit: usize) -> Result<Vec<StoredProfile>, StoreError> {
        self.read(|c| profiles::since(c, target, since, limit))
    }

    fn lease(&self, target: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<bool, StoreError> {
        self.write(|t| leases::take(t, target, holder, now, ttl))
    }

    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError> {
        self.write(|t| leases::release(t, target, holder))
    }

    fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>, StoreError> {
        self.write(|t| confirmed::confirm(t, case))
    }

    fn forget(&self, id: &str) -> Result<bool, StoreError> {
        self.write(|t| confirmed::forget(t, id))
    }

    fn confirmed(&self) -> Result<Vec<ConfirmedCase>, StoreError> {
        self.read(confirmed::all)
    }

    fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError> {
        // Many short transactions: a watch that wants to write is not held up for long.
        let mut pruned = self.write(|t| retention::by_age(t, now, keep))?;
        loop {
            let step = self.write(|t| retention::by_size(t, keep))?;
            pruned.incidents += step.incidents;
            pruned.messages += step.messages;
            pruned.bytes = step.bytes;
            if step.incidents == 0 {
                return Ok(pruned);
            }
        }
    }

    fn vacuum(&self) -> Result<(), StoreError> {
        self.read(|c| retention::vacuum(c).map_err(Trouble::Sql))
    }
}
