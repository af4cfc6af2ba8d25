//! A session with PostgreSQL: one table of keys and values.

use std::fmt;
use std::io;

use bytes::Bytes;
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use super::super::records::{Command, Operation, Reply};
use crate::shop::http::Local;

/// The user who owns the records.
pub(crate) const SHOP: &str = "shop";
/// Number of records beyond which the oldest are deleted.
const MAX_RECORDS: i64 = 4096;

const READ: &str = "SELECT v FROM records WHERE k = $1";
const WRITE: &str = "INSERT INTO records (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v";
const DELETE: &str = "DELETE FROM records WHERE k = $1";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS records (k text PRIMARY KEY, v bytea NOT NULL, n bigserial NOT NULL);
CREATE INDEX IF NOT EXISTS records_n ON records (n)";

/// A session.
pub(crate) struct Session {
    client: Client,
    statements: Option<[Statement; 3]>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Connects.
    pub(crate) async fn open(address: Local) -> io::Result<Self> {
        Ok(Self { client: connect(address, SHOP).await?, statements: None })
    }

    pub(super) async fn run(&mut self, command: &Command) -> io::Result<Reply> {
        self.answer(command).await.or_else(refusal)
    }

    async fn answer(&mut self, command: &Command) -> Result<Reply, Error> {
        let [read, write, delete] = self.statements().await?;
        let Command { operation, key, value } = command;
        match operation {
            Operation::Get => {
                let row = self.client.query_opt(&read, &[key]).await?;
                let value: Option<Vec<u8>> = row.map(|row| row.try_get(0)).transpose()?;
                Ok(value.map_or(Reply::Missing, |value| Reply::Found(value.into())))
            }
            Operation::Put => {
                self.client.execute(&write, &[key, &value.as_ref()]).await?;
                Ok(Reply::Found(Bytes::new()))
            }
            Operation::Delete => {
                let rows = self.client.execute(&delete, &[key]).await?;
                Ok(if rows > 0 { Reply::Found(Bytes::new()) } else { Reply::Missing })
            }
            Operation::Publish | Operation::Consume => Ok(Reply::Failed),
        }
    }

    /// Prepared once for each session.
    async fn statements(&mut self) -> Result<[Statement; 3], Error> {
        if let Some(statements) = &self.statements {
            return Ok(statements.clone());
        }
        let prepared =
            [self.client.prepare(READ).await?, self.client.prepare(WRITE).await?, self.client.prepare(DELETE).await?];
        Ok(self.statements.insert(prepared).clone())
    }

    /// Creates the table and inserts the first records.
    pub(crate) async fn prepare(&mut self, preloaded: Vec<(String, String)>) -> io::Result<()> {
        self.statement(CREATE).await?;
        for (key, value) in preloaded {
            self.client.execute(WRITE, &[&key, &value.as_bytes()]).await.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Deletes the oldest records if there are too many.
    pub(crate) async fn trim(&mut self) -> io::Result<()> {
        let delete = "DELETE FROM records WHERE n <= (SELECT max(n) FROM records) - $1";
        self.client.execute(delete, &[&MAX_RECORDS]).await.map(drop).map_err(io::Error::other)
    }

    /// Takes the table's lock until [`Self::unlock`].
    pub(crate) async fn lock(&mut self) -> io::Result<()> {
        self.statement("BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await
    }

    /// Ends the transaction.
    pub(crate) async fn unlock(&mut self) -> io::Result<()> {
        self.statement("ROLLBACK").await
    }

    async fn statement(&mut self, sql: &str) -> io::Result<()> {
        self.client.batch_execute(sql).await.map_err(io::Error::other)
    }
}

/// Connects as a user. The connection ends with the client.
pub(crate) async fn connect(address: Local, user: &str) -> io::Result<Client> {
    let mut config = Config::new();
    config.host(address.ip().to_string()).port(address.port_number()).user(user).dbname("postgres");
    let (client, connection) = config.connect(NoTls).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        // If it ends, the client's commands fail.
        let _ended = connection.await;
    });
    Ok(client)
}

/// A refusal by the server is an answer, unless the server also ends the session.
fn refusal(error: Error) -> io::Result<Reply> {
    match error.as_db_error() {
        Some(refused) if !refused.code().code().starts_with("57") => Ok(Reply::Failed),
        _ => Err(io::Error::other(error)),
    }
}
