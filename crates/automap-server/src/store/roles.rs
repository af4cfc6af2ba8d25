//! What a store can do, by role. A caller that needs one role asks for that trait; [`Store`] is all of them.
//!
//! Every backend implements each role in a file of its own, beside its SQL. Unless a method says otherwise, it fails only when the database
//! does not answer ([`StoreError::Database`]) or holds something that cannot be read ([`StoreError::Damaged`]).

use std::fmt::Debug;
use std::time::Duration;

use automap_core::incident::Incident;
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::time::{Interval, Timestamp};
use automap_core::watch::Alert;

use super::{
    AlertChange, ChangeFate, ChangeFilter, Delivery, IncidentFilter, Mute, OutboxState, Outgoing, Pruned, Queued,
    Retention, Shared, Sharing, StoreError, StoredProfile, ToldChange, Waiting,
};

/// A store in all its roles. Implemented for every type that has them.
pub trait Store:
    IncidentStore
    + AlertStore
    + ChangeStore
    + MuteStore
    + OutboxStore
    + LeaseStore
    + ProfileStore
    + ConfirmedCaseStore
    + MaintenanceStore
    + Send
    + Sync
    + Debug
{
}

impl<T> Store for T where
    T: IncidentStore
        + AlertStore
        + ChangeStore
        + MuteStore
        + OutboxStore
        + LeaseStore
        + ProfileStore
        + ConfirmedCaseStore
        + MaintenanceStore
        + Send
        + Sync
        + Debug
{
}

/// Incidents, each with its revision.
pub trait IncidentStore {
    /// Writes an incident and, in the same transaction, queues one message for each route. `incident.revision` must be one more than the stored
    /// one (1 for a new incident).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not; [`StoreError::History`] when another incident is stored under the id, or a closed one would be
    /// altered.
    fn put(&self, incident: &Incident, routes: &[String], now: Timestamp) -> Result<(), StoreError>;

    /// As [`IncidentStore::put`], if `holder` has the lease of the incident's target at `now`; looked up in the same transaction.
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

    /// Writes an incident as it is, without messages, unless the same or a later revision is stored already. Returns whether it was written.
    ///
    /// # Errors
    /// [`StoreError::History`] as in [`IncidentStore::put`].
    fn restore(&self, incident: &Incident) -> Result<bool, StoreError>;

    /// One incident; `None` when there is none of that id.
    fn get(&self, id: &str) -> Result<Option<Incident>, StoreError>;

    /// The incidents that match the filter, without their reports, the latest opened first.
    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError>;
}

/// Alerts from outside, so that an acknowledged one outlives this process.
pub trait AlertStore {
    /// Keeps the alerts that fire and forgets those that are over, in one transaction; of each target the latest
    /// [`MAX_ALERTS`](super::MAX_ALERTS), for [`ALERT_EXPIRES_MS`](super::ALERT_EXPIRES_MS) since they were received.
    fn put_alerts(&self, changes: &[AlertChange], now: Timestamp) -> Result<(), StoreError>;

    /// The firing alerts of a target, and when each was last received, by key.
    fn firing_alerts(&self, target: &str, now: Timestamp) -> Result<Vec<(Alert, Timestamp)>, StoreError>;
}

/// Changes reported to automap, so that an acknowledged one outlives this process, and every replica knows it.
pub trait ChangeStore {
    /// Stores the changes that are new, in one transaction; returns what became of each. A change is known by its id or, if it has a state,
    /// by the same state in the last change of its object that was made until then. Of each target the latest
    /// [`MAX_TOLD`](super::MAX_TOLD) stay, for [`CHANGES_KEPT_MS`](super::CHANGES_KEPT_MS) after they were made.
    fn put_changes(&self, changes: &[ToldChange], now: Timestamp) -> Result<Vec<ChangeFate>, StoreError>;

    /// The changes that match the filter, the latest made first.
    fn told_changes(&self, filter: &ChangeFilter) -> Result<Vec<ToldChange>, StoreError>;
}

