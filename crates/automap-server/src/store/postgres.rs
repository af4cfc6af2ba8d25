//! A PostgreSQL server, for replicas on several machines. The same tables as in a file, and the same promises.
//!
//! One connection, made again when it broke; what was under way then fails and is repeated by its caller. The calls block and must not be made
//! from inside an async task (use `spawn_blocking`). Durability is the server's: `synchronous_commit` must not be off.

mod alerts;
mod confirmed;
mod connect;
mod incidents;
mod leases;
mod mutes;
mod outbox;
mod profiles;
mod retention;
mod schema;

use std::path::Path;

use parking_lot::{Mutex, MutexGuard};
use postgres::{Client, Transaction};

use super::StoreError;
use connect::Server;
use schema::Unusable;

/// Incidents in PostgreSQL.
#[derive(Debug)]
pub struct PostgresStore {
    server: Server,
    client: Mutex<Connection>,
}

/// The connection; `None` while there is none.
struct Connection(Option<Client>);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connection").field(&self.0.is_some()).finish()
    }
}

/// What can go wrong on the way; the place is added outside.
#[derive(Debug)]
enum Trouble {
    Sql(postgres::Error),
    Damaged { what: String, message: String },
    Refused(StoreError),
}

impl From<postgres::Error> for Trouble {
    fn from(error: postgres::Error) -> Self {
        Self::Sql(error)
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
    Server::new(url, ca_file).map(|_| ())
}

impl PostgresStore {
    /// Connects and brings the tables up to date. `url` is `postgresql://user:password@host/database?sslmode=require` or the same as
    /// `key=value` words; it appears in no message. With TLS the server's certificate is checked against `ca_file`, else the web's authorities.
    ///
    /// # Errors
    /// When the address is none, the server does not answer, or its tables are another program's or of a later automap.
    pub fn open(url: &str, ca_file: Option<&Path>) -> Result<Self, StoreError> {
        let server = Server::new(url, ca_file)?;
        let mut client = server.connect()?;
        let place = server.place().to_owned();
        schema::migrate(&mut client).map_err(|unusable| match unusable {
            Unusable::TooNew(found, known) => StoreError::TooNew { place, found, known },
            Unusable::Foreign(found) => StoreError::Foreign { place, found },
            Unusable::Sql(e) => StoreError::Database { place, message: connect::say(&e) },
        })?;
        Ok(Self { server, client: Mutex::new(Connection(Some(client))) })
    }

    /// Server and database, without credentials.
    pub fn place(&self) -> &str {
        self.server.place()
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.client.lock()
    }

    fn read<T>(&self, work: impl FnOnce(&mut Client) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let mut client = match connection.0.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.server.connect()?,
        };
        let done = work(&mut client);
        // One that broke is closed by then and not used again.
        connection.0 = Some(client);
        done.map_err(|trouble| self.located(trouble))
    }

    /// One transaction; it is rolled back when the work fails.
    fn write<T>(&self, work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Trouble>) -> Result<T, StoreError> {
        self.read(|client| {
            let mut transaction = client.transaction()?;
            let value = work(&mut transaction)?;
            transaction.commit()?;
            Ok(value)
        })
    }

    fn located(&self, trouble: Trouble) -> StoreError {
        let place = self.server.place().to_owned();
        match trouble {
            Trouble::Sql(e) => StoreError::Database { place, message: connect::say(&e) },
            Trouble::Damaged { what, message } => StoreError::Damaged { place, what, message },
            Trouble::Refused(error) => error,
        }
    }
}
