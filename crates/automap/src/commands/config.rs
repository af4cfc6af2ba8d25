//! `automap config`: prints the default configuration and presets, and checks yours.

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use automap_server::auth::hash_password;
use automap_server::config::{Config, DEFAULT};
use automap_server::{startup, weak_settings};
use automap_sources::prometheus::BUILT_IN_FILES;
use automap_sources::slo::Indicator;
use clap::Subcommand;

use crate::args::file::readable;
use crate::console::{print, say};
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap config default > automap.yaml   every key, with its default and what it means
  automap config check automap.yaml
  automap config check --strict automap.yaml   weak settings fail too
  automap config presets > mine.yaml      the built-in presets, to copy from
  automap config hash-password < password.txt > /run/secrets/ann.hash";

/// Longest line that is read for a password, in bytes; a longer password is refused anyway.
const MAX_PASSWORD: u64 = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the default configuration with comments
    Default,
    /// Check a configuration as `serve` does at its start; errors name line and key
    Check {
        /// Configuration file
        file: PathBuf,
        /// Exit with 1 if a setting is weak
        #[arg(long)]
        strict: bool,
    },
    /// Print the built-in presets, as examples for your own (--presets, `prometheus.presets`)
    Presets,
    /// Read a password from standard input and print its hash, for `api.auth.users`
    HashPassword,
}

/// Runs `automap config`.
pub(crate) fn run(command: &ConfigCommand) -> Result<Exit> {
    match command {
        ConfigCommand::Check { file, strict } => return check(file, *strict),
        ConfigCommand::Default => print(DEFAULT)?,
        ConfigCommand::Presets => {
            let body = |text: &str| text.replacen("presets:\n", "", 1);
            let files: Vec<String> = BUILT_IN_FILES.iter().map(|(_, text)| body(text)).collect();
            print(&format!("presets:\n{}", files.join("\n")))?;
        }
        ConfigCommand::HashPassword => {
            if io::stdin().is_terminal() {
                say("type the password, then Enter (it is visible):");
            }
            let mut password = String::new();
            io::stdin().lock().take(MAX_PASSWORD).read_line(&mut password)?;
            let hash = hash_password(password.trim_end_matches(['\r', '\n'])).map_err(|e| anyhow!(e))?;
            print(&(hash + "\n"))?;
        }
    }
    Ok(Exit::Ok)
}

/// Checks a configuration as `serve` does at its start, and names the settings that are weak.
fn check(file: &Path, strict: bool) -> Result<Exit> {
    let config = Config::read(readable(file))?;
    startup::check(&config)?;
    let names: Vec<&str> = config.targets.iter().map(|t| t.name.as_str()).collect();
    say(&format!("{}: well-formed; targets: {}", file.display(), names.join(", ")));
    for target in &config.targets {
        for slo in target.objectives()? {
            if let Indicator::Unknown { because } = &slo.indicator {
                say(&format!("{}: objective {} stays unknown: {because}", target.name, slo.objective.slo));
            }
        }
    }
    let weak = weak_settings::find(&config);
    for weakness in &weak {
        say(&format!("warning: {weakness}"));
    }
    Ok(if strict && !weak.is_empty() { Exit::Found } else { Exit::Ok })
}
