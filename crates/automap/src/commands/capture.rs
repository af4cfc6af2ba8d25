//! `automap capture`: everything that a diagnosis needs, in one file.

use std::path::PathBuf;

use anyhow::{Result, bail};
use automap_core::DiagnoseOptions;
use automap_sources::capture;
use clap::Args;
use jiff::ZonedDateTime;

use crate::args::file::ForceArgs;
use crate::args::prometheus::PrometheusArgs;
use crate::args::time::TimeArgs;
use crate::console::say;
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap capture --prometheus http://localhost:9090 --namespace sock-shop incident.parquet
  automap diagnose incident.parquet
  duckdb -c \"select service, metric, avg(value) from 'incident.parquet' group by all\"";

#[derive(Args, Debug)]
pub(crate) struct CaptureArgs {
    #[command(flatten)]
    prometheus: PrometheusArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    force: ForceArgs,
    /// Parquet file to write; - is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs `automap capture`.
pub(crate) fn run(args: &CaptureArgs) -> Result<Exit> {
    let Some(url) = &args.prometheus.prometheus else {
        bail!("--prometheus is missing: which server has the metrics?");
    };
    args.force.check(&args.file)?;
    let fetched = args.prometheus.fetch_closely(url, &args.time, &ZonedDateTime::now(), &DiagnoseOptions::default())?;
    let (observation, stats) = (fetched.observation, fetched.stats);
    capture::write(&args.file, &observation)?;
    let (frame, bytes) = (&observation.frame, std::fs::metadata(&args.file)?.len());
    say(&format!(
        "{}: {} services, {} series, {} timestamps; {} requests, {} KiB fetched, {} KiB written",
        args.file.display(),
        observation.services().count(),
        frame.series().len(),
        frame.times().len(),
        stats.requests,
        stats.bytes / 1024,
        bytes.div_ceil(1024),
    ));
    Ok(Exit::Ok)
}
