//! One module per command.

pub(crate) mod lab;

use anyhow::Result;

use crate::cli::Command;

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Lab(command) => lab::run(command),
        Command::LabProcess(command) => lab::process::run(command),
    }
}
