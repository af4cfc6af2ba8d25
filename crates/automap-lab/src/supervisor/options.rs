//! The supervisor's options. They travel as JSON on its command line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the supervisor is told on its command line, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SupervisorOptions {
    /// State, logs, data and ledger.
    pub dir: PathBuf,
    /// First port.
    pub base_port: u16,
    /// Scrape interval of Prometheus.
    pub scrape_interval_s: u64,
    /// Seed of names, choices and the shop's jitter.
    pub seed: u64,
    /// Prometheus' program, if one is to run.
    pub prometheus: Option<PathBuf>,
    /// Journeys per second from the start, if load is to run.
    pub load_rate_per_s: Option<f64>,
    /// The program with the hidden `lab-process` commands.
    pub program: PathBuf,
    /// Whether Prometheus keeps the samples of an earlier run.
    pub keep_data: bool,
    /// Whether the directory is deleted at the end.
    pub is_temporary: bool,
}
