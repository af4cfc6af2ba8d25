//! The events of Flux' notification controller, provider `generic`: what a Kustomization or a Helm release applied.

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;
use serde_json::Value;

use super::entry::{Entry, Place, at, key_from, name};
use crate::alerts::webhook_fields::{ParseError, invalid};
use crate::store::ToldState;

/// Digits of a commit that people compare.
const COMMIT_CHARS: usize = 7;

pub(super) fn entry(body: &Value, now: Timestamp) -> Result<Entry, ParseError> {
    let of = |field: &str| at(body, &["involvedObject", field]);
    let (Some(kind), Some(object)) = (of("kind"), of("name")) else {
        return Err(invalid("involvedObject", "it has no kind and name: is this an event of Flux?"));
    };
    let what = format!("{kind} {object}");
    let reason = at(body, &["reason"]).unwrap_or_default();
    if at(body, &["severity"]) == Some("error") || !reason.ends_with("Succeeded") {
        let nothing = format!("'{}' does not say that another revision runs", name(reason));
        return Ok(Entry::no_effect(&what, nothing));
    }
    if reason == "TestSucceeded" {
        return Ok(Entry::no_effect(&what, "its tests change nothing that runs"));
    }
    if !matches!(kind, "Kustomization" | "HelmRelease") {
        return Ok(Entry::no_effect(&what, "what it fetched is not applied by it"));
    }
    let Some(revision) = revision(body) else {
        return Ok(Entry::no_effect(&what, "it names no revision, so that nothing can be said of what changed"));
    };
    let time = at(body, &["timestamp"]).and_then(Timestamp::parse_rfc3339);
    let namespace = of("namespace").map(name);
    let place = Place { namespace: namespace.clone(), ..Place::default() };
    let change = Change {
        at: time.unwrap_or(now),
        kind: if reason.starts_with("Rollback") { ChangeKind::Rollback } else { ChangeKind::Sync },
        service: Some(name(object)),
        subject: what,
        from: None,
        to: Some(short(revision)),
        uncertainty_ms: 0,
        source: "Flux".to_owned(),
        url: None,
    };
    // The same revision is reported again at every reconciliation, and may come back after another one.
    let object = key_from("flux", &[&namespace.unwrap_or_default(), kind, object]);
    Ok(Entry::state(ToldState { object, state: key_from(reason, &[revision]) }, place, change))
}

/// `revision`, or the same with the controller's prefix.
fn revision(body: &Value) -> Option<&str> {
    let metadata = body.get("metadata")?.as_object()?;
    let is_revision = |key: &str| key == "revision" || key.ends_with("/revision");
    metadata.iter().find(|(key, _)| is_revision(key)).and_then(|(_, value)| value.as_str()).filter(|r| !r.is_empty())
}

/// `main@sha1:0b31b1c02ff458ad` as `main@0b31b1c`; a version of a chart as it is.
fn short(revision: &str) -> String {
    match revision.split_once("sha1:").or_else(|| revision.split_once("sha256:")) {
        Some((branch, digest)) => format!("{branch}{}", digest.chars().take(COMMIT_CHARS).collect::<String>()),
        None => revision.to_owned(),
    }
}
