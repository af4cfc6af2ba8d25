//! The client of a store or the broker: a bounded pool of connections that survives restarts of the server.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::records::{Command, Operation, Reply};
use super::session::Session;
use crate::shop::http::Local;
use crate::shop::locked;
use crate::stores::Server;

/// Like the pools of the original's drivers.
const MAX_CONNECTIONS: usize = 32;
/// Time limit for one command, including the wait for a connection.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);

/// Why a store or the broker did not carry out a command.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error("connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("no reply within 5 s")]
    Timeout,
    #[error("the server could not do it")]
    Failed,
}

/// The pool.
#[derive(Debug)]
pub(super) struct RecordClient {
    address: Local,
    server: Option<Server>,
    idle: Mutex<Vec<Session>>,
    permits: Semaphore,
}

impl RecordClient {
    /// A client of the listener at `address`, behind which that real server runs, or a stand-in; connects on first use.
    pub(super) fn new(address: Local, server: Option<Server>) -> Self {
        Self { address, server, idle: Mutex::default(), permits: Semaphore::new(MAX_CONNECTIONS) }
    }

    /// The value of a record.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, RecordError> {
        self.send(Operation::Get, key, Bytes::new()).await
    }

    /// Writes a record.
    pub(super) async fn put(&self, key: &str, value: impl Into<Bytes>) -> Result<(), RecordError> {
        self.send(Operation::Put, key, value.into()).await.map(drop)
    }

    /// Removes a record, if there is one.
    pub(super) async fn delete(&self, key: &str) -> Result<(), RecordError> {
        self.send(Operation::Delete, key, Bytes::new()).await.map(drop)
    }

    /// Appends to a queue.
    pub(super) async fn publish(&self, queue: &str, message: impl Into<Bytes>) -> Result<(), RecordError> {
        self.send(Operation::Publish, queue, message.into()).await.map(drop)
    }

    /// Takes the next message of a queue; `None` if none arrived for a while.
    pub(super) async fn consume(&self, queue: &str) -> Result<Option<Bytes>, RecordError> {
        self.send(Operation::Consume, queue, Bytes::new()).await
    }

    /// Ends the idle sessions, and with them their consumers.
    pub(super) fn close_idle(&self) {
        locked(&self.idle).clear();
    }

    async fn send(&self, operation: Operation, key: &str, value: Bytes) -> Result<Option<Bytes>, RecordError> {
        let command = Command { operation, key: key.to_owned(), value };
        match timeout(COMMAND_LIMIT, self.exchange(&command)).await.map_err(|_| RecordError::Timeout)?? {
            Reply::Found(value) => Ok(Some(value)),
            Reply::Missing => Ok(None),
            Reply::Failed => Err(RecordError::Failed),
        }
    }

    async fn exchange(&self, command: &Command) -> io::Result<Reply> {
        let _permit = self.permits.acquire().await.map_err(io::Error::other)?;
        let reused = locked(&self.idle).pop();
        if let Some(mut session) = reused {
            match session.run(command).await {
                Ok(reply) => return Ok(self.keep(session, reply)),
                // The server was restarted meanwhile: its other connections are dead too. All commands but `Publish`
                // may be repeated, and a message twice in the queue is better than none.
                Err(_) => self.close_idle(),
            }
        }
        let mut session = Session::open(self.server, self.address).await?;
        let reply = session.run(command).await?;
        Ok(self.keep(session, reply))
    }

    fn keep(&self, session: Session, reply: Reply) -> Reply {
        locked(&self.idle).push(session);
        reply
    }
}
