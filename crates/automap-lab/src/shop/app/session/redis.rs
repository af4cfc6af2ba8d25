//! A session with Redis: a string for each record.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, cmd};

use super::super::records::{Command, Operation, Reply};
use crate::shop::http::Local;

/// A session.
pub(crate) struct Session(MultiplexedConnection);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Connects.
    pub(crate) async fn open(address: Local) -> io::Result<Self> {
        let client = Client::open((address.ip().to_string(), address.port_number())).map_err(io::Error::other)?;
        // The callers set their own time limits.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        client.get_multiplexed_async_connection_with_config(&config).await.map(Self).map_err(io::Error::other)
    }

    pub(super) async fn run(&mut self, command: &Command) -> io::Result<Reply> {
        self.answer(command).await.or_else(refusal)
    }

    async fn answer(&mut self, command: &Command) -> Result<Reply, RedisError> {
        let Command { operation, key, value } = command;
        match operation {
            Operation::Get => {
                let value: Option<Vec<u8>> = cmd("GET").arg(key).query_async(&mut self.0).await?;
                Ok(value.map_or(Reply::Missing, |value| Reply::Found(value.into())))
            }
            Operation::Put => {
                let () = cmd("SET").arg(key).arg(value.as_ref()).query_async(&mut self.0).await?;
                Ok(Reply::Found(Bytes::new()))
            }
            Operation::Delete => {
                let deleted: u64 = cmd("DEL").arg(key).query_async(&mut self.0).await?;
                Ok(if deleted > 0 { Reply::Found(Bytes::new()) } else { Reply::Missing })
            }
            Operation::Publish | Operation::Consume => Ok(Reply::Failed),
        }
    }

    /// Inserts the first records.
    pub(crate) async fn prepare(&mut self, preloaded: Vec<(String, String)>) -> io::Result<()> {
        for (key, value) in preloaded {
            let () = cmd("SET").arg(key).arg(value).query_async(&mut self.0).await.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Makes every command of every session wait for this long.
    pub(crate) async fn pause(&mut self, span: Duration) -> io::Result<()> {
        let ms = span.as_millis() as u64;
        cmd("CLIENT").arg("PAUSE").arg(ms).arg("ALL").query_async(&mut self.0).await.map_err(io::Error::other)
    }
}

/// A refusal by the server is an answer, not an error.
fn refusal(error: RedisError) -> io::Result<Reply> {
    if error.is_io_error() || error.is_connection_dropped() { Err(io::Error::other(error)) } else { Ok(Reply::Failed) }
}
