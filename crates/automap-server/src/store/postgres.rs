//! A PostgreSQL server, for replicas on several machines. The same tables as in a file, and the same guarantees.
//!
//! One connection, re-established when it breaks; calls in progress then fail and are repeated by their callers. Every call waits at most
//! [`Deadlines::call`] for the calls before it and as long for the server, even if the server accepts the connection and stays silent: the connection
//! is dropped, and for as long again calls fail at once, so that nobody waits for a server that is known to be silent. Upkeep has its own connection
//! and more time. The calls block and must not be made from inside an async task (use `spawn_blocking`). Durability is the server's:
//! `synchronous_commit` must not be off.

mod alerts;
mod changes;
mod confirmed;
mod connect;
mod incidents;
mod leases;
mod mutes;
mod outbox;
mod profiles;
mod retention;
mod schema;
mod session;

use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::StoreError;
pub use connect::Deadlines;
use connect::Server;
use schema::Unusable;
use session::{CallError, Client, Transaction};

/// Incidents in PostgreSQL.
#[derive(Debug)]
pub struct PostgresStore {
    server: Server,
    connection: Mutex<Connection>,
}

/// The connection that all calls share.
#[derive(Default)]
struct Connection {
    /// `None` while there is none.
    client: Option<Client>,
    /// When the server last let a deadline pass, unless it has answered since.
    silent_since: Option<Instant>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("is_there", &self.client.is_some()).finish_non_exhaustive()
    }
}

/// An error without its place, which the caller adds.
#[derive(Debug)]
enum Trouble {
    Call(CallError),
    Damaged { what: String, message: String },
    Refused(StoreError),
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl Trouble {
    fn damaged(what: &str, message: &dyn std::fmt::Display) -> Self {
        Self::Damaged { what: what.to_owned(), message: message.to_string() }
    }
}

/// Whether an address, and the file of authorities with it, can be used at all. Connects to nothing.
///
/// # Errors
/// As [`PostgresStore::open`], as far as it can be known without the server.
pub fn check_address(url: &str, ca_file: Option<&Path>) -> Result<(), StoreError> {
    Server::new(url, ca_file, Deadlines::default()).map(|_| ())
}

impl PostgresStore {
    /// Connects and brings the tables up to date. `url` is `postgresql://user:password@host/database?sslmode=require` or the same as
    /// `key=value` words; it appears in no message. With TLS the server's certificate is checked against `ca_file`, else the public authorities.
    ///
    /// # Errors
    /// When the address is not valid, the server does not answer, or its tables belong to another program or a later automap.
    pub fn open(url: &str, ca_file: Option<&Path>) -> Result<Self, StoreError> {
        Self::open_within(url, ca_file, Deadlines::default())
    }

    /// As [`PostgresStore::open`], with other deadlines.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub fn open_within(url: &str, ca_file: Option<&Path>, deadlines: Deadlines) -> Result<Self, StoreError> {
        let store = Self { server: Server::new(url, ca_file, deadlines)?, connection: Mutex::default() };
        store.upkeep(|client| {
            let place = store.server.place().to_owned();
            schema::migrate(client).map_err(|unusable| match unusable {
                Unusable::TooNew(found, known) => Trouble::Refused(StoreError::TooNew { place, found, known }),
                Unusable::Foreign(found) => Trouble::Refused(StoreError::Foreign { place, found }),
                Unusable::Call(error) => Trouble::Call(error),
            })
        })?;
        Ok(store)
    }

    /// Server and database, without credentials.
    pub fn place(&self) -> &str {
        self.server.place()
    }

    /// How long the server may take.
    pub fn deadlines(&self) -> Deadlines {
        self.server.deadlines()
    }

    /// One call on the shared connection.
    fn read<T>(&self, work: impl FnOnce(&mut Client) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let limit = self.deadlines().call;
        let deadline = Instant::now() + limit;
        let Some(mut connection) = self.connection.try_lock_until(deadline) else {
            return Err(self.server.silent("other calls left no time for this one", limit));
        };
        if connection.silent_since.is_some_and(|since| since.elapsed() < limit) {
            return Err(self.server.failed(&CallError::Silent, limit));
        }
        // Time spent waiting for other calls does not count: the server has the whole limit from here.
        let begun = Instant::now();
        let client = match connection.client.take().filter(|client| !client.is_closed()) {
            Some(client) => Ok(client),
            None => self.server.connect(begun + limit, limit),
        };
        let done = client.map_err(Trouble::Call).and_then(|mut client| {
            client.set_deadline(begun + limit);
            let done = work(&mut client);
            // One that broke is closed by then and not used again.
            connection.client = Some(client).filter(|client| !client.is_silent());
            done
        });
        // Connecting to an address that drops packets fails after a part of the time.
        let is_silent = matches!(done, Err(Trouble::Call(_))) && begun.elapsed() >= limit / 2;
        connection.silent_since = is_silent.then(Instant::now);
        done.map_err(|trouble| self.located(trouble, limit))
    }

    /// One transaction; it is rolled back when the work fails.
    fn write<T>(&self, work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Trouble>) -> Result<T, StoreError> {
        self.read(|client| in_transaction(client, work))
    }

    /// Work that may take longer, on a connection of its own.
    fn upkeep<T>(&self, work: impl FnOnce(&mut Client) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let limits = self.deadlines();
        let connected = self.server.connect(Instant::now() + limits.call, limits.upkeep);
        let mut client = connected.map_err(|e| self.server.failed(&e, limits.call))?;
        client.set_deadline(Instant::now() + limits.upkeep);
        work(&mut client).map_err(|trouble| self.located(trouble, limits.upkeep))
    }

    /// The error with the place; `limit` is the time that the call was given.
    fn located(&self, trouble: Trouble, limit: Duration) -> StoreError {
        match trouble {
            Trouble::Call(error) => self.server.failed(&error, limit),
            Trouble::Damaged { what, message } => {
                StoreError::Damaged { place: self.server.place().to_owned(), what, message }
            }
            Trouble::Refused(error) => error,
        }
    }
}

fn in_transaction<T>(
    client: &mut Client,
    work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let mut transaction = client.transaction()?;
    match work(&mut transaction) {
        Ok(value) => {
            transaction.commit()?;
            Ok(value)
        }
        Err(trouble) => {
            // What broke the work may have broken the connection; then the server rolls back by itself.
            let _ = transaction.rollback();
            Err(trouble)
        }
    }
}
