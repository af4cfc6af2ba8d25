//! `automap sim`: labelled incidents of simulated systems, as captures for `eval`, as a benchmark, or as metrics for a Prometheus.

mod benchmark;
mod captures;
mod compare;
mod live;
mod spec;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::{ArgGroup, Args};

use crate::args::file::ForceArgs;
use crate::console::{print, say};
use crate::exit::Exit;
pub(crate) use spec::{SimSpec, parse};

pub(crate) const EXAMPLES: &str = "Examples:
  automap sim incidents/                                  100 incidents of 10 systems
  automap sim incidents/ --services 200 --incidents 20 --systems 2
  automap eval incidents/ --quiet                         how accurate is automap on them?
  automap eval --sim systems=20,incidents=1000            the same without saving them
  automap ui incidents/system-01/incident-0001.parquet    one of them in the browser
  automap sim --openmetrics first.txt                     the first one, for promtool
  automap sim --serve 127.0.0.1:9400                      the first one, to be scraped
  automap sim --compare recordings/                       how does it differ from recordings?
  automap sim --benchmark benchmark/                      1,200 incidents with fixed seeds

The same options give the same bytes. Use it in addition to recordings: what is tuned to a
simulator fits only the simulator.";

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("form").required(true).args(["dir", "openmetrics", "serve", "compare", "benchmark"]))]
pub(crate) struct SimArgs {
    /// Folder to write to: one folder per system, a capture and the truth per incident
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write the samples of one incident as OpenMetrics text with times, for promtool; - is standard output
    #[arg(long, value_name = "FILE")]
    openmetrics: Option<PathBuf>,
    /// Serve one incident at /metrics of this address, for a Prometheus to scrape
    #[arg(long, value_name = "ADDRESS")]
    serve: Option<String>,
    /// Compare the simulated incidents with the labelled ones of a folder: noise, memory, gaps, spread
    #[arg(long, value_name = "DIR")]
    compare: Option<PathBuf>,
    /// Write the published benchmark to this folder: fixed seeds, and the truth as Parquet
    #[arg(long, value_name = "DIR", conflicts_with_all = ["incidents", "systems", "services", "users_per_s", "minutes", "scrape_s", "double", "spreading", "seed"])]
    benchmark: Option<PathBuf>,
    /// Number of the incident for --openmetrics and --serve
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with_all = ["dir", "compare", "benchmark"])]
    incident: usize,
    /// Speed for --serve: simulated seconds per second
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = spec::rate, requires = "serve")]
    speed: f64,
    #[command(flatten)]
    spec: SimSpec,
    #[command(flatten)]
    force: ForceArgs,
}

/// Runs `automap sim`.
pub(crate) fn run(args: &SimArgs) -> Result<Exit> {
    args.spec.several().check().map_err(|e| anyhow!("{e}"))?;
    if let Some(path) = &args.openmetrics {
        live::write(&args.spec, args.incident()?, path, args.force)?;
    } else if let Some(address) = &args.serve {
        live::serve(&args.spec, args.incident()?, address, args.speed)?;
    } else if let Some(dir) = &args.compare {
        compare::run(&args.spec, dir)?;
    } else if let Some(dir) = &args.benchmark {
        benchmark::write(&benchmark::spec(), dir)?;
    } else if let Some(dir) = &args.dir {
        captures::check_empty(dir)?;
        let made = captures::write_all(&args.spec, dir)?;
        print(&captures::table(&made))?;
        say(&format!("{} incidents in {}", made.len(), dir.display()));
    }
    Ok(Exit::Ok)
}

impl SimArgs {
    fn incident(&self) -> Result<usize> {
        let there = (1..=self.spec.incidents).contains(&self.incident);
        there.then_some(self.incident).ok_or_else(|| {
            anyhow!(
                "there is no incident {}: with --incidents {} they are numbered from 1",
                self.incident,
                self.spec.incidents
            )
        })
    }
}

/// Writes the incidents of a spec below `dir`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn make(spec: &SimSpec, dir: &Path) -> Result<()> {
    captures::write_all(spec, dir).map(|_| ())
}
