//! Where incidents are stored. What a call confirmed with `Ok` survives a crash of the process immediately after.
//!
//! [`sqlite`] is one file, for one replica or several on one machine; `postgres` (the feature of that name) is a server, for replicas on several
//! machines; [`memory`] is for tests. All pass the same tests (`tests/store_contract.rs`). A message is queued in the transaction that writes the
//! incident, with a copy of the incident at that moment: no message goes out for an incident that was not stored, and none is missing for one that
//! was. History is append-only (`history`): no incident overwrites another's record, and closed incidents stay as they were.

mod error;
pub(crate) mod history;
pub mod memory;
mod mute;
#[cfg(feature = "postgres")]
pub mod postgres;
mod pruning;
mod roles;
mod row;
mod share;
pub mod sqlite;
mod told_room;
pub mod transfer;
mod types;

use automap_core::incident::IncidentState;
use automap_core::time::Timestamp;

pub use error::StoreError;
pub use mute::Mute;
pub use roles::{
    AlertStore, ChangeStore, ConfirmedCaseStore, IncidentStore, LeaseStore, MaintenanceStore, MuteStore, OutboxStore,
    ProfileStore, Store,
};
pub use share::{Shared, Sharing};
pub use types::{
    AlertChange, ChangeFate, Delivery, DeliveryState, Event, OutboxState, Pruned, Queued, Retention, StoredProfile,
    ToldChange, ToldState, Waiting,
};

/// Most incidents of one page.
pub const MAX_PAGE: usize = 200;
/// Longest id of an incident, in bytes: it is part of keys that other systems limit.
pub const MAX_ID: usize = 200;
/// Most messages of one route and incident that are read together; later ones wait.
pub const MAX_WAITING: usize = 200;
/// Most alerts of one target that are kept, the latest received.
pub const MAX_ALERTS: usize = 500;
/// An alert that was not repeated for this long is over: Alertmanager repeats firing alerts every four hours by default.
pub const ALERT_EXPIRES_MS: i64 = 5 * 3_600_000;
/// Most reported changes of one target that are kept: of each form the latest by their own time (`told_room`).
pub const MAX_TOLD: usize = 1000;
/// Changes are dropped when they were made this long ago: 8 days, a day more than the oldest that are accepted.
pub const CHANGES_KEPT_MS: i64 = 8 * 86_400_000;
/// Most mutes that apply now or later.
pub const MAX_MUTES: usize = 500;
/// Most profiles in one answer.
pub const MAX_PROFILES: usize = 1000;
/// Most confirmed cases that are read, the latest ones.
pub const MAX_CONFIRMED: usize = 1000;

/// Which incidents to list, the latest opened first.
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
    /// At most this many; 0 is [`MAX_PAGE`].
    pub limit: usize,
}

/// Which reported changes to list, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Of this target only.
    pub target: Option<String>,
    /// Made at or after.
    pub since: Option<Timestamp>,
    /// Made before.
    pub until: Option<Timestamp>,
    /// After this one in the order of the listing (a cursor): its time and its id.
    pub after: Option<Cursor>,
    /// At most this many; 0 is [`MAX_PAGE`], and there are never more than [`MAX_TOLD`].
    pub limit: usize,
}

impl ChangeFilter {
    /// How many rows to read.
    fn rows(&self) -> usize {
        if self.limit == 0 { MAX_PAGE } else { self.limit.min(MAX_TOLD) }
    }
}

/// A position in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the last one of the page was opened, or made.
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
    /// Not to be sent before.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}
