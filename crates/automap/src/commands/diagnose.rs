//! `automap diagnose`: one incident, one answer.

use std::path::PathBuf;

use anyhow::{Result, bail};
use automap_core::observation::Observation;
use automap_core::report::VerdictKind;
use automap_core::time::WindowHint;
use automap_core::{DiagnoseOptions, diagnose};
use automap_sources::prometheus::explain_queries;
use automap_sources::{capture, csv_table};
use clap::Args;
use jiff::ZonedDateTime;

use super::output_args::OutputArgs;
use super::source_args::{PrometheusArgs, TimeArgs};
use crate::console::print;
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap diagnose --prometheus http://localhost:9090 --namespace sock-shop
  automap diagnose --prometheus http://localhost:9090 -n sock-shop --incident-start 14:03
  automap diagnose --prometheus http://localhost:9090 -n sock-shop --incident-start -10m --baseline 12:00..13:00
  automap diagnose --capture incident.parquet -o json
  automap diagnose --csv metrics.csv --incident-start 2026-11-23T14:03:00Z

Exit codes: 0 answered, 1 a cause was named (with --exit-code), 2 wrong usage or file, 3 source not reachable,
4 not enough data.";

#[derive(Args, Debug)]
pub(crate) struct DiagnoseArgs {
    /// A capture file instead of a live server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prometheus", "csv"], help_heading = "Files")]
    capture: Option<PathBuf>,
    /// A plain table instead: `time` and one column for each `<service>_<metric>`
    #[arg(long, value_name = "FILE", conflicts_with = "prometheus", help_heading = "Files")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    prometheus: PrometheusArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Exit with 1 when a cause is named
    #[arg(long, help_heading = "Output")]
    exit_code: bool,
    /// Print the queries and send nothing
    #[arg(long, help_heading = "Output")]
    explain_queries: bool,
}

/// Runs `automap diagnose`.
pub(crate) fn run(args: &DiagnoseArgs) -> Result<Exit> {
    let now = ZonedDateTime::now();
    if args.explain_queries {
        let queries = explain_queries(&args.prometheus.observe_options(&args.time, &now)?);
        let lines: Vec<String> = queries.iter().map(|q| format!("# {}\n{}\n", q.purpose, q.promql)).collect();
        print(&lines.join("\n"))?;
        return Ok(Exit::Ok);
    }
    let report = diagnose(&observation(args, &now)?, &DiagnoseOptions::default())?;
    args.output.print(&report)?;
    let named = report.verdict.kind == VerdictKind::Cause;
    Ok(if args.exit_code && named { Exit::Found } else { Exit::Ok })
}

fn observation(args: &DiagnoseArgs, now: &ZonedDateTime) -> Result<Observation> {
    if let Some(path) = &args.capture {
        let mut observation = capture::read(path)?;
        observation.hint = args.time.hint(now, observation.hint)?;
        return Ok(observation);
    }
    if let Some(path) = &args.csv {
        return Ok(csv_table::read(path, args.time.hint(now, WindowHint::default())?)?);
    }
    match &args.prometheus.prometheus {
        Some(url) => Ok(args.prometheus.observe(url, &args.time, now)?.0),
        None => bail!(
            "no metrics to look at: give --prometheus URL, --capture FILE or --csv FILE (`automap demo` needs neither)"
        ),
    }
}
