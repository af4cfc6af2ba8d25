//! Where incidents live. What a call has answered with `Ok` survives a crash of the process the next moment.

#[cfg(test)]
mod contract;
mod memory;
mod sqlite;

use automap_core::incident::{Incident, IncidentState};
use automap_core::time::Timestamp;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// Most incidents of one page.
pub const MAX_PAGE: usize = 200;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone.
    #[error("{place}: {message}")]
    Database {
        /// File or server, without credentials.
        place: String,
        /// What it said.
        message: String,
    },
    /// It was written by a later automap.
    #[error("{place} is of a later automap (tables {found}, known {known}); use that one")]
    TooNew {
        /// File or server.
        place: String,
        /// Version found.
        found: i64,
        /// Latest version known here.
        known: i64,
    },
    /// Somebody else changed the incident in between.
    #[error("incident {id} is at revision {found}, not {expected}")]
    Conflict {
        /// Which incident.
        id: String,
        /// Revision in the store.
        found: u64,
        /// Revision that the change was based on.
        expected: u64,
    },
    /// A stored value cannot be read.
    #[error("{place}: {what} cannot be read: {message}")]
    Damaged {
        /// File or server.
        place: String,
        /// Which row.
        what: String,
        /// Why.
        message: String,
    },
    /// This replica does not hold the lease any more.
    #[error("another replica leads {target}")]
    NotLeader {
        /// The target whose lease was lost.
        target: String,
    },
}

/// Which incidents are asked for, the latest opened first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Of this target only.
    pub target: Option<String>,
    /// In these states only; empty is any.
    pub states: Vec<IncidentState>,
    /// With this cause, named or confirmed.
    pub cause: Option<String>,
    /// Opened at or after.
    pub since: Option<Timestamp>,
    /// Opened before.
    pub until: Option<Timestamp>,
    /// After this one in the order of the listing (a cursor).
    pub after: Option<Cursor>,
    /// At most so many; 0 is [`MAX_PAGE`].
    pub limit: usize,
}

/// A place in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the last one of the page was opened.
    pub opened: Timestamp,
    /// Its id.
    pub id: String,
}

/// A message that has to go out, exactly one for each incident, revision and route.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// `<incident>/<revision>/<route>`: the same key is never queued twice.
    pub key: String,
    /// The route in the configuration.
    pub route: String,
    /// Which incident.
    pub incident: String,
    /// Its revision.
    pub revision: u64,
    /// When it was queued.
    pub queued: Timestamp,
    /// Not to be tried before.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// Incidents and what goes with them. One implementation for each database.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Writes an incident and, in the same transaction, queues one message for each route. `incident.revision` must be one more than the stored
    /// one (1 for a new incident).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not.
    fn put(&self, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), StoreError>;

    /// One incident; `None` when there is none of that id.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError>;

    /// Those that the filter lets through, without their reports, the latest opened first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError>;

    /// Messages that are due, the oldest first; of one route and incident only the first, so that updates keep their order.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError>;

    /// A message was delivered. `reply` is what the receiver wants to see in the next message of this route and incident (a thread, a dedup key).
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn delivered(&self, key: &str, reply: Option<&str>, now: Timestamp) -> Result<(), StoreError>;

    /// A message was not delivered; it is tried again at `due`, or given up when `None`.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn failed(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError>;

    /// What the receiver of a route last replied for an incident.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn reply(&self, route: &str, incident: &str) -> Result<Option<String>, StoreError>;
}
