//! One session with a store or the broker, in the protocol of the stand-ins or of a real server.
//!
//! A record is a row with key and value in SQL, a key in Redis; a queue is a queue in RabbitMQ. A refusal by a server is [`Reply::Failed`]; a broken
//! connection is an error, after which the session cannot be used any more.

pub(super) mod mariadb;
pub(super) mod postgresql;
pub(super) mod rabbitmq;
pub(super) mod redis;

use std::io;

use tokio::io::BufReader;
use tokio::net::TcpStream;

use super::records::{Command, Reply, exchange};
use crate::shop::http::{Connector, Local};
use crate::stores::Server;

/// One session.
#[derive(Debug)]
pub(super) enum Session {
    StandIn(BufReader<TcpStream>),
    MariaDb(mariadb::Session),
    PostgreSql(postgresql::Session),
    Redis(redis::Session),
    RabbitMq(rabbitmq::Session),
}

impl Session {
    /// Connects; `server`: the real server; `None` for a stand-in.
    pub(super) async fn open(server: Option<Server>, address: Local) -> io::Result<Self> {
        Ok(match server {
            None => Self::StandIn(BufReader::new(address.connect().await?)),
            Some(Server::MariaDb) => Self::MariaDb(mariadb::Session::open(address).await?),
            Some(Server::PostgreSql) => Self::PostgreSql(postgresql::Session::open(address).await?),
            Some(Server::Redis) => Self::Redis(redis::Session::open(address).await?),
            Some(Server::RabbitMq) => Self::RabbitMq(rabbitmq::Session::open(address).await?),
        })
    }

    /// Sends a command and waits for its reply.
    pub(super) async fn run(&mut self, command: &Command) -> io::Result<Reply> {
        match self {
            Self::StandIn(stream) => exchange(stream, command).await,
            Self::MariaDb(session) => session.run(command).await,
            Self::PostgreSql(session) => session.run(command).await,
            Self::Redis(session) => session.run(command).await,
            Self::RabbitMq(session) => session.run(command).await,
        }
    }
}
