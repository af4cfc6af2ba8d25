//! How to take back what an operator changed. Data only; `changes` does it.

use super::config_map::Former;

/// How to take a change back.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    /// This version goes.
    RollBack { service: &'static str, version: String },
    /// So many pods again.
    Scale { service: &'static str, replicas: u32 },
    /// The settings of before.
    Settings { service: &'static str, former: Former },
    /// No autoscaler, and so many pods again.
    Autoscaler { service: &'static str, replicas: u32 },
    /// So many users again.
    Traffic { rate_per_s: Option<f64> },
    /// It ends.
    NodeLoad { id: String },
    /// A roll-back is the way back itself.
    Nothing,
}
