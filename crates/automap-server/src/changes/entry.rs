//! The result of parsing any form: entries, each a change with its place, or the reason why not.

use automap_core::change::Change;
use automap_core::text::{observed_name, shown};
use serde_json::Value;

use crate::store::ToldState;

/// Most entries of one body; the others are counted.
pub const MAX_ENTRIES: usize = 200;
/// Longest name of an entry in an answer, in characters.
pub(super) const MAX_SHOWN_CHARS: usize = 200;
/// An older change is not accepted: no diagnosis would consider it.
pub const OLDEST_MS: i64 = 7 * 86_400_000;
/// How far ahead a sender's clock may be: 5 min.
pub const AHEAD_MS: i64 = 300_000;

/// The headers of a request that a form may need, by name in lower case.
pub type Headers<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One entry of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A change.
    Change(Box<ReceivedChange>),
    /// Something that does not affect running services: what it is, and why it is left out.
    NoEffect {
        /// For people.
        what: String,
        /// Why.
        reason: String,
    },
    /// It cannot be read: which one, and why.
    Unreadable {
        /// For people.
        what: String,
        /// Why, and what to write instead.
        reason: String,
    },
}

/// A change as its sender reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedChange {
    /// The same at every repetition.
    pub key: String,
    /// The hints about its target.
    pub place: Place,
    /// The change; its service is named as the sender does.
    pub change: Change,
    /// The state that it led to, if the sender reports states again and again.
    pub state: Option<ToldState>,
}

/// Where a change belongs, as far as its sender says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The target by name.
    pub target: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The cluster.
    pub cluster: Option<String>,
    /// The environment, such as `production`: a target by this name or namespace.
    pub environment: Option<String>,
}

/// The entries of one body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivery {
    /// In the order of the body.
    pub entries: Vec<Entry>,
    /// Entries beyond [`MAX_ENTRIES`].
    pub left_out: u64,
}

impl Delivery {
    pub(super) fn one(entry: Entry) -> Self {
        Self { entries: vec![entry], left_out: 0 }
    }

    /// Reads the entries of a list, as far as there is room.
    pub(super) fn of(list: &[Value], entry: impl Fn(usize, &Value) -> Entry) -> Self {
        let entries = list.iter().take(MAX_ENTRIES).enumerate().map(|(i, value)| entry(i, value)).collect();
        Self { entries, left_out: list.len().saturating_sub(MAX_ENTRIES) as u64 }
    }
}

impl Entry {
    pub(super) fn no_effect(what: &str, reason: impl Into<String>) -> Self {
        Self::NoEffect { what: shown(what, MAX_SHOWN_CHARS), reason: reason.into() }
    }

    pub(super) fn unreadable(what: &str, reason: impl Into<String>) -> Self {
        Self::Unreadable { what: shown(what, MAX_SHOWN_CHARS), reason: reason.into() }
    }

    /// A change with its texts made safe.
    pub(super) fn change(key: &str, place: Place, mut change: Change) -> Self {
        change.clean();
        Self::Change(Box::new(ReceivedChange { key: observed_name(key).into_owned(), place, change, state: None }))
    }

    /// The same for a sender that reports the state of an object again and again: it counts if the object was in another state before.
    pub(super) fn state(state: ToldState, place: Place, change: Change) -> Self {
        let state = ToldState { object: name(&state.object), state: name(&state.state) };
        let key = format!("{}/{}/{}", state.object, state.state, change.at.ms());
        match Self::change(&key, place, change) {
            Self::Change(mut change) => {
                change.state = Some(state);
                Self::Change(change)
            }
            other => other,
        }
    }
}

/// The text of a field, or of one within others: `at(value, &["metadata", "name"])`.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(value, |value, name| value.get(*name))?;
    found.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// A name as it may be stored and shown.
pub(super) fn name(text: &str) -> String {
    observed_name(text).into_owned()
}

/// A key made of several parts. Different parts never have the same key: a `/` within a part is written as in an address.
pub(super) fn key_from(form: &str, parts: &[&str]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| part.replace('%', "%25").replace('/', "%2F")).collect();
    format!("{form}:{}", parts.join("/"))
}

/// The key of a change whose sender gives no id: a digest of all its content.
pub(super) fn key_of(form: &str, change: &Change, place: &Place) -> String {
    let Place { target, namespace, cluster, environment } = place;
    let Change { at, kind, service, subject, from, to, .. } = change;
    let of = format!("{target:?}{namespace:?}{cluster:?}{environment:?}{kind:?}{service:?}{subject:?}{from:?}{to:?}");
    let digest = ring::digest::digest(&ring::digest::SHA256, of.as_bytes());
    let hex: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{form}:{}:{hex}", at.ms())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_parts_differ() {
        let all = [["ci/shop", "42"], ["ci", "shop/42"], ["ci%2Fshop", "42"], ["ci", "shop%2F42"], ["ci/shop/42", ""]];
        let keys: std::collections::BTreeSet<String> = all.iter().map(|parts| key_from("cdevents", parts)).collect();
        assert_eq!(keys.len(), all.len(), "{keys:?}");
        assert_eq!(key_from("cdevents", &["ci", "42"]), "cdevents:ci/42");
    }
}
