//! What the threads report to the log: one event for each thing that happened, under a short target that filters can name.

use std::time::Duration;

use automap_core::incident::Incident;
use tracing::{error, info, warn};

use crate::notify::Step;
use crate::store::StoreError;
use crate::watcher::{State, TargetStatus};

/// An incident opened, changed or ended, and is stored.
pub(super) fn incident(i: &Incident) {
    info!(
        target: "incident",
        incident = i.id, target = i.target, state = i.state.as_str(), severity = i.severity.as_str(), revision = i.revision, title = i.title,
    );
}

/// The state of a target's watcher changed.
pub(super) fn state(status: &TargetStatus) {
    let TargetStatus { target, state, summary, .. } = status;
    let state = state.as_str();
    if matches!(status.state, State::Blind | State::Failing) {
        warn!(target: "target", target, state, summary);
    } else {
        info!(target: "target", target, state, summary);
    }
}

/// The watching of a target was interrupted by a panic.
pub(super) fn broke_off(target: &str, restarts: u64, pause: Duration) {
    error!(
        target: "target", target, restarts, pause_s = pause.as_secs(),
        "the watching broke off by a bug of automap and begins again after a pause; please report the panic above"
    );
}

/// What one step of the outbox did.
pub(super) fn step(step: &Step) {
    let Step { delivered, retried, given_up, folded, refreshed, blocked } = *step;
    if blocked {
        warn!(target: "messages", "messages wait: the options under notify.http cannot be used");
    } else if given_up + retried > 0 {
        warn!(
            target: "messages", delivered, retried, given_up, folded, refreshed,
            "some messages were not accepted by their receiver; the outbox knows why"
        );
    } else {
        info!(target: "messages", delivered, retried, given_up, folded, refreshed);
    }
}

/// The store could not be read or written.
pub(super) fn store(error: &StoreError) {
    error!(target: "store", %error, "the store does not answer as it should");
}

/// Threads did not end in time after the stop.
pub(super) fn left_behind(names: &[String]) {
    warn!(
        target: "shutdown", threads = names.join(", "),
        "some work did not end in time and is left behind; what was not sent stays in the store"
    );
}
