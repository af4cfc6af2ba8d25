//! What runs in the pods of stores and broker: this project's stand-ins, or real servers with their exporters.
//!
//! The original's MongoDB is not packaged in any distribution on which this can be tested, so PostgreSQL takes its place. Programs are located, never
//! installed.

mod directory;
pub(crate) mod programs;

pub use directory::{ClosedDirectory, check_directory};
pub use programs::{Missing, check_programs};

use serde::{Deserialize, Serialize};

/// Stand-ins or real servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stores {
    /// Small servers of this project, with a protocol of their own.
    #[default]
    StandIn,
    /// MariaDB, PostgreSQL, Redis and RabbitMQ, each started by the pod's application.
    Real,
}

/// A real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// MariaDB, for the original's MySQL.
    MariaDb,
    /// PostgreSQL, for the original's MongoDB.
    PostgreSql,
    /// Redis.
    Redis,
    /// RabbitMQ.
    RabbitMq,
}

impl Stores {
    /// The real server of a component; `None` if it has none, or a stand-in.
    pub fn server(self, component: &str) -> Option<Server> {
        match (self, component) {
            (Self::StandIn, _) => None,
            (Self::Real, "catalogue-db") => Some(Server::MariaDb),
            (Self::Real, "carts-db" | "orders-db" | "user-db") => Some(Server::PostgreSql),
            (Self::Real, "session-db") => Some(Server::Redis),
            (Self::Real, "rabbitmq") => Some(Server::RabbitMq),
            (Self::Real, _) => None,
        }
    }
}

impl Server {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::MariaDb, Self::PostgreSql, Self::Redis, Self::RabbitMq];

    /// The configured maximum of connections, excluding those of its exporter.
    pub fn connections_max(self) -> u32 {
        match self {
            Self::MariaDb | Self::PostgreSql | Self::Redis => 60,
            // Number of sockets under the usual limit of 1024 open files.
            Self::RabbitMq => 829,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{COMPONENTS, Role};

    #[test]
    fn every_store_and_the_broker_have_a_real_server() {
        for c in &COMPONENTS {
            assert_eq!(Stores::Real.server(c.name).is_some(), c.role != Role::Service, "{}", c.name);
            assert_eq!(Stores::StandIn.server(c.name), None);
        }
    }
}
