//! `automap explain`: how a fault spread, and why a service has its rank.

use std::path::Path;

use anyhow::{Result, bail};
use automap_core::analyse_with_history;
use automap_core::explain::explain;
use automap_core::rank::Engine;
use automap_core::spread::propagation;
use automap_render::{explain_text, propagation_text};
use clap::Args;
use jiff::ZonedDateTime;

use crate::args::engine::EngineArgs;
use crate::args::input::InputArgs;
use crate::args::output::OutputArgs;
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap explain incident.parquet                           how the fault spread: a time line
  automap explain incident.parquet orders                    why orders has its rank
  automap explain payment --prometheus http://localhost:9090 -n sock-shop --incident-start 14:03
  automap explain incident.parquet orders -o json";

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// Capture file, service to explain, or both in this order; without a service, shows how the fault spread. With
    /// --capture, --csv or --prometheus, a single name is the service
    #[arg(value_name = "CAPTURE|SERVICE", num_args = 0..=2)]
    names: Vec<String>,
    #[command(flatten)]
    input: InputArgs,
    /// Engine that ranks causes
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
    /// Evidence from every series, explained away along the calls.
    Evidence,
    /// AutoMAP: behaviour graph learnt from the data, and a heuristic random walk.
    Automap,
}

/// Runs `automap explain`.
pub(crate) fn run(args: &ExplainArgs) -> Result<Exit> {
    let (capture, service) = capture_and_service(&args.names, args.input.is_given())?;
    let observation = args.input.observation(capture, &ZonedDateTime::now())?;
    let engine = match args.engine {
        OneEngine::Evidence => Engine::Evidence,
        OneEngine::Automap => Engine::Automap,
    };
    let options = args.engine_options.diagnose_options(engine);
    let analysis = analyse_with_history(&observation, &options, &args.engine_options.history(engine)?)?;
    match service {
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

/// Which of the names is a capture and which a service; `is_source_given`: whether an option names the data already.
fn capture_and_service(names: &[String], is_source_given: bool) -> Result<(Option<&Path>, Option<&str>)> {
    match (names, is_source_given) {
        ([], _) => Ok((None, None)),
        ([service], true) => Ok((None, Some(service))),
        ([capture], false) => Ok((Some(Path::new(capture)), None)),
        ([capture, service], false) => Ok((Some(Path::new(capture)), Some(service))),
        (names, _) => bail!(
            "{} are too many names with --capture, --csv or --prometheus: give only the service",
            names.join(" and ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_the_service_where_an_option_names_the_data() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let capture = Path::new("a.parquet");
        assert_eq!(capture_and_service(&names(&["orders"]), true).unwrap(), (None, Some("orders")));
        assert_eq!(capture_and_service(&names(&["a.parquet"]), false).unwrap(), (Some(capture), None));
        let both = names(&["a.parquet", "orders"]);
        assert_eq!(capture_and_service(&both, false).unwrap(), (Some(capture), Some("orders")));
        assert!(capture_and_service(&both, true).is_err());
    }
}
