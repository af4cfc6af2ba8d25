//! The errors of driving a lab. Each names what failed, where, and what to try next.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::ledger::LedgerError;
use crate::mesh::NoEnvoy;
use crate::prometheus_server::NotFound;
use crate::stores::{ClosedDirectory, Missing};

/// Why a lab cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// There is no Prometheus program.
    #[error(transparent)]
    Prometheus(#[from] NotFound),
    /// Programs of the real stores are missing.
    #[error(transparent)]
    Stores(#[from] Missing),
    /// There is no Envoy.
    #[error(transparent)]
    Mesh(#[from] NoEnvoy),
    /// The databases could not reach their files.
    #[error(transparent)]
    ClosedDirectory(#[from] ClosedDirectory),
    /// A file or directory cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A lab already runs in the directory.
    #[error(
        "a lab already runs in {} (supervisor {supervisor_pid}, ports from {base_port}); see `automap lab status`, \
         stop it with `automap lab down`, or choose another --dir and --base-port", dir.display()
    )]
    AlreadyUp {
        /// The directory.
        dir: PathBuf,
        /// The process id of its supervisor.
        supervisor_pid: u32,
        /// Its first port.
        base_port: u16,
    },
    /// No lab runs in the directory.
    #[error("no lab runs in {}; start one with `automap lab up`", dir.display())]
    NotUp {
        /// The directory.
        dir: PathBuf,
    },
    /// The supervisor ended instead of getting ready.
    #[error("the lab did not start: {reason} (log: {})", log.display())]
    DidNotStart {
        /// The end of its log.
        reason: String,
        /// All of it.
        log: PathBuf,
    },
    /// Something took too long.
    #[error("{what} took more than {} s; see {}", within.as_secs(), log.display())]
    TooSlow {
        /// The operation.
        what: String,
        /// The time limit.
        within: Duration,
        /// The log with the reason.
        log: PathBuf,
    },
    /// The supervisor does not answer.
    #[error("the lab does not answer: {0}")]
    NoAnswer(String),
    /// The supervisor refused the request.
    #[error("{0}")]
    Refused(String),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
