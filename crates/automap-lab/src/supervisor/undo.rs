//! How to revert an operator's change. Data only; `changes` does it.

use super::config_map::Former;

/// How to revert a change.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    /// Roll back this version.
    RollBack { service: &'static str, version: String },
    /// Restore this number of pods.
    Scale { service: &'static str, replicas: u32 },
    /// Restore these settings.
    Settings { service: &'static str, former: Former },
    /// Remove the autoscaler, and restore this number of pods.
    Autoscaler { service: &'static str, replicas: u32 },
    /// Restore this number of users.
    Traffic { rate_per_s: Option<f64> },
    /// End it.
    NodeLoad { id: String },
    /// Nothing to do for a roll-back, which is itself a revert.
    Nothing,
}
