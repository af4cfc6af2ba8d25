//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::lab::{LabCommand, process::ProcessCommand};

/// Names the service that caused an incident, with the evidence, from the metrics already in Prometheus.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A Sock Shop on this machine, with real faults, to try everything on.
    #[command(subcommand)]
    Lab(LabCommand),
    /// One process of the lab; started by its supervisor.
    #[command(subcommand, hide = true)]
    LabProcess(ProcessCommand),
}
