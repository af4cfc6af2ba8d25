//! `automap trend`: what gets worse slowly, over many windows.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use automap_core::compare::Period;
use automap_core::compare::trend::{self, Direction, MAX_WINDOWS, TrendOptions};
use automap_core::observation::Observation;
use automap_core::time::Interval;
use automap_render::json;
use automap_render::trend::{csv, markdown, text};
use automap_sources::capture;
use clap::Args;
use jiff::ZonedDateTime;

use crate::args::file::readable;
use crate::args::parse::{millis, open_share, span};
use crate::args::prometheus::PrometheusArgs;
use crate::args::time::TimeArgs;
use crate::args::whole::{Format, ShowArgs, WholeArgs};
use crate::console::{print, say};
use crate::exit::Exit;
use crate::parse_time;

pub(crate) const EXAMPLES: &str = "Examples:
  automap trend --capture day.parquet --window 5m                 one level per 5 minutes
  automap trend monday.parquet tuesday.parquet wednesday.parquet …  one level per capture
  automap trend --prometheus http://localhost:9090 -n sock-shop --since 7d --window 1h
  automap trend --kept sock-shop --window 1h          healthy hours that a watcher stored
  automap trend --capture day.parquet --window 5m -o csv";

/// Default number of windows: enough for a slope, few enough for a level each.
const DEFAULT_WINDOWS: i64 = 24;

/// Options that conflict with a list of captures.
#[cfg(feature = "server")]
const FILES_EXCLUDE: [&str; 4] = ["capture", "csv", "prometheus", "kept"];
#[cfg(not(feature = "server"))]
const FILES_EXCLUDE: [&str; 3] = ["capture", "csv", "prometheus"];

#[derive(Args, Debug)]
pub(crate) struct TrendArgs {
    /// Captures; each is one window unless --window splits them
    #[arg(value_name = "FILE", conflicts_with_all = FILES_EXCLUDE)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    whole: WholeArgs,
    #[command(flatten)]
    prometheus: PrometheusArgs,
    /// Length of the period before --to
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = span, help_heading = "Time")]
    since: Duration,
    /// Start of the data
    #[arg(long, value_name = "TIME", conflicts_with = "since", allow_hyphen_values = true, help_heading = "Time")]
    from: Option<String>,
    /// End of the data
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true, help_heading = "Time")]
    to: String,
    /// Length of a window [default: 1/24 of the data]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Time")]
    window: Option<Duration>,
    /// Accepted share of false findings among all findings, 0 to 1; intervals of slopes cover one minus this
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = open_share, help_heading = "Judgement")]
    false_discovery: f64,
    #[command(flatten)]
    show: ShowArgs,
    /// Exit with 1 if something rises or falls
    #[arg(long, help_heading = "Output")]
    exit_code: bool,
}

/// Runs `automap trend`.
pub(crate) fn run(args: &TrendArgs) -> Result<Exit> {
    let windows = windows(args, &ZonedDateTime::now())?;
    let options = TrendOptions { false_discovery: args.false_discovery, ..TrendOptions::default() };
    let trend = trend::trend(&windows, &options)?;
    let at = windows.first().map_or(automap_core::time::Timestamp::from_ms(0), |w| w.window.start);
    print(&match args.show.format() {
        Format::Text => text(&trend, &args.show.text_options(at)),
        Format::Markdown => markdown(&trend, &args.show.text_options(at)),
        Format::Json => json(&trend)?,
        Format::Csv => csv(&trend),
    })?;
    if trend.series.iter().all(|s| s.direction == Direction::TooFewWindows) {
        say(&format!(
            "error: no series has {} windows with data: use a shorter --window or more data",
            trend::MIN_WINDOWS
        ));
        return Ok(Exit::NotEnoughData);
    }
    let found = trend.series.iter().any(|s| s.direction.is_finding());
    Ok(if args.exit_code && found { Exit::Found } else { Exit::Ok })
}

fn windows(args: &TrendArgs, now: &ZonedDateTime) -> Result<Vec<Period>> {
    if let Some(observation) = args.whole.observation()? {
        return cut(args, &observation);
    }
    if let Some(url) = &args.prometheus.prometheus {
        let to = parse_time::parse(&args.to, now).context("--to")?;
        let from = match &args.from {
            Some(text) => parse_time::parse(text, now).context("--from")?,
            None => to.plus_ms(-millis(args.since)),
        };
        let Some(span) = Interval::new(from, to) else {
            bail!("the data would start at {}, not before its end {}", from.rfc3339(), to.rfc3339());
        };
        return cut(args, &args.prometheus.observe(url, &TimeArgs::between(span), now)?.0);
    }
    if args.files.is_empty() {
        bail!("no metrics to analyse: give captures, --capture FILE, --csv FILE or --prometheus URL");
    }
    let mut windows = Vec::new();
    for path in &args.files {
        let observation = capture::read(readable(path))?;
        match args.window {
            Some(_) => windows.extend(cut(args, &observation)?),
            None => windows.push(Period::new(&path.display().to_string(), &observation, None)?),
        }
    }
    Ok(windows)
}

fn cut(args: &TrendArgs, observation: &Observation) -> Result<Vec<Period>> {
    let length = args.window.map_or(observation.frame.span().len_ms() / DEFAULT_WINDOWS, millis);
    Ok(Period::windows(observation, length.max(observation.frame.step_ms()), MAX_WINDOWS)?)
}
