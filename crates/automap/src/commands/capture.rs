//! `automap capture`: everything that a diagnosis needs, in one file.

use std::path::PathBuf;

use anyhow::{Result, bail};
use automap_sources::capture;
use clap::Args;
use jiff::ZonedDateTime;

use super::source_args::{PrometheusArgs, TimeArgs};
use crate::console::say;
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap capture --prometheus http://localhost:9090 --namespace sock-shop incident.parquet
  automap diagnose --capture incident.parquet
  duckdb -c \"select service, metric, avg(value) from 'incident.parquet' group by all\"";

#[derive(Args, Debug)]
pub(crate) struct CaptureArgs {
    #[command(flatten)]
    prometheus: PrometheusArgs,
    #[command(flatten)]
    time: TimeArgs,
    /// Replace FILE where it exists
    #[arg(long)]
    force: bool,
    /// The Parquet file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs `automap capture`.
pub(crate) fn run(args: &CaptureArgs) -> Result<Exit> {
    let Some(url) = &args.prometheus.prometheus else {
        bail!("--prometheus is missing: where do the metrics live?");
    };
    if args.file.exists() && !args.force {
        bail!("{} exists; give another name, or --force to replace it", args.file.display());
    }
    let (observation, stats) = args.prometheus.observe(url, &args.time, &ZonedDateTime::now())?;
    capture::write(&args.file, &observation)?;
    let (frame, bytes) = (&observation.frame, std::fs::metadata(&args.file)?.len());
    say(&format!(
        "{}: {} services, {} series, {} instants; {} requests, {} KiB fetched, {} KiB written",
        args.file.display(),
        frame.services().len(),
        frame.series().len(),
        frame.times().len(),
        stats.requests,
        stats.bytes / 1024,
        bytes.div_ceil(1024),
    ));
    Ok(Exit::Ok)
}
