//! `automap`: names the service that caused an incident, with the evidence.

mod args;
mod cli;
mod commands;
mod console;
mod coverage_table;
#[cfg(feature = "server")]
mod detached_writer;
#[cfg(any(feature = "kubernetes", feature = "lab"))]
mod episode;
mod exit;
#[cfg(all(feature = "chaos", feature = "server"))]
mod experiments;
mod features;
#[cfg(any(feature = "kubernetes", feature = "lab"))]
mod interrupt;
mod log;
mod parse_time;
mod saved;
#[cfg(feature = "server")]
mod store;
mod surroundings;
mod wrap;

use std::process::ExitCode;

use automap_sources::capture::hide_decoder_panics;

fn main() -> ExitCode {
    hide_decoder_panics();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(error) => {
            let Some(line) = features::explain_missing(&error) else { error.exit() };
            console::say(&format!("error: {line}"));
            return exit::Exit::Usage.into();
        }
    };
    let run = || {
        log::start(cli.log.as_ref(), cli.command.is_service())?;
        commands::run(cli.command)
    };
    let exit = match run() {
        Ok(exit) => exit,
        Err(error) => {
            log::finish();
            console::say(&format!("error: {}", message(&error)));
            exit::of_error(&error)
        }
    };
    log::finish();
    exit.into()
}

/// The error and its causes, without those that an earlier message contains.
fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.is_empty() {
        true => cause,
        false if text.contains(&cause) => text,
        false => format!("{text}: {cause}"),
    })
}
