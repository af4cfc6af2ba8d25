//! Which changes of a stored incident are allowed: the rules of [`automap_core::incident::history`], as errors of a store.

use automap_core::incident::{Incident, history};

pub(crate) use history::is_same;

use super::StoreError;

/// Checks a change of a stored incident. The stores themselves compare revisions.
///
/// # Errors
/// [`StoreError::History`]: what it would overwrite.
pub(super) fn check(before: &Incident, after: &Incident) -> Result<(), StoreError> {
    history::check(before, after).map_err(|reason| StoreError::History { id: before.id.clone(), reason })
}
