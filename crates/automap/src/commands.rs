//! One module for each verb of the command line; what several verbs share is in `args`.

#[cfg(feature = "server")]
pub(crate) mod archive;
pub(crate) mod capture;
pub(crate) mod changes;
#[cfg(feature = "chaos")]
pub(crate) mod chaos;
pub(crate) mod compare;
#[cfg(feature = "server")]
pub(crate) mod config;
#[cfg(feature = "server")]
pub(crate) mod confirm;
pub(crate) mod demo;
pub(crate) mod diagnose;
pub(crate) mod discover;
pub(crate) mod doctor;
#[cfg(any(feature = "kubernetes", feature = "lab"))]
pub(crate) mod drill;
#[cfg(feature = "eval")]
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod graph;
#[cfg(feature = "server")]
pub(crate) mod incidents;
#[cfg(feature = "lab")]
pub(crate) mod lab;
#[cfg(feature = "server")]
pub(crate) mod mcp;
#[cfg(feature = "server")]
pub(crate) mod mutes;
pub(crate) mod profile;
pub(crate) mod replay;
pub(crate) mod report;
mod schema;
#[cfg(feature = "eval")]
pub(crate) mod sim;
#[cfg(all(feature = "lab", feature = "server"))]
pub(crate) mod soak;
pub(crate) mod trend;
#[cfg(feature = "server")]
pub(crate) mod ui;
#[cfg(feature = "server")]
pub(crate) mod watch;

use anyhow::Result;

use crate::cli::Command;
use crate::exit::Exit;

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Diagnose(args) => diagnose::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Changes(args) => changes::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Trend(args) => trend::run(&args),
        #[cfg(feature = "server")]
        Command::Confirm(args) => confirm::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Discover(args) => discover::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        #[cfg(feature = "chaos")]
        Command::Chaos(command) => chaos::run(&command),
        #[cfg(any(feature = "kubernetes", feature = "lab"))]
        Command::Drill(args) => drill::run(&args),
        #[cfg(feature = "eval")]
        Command::Eval(args) => eval::run(&args),
        #[cfg(feature = "eval")]
        Command::Sim(args) => sim::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Graph(args) => graph::run(&args),
        Command::Replay(args) => replay::run(&args),
        #[cfg(feature = "server")]
        Command::Config(command) => config::run(&command),
        Command::Report(args) => report::run(&args),
        Command::Profile(args) => profile::run(&args),
        #[cfg(feature = "server")]
        Command::Watch(args) => watch::run(&args),
        #[cfg(feature = "server")]
        Command::Serve(args) => watch::serve(&args),
        #[cfg(feature = "server")]
        Command::Ui(args) => ui::run(&args),
        #[cfg(feature = "server")]
        Command::Incidents(command) => incidents::run(&command).map(|()| Exit::Ok),
        #[cfg(feature = "server")]
        Command::Archive(command) => archive::run(&command).map(|()| Exit::Ok),
        #[cfg(feature = "server")]
        Command::Mutes(command) => mutes::run(&command).map(|()| Exit::Ok),
        #[cfg(feature = "server")]
        Command::Mcp(args) => mcp::run(&args),
        #[cfg(all(feature = "lab", feature = "server"))]
        Command::Soak(args) => soak::run(&args),
        Command::Schema => schema::run(),
        #[cfg(feature = "lab")]
        Command::Lab(command) => lab::run(command).map(|()| Exit::Ok),
        #[cfg(feature = "lab")]
        Command::LabProcess(command) => lab::process::run(command).map(|()| Exit::Ok),
    }
}
