//! `automap chaos`: records and lists what was really injected, and scores diagnoses against it.

mod list;
#[cfg(feature = "kubernetes")]
mod record;
mod score;
mod truth;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap chaos record --ledger chaos.jsonl              what Chaos Mesh injects, until Ctrl-C
  automap chaos list                                     current and past experiments
  automap chaos score --ledger chaos.jsonl --prometheus http://localhost:9090 -n sock-shop";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum ChaosCommand {
    #[cfg(feature = "kubernetes")]
    /// Record the faults that Chaos Mesh injects: which pods, from when to when
    #[command(before_help = record::EXAMPLES)]
    Record(record::RecordArgs),
    /// Show what was injected
    #[command(before_help = list::EXAMPLES)]
    List(list::ListArgs),
    /// Diagnose every fault as an operator would, and score the diagnoses
    #[command(before_help = score::EXAMPLES)]
    Score(Box<score::ScoreArgs>),
}

/// Runs `automap chaos`.
pub(crate) fn run(command: &ChaosCommand) -> Result<Exit> {
    match command {
        #[cfg(feature = "kubernetes")]
        ChaosCommand::Record(args) => record::run(args),
        ChaosCommand::List(args) => list::run(args),
        ChaosCommand::Score(args) => score::run(args),
    }
}
