//! An experiment whose effects are in place: what was injected, and what must be undone.
//!
//! Data only. `experiments` carries experiments out and reverts them.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::process_effect::ProcessEffect;
use super::undo::Undo;
use crate::control::protocol::FaultStatus;
use crate::ledger::Injection;

/// An experiment in place.
#[derive(Clone, Debug)]
pub(super) struct ActiveExperiment {
    pub(super) injection: Injection,
    /// When it ends by itself; `None` for kills, which end when the pods are ready again, and for changes made by hand.
    pub(super) ends: Option<Instant>,
    /// Effects in running processes.
    pub(super) effects: Vec<ProcessEffect>,
    /// Pods that are kept down.
    pub(super) pods_down: Vec<String>,
    /// Changes that were made.
    pub(super) changes: Vec<Undo>,
    /// Notified when a later change replaces it, so that it ends without being reverted.
    pub(super) superseded: Arc<Notify>,
}

impl ActiveExperiment {
    pub(super) fn status(&self) -> FaultStatus {
        FaultStatus {
            id: self.injection.id.clone(),
            experiment: self.injection.experiment.clone(),
            what: format!("{} {}", self.injection.kind, self.injection.action),
            services: self.injection.targets.iter().map(|t| t.service.clone()).collect(),
            stays: self.ends.is_none() && !self.changes.is_empty(),
            left_s: self.ends.map(|t| t.saturating_duration_since(Instant::now()).as_secs()),
        }
    }
}
