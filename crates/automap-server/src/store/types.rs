//! The types that go in and out of a store besides incidents.

use automap_core::change::Change;
use automap_core::incident::{Incident, IncidentState};
use automap_core::time::{Interval, Timestamp, as_rfc3339};
use automap_core::watch::Alert;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Outgoing;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first message of this incident on this route.
    Opened,
    /// Something changed.
    Updated,
    /// It is over.
    Closed,
    /// It came back after it had been closed.
    Reopened,
}

impl Event {
    /// The event for the step from one revision to the next, for a route that was or was not notified of the incident before.
    pub fn between(before: Option<IncidentState>, after: IncidentState, was_notified: bool) -> Self {
        let was_open = before.is_some_and(|state| state != IncidentState::Closed);
        match (was_open, after == IncidentState::Closed) {
            (true, true) => Self::Closed,
            (false, true) if !was_notified => Self::Closed,
            // A change of an incident that stays closed: somebody confirmed its cause.
            (false, true) => Self::Updated,
            (_, false) if !was_notified => Self::Opened,
            (true, false) => Self::Updated,
            (false, false) => Self::Reopened,
        }
    }

    /// As written in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
        }
    }

    /// The reverse of [`Event::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Opened, Self::Updated, Self::Closed, Self::Reopened].into_iter().find(|e| e.as_str() == text)
    }
}

/// The content of a waiting message.
#[derive(Clone, Debug, PartialEq)]
pub struct Queued {
    /// What it is about.
    pub event: Event,
    /// An earlier attempt got no answer: the receiver may have the message already.
    pub uncertain: bool,
    /// The incident as it was when the message was queued.
    pub incident: Incident,
}

/// A message in the queue of one route and incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its key.
    pub key: String,
    /// What it is about.
    pub event: Event,
    /// Whether it may have arrived already.
    pub uncertain: bool,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Which.
    pub message: Outgoing,
    /// What it is about.
    pub event: Event,
    /// Its state.
    pub state: DeliveryState,
    /// When it reached a final state.
    pub done: Option<Timestamp>,
    /// Why the latest attempt failed.
    pub error: Option<String>,
}

/// The state of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// A later message contained it.
    Folded,
    /// It cannot be delivered; the error says why.
    GivenUp,
}

impl DeliveryState {
    /// As written in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Folded => "folded",
            Self::GivenUp => "given_up",
        }
    }

    /// The reverse of [`DeliveryState::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::Folded, Self::GivenUp].into_iter().find(|s| s.as_str() == text)
    }
}

/// The outbox as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxState {
    /// Messages to be sent.
    pub waiting: u64,
    /// Messages that were given up and are still remembered.
    pub given_up: u64,
    /// Since when the oldest one waits.
    pub oldest: Option<Timestamp>,
}

/// The new state of an alert from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertChange {
    /// The target that it belongs to.
    pub target: String,
    /// Identifies it within the target.
    pub key: String,
    /// The firing alert; `None` if it is over.
    pub firing: Option<Alert>,
}

/// A reported change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToldChange {
    /// The target that it belongs to.
    pub target: String,
    /// Identifies it within the target, the same whenever it is told again.
    pub key: String,
    /// The change; its service is named as the sender does.
    pub change: Change,
    /// When it was received.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub received: Timestamp,
    /// The state that the change led to, if its sender reports states again and again; `None` if each report is a change of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ToldState>,
}

/// What became of a change that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeFate {
    /// It is kept.
    Kept,
    /// It was stored before.
    Repeated,
    /// It is not kept: there is room for later ones only.
    Dropped,
}

/// The state of an object, as a change says. The change is a repetition if the object was in this state already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToldState {
    /// Identifies the object within the target.
    pub object: String,
    /// What was done to it, and which revision it has.
    pub state: String,
}

impl ToldChange {
    /// Whether the object was in this state already: `latest` is the last change of the object that was made until then.
    pub(super) fn repeats(&self, latest: Option<&Self>) -> bool {
        self.state.is_some() && latest.is_some_and(|latest| latest.state == self.state)
    }

    /// Unique among all targets.
    pub fn id(&self) -> String {
        format!("{}/{}", self.target, self.key)
    }
}

/// Profiles of a healthy period.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredProfile {
    /// The period.
    pub period: Interval,
    /// The document as it was given.
    pub json: String,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Closed incidents, profiles and records of messages, in days since they closed, ended or were queued.
    pub keep_days: u32,
    /// Bytes that the content may take.
    pub max_bytes: u64,
}

impl Retention {
    /// Content older than this may be removed.
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        now.plus_ms(-i64::from(self.keep_days) * 86_400_000)
    }
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Incidents, by age and by size.
    pub incidents: u64,
    /// Records of messages that had been delivered, folded or given up.
    pub messages: u64,
    /// Healthy periods.
    pub profiles: u64,
    /// Bytes of the content afterwards; more than the limit if the rest must be kept.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_follows_from_the_states_and_from_what_the_route_knows() {
        use IncidentState::{Closed, Open, Recovering};
        let table = [
            (None, Open, false, Event::Opened),
            (Some(Open), Recovering, true, Event::Updated),
            (Some(Open), Open, false, Event::Opened),
            (Some(Recovering), Closed, true, Event::Closed),
            (Some(Recovering), Closed, false, Event::Closed),
            (Some(Closed), Open, true, Event::Reopened),
            (Some(Closed), Open, false, Event::Opened),
            (Some(Closed), Closed, true, Event::Updated),
            (None, Closed, false, Event::Closed),
        ];
        for (before, after, was_notified, expected) in table {
            assert_eq!(
                Event::between(before, after, was_notified),
                expected,
                "{before:?} → {after:?}, was_notified: {was_notified}"
            );
        }
    }
}
