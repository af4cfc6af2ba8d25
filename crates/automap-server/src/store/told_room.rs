//! Which reported changes of a target stay when there are too many, the same for all stores.
//!
//! Of each form, the latest stay, and forms take turns: a form with few changes keeps all of them, and the one with the most makes room. A flag
//! server whose flags change every minute does not push out the releases.

use std::collections::{BTreeMap, BTreeSet};

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
    if latest_first.len() <= MAX_TOLD {
        return Vec::new();
    }
    let mut turns: BTreeMap<String, usize> = BTreeMap::new();
    let turn = |id: String| {
        let turn = turns.entry(form(&id).to_owned()).or_default();
        *turn += 1;
        (*turn, id)
    };
    let mut by_turn: Vec<(usize, String)> = latest_first.into_iter().map(turn).collect();
    // Stable: within a turn, the latest stay.
    by_turn.sort_by_key(|(turn, _)| *turn);
    by_turn.into_iter().skip(MAX_TOLD).map(|(_, id)| id).collect()
}

/// The form in which a change was reported: `ofrep` in `shop/ofrep:checkoutFast:1763906548000`. There are as many as automap has parsers.
fn form(id: &str) -> &str {
    let key = id.split_once('/').map_or(id, |(_, key)| key);
    key.split_once(':').map_or("", |(form, _)| form)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(form: &str, count: usize) -> Vec<String> {
        (0..count).map(|n| format!("shop/{form}:{n}")).collect()
    }

    #[test]
    fn the_form_with_the_most_changes_makes_room() {
        let latest_first = [ids("ofrep", MAX_TOLD), ids("flux", 20), ids("plain", 300)].concat();
        assert_eq!(without_room(latest_first), ids("ofrep", MAX_TOLD).split_off(MAX_TOLD - 320));
        let of_two = [ids("ofrep", MAX_TOLD), ids("plain", MAX_TOLD)].concat();
        let gone = without_room(of_two);
        assert_eq!((gone.len(), gone.iter().filter(|id| form(id) == "plain").count()), (MAX_TOLD, MAX_TOLD / 2));
    }

    #[test]
    fn there_is_room_for_the_maximum() {
        assert!(without_room(ids("plain", MAX_TOLD)).is_empty());
        assert_eq!(without_room(ids("plain", MAX_TOLD + 1)), [format!("shop/plain:{MAX_TOLD}")]);
    }
}
