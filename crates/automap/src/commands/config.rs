//! `automap config`: what the configuration may say, and whether yours does.

use std::path::PathBuf;

use anyhow::Result;
use automap_server::config::{Config, DEFAULT};
use clap::Subcommand;

use crate::console::{print, say};

pub(crate) const EXAMPLES: &str = "Examples:
  automap config default > automap.yaml   every key, with its default and what it means
  automap config check automap.yaml";

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the commented default file
    Default,
    /// Say what is wrong with a file: line, key, and the nearest valid key
    Check {
        /// The configuration
        file: PathBuf,
    },
}

/// Runs `automap config`.
pub(crate) fn run(command: &ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Default => print(DEFAULT),
        ConfigCommand::Check { file } => {
            let config = Config::read(file)?;
            let names: Vec<&str> = config.targets.iter().map(|t| t.name.as_str()).collect();
            let targets = if names.is_empty() { "no target".to_owned() } else { names.join(", ") };
            say(&format!("{}: well-formed; targets: {targets}", file.display()));
            Ok(())
        }
    }
}
