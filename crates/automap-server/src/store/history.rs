//! Which changes of a stored incident are allowed, the same for all stores: history is append-only.
//!
//! An id belongs to one incident for ever: a record of another target, or of another opening, does not replace it. A closed incident stays as it was,
//! except that a user may confirm its cause and that the same problem may come back, which counts as reopened. A confirmation can be corrected but
//! not removed. The stores themselves compare revisions.

use automap_core::incident::{Incident, MAX_TIMELINE};

use super::StoreError;

/// Checks a change of a stored incident.
///
/// # Errors
/// [`StoreError::History`]: what it would overwrite.
pub(super) fn check(before: &Incident, after: &Incident) -> Result<(), StoreError> {
    let refused = |reason| Err(StoreError::History { id: before.id.clone(), reason });
    if !is_same(before, after) {
        return refused("another incident is kept under this id");
    }
    if before.confirmed.is_some() && after.confirmed.is_none() {
        return refused("its confirmed cause would be lost");
    }
    if before.is_open() || after.reopened > before.reopened {
        return Ok(());
    }
    if after.is_open() {
        return refused("it is closed, and the change does not say that it was reopened");
    }
    let goes_on = after.timeline.starts_with(&before.timeline) || before.timeline.len() >= MAX_TIMELINE;
    if goes_on && confirmed_as(before, after) == *after {
        return Ok(());
    }
    refused("it is closed, and only its confirmed cause can change")
}

/// Whether two records are of one incident: an id alone does not tell, since older versions gave one id to several.
pub(crate) fn is_same(a: &Incident, b: &Incident) -> bool {
    (&a.id, &a.target, a.opened) == (&b.id, &b.target, b.opened)
}

/// The closed incident, with the fields that a confirmation changes taken from `after`.
fn confirmed_as(before: &Incident, after: &Incident) -> Incident {
    Incident {
        schema_version: after.schema_version,
        revision: after.revision,
        updated: after.updated,
        owner: after.owner.clone(),
        muted: after.muted.clone(),
        confirmed: after.confirmed.clone(),
        timeline: after.timeline.clone(),
        ..before.clone()
    }
}
