//! The supervisor's options, passed as JSON on its command line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::stores::Stores;
use crate::surroundings::Surroundings;

/// The options of a supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SupervisorOptions {
    /// State, logs, data and ledger.
    pub dir: PathBuf,
    /// First port.
    pub base_port: u16,
    /// Scrape interval of Prometheus, in seconds.
    pub scrape_interval_s: u64,
    /// Seed of names, choices and the shop's jitter.
    pub seed: u64,
    /// The Prometheus program; `None`: run without it.
    pub prometheus: Option<PathBuf>,
    /// New users per second from the start; `None`: no load.
    pub load_rate_per_s: Option<f64>,
    /// The program with the hidden `lab-process` commands.
    pub program: PathBuf,
    /// What runs beside the shop.
    pub with: Surroundings,
    /// What runs in the pods of stores and broker.
    pub stores: Stores,
    /// The Envoy that is every side-car; `None`: the proxy of this project.
    pub envoy: Option<PathBuf>,
    /// Whether Prometheus keeps the samples of an earlier run.
    pub keep_data: bool,
    /// Whether the directory is deleted at the end.
    pub is_temporary: bool,
}
