//! The command line: its verbs, and how their help is laid out. What a verb does is in `commands`, what several share in `args`.

pub(crate) mod exit_codes;
#[cfg(all(
    test,
    feature = "eval",
    feature = "kubernetes",
    feature = "lab",
    feature = "png",
    feature = "postgres",
    feature = "server"
))]
mod reference;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

#[cfg(feature = "chaos")]
use crate::commands::chaos;
#[cfg(any(feature = "kubernetes", feature = "lab"))]
use crate::commands::drill;
#[cfg(feature = "lab")]
use crate::commands::lab::{LabCommand, process::ProcessCommand};
#[cfg(all(feature = "lab", feature = "server"))]
use crate::commands::soak;
#[cfg(feature = "server")]
use crate::commands::{archive, config, confirm, incidents, mcp, mutes, ui, watch};
use crate::commands::{
    capture, changes, compare, demo, diagnose, discover, doctor, explain, graph, profile, replay, report, trend,
};
#[cfg(feature = "eval")]
use crate::commands::{eval, sim};
use crate::log::LogSettings;

/// Layout of a help text: summary, examples, usage, options, exit codes.
const HELP: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// The command line with the help of every verb in one layout.
pub(crate) fn command() -> clap::Command {
    lay_out(Cli::command(), "")
}

fn lay_out(command: clap::Command, path: &str) -> clap::Command {
    let command = match exit_codes::of(path) {
        Some(codes) => command.after_help(codes.help()),
        None => command,
    };
    command.help_template(HELP).mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        lay_out(sub, path.trim_start())
    })
}

/// Reads the command line.
///
/// # Errors
/// clap's error, also for `--help` and `--version`.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches()?)
}

