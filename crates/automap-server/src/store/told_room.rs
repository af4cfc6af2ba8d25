//! Which reported changes of a target stay when there are too many, the same for all stores.

use std::collections::BTreeSet;

use automap_core::time::Timestamp;

use super::{CHANGES_KEPT_MS, ChangeFate, MAX_TOLD, ToldChange};

/// Changes made before this are forgotten.
pub(super) fn kept_since(now: Timestamp) -> Timestamp {
    now.plus_ms(-CHANGES_KEPT_MS)
}

/// The targets of these changes, each once.
pub(super) fn targets(changes: &[ToldChange]) -> BTreeSet<&str> {
    changes.iter().map(|told| told.target.as_str()).collect()
}

/// The ids for which there is no room, among all ids of a target, the latest first.
pub(super) fn without_room(latest_first: Vec<String>) -> Vec<String> {
    latest_first.into_iter().skip(MAX_TOLD).collect()
}

/// What became of the changes, where those in `gone` were removed again: whoever reported one is told so.
pub(super) fn fates(changes: &[ToldChange], are_new: &[bool], since: Timestamp, gone: &[String]) -> Vec<ChangeFate> {
    let gone: BTreeSet<&str> = gone.iter().map(String::as_str).collect();
    let fate = |(told, is_new): (&ToldChange, &bool)| match is_new {
        _ if told.change.at < since || gone.contains(told.id().as_str()) => ChangeFate::Dropped,
        true => ChangeFate::Kept,
        false => ChangeFate::Repeated,
    };
    changes.iter().zip(are_new).map(fate).collect()
}