/// Mutes that were made over the API or the command line, so that every replica knows them.
pub trait MuteStore {
    /// Keeps a new mute, and forgets those that have ended. `false` when another one has its id.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when [`MAX_MUTES`](super::MAX_MUTES) apply now or later.
    fn add_mute(&self, mute: &Mute, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends a mute. Returns whether there was one that had not ended.
    fn end_mute(&self, id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// The mutes that have not ended, by id.
    fn mutes(&self, now: Timestamp) -> Result<Vec<Mute>, StoreError>;
}

/// Messages that have to go out, and what became of them.
pub trait OutboxStore {
    /// The routes that ever got a message about this incident: they must be notified of its end, whatever their filters say by then.
    fn notified_routes(&self, incident: &str) -> Result<Vec<String>, StoreError>;

    /// Messages that are due, the oldest first; of one route and incident only the first, so that updates keep their order.
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError>;

    /// As [`OutboxStore::due`], of one route only, so that a receiver that is unavailable does not hold up the others.
    fn due_of(&self, route: &str, now: Timestamp, limit: usize) -> Result<Vec<Outgoing>, StoreError>;

    /// What a waiting message says; `None` when it does not wait any more.
    fn message(&self, key: &str) -> Result<Option<Queued>, StoreError>;

    /// The messages of one route and incident that wait, the oldest first, at most [`MAX_WAITING`](super::MAX_WAITING).
    fn waiting(&self, route: &str, incident: &str) -> Result<Vec<Waiting>, StoreError>;

    /// A message is about to be sent. If neither success nor failure is recorded, its outcome is unknown ([`Queued::uncertain`]).
    fn attempting(&self, key: &str, now: Timestamp) -> Result<(), StoreError>;

    /// A message was delivered. `reply` is what the receiver expects in the next message of this route and incident (a thread, a dedup key).
    fn delivered(&self, key: &str, reply: Option<&str>, now: Timestamp) -> Result<(), StoreError>;

    /// A message was not delivered; it is tried again at `due`, or given up when `None`.
    fn failed(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError>;

    /// As [`OutboxStore::failed`], when the receiver may have got the message all the same (a timeout after it was sent).
    fn unsure(&self, key: &str, error: &str, due: Option<Timestamp>) -> Result<(), StoreError>;

    /// A later message contains everything that these would have said; they are not sent.
    fn folded(&self, keys: &[String], now: Timestamp) -> Result<(), StoreError>;

    /// The last reply of a route's receiver for an incident.
    fn reply(&self, route: &str, incident: &str) -> Result<Option<String>, StoreError>;

    /// All messages of an incident that are still stored, the latest [`MAX_PAGE`](super::MAX_PAGE), the oldest of them first.
    fn deliveries(&self, incident: &str) -> Result<Vec<Delivery>, StoreError>;

    /// The state of the outbox as a whole.
    fn outbox(&self) -> Result<OutboxState, StoreError>;
}

/// Which replica watches a target.
pub trait LeaseStore {
    /// Takes or renews the lease of a target until `now + ttl`. `false` when another replica holds it and it has not expired. Replicas on
    /// several machines need clocks that agree much better than `ttl`.
    fn lease(&self, target: &str, holder: &str, now: Timestamp, ttl: Duration) -> Result<bool, StoreError>;

    /// Takes, renews and gives back the leases of many targets at once, so that every replica that watches the same targets holds as many as the
    /// others ([`Sharing`]). If two replicas share at the same moment, the second sees what the first did.
    fn share(&self, sharing: &Sharing<'_>, now: Timestamp, ttl: Duration) -> Result<Shared, StoreError>;

    /// Releases a lease; nothing happens when `holder` does not have it.
    fn release(&self, target: &str, holder: &str) -> Result<(), StoreError>;
}

/// Profiles of healthy periods.
pub trait ProfileStore {
    /// Keeps the profiles of a healthy period, one JSON document of all services; replaces those of the same target and period.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when `json` is not JSON.
    fn put_profile(&self, target: &str, period: Interval, json: &str) -> Result<(), StoreError>;

    /// The profiles of the periods that end after `since`, the latest first, at most `limit` (and [`MAX_PROFILES`](super::MAX_PROFILES)).
    fn profiles(&self, target: &str, since: Timestamp, limit: usize) -> Result<Vec<StoredProfile>, StoreError>;
}

/// Incidents whose cause an operator confirmed. Never pruned.
pub trait ConfirmedCaseStore {
    /// Keeps a case whose cause an operator confirmed. Returns the cause that was confirmed for it before.
    fn confirm(&self, case: &ConfirmedCase) -> Result<Option<String>, StoreError>;

    /// Deletes a confirmed case. Returns whether it existed.
    fn forget(&self, id: &str) -> Result<bool, StoreError>;

    /// The confirmed cases, the earliest first; the latest [`MAX_CONFIRMED`](super::MAX_CONFIRMED) of them.
    fn confirmed(&self) -> Result<Vec<ConfirmedCase>, StoreError>;
}

/// What keeps a store from growing without limit.
pub trait MaintenanceStore {
    /// Deletes what is older than the retention allows and, where that is not enough, the oldest closed incidents until the content fits.
    /// Never deleted: open incidents, incidents with a waiting message, confirmed incidents and cases, and the routes' replies for any of these.
    fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError>;

    /// Returns the space of deleted entries to the system. Takes as long as writing the rest again.
    fn vacuum(&self) -> Result<(), StoreError>;

    /// Whether a write would succeed: writes a few bytes and commits them. After a write that failed it writes as much as an incident needs.
    fn check_writable(&self) -> Result<(), StoreError>;
}
