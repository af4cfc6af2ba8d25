//! CloudEvents 1.0: an event as JSON, a batch of them, or one with its attributes in headers (`ce-…`). Their content is CDEvents, or a change in the
//! plain form as `data`.

use automap_core::time::Timestamp;
use serde_json::{Map, Value};

use super::entry::{Delivery, Entry, Headers, at, key_from};
use super::{cdevents, plain};
use crate::alerts::webhook_fields::{ParseError, invalid};

/// An event with its attributes.
pub(super) struct Event<'a> {
    pub(super) id: &'a str,
    pub(super) source: &'a str,
    pub(super) kind: &'a str,
    pub(super) time: Option<Timestamp>,
    pub(super) data: &'a Value,
}

pub(super) fn delivery(headers: Headers<'_>, body: &Value, now: Timestamp) -> Result<Delivery, ParseError> {
    if let Some(version) = headers("ce-specversion") {
        let attribute = |name: &str| headers(name).map(Value::String).unwrap_or_default();
        let event = Map::from_iter([
            ("specversion".to_owned(), Value::String(version)),
            ("id".to_owned(), attribute("ce-id")),
            ("source".to_owned(), attribute("ce-source")),
            ("type".to_owned(), attribute("ce-type")),
            ("time".to_owned(), attribute("ce-time")),
            ("data".to_owned(), body.clone()),
        ]);
        return Ok(Delivery::one(entry(0, &Value::Object(event), now)));
    }
    match body {
        Value::Array(events) => Ok(Delivery::of(events, |i, event| entry(i, event, now))),
        Value::Object(_) => Ok(Delivery::one(entry(0, body, now))),
        _ => Err(invalid("body", "it is neither a CloudEvent nor a batch of them")),
    }
}

fn entry(index: usize, event: &Value, now: Timestamp) -> Entry {
    let what = at(event, &["type"]).map_or_else(|| format!("event {index}"), str::to_owned);
    match read(event) {
        Err(reason) => Entry::unreadable(&what, reason),
        Ok(event) if event.kind.starts_with(cdevents::PREFIX) => cdevents::entry(&event, now),
        Ok(event) if event.data.get("kind").is_some() => of_plain_data(&what, &event, now),
        Ok(_) => Entry::no_effect(
            &what,
            "only CDEvents (dev.cdevents.service.deployed, upgraded, rolledback) are understood, and events whose `data` is a change in the plain form",
        ),
    }
}

fn read(event: &Value) -> Result<Event<'_>, String> {
    let attribute = |name: &str| at(event, &[name]).ok_or_else(|| format!("the attribute `{name}` is missing"));
    let version = attribute("specversion")?;
    if version != "1.0" {
        return Err("its `specversion` is not 1.0".to_owned());
    }
    let (id, source, kind) = (attribute("id")?, attribute("source")?, attribute("type")?);
    let time = at(event, &["time"]).map(|text| Timestamp::parse_rfc3339(text).ok_or("its `time` is none in RFC 3339"));
    let data = event.get("data").ok_or("it has no `data` as JSON")?;
    Ok(Event { id, source, kind, time: time.transpose()?, data })
}

/// The event's time and id are used if the data has none of its own.
fn of_plain_data(what: &str, event: &Event<'_>, now: Timestamp) -> Entry {
    let key = key_from("cloudevents", &[event.source, event.id]);
    plain::entry(what, event.data, "CloudEvent", Some(key), event.time.unwrap_or(now))
}
