//! `automap eval`: the accuracy of engines on labelled incidents, side by side.

mod choice;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use automap_eval::dataset::Dataset;
use automap_eval::evaluate::onset::OnsetHint;
use automap_eval::evaluate::summary::csv::{cases_csv, csv};
use automap_eval::evaluate::summary::{Style, Summary, render, summarise};
use automap_eval::evaluate::{Settings, evaluate, total};
use clap::{Args, ValueEnum};
use tempfile::TempDir;

use crate::args::file::FileArgs;
use crate::args::parse::share;
use crate::commands::sim::{self, SimSpec};
use crate::console::{bar, say};
use crate::exit::Exit;
use choice::{EngineName, Topology, engines, onset};

pub(crate) const EXAMPLES: &str = "Examples:
  automap eval incidents/                                  how accurate is automap?
  automap eval incidents/ --engine all                     compared with BARO, NSigma, CIRCA, …
  automap eval incidents/ --onset known,+120s,detected     what a wrong or missing onset costs
  automap eval incidents/ --quiet                          also false alarms in fault-free time
  automap eval incidents/ --min-ac1 0.65                   a gate: exit code 1 if below
  automap eval incidents/ --cases -o csv                   one line per case, for a notebook
  automap eval RE1/ --topology none -o csv --file re1.csv  RCAEval's folders, for a spreadsheet
  automap eval --sim systems=20,incidents=1000             on simulated systems
  automap eval captures/ -o json | jq '.engines[].macro'   captures from `automap drill --save`

DIR holds, at any depth: <set>/<case>/{metrics.csv,truth.json}, RCAEval's
<dataset>/<service>_<fault>/<repeat>/{data.csv,inject_time.txt}, or the lab's
<name>.{parquet,json}. The truth is used for scoring only; calls come from graphs.json next to
the sets, graph.json in a set, or the observed metrics. A case without an answer is a miss.";

#[derive(Args, Debug)]
pub(crate) struct EvalArgs {
    /// Folder of labelled incidents
    #[arg(value_name = "DIR", required_unless_present = "sim")]
    dir: Option<PathBuf>,
    /// Simulated incidents instead, such as systems=20,incidents=1000
    #[arg(long, value_name = "SPEC", conflicts_with = "dir", value_parser = sim::parse)]
    sim: Option<SimSpec>,
    /// Engines to evaluate; the others are compared with the first
    #[arg(
        long,
        value_enum,
        value_name = "ENGINE",
        value_delimiter = ',',
        default_value = "evidence",
        help_heading = "Question"
    )]
    engine: Vec<EngineName>,
    /// Onset given to the engines: known, wrong by a time such as -60s or +120s, or detected (none is given)
    #[arg(long, value_name = "WHAT", value_delimiter = ',', default_value = "known", value_parser = onset, allow_hyphen_values = true, help_heading = "Question")]
    onset: Vec<OnsetHint>,
    /// Calls between services given to the engines
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Topology::Known, help_heading = "Question")]
    topology: Topology,
    /// Only these sets
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "Question")]
    only: Vec<String>,
    /// Also diagnose fault-free time: the end of every baseline, and windows in which nothing was broken
    #[arg(long, help_heading = "Question")]
    quiet: bool,
    /// Also show every case: the rank of its cause by each engine, and what each ranked first
    #[arg(long, help_heading = "Output")]
    cases: bool,
    /// Seed of the bootstrap, of permutations and of the random engine
    #[arg(long, value_name = "SEED", default_value_t = 1, help_heading = "Question")]
    seed: u64,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    /// Also show scores by kind of fault, false alarms by set and every miss
    #[arg(long, short, help_heading = "Output")]
    verbose: bool,
    #[command(flatten)]
    file: FileArgs,
    /// Exit with 1 if the first engine's AC@1, mean over sets at the first onset, is below this
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Output")]
    min_ac1: Option<f64>,
}

/// Output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for a terminal.
    Text,
    /// Everything, machine-readable; versioned.
    Json,
    /// Scores, one line each.
    Csv,
    /// Tables for a pull request.
    Markdown,
}

/// Runs `automap eval`.
pub(crate) fn run(args: &EvalArgs) -> Result<Exit> {
    args.file.check()?;
    let settings = Settings {
        engines: engines(&args.engine),
        onsets: args.onset.clone(),
        uses_known_calls: args.topology == Topology::Known,
        includes_quiet_periods: args.quiet,
        lists_cases: args.cases,
        seed: args.seed,
    };
    let simulated = args.sim.as_ref().map(simulate).transpose()?;
    let dir = simulated.as_ref().map(TempDir::path).or(args.dir.as_deref()).unwrap_or(Path::new("."));
    let name = args.dir.as_ref().map_or_else(|| "simulated".to_owned(), |dir| dir.display().to_string());
    let mut dataset = Dataset::open(dir)?;
    keep(&mut dataset, &args.only)?;
    if dataset.incidents().next().is_none() && !args.quiet {
        bail!("{name} has no faults to diagnose; use --quiet to diagnose fault-free time");
    }
    let progress = bar(total(&dataset, &settings) as u64);
    progress.set_message("cases");
    let outcomes = evaluate(&dataset, &settings, &mut |done| progress.set_position(done as u64));
    progress.finish_and_clear();
    let summary = summarise(&name, &settings, &outcomes);
    let text = match args.output {
        Format::Text => render(&summary, Style::Text, args.verbose),
        Format::Markdown => render(&summary, Style::Markdown, args.verbose),
        Format::Csv if args.cases => cases_csv(&summary),
        Format::Csv => csv(&summary),
        Format::Json => serde_json::to_string_pretty(&summary)? + "\n",
    };
    args.file.write(text.as_bytes())?;
    Ok(args.min_ac1.map_or(Exit::Ok, |least| judge(&summary, least)))
}

/// The incidents, in a folder that is deleted on drop.
fn simulate(spec: &SimSpec) -> Result<TempDir> {
    let dir = tempfile::Builder::new().prefix("automap-sim-").tempdir()?;
    sim::make(spec, dir.path())?;
    Ok(dir)
}

fn keep(dataset: &mut Dataset, only: &[String]) -> Result<()> {
    if only.is_empty() {
        return Ok(());
    }
    if let Some(unknown) = only.iter().find(|name| !dataset.sets().contains(&name.as_str())) {
        bail!("there is no set '{unknown}'; there are {}", dataset.sets().join(", "));
    }
    dataset.keep(only);
    Ok(())
}

fn judge(summary: &Summary, least: f64) -> Exit {
    let Some((engine, first)) = summary.first.engines.0.first() else { return Exit::Ok };
    let ac1 = first.over_sets.services.mean.ac1;
    if ac1 >= least {
        return Exit::Ok;
    }
    say(&format!("{engine}: AC@1 {ac1:.3} is below {least}"));
    Exit::Found
}
