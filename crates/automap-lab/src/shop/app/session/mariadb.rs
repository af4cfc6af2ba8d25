//! A session with MariaDB: one table of keys and values.
//!
//! A record is read with a shared lock, like a shop that sells what it has just read, so a transaction that holds the rows makes readers wait.

use std::io;

use bytes::Bytes;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, OptsBuilder};

use super::super::records::{Command, Operation, Reply};
use crate::shop::http::Local;

/// The database, and the user who owns it.
pub(crate) const SHOP: &str = "shop";
/// Larger values are refused before they are sent.
const MAX_PACKET_BYTES: usize = 1 << 20;
/// How long the server keeps an idle session.
const IDLE_S: usize = 3600;

const READ: &str = "SELECT v FROM records WHERE k = ? LOCK IN SHARE MODE";
const WRITE: &str = "INSERT INTO records (k, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = VALUES(v)";
const DELETE: &str = "DELETE FROM records WHERE k = ?";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS records (k VARCHAR(191) PRIMARY KEY, v MEDIUMBLOB NOT NULL)";

/// A session.
#[derive(Debug)]
pub(crate) struct Session(Conn);

impl Session {
    /// Connects.
    pub(crate) async fn open(address: Local) -> io::Result<Self> {
        let options = OptsBuilder::default()
            .ip_or_hostname(address.ip().to_string())
            .tcp_port(address.port_number())
            .user(Some(SHOP))
            .db_name(Some(SHOP))
            .prefer_socket(false)
            // Otherwise the client would query the server for both.
            .max_allowed_packet(Some(MAX_PACKET_BYTES))
            .wait_timeout(Some(IDLE_S));
        Conn::new(options).await.map(Self).map_err(io::Error::other)
    }

    pub(super) async fn run(&mut self, command: &Command) -> io::Result<Reply> {
        let Command { operation, key, value } = command;
        let done = match operation {
            Operation::Get => {
                let found: Result<Option<Vec<u8>>, Error> = self.0.exec_first(READ, (key,)).await;
                found.map(|value| value.map_or(Reply::Missing, |value| Reply::Found(value.into())))
            }
            Operation::Put => self.0.exec_drop(WRITE, (key, value.as_ref())).await.map(|()| Reply::Found(Bytes::new())),
            Operation::Delete => self
                .0
                .exec_drop(DELETE, (key,))
                .await
                .map(|()| if self.0.affected_rows() > 0 { Reply::Found(Bytes::new()) } else { Reply::Missing }),
            Operation::Publish | Operation::Consume => Ok(Reply::Failed),
        };
        done.or_else(refusal)
    }

    /// Creates the table and inserts the first records.
    pub(crate) async fn prepare(&mut self, preloaded: Vec<(String, String)>) -> io::Result<()> {
        self.statement(CREATE).await?;
        for (key, value) in preloaded {
            self.0.exec_drop(WRITE, (key, value)).await.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Locks every row until [`Self::unlock`].
    pub(crate) async fn lock(&mut self) -> io::Result<()> {
        self.statement("BEGIN").await?;
        self.statement("SELECT COUNT(*) FROM (SELECT k FROM records FOR UPDATE) AS held").await
    }

    /// Ends the transaction.
    pub(crate) async fn unlock(&mut self) -> io::Result<()> {
        self.statement("ROLLBACK").await
    }

    async fn statement(&mut self, sql: &str) -> io::Result<()> {
        self.0.query_drop(sql).await.map_err(io::Error::other)
    }
}

/// A refusal by the server is an answer, not an error.
fn refusal(error: Error) -> io::Result<Reply> {
    match error {
        Error::Server(_) => Ok(Reply::Failed),
        other => Err(io::Error::other(other)),
    }
}
