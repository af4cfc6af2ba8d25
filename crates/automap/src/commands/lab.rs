//! `automap lab`: a Sock Shop on this machine. Data goes to standard output, progress and messages to standard error.

mod inject;
mod load;
pub(crate) mod process;
mod status;
mod up;

use std::path::PathBuf;

use anyhow::Result;
use automap_lab::control::{Lab, state};
use clap::{Args, Subcommand};

use crate::console::{print, say};

/// What to do with the lab.
#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Start the shop's 14 pods, the kubelet's stand-in and Prometheus.
    #[command(before_help = up::EXAMPLES)]
    Up(up::UpArgs),
    /// Put the faults of Chaos Mesh files in place.
    #[command(before_help = inject::EXAMPLES)]
    Inject(inject::InjectArgs),
    /// Send visitors.
    #[command(before_help = load::EXAMPLES)]
    Load(load::LoadArgs),
    /// Show pods, faults and addresses.
    Status(status::StatusArgs),
    /// Stop everything.
    Down(DirArgs),
}

/// Which lab.
#[derive(Args, Clone, Debug)]
pub(crate) struct DirArgs {
    /// Directory of the lab: state, logs, data, ledger [default: ~/.local/state/automap/lab]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl DirArgs {
    fn path(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(state::default_dir)
    }
}

/// Runs `automap lab …`.
pub(crate) fn run(command: LabCommand) -> Result<()> {
    match command {
        LabCommand::Up(args) => up::run(&args),
        LabCommand::Inject(args) => inject::run(&args),
        LabCommand::Load(args) => load::run(&args),
        LabCommand::Status(args) => status::run(&args),
        LabCommand::Down(args) => down(&args),
    }
}

fn down(args: &DirArgs) -> Result<()> {
    Lab::attach(&args.path())?.down()?;
    say("the lab is down");
    Ok(())
}
