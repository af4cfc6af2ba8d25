//! The event webhook of Flagger: a canary that begins, advances, succeeds or fails.

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;
use serde_json::Value;

use super::entry::{Entry, Place, at, key_from, name};
use crate::alerts::webhook_fields::{ParseError, invalid};

pub(super) fn entry(body: &Value, now: Timestamp) -> Result<Entry, ParseError> {
    let (Some(canary), Some(phase)) = (at(body, &["name"]), at(body, &["phase"])) else {
        return Err(invalid("body", "it has no name and phase: is this an event of Flagger?"));
    };
    let message = at(body, &["metadata", "eventMessage"]).unwrap_or_default();
    let Some(to) = step(phase, message) else {
        return Ok(Entry::no_effect(&format!("canary {canary}"), format!("phase {} moves no traffic", name(phase))));
    };
    let told = at(body, &["metadata", "timestamp"]).and_then(|ms| ms.parse().ok()).map(Timestamp::from_ms);
    let at_time = told.unwrap_or(now);
    let namespace = at(body, &["namespace"]).map(name);
    let place = namespace.as_deref().unwrap_or_default();
    let key = key_from("flagger", &[place, canary, &to, &at_time.ms().to_string()]);
    let change = Change {
        at: at_time,
        kind: ChangeKind::Canary,
        service: Some(name(canary)),
        subject: format!("canary {canary}"),
        from: None,
        to: Some(to),
        uncertainty_ms: 0,
        source: "Flagger".to_owned(),
        url: None,
    };
    Ok(Entry::change(&key, Place { namespace, ..Place::default() }, change))
}

/// The step of the canary; `None` for one that moves no traffic.
fn step(phase: &str, message: &str) -> Option<String> {
    // "Advance podinfo.test canary weight 10"
    let weight = message.rsplit_once("weight ").and_then(|(_, weight)| weight.trim().parse::<u32>().ok());
    match phase {
        "Succeeded" => Some("promoted".to_owned()),
        "Failed" => Some("failed".to_owned()),
        _ if message.starts_with("New revision detected") => Some("began".to_owned()),
        "Progressing" => weight.map(|weight| format!("weight {weight}")),
        _ => None,
    }
}
