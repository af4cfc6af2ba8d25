//! The options of starting a lab, and their defaults.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::directory;
use super::error::LabError;
use crate::mesh::Mesh;
use crate::programs::Programs;
use crate::prometheus_server::Choice;
use crate::stores::{Stores, check_directory, check_programs};
use crate::supervisor::SupervisorOptions;
use crate::surroundings::Surroundings;

/// How to start a lab.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// Where the lab keeps its state, logs, data and ledger. Created if it does not exist.
    pub dir: PathBuf,
    /// First of 302 ports.
    pub base_port: u16,
    /// Scrape interval of Prometheus, in seconds.
    pub scrape_interval_s: u64,
    /// Seed of names, choices and the shop's jitter.
    pub seed: u64,
    /// Which Prometheus to run, if any.
    pub prometheus: Choice,
    /// New users per second from the start; `None`: no load.
    pub load_rate_per_s: Option<f64>,
    /// The `automap` program, which holds the lab's processes.
    pub program: PathBuf,
    /// What runs beside the shop.
    pub with: Surroundings,
    /// What runs in the pods of stores and broker. Real servers have their exporters, no matter what runs beside the shop.
    pub stores: Stores,
    /// What the side-cars are.
    pub mesh: Mesh,
    /// Whether the lab keeps running after the handle is dropped.
    pub detached: bool,
    /// Whether Prometheus keeps the samples of an earlier run in the same directory. If it does, an old fault could be diagnosed.
    pub keep_data: bool,
    /// Whether the supervisor deletes the directory when the lab ends, for whatever reason.
    pub is_temporary: bool,
}

impl LabOptions {
    /// The default first port.
    pub const BASE_PORT: u16 = 21000;

    /// The default options: the default directory, and this program for the processes.
    ///
    /// # Errors
    /// When this program's path is unknown.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            dir: directory::default_dir(),
            base_port: Self::BASE_PORT,
            scrape_interval_s: 2,
            seed: 1,
            prometheus: Choice::InPath,
            load_rate_per_s: None,
            program: std::env::current_exe()?,
            with: Surroundings::default(),
            stores: Stores::default(),
            mesh: Mesh::default(),
            detached: false,
            keep_data: false,
            is_temporary: false,
        })
    }

    /// A lab for one command (`demo`, `drill`, `soak`), in a directory of its own under the system's temporary directory. The
    /// supervisor deletes it, also when this process is interrupted or crashes: it notices that its standard input is closed.
    ///
    /// # Arguments
    /// - `purpose`: part of the directory's name, which also holds the process id: `automap-demo-4711`.
    ///
    /// # Errors
    /// When this program's path is unknown.
    pub fn temporary(purpose: &str) -> io::Result<Self> {
        let dir = std::env::temp_dir().join(format!("automap-{purpose}-{}", std::process::id()));
        Ok(Self { dir, is_temporary: true, ..Self::new()? })
    }

    /// The supervisor's options. Creates the directory.
    ///
    /// # Errors
    /// When the selected Prometheus, a program of the real stores, or Envoy does not exist.
    pub(super) fn for_supervisor(&self) -> Result<SupervisorOptions, LabError> {
        let in_dir = |source| LabError::Io { path: self.dir.clone(), source };
        let programs = Programs::of_the_environment();
        let is_real = self.stores == Stores::Real;
        if is_real {
            check_programs(&programs)?;
        }
        let envoy = self.mesh.program(&programs)?;
        fs::create_dir_all(&self.dir).map_err(in_dir)?;
        let dir = self.dir.canonicalize().map_err(in_dir)?;
        if is_real {
            check_directory(&dir)?;
        }
        Ok(SupervisorOptions {
            dir,
            base_port: self.base_port,
            scrape_interval_s: self.scrape_interval_s,
            seed: self.seed,
            prometheus: self.prometheus.find()?,
            load_rate_per_s: self.load_rate_per_s,
            program: self.program.clone(),
            with: Surroundings { exporters: self.with.exporters || is_real, ..self.with },
            stores: self.stores,
            envoy,
            keep_data: self.keep_data,
            is_temporary: self.is_temporary,
        })
    }
}
