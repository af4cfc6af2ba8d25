//! `automap explain`: how a fault spread, and why one service ranks where it ranks.

use anyhow::Result;
use automap_core::analyse_with_history;
use automap_core::explain::explain;
use automap_core::rank::Engine;
use automap_core::spread::propagation;
use automap_render::{explain_text, propagation_text};
use clap::Args;
use jiff::ZonedDateTime;

use super::engine_args::EngineArgs;
use super::input_args::InputArgs;
use super::output_args::OutputArgs;
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap explain --capture incident.parquet                 how the fault spread: a time line
  automap explain orders --capture incident.parquet          why orders ranks where it ranks
  automap explain payment --prometheus http://localhost:9090 -n sock-shop --incident-start 14:03
  automap explain orders --capture incident.parquet -o json

Exit codes: 0 answered, 2 wrong usage, file or service name, 3 source not reachable,
4 not enough data.";

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The service to explain; without it, how the fault spread
    service: Option<String>,
    #[command(flatten)]
    input: InputArgs,
    /// How causes are ranked
    #[arg(long, value_enum, default_value_t = OneEngine::Evidence, help_heading = "Engine")]
    engine: OneEngine,
    #[command(flatten)]
    engine_options: EngineArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The engine whose ranking is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OneEngine {
    /// Evidence of every series, explained away along the calls.
    Evidence,
    /// AutoMAP: behaviour graph learnt from the data, and a heuristic random walk.
    Automap,
}

/// Runs `automap explain`.
pub(crate) fn run(args: &ExplainArgs) -> Result<Exit> {
    let observation = args.input.observation(&ZonedDateTime::now())?;
    let engine = match args.engine {
        OneEngine::Evidence => Engine::Evidence,
        OneEngine::Automap => Engine::Automap,
    };
    let options = args.engine_options.diagnose_options(engine);
    let analysis = analyse_with_history(&observation, &options, &args.engine_options.history(engine)?)?;
    match &args.service {
        None => {
            let spread = propagation(&observation, &analysis, &options.verdict);
            let start = spread.windows.incident_start;
            args.output.print_other(&spread, start, |style| propagation_text(&spread, style))?;
        }
        Some(service) => {
            let explanation = explain(&observation, &analysis, &options, service)?;
            let start = explanation.windows.incident_start;
            args.output.print_other(&explanation, start, |style| explain_text(&explanation, style))?;
        }
    }
    Ok(Exit::Ok)
}
