//! Where incidents live. What a call has answered with `Ok` survives a crash of the process the next moment.
//!
//! [`sqlite`] is one file, for one replica or several on one machine; `postgres` (feature of that name) is a server, for replicas on several;
//! [`memory`] is for tests. All pass the same suite (`tests/store_contract.rs`). A message is queued in the transaction that writes the incident, with a copy of what was known then,
//! so that nothing is told that is not kept and nothing kept goes untold.

pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod row;
pub mod sqlite;
pub mod transfer;
mod types;

use std::time::Duration;

use automap_core::incident::{Incident, IncidentState};
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::{Interval, Timestamp};

pub use types::{Delivery, DeliveryState, Event, OutboxState, Pruned, Queued, Retention, StoredProfile, Waiting};

/// Most incidents of one page.
pub const MAX_PAGE: usize = 200;
/// Longest id of an incident, in bytes: it is part of keys that other systems limit.
pub const MAX_ID: usize = 200;
/// Most messages of one route and incident that are looked at together; the ones behind them wait.
pub const MAX_WAITING: usize = 200;
/// Most profiles in one answer.
pub const MAX_PROFILES: usize = 1000;
/// Most confirmed cases that are read, the latest ones.
pub const MAX_CONFIRMED: usize = 1000;

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
    /// What was given cannot be kept.
    #[error("{what} cannot be kept: {reason}")]
    Unfit {
        /// Which value.
        what: String,
        /// Why.
        reason: String,
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

    /// As [`Store::put`], if `holder` has the lease of the incident's target at `now`; looked up in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NotLeader`] when it does not; else as `put`.
    fn put_leading(
        &self,
        incident: &Incident,
        routes: &[String],
        now: Timestamp,
        holder: &str,
    ) -> Result<(), StoreError>;

    /// Writes an incident as it is, without messages, unless the same or a later revision is kept already. Whether it was written.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn restore(&self, incident: &Incident) -> Result<bool, StoreError>;

    /// The routes that were ever given a message of this incident: they have to hear of its end, whatever their filters say by then.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn told(&self, incident: &str) -> Result<Vec<String>, StoreError>;

    /// As [`Store::due`], of one route only: a receiver that is away does not keep the others from theirs.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn due_of(&self, route: &str, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError>;

    /// What a waiting message says; `None` when it does not wait any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn message(&self, key: &str) -> Result<Option<Queued>, StoreError>;

    /// The messages of one route and incident that wait, the oldest first, at most [`MAX_WAITING`].
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn waiting(&self, route: &str, incident: &str) -> Result<Vec<Waiting>, StoreError>;

    /// A message is about to be sent. If nothing else is heard of it, its outcome is unknown ([`Queued::uncertain`]).
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn attempting(&self, key: &str, now: Timestamp) -> Result<(), StoreError>;

    /// As [`Store::failed`], when the receiver may have got the message all the same (a timeout after it was sent).
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn unsure(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError>;

    /// A later message says all that these would have said; they are not sent.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn folded(&self, keys: &[String], now: Timestamp) -> Result<(), StoreError>;

    /// All messages of an incident that are remembered, the latest [`MAX_PAGE`], the oldest of them first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn deliveries(&self, incident: &str) -> Result<Vec<Delivery>, StoreError>;

    /// How the outbox stands as a whole.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn outbox(&self) -> Result<OutboxState, StoreError>;

    /// Keeps the profiles of a healthy period, one JSON document of all services; replaces those of the same target and period.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when `json` is none.
    fn put_profile(&self, target: &str, period: Interval, json: &str) -> Result<(), StoreError>;

    /// The profiles of the periods that end after `since`, the latest first, at most `limit` (and [`MAX_PROFILES`]).
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn profiles(&self, target: &str, since: Timestamp, limit: usize) -> Result<Vec<StoredProfile>, StoreError>;

    /// Takes or renews the lease of a target until `now + ttl`. `false` when somebody else holds it and it has not run out. Replicas on
    /// several machines need clocks that agree much better than `ttl`.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn lease(&self, target: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<bool, StoreError>;

    /// Gives a lease back; nothing happens when `holder` does not have it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError>;

    /// Keeps a case whose cause an operator confirmed. Returns the cause that was confirmed for it before.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>, StoreError>;

    /// Forgets a confirmed case; whether it was there.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn forget(&self, id: &str) -> Result<bool, StoreError>;

    /// The confirmed cases, the earliest first; the latest [`MAX_CONFIRMED`] of them.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn confirmed(&self) -> Result<Vec<ConfirmedCase>, StoreError>;

    /// Forgets what is older than the retention allows and, where that is not enough, the oldest closed incidents until the content fits.
    /// Never: incidents that go on, incidents with a message that waits, confirmed incidents and cases, the routes' replies of any of these.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError>;

    /// Gives the space of what was forgotten back to the system; takes as long as writing the rest anew.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    fn vacuum(&self) -> Result<(), StoreError>;
}
