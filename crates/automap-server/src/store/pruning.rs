//! What both databases share when they remove old content: which incidents may be removed, and in which steps.

use super::{Pruned, StoreError};

/// Incidents that one step by size removes: short transactions, and little more removed than needed.
pub(super) const STEP: i64 = 20;

/// Condition on `incidents`: closed, unconfirmed, and without a message that still has to be sent.
pub(super) const REMOVABLE: &str = "state = 'closed' AND confirmed IS NULL
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.incident = incidents.id AND o.state = 'waiting')";

/// Repeats `by_size` until a step removes no incident, and adds what it removed to what was removed `by_age`. Each step is a short
/// transaction, so that a watcher that wants to write does not wait for long.
///
/// # Errors
/// The first error of a step.
pub(super) fn prune_in_steps(
    by_age: Pruned,
    mut by_size: impl FnMut() -> Result<Pruned, StoreError>,
) -> Result<Pruned, StoreError> {
    let mut pruned = by_age;
    loop {
        let step = by_size()?;
        pruned.incidents += step.incidents;
        pruned.messages += step.messages;
        pruned.bytes = step.bytes;
        if step.incidents == 0 {
            return Ok(pruned);
        }
    }
}