/// Names the service that caused an incident, with the evidence, from the metrics already in Prometheus.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, before_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Log filter for standard error, comma-separated: a level (off, error, warn, info, debug, trace), TARGET=LEVEL, and `json` for JSON
    /// lines [env: AUTOMAP_LOG]
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Logging")]
    pub(crate) log: Option<LogSettings>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  automap demo                                                       diagnose a recorded incident
  automap diagnose --prometheus http://localhost:9090 -n sock-shop   diagnose your cluster
  automap lab up --rate 8                                            a local shop to break";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Name the cause of an incident, with the evidence
    #[command(before_help = diagnose::EXAMPLES)]
    Diagnose(Box<diagnose::DiagnoseArgs>),
    /// Show how a fault spread, or why a service has its rank
    #[command(before_help = explain::EXAMPLES)]
    Explain(Box<explain::ExplainArgs>),
    /// Write a report of an incident as one page of HTML or Markdown
    #[command(before_help = report::EXAMPLES)]
    Report(Box<report::ReportArgs>),
    /// Draw the service map: calls, the cause, and how the fault spread to the users
    #[command(before_help = graph::EXAMPLES)]
    Graph(Box<graph::GraphArgs>),
    /// Show which services and metrics differ between time periods
    #[command(before_help = compare::EXAMPLES)]
    Compare(Box<compare::CompareArgs>),
    /// Show which metrics rise or fall slowly over many windows
    #[command(before_help = trend::EXAMPLES)]
    Trend(Box<trend::TrendArgs>),
    /// Show which metrics automap finds on a server, what is missing, and what cannot be diagnosed without it
    #[command(before_help = discover::EXAMPLES)]
    Discover(Box<discover::DiscoverArgs>),
    /// Check whether a Prometheus has what a diagnosis needs, and how to fix what it lacks
    #[command(before_help = doctor::EXAMPLES)]
    Doctor(Box<doctor::DoctorArgs>),
    /// List changes: releases, scaling, configuration, annotations, …
    #[command(before_help = changes::EXAMPLES)]
    Changes(Box<changes::ChangesArgs>),
    /// Save everything a diagnosis needs to one file
    #[command(before_help = capture::EXAMPLES)]
    Capture(Box<capture::CaptureArgs>),
    #[cfg(feature = "server")]
    /// Record what caused an incident, so that similar ones are diagnosed better
    #[command(before_help = confirm::EXAMPLES)]
    Confirm(Box<confirm::ConfirmArgs>),
    /// Write a profile vector for every service, for machine learning
    #[command(before_help = profile::EXAMPLES)]
    Profile(Box<profile::ProfileArgs>),
    #[cfg(feature = "server")]
    /// Open, explain and close incidents until stopped
    #[command(before_help = watch::EXAMPLES)]
    Watch(Box<watch::WatchArgs>),
    #[cfg(feature = "server")]
    /// Watch like `watch`, and serve an HTTP API and web pages: incidents, live updates, incoming alerts, metrics
    #[command(before_help = watch::SERVE_EXAMPLES)]
    Serve(Box<watch::ServeArgs>),
    #[cfg(feature = "server")]
    /// Show a recorded incident in the browser, without a running server
    #[command(before_help = ui::EXAMPLES)]
    Ui(Box<ui::UiArgs>),
    #[cfg(feature = "server")]
    /// List, show, confirm, export and import the incidents that a watcher stored
    #[command(subcommand, before_help = incidents::EXAMPLES)]
    Incidents(incidents::IncidentsCommand),
    #[cfg(feature = "server")]
    /// Keep incidents for years as Parquet files, count them, and find similar ones
    #[command(subcommand, before_help = archive::EXAMPLES)]
    Archive(archive::ArchiveCommand),
    #[cfg(feature = "server")]
    /// List, add and end mutes, which suppress notifications of some incidents
    #[command(subcommand, before_help = mutes::EXAMPLES)]
    Mutes(mutes::MutesCommand),
    /// Show which incidents a watcher would have opened in the past
    #[command(before_help = replay::EXAMPLES)]
    Replay(Box<replay::ReplayArgs>),
    #[cfg(feature = "server")]
    /// Serve language models over standard input and output (MCP)
    #[command(before_help = mcp::EXAMPLES)]
    Mcp(Box<mcp::McpArgs>),
    #[cfg(feature = "server")]
    /// Print the default configuration or presets, check a configuration, or hash a password
    #[command(subcommand, before_help = config::EXAMPLES)]
    Config(config::ConfigCommand),
    /// Diagnose a recorded incident, or a live one on this machine
    #[command(before_help = demo::EXAMPLES)]
    Demo(demo::DemoArgs),
    #[cfg(feature = "chaos")]
    /// Record and list injected faults, and score diagnoses against them
    #[command(subcommand, before_help = chaos::EXAMPLES)]
    Chaos(chaos::ChaosCommand),
    #[cfg(any(feature = "kubernetes", feature = "lab"))]
    /// Inject faults one after another and score the diagnoses
    #[command(before_help = drill::EXAMPLES)]
    Drill(Box<drill::DrillArgs>),
    #[cfg(all(feature = "lab", feature = "server"))]
    /// Watch the lab for hours, with random faults and quiet periods, and score the incidents
    #[command(before_help = soak::EXAMPLES)]
    Soak(soak::SoakArgs),
    #[cfg(feature = "eval")]
    /// Score engines on labelled incidents, side by side
    #[command(before_help = eval::EXAMPLES)]
    Eval(eval::EvalArgs),
    #[cfg(feature = "eval")]
    /// Write labelled incidents of simulated systems
    #[command(before_help = sim::EXAMPLES)]
    Sim(sim::SimArgs),
    /// Print the JSON Schema of the report
    Schema,
    #[cfg(feature = "lab")]
    /// Run a Sock Shop on this machine and inject real faults into it
    #[command(subcommand)]
    Lab(LabCommand),
    #[cfg(feature = "lab")]
    /// One process of the lab; started by its supervisor
    #[command(subcommand, hide = true)]
    LabProcess(ProcessCommand),
}

impl Command {
    /// Whether it runs until stopped, so that users see only its log.
    pub(crate) fn is_service(&self) -> bool {
        #[cfg(feature = "server")]
        return matches!(self, Self::Watch(_) | Self::Serve(_));
        #[cfg(not(feature = "server"))]
        false
    }
}
