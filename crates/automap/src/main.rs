//! `automap`: names the service that caused an incident, with the evidence.

mod cli;
mod commands;
mod console;
mod exit;
mod fold;
mod live;
mod log;
mod output_file;
mod store;
mod when;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let run = || {
        log::start(cli.log.as_ref(), cli.command.is_service())?;
        commands::run(cli.command)
    };
    match run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            console::say(&format!("error: {}", message(&error)));
            exit::of_error(&error).into()
        }
    }
}

/// The error and its causes, without those that a message before has told already.
fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.is_empty() {
        true => cause,
        false if told.contains(&cause) => told,
        false => format!("{told}: {cause}"),
    })
}
