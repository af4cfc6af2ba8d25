//! Options of an application.

use std::path::PathBuf;

use crate::plan::Ports;

/// Options of an application.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// Which component it is.
    pub name: String,
    /// Where everything listens.
    pub ports: Ports,
    /// Seed of its jitter.
    pub seed: u64,
    /// Where a store keeps its file.
    pub data_dir: PathBuf,
}
