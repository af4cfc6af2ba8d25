//! One connection to the server. Every call of it ends by a deadline, whatever the server does.
//!
//! The blocking client for PostgreSQL has no such limit: a server, or a proxy before it, that accepts the connection and then stays silent would
//! block its caller for ever. So this is a thin wrapper around the async client, driven by its own runtime. A connection on which a deadline passed
//! is in an unknown state and must be dropped; dropping never waits. When to connect again is left to the store.

use std::cell::Cell;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The values of a statement's parameters.
type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum CallError {
    /// The server refused, or the connection broke.
    Sql(tokio_postgres::Error),
    /// The deadline passed without an answer.
    Silent,
    /// The operating system refused what a connection needs.
    System(std::io::Error),
}

impl From<tokio_postgres::Error> for CallError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

/// A connection.
pub(super) struct Client {
    client: tokio_postgres::Client,
    driver: Driver,
}

/// A transaction; when it is dropped without an end, its connection must be dropped, too.
pub(super) struct Transaction<'a> {
    transaction: tokio_postgres::Transaction<'a>,
    driver: &'a Driver,
}

impl Client {
    /// Connects. `deadline` counts for this and for all that follows, until another one is set.
    pub(super) fn connect(config: &Config, tls: MakeRustlsConnect, deadline: Instant) -> Result<Self, CallError> {
        let driver = Driver::new(deadline).map_err(CallError::System)?;
        let (client, connection) = driver.wait(config.connect(tls))?;
        if let Some(runtime) = &driver.runtime {
            // It ends with the runtime; if it ends earlier, the call in progress gets the reason.
            runtime.spawn(connection);
        }
        Ok(Self { client, driver })
    }

    pub(super) fn set_deadline(&self, deadline: Instant) {
        self.driver.deadline.set(deadline);
    }

    /// Whether a deadline passed: the connection must not be used again.
    pub(super) fn is_silent(&self) -> bool {
        self.driver.is_silent.get()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) fn query(&self, statement: &str, values: Values<'_>) -> Result<Vec<Row>, CallError> {
        self.driver.wait(self.client.query(statement, values))
    }

    pub(super) fn query_opt(&self, statement: &str, values: Values<'_>) -> Result<Option<Row>, CallError> {
        self.driver.wait(self.client.query_opt(statement, values))
    }

    pub(super) fn query_one(&self, statement: &str, values: Values<'_>) -> Result<Row, CallError> {
        self.driver.wait(self.client.query_one(statement, values))
    }

    pub(super) fn batch_execute(&self, statements: &str) -> Result<(), CallError> {
        self.driver.wait(self.client.batch_execute(statements))
    }

    pub(super) fn transaction(&mut self) -> Result<Transaction<'_>, CallError> {
        let transaction = self.driver.wait(self.client.transaction())?;
        Ok(Transaction { transaction, driver: &self.driver })
    }
}

impl Transaction<'_> {
    pub(super) fn execute(&self, statement: &str, values: Values<'_>) -> Result<u64, CallError> {
        self.driver.wait(self.transaction.execute(statement, values))
    }

    pub(super) fn query(&self, statement: &str, values: Values<'_>) -> Result<Vec<Row>, CallError> {
        self.driver.wait(self.transaction.query(statement, values))
    }

    pub(super) fn query_opt(&self, statement: &str, values: Values<'_>) -> Result<Option<Row>, CallError> {
        self.driver.wait(self.transaction.query_opt(statement, values))
    }

    pub(super) fn query_one(&self, statement: &str, values: Values<'_>) -> Result<Row, CallError> {
        self.driver.wait(self.transaction.query_one(statement, values))
    }

    pub(super) fn batch_execute(&self, statements: &str) -> Result<(), CallError> {
        self.driver.wait(self.transaction.batch_execute(statements))
    }

    pub(super) fn commit(self) -> Result<(), CallError> {
        self.driver.wait(self.transaction.commit())
    }

    pub(super) fn rollback(self) -> Result<(), CallError> {
        self.driver.wait(self.transaction.rollback())
    }
}

/// The runtime that drives a connection, and the deadline.
struct Driver {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    deadline: Cell<Instant>,
    is_silent: Cell<bool>,
}

impl Driver {
    fn new(deadline: Instant) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime: Some(runtime), deadline: Cell::new(deadline), is_silent: Cell::new(false) })
    }

    fn wait<T>(&self, call: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, CallError> {
        let Some(runtime) = self.runtime.as_ref().filter(|_| !self.is_silent.get()) else {
            return Err(CallError::Silent);
        };
        let left = self.deadline.get().saturating_duration_since(Instant::now());
        let answer = runtime.block_on(async { tokio::time::timeout(left, call).await });
        self.is_silent.set(answer.is_err());
        Ok(answer.map_err(|_| CallError::Silent)??)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Otherwise dropping would wait for a name lookup that is still running.
            runtime.shutdown_background();
        }
    }
}
