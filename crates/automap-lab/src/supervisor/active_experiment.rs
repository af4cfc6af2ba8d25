//! An experiment whose effects are in place: what was injected, and what has to be undone.
//!
//! Data only. `experiments` carries experiments out and takes them back.

use std::time::Instant;

use super::process_effect::ProcessEffect;
use crate::control::protocol::FaultStatus;
use crate::ledger::Injection;

/// An experiment in place.
#[derive(Clone, Debug)]
pub(super) struct ActiveExperiment {
    pub(super) injection: Injection,
    /// When it ends by itself; `None` for kills, which end when the pods are ready again.
    pub(super) ends: Option<Instant>,
    /// Effects in running processes.
    pub(super) effects: Vec<ProcessEffect>,
    /// Services whose pods are kept down.
    pub(super) services_down: Vec<&'static str>,
}

impl ActiveExperiment {
    pub(super) fn status(&self) -> FaultStatus {
        FaultStatus {
            id: self.injection.id.clone(),
            experiment: self.injection.experiment.clone(),
            what: format!("{} {}", self.injection.kind, self.injection.action),
            services: self.injection.targets.iter().map(|t| t.service.clone()).collect(),
            left_s: self.ends.map(|t| t.saturating_duration_since(Instant::now()).as_secs()),
        }
    }
}
