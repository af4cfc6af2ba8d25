//! Annotations that are posted to automap in the form of Grafana's `POST /api/annotations`, or of Graphite's events.

use automap_core::time::Timestamp;
use automap_sources::grafana::{change_of, place_of};
use serde_json::Value;

use super::entry::{Delivery, Entry, Place, key_of, name};
use crate::alerts::webhook_fields::{ParseError, invalid};

pub(super) fn delivery(body: &Value, now: Timestamp) -> Result<Delivery, ParseError> {
    match body {
        Value::Array(list) => Ok(Delivery::of(list, |i, annotation| entry(i, annotation, now))),
        Value::Object(_) => Ok(Delivery::one(entry(0, body, now))),
        _ => Err(invalid("body", "it is neither an annotation nor a list of them")),
    }
}

fn entry(index: usize, annotation: &Value, now: Timestamp) -> Entry {
    let mut timed = annotation.clone();
    // Grafana treats an annotation without a time as made now.
    if let Some(fields) = timed.as_object_mut()
        && !fields.contains_key("time")
        && !fields.contains_key("when")
    {
        fields.insert("time".to_owned(), now.ms().into());
    }
    let Some(change) = change_of(&timed, &[], None) else {
        let reason = "it has no time that can be read, no text and no tags, or it is one that automap made";
        return Entry::unreadable(&format!("annotation {index}"), reason);
    };
    let [namespace, cluster, environment] = place_of(&timed).map(|place| place.map(|text| name(&text)));
    let place = Place { target: None, namespace, cluster, environment };
    let id = annotation.get("id").and_then(Value::as_u64).map(|id| format!("grafana:{id}"));
    let key = id.unwrap_or_else(|| key_of("grafana", &change, &place));
    Entry::change(&key, place, change)
}
