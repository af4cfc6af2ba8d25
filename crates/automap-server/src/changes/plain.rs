//! automap's own form: one change, or a list of them.

use automap_core::time::Timestamp;
use automap_sources::change_form::{PlainChange, entries, entry_of};
use serde_json::Value;

use super::entry::{Delivery, Entry, Place, key_of};
use crate::alerts::webhook_fields::{ParseError, invalid};

/// The source of a change if the entry names none.
const SOURCE: &str = "webhook";

pub(super) fn delivery(body: &Value, now: Timestamp) -> Result<Delivery, ParseError> {
    let list = entries(body).map_err(|reason| invalid("body", reason))?;
    Ok(Delivery::of(list, |i, value| entry(&format!("entry {i}"), value, SOURCE, None, now)))
}

/// One entry; `what` names it if it cannot be read. An entry without an id has the key `without_id`, or one made of its content.
pub(super) fn entry(what: &str, value: &Value, source: &str, without_id: Option<String>, now: Timestamp) -> Entry {
    match entry_of(value, Some(now), source) {
        Err(reason) => Entry::unreadable(what, reason),
        Ok(PlainChange { change, id, target, namespace, cluster, environment }) => {
            let place = Place { target, namespace, cluster, environment };
            let key = id.map(|id| format!("plain:{id}")).or(without_id);
            let key = key.unwrap_or_else(|| key_of("plain", &change, &place));
            Entry::change(&key, place, change)
        }
    }
}
