//! One module per command.

pub(crate) mod capture;
mod card_args;
pub(crate) mod chaos;
mod cluster_args;
pub(crate) mod compare;
pub(crate) mod config;
pub(crate) mod confirm;
mod coverage_table;
pub(crate) mod demo;
pub(crate) mod diagnose;
pub(crate) mod discover;
pub(crate) mod doctor;
pub(crate) mod drill;
mod engine_args;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod graph;
pub(crate) mod incidents;
mod input_args;
pub(crate) mod lab;
pub(crate) mod mcp;
mod output_args;
pub(crate) mod profile;
pub(crate) mod replay;
pub(crate) mod report;
mod schema;
pub(crate) mod soak;
mod source_args;
pub(crate) mod trend;
pub(crate) mod watch;

use anyhow::Result;

use crate::cli::Command;
use crate::exit::Exit;

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Diagnose(args) => diagnose::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Trend(args) => trend::run(&args),
        Command::Confirm(args) => confirm::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Discover(args) => discover::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Chaos(command) => chaos::run(&command),
        Command::Drill(args) => drill::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Graph(args) => graph::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Config(command) => config::run(&command).map(|()| Exit::Ok),
        Command::Report(args) => report::run(&args),
        Command::Profile(args) => profile::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Serve(args) => watch::serve(&args),
        Command::Incidents(command) => incidents::run(&command).map(|()| Exit::Ok),
        Command::Mcp(args) => mcp::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Schema => schema::run(),
        Command::Lab(command) => lab::run(command).map(|()| Exit::Ok),
        Command::LabProcess(command) => lab::process::run(command).map(|()| Exit::Ok),
    }
}
