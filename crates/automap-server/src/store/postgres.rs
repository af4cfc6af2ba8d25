//! A PostgreSQL server, for replicas on several machines. Same tables as the file's, same promises.
//!
//! One connection, made anew when it broke; what was under way then fails and is repeated by whoever asked. The calls block and must not be
//! made from inside an async task (use `spawn_blocking`). Durability is the server's: `synchronous_commit` must not be off.

mod connect;
mod incidents;
mod outbox;
mod rest;
mod schema;

use std::path::Path;
use std::time::Duration;

use automap_core::incident::Incident;
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::{Interval, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use postgres::{Client, Transaction};

use super::{
    Delivery, IncidentFilter, OutboxState, Outgoing, Pruned, Queued, Retention, Store, StoreError, StoredProfile,
    Waiting,
};
use connect::Server;

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

impl PostgresStore {
    /// Connects and brings the tables up to date. `url` is `postgresql://user:password@host/database?sslmode=require` or the same as
    /// `key=value` words; it appears in no message. With TLS the server's certificate is checked against `ca_file`, else the web's authorities.
    ///
    /// # Errors
    /// When the address is none, the server does not answer, or its tables are of a later automap.
    pub fn open(url: &str, ca_file: Option<&Path>) -> Result<Self, StoreError> {
        let server = Server::new(url, ca_file)?;
        let mut client = server.connect()?;
        let fail =
            |e: postgres::Error| StoreError::Database { place: server.place().to_owned(), message: connect::say(&e) };
        if let Some((found, known)) = schema::migrate(&mut client).map_err(fail)? {
            return Err(StoreError::TooNew { place: server.place().to_owned(), found, known });
        }
        Ok(Self { server, client: Mutex::new(Connection(Some(client))) })
    }

    /// Server and database, without credentials.
    pub fn place(&self) -> &str {
        self.server.place()
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.client.lock()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Client) -> Result<T, Trouble>) -> Result<T, StoreError> {
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
        self.with(|client| {
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

impl Store for PostgresStore {
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
            rest::check_lease(t, &incident.target, holder, now)?;
            incidents::put(t, incident, routes, now)
        })
    }

    fn restore(&self, incident: &Incident) -> Result<bool, StoreError> {
        self.write(|t| incidents::restore(t, incident))
    }

    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        self.with(|c| incidents::get(c, id))
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        self.with(|c| incidents::list(c, filter))
    }

    fn told(&self, incident: &str) -> Result<Vec<String>, StoreError> {
        self.with(|c| outbox::told(c, incident))
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.with(|c| outbox::due(c, None, now, limit))
    }

    fn due_of(&self, route: &str, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.with(|c| outbox::due(c, Some(route), now, limit))
    }

    fn message(&self, key: &str) -> Result<Option<Queued>, StoreError> {
        self.with(|c| outbox::message(c, key))
    }

    fn waiting(&self, route: &str, incident: &str) -> Result<Vec<Waiting>, StoreError> {
        self.with(|c| outbox::waiting(c, route, incident))
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
        self.with(|c| outbox::reply(c, route, incident))
    }

    fn deliveries(&self, incident: &str) -> Result<Vec<Delivery>, StoreError> {
        self.with(|c| outbox::deliveries(c, incident))
    }

    fn outbox(&self) -> Result<OutboxState, StoreError> {
        self.with(outbox::state)
    }

    fn put_profile(&self, target: &str, period: Interval, json: &str) -> Result<(), StoreError> {
        self.write(|t| rest::put_profile(t, target, period, json))
    }

    fn profiles(&self, target: &str, since: Timestamp, limit: usize) -> Result<Vec<StoredProfile>, StoreError> {
        self.with(|c| rest::profiles(c, target, since, limit))
    }

    fn lease(&self, target: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<bool, StoreError> {
        self.write(|t| rest::lease(t, target, holder, now, ttl))
    }

    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError> {
        self.write(|t| rest::release(t, target, holder))
    }

    fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>, StoreError> {
        self.write(|t| rest::confirm(t, case))
    }

    fn forget(&self, id: &str) -> Result<bool, StoreError> {
        self.write(|t| rest::forget(t, id))
    }

    fn confirmed(&self) -> Result<Vec<ConfirmedCase>, StoreError> {
        self.with(rest::confirmed)
    }

    fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError> {
        let mut pruned = self.write(|t| rest::prune_by_age(t, now, keep))?;
        loop {
            let step = self.write(|t| rest::prune_by_size(t, keep))?;
            pruned.incidents += step.incidents;
            pruned.messages += step.messages;
            pruned.bytes = step.bytes;
            if step.incidents == 0 {
                return Ok(pruned);
            }
        }
    }

    /// Makes the space usable again; the server returns to the system what lies at the end of the tables.
    fn vacuum(&self) -> Result<(), StoreError> {
        self.with(|c| Ok(c.batch_execute("VACUUM incidents, snapshots, outbox, replies, profiles")?))
    }
}
