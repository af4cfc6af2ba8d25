//! `automap lab`: a Sock Shop on this machine. Data goes to standard output, progress and messages to standard error.

mod change;
mod inject;
mod load;
pub(crate) mod process;
mod status;
pub(crate) mod mesh;
pub(crate) mod stores;
mod up;
mod with;

use std::path::PathBuf;

use anyhow::{Context, Result};
use automap_lab::control::{Lab, LabError, directory};
use clap::{Args, Subcommand};

use crate::console::{print, say};

/// What to do with the lab.
#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Start the shop's 14 pods, the kubelet's stand-in and Prometheus.
    #[command(before_help = up::EXAMPLES)]
    Up(up::UpArgs),
    /// Inject the faults of Chaos Mesh files.
    #[command(before_help = inject::EXAMPLES)]
    Inject(inject::InjectArgs),
    /// Roll out another version of a service, good or bad.
    #[command(before_help = change::EXAMPLES, disable_version_flag = true)]
    Release(change::ReleaseArgs),
    /// Roll a service back to its previous version.
    Rollback(change::ServiceArgs),
    /// Change the number of pods of a service.
    Scale(change::ScaleArgs),
    /// Change settings of a service.
    #[command(before_help = change::CONFIG_EXAMPLES)]
    Config(change::ConfigArgs),
    /// Scale the pods of a service by their CPU use.
    Autoscale(change::AutoscaleArgs),
    /// Simulate users of the shop
    #[command(before_help = load::EXAMPLES)]
    Load(load::LoadArgs),
    /// Show pods, faults and addresses.
    Status(status::StatusArgs),
    /// Stop everything. Logs, metrics and the ledger are kept until `--purge` or the next `up`.
    Down(DownArgs),
}

/// Which lab.
#[derive(Args, Clone, Debug)]
pub(crate) struct DirArgs {
    /// Directory of the lab: state, logs, data, ledger [default: ~/.local/state/automap/lab]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// How to stop a lab.
#[derive(Args, Clone, Debug)]
pub(crate) struct DownArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Also delete its metrics, logs, stores and ledger; works on a stopped lab too
    #[arg(long)]
    purge: bool,
}

impl DirArgs {
    fn path(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(directory::default_dir)
    }
}

/// Runs `automap lab …`.
pub(crate) fn run(command: LabCommand) -> Result<()> {
    match command {
        LabCommand::Up(args) => up::run(&args),
        LabCommand::Inject(args) => inject::run(&args),
        LabCommand::Release(args) => change::release(&args),
        LabCommand::Rollback(args) => change::roll_back(&args),
        LabCommand::Scale(args) => change::scale(&args),
        LabCommand::Config(args) => change::config(&args),
        LabCommand::Autoscale(args) => change::autoscale(&args),
        LabCommand::Load(args) => load::run(&args),
        LabCommand::Status(args) => status::run(&args),
        LabCommand::Down(args) => down(&args),
    }
}

fn down(args: &DownArgs) -> Result<()> {
    let dir = args.dir.path();
    match Lab::attach(&dir) {
        Ok(lab) => {
            lab.down()?;
            say("the lab is down");
        }
        Err(LabError::NotUp { .. }) if args.purge => {}
        Err(error) => return Err(error.into()),
    }
    if args.purge {
        directory::purge(&dir).with_context(|| dir.display().to_string())?;
        say(&format!("deleted the lab's files in {}", dir.display()));
    }
    Ok(())
}
