//! `automap diagnose`: one incident, one answer.

use anyhow::Result;
use automap_core::analyse_with_history;
use automap_core::report::{VerdictKind, compare_engines, compose};
use automap_sources::prometheus::explain_queries;
use clap::Args;
use jiff::ZonedDateTime;

use crate::args::engine::{EngineArgs, EngineChoice};
use crate::args::input::AnyInputArgs;
use crate::args::output::OutputArgs;
use crate::console::print;
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap diagnose --prometheus http://localhost:9090 --namespace sock-shop
  automap diagnose --prometheus http://localhost:9090 -n sock-shop --incident-start 14:03
  automap diagnose --prometheus http://localhost:9090 -n shop --baseline 12:00..13:00
  automap diagnose incident.parquet -o json
  automap diagnose incident.parquet --engine all
  automap diagnose --csv metrics.csv --incident-start 2026-11-23T14:03:00Z";

#[derive(Args, Debug)]
pub(crate) struct DiagnoseArgs {
    #[command(flatten)]
    input: AnyInputArgs,
    /// Engine that ranks causes
    #[arg(long, value_enum, default_value_t = EngineChoice::Evidence, help_heading = "Engine")]
    engine: EngineChoice,
    #[command(flatten)]
    engine_options: EngineArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Exit with 1 if a cause is named
    #[arg(long, help_heading = "Output")]
    exit_code: bool,
    /// Print the queries without sending them
    #[arg(long, help_heading = "Output")]
    explain_queries: bool,
}

/// Runs `automap diagnose`.
pub(crate) fn run(args: &DiagnoseArgs) -> Result<Exit> {
    let now = ZonedDateTime::now();
    if args.explain_queries {
        let options = args.input.options.prometheus.observe_options(&args.input.options.time, &now)?;
        let queries = explain_queries(&options, &args.input.options.prometheus.presets()?);
        let lines: Vec<String> = queries.iter().map(|q| format!("# {}\n{}\n", q.purpose, q.promql)).collect();
        print(&lines.join("\n"))?;
        return Ok(Exit::Ok);
    }
    let first = args.engine.engines().first().copied().unwrap_or_default();
    let observation = args.input.observation_closely(&now, &args.engine_options.diagnose_options(first))?;
    let mut reports = Vec::new();
    for engine in args.engine.engines() {
        let options = args.engine_options.diagnose_options(*engine);
        let history = args.engine_options.history(*engine)?;
        let analysis = analyse_with_history(&observation, &options, &history)?;
        reports.push(compose(&observation, &analysis, &options.verdict));
    }
    let kind = reports[0].verdict.kind;
    match reports.len() {
        1 => args.output.print(&reports[0])?,
        _ => args.output.print_engines(compare_engines(reports))?,
    }
    Ok(match kind {
        VerdictKind::CannotTell => Exit::NotEnoughData,
        VerdictKind::Cause if args.exit_code => Exit::Found,
        _ => Exit::Ok,
    })
}
