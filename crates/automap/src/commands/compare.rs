//! `automap compare`: which services and metrics differ between time periods.

mod place;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use automap_core::compare::{self, CompareOptions, Period};
use automap_core::time::Timestamp;
use automap_render::compare::{csv, json, markdown, text};
use automap_sources::capture;
use clap::Args;
use jiff::ZonedDateTime;

use crate::args::file::readable;
use crate::args::parse::open_share;
use crate::args::prometheus::PrometheusArgs;
use crate::args::time::TimeArgs;
use crate::args::whole::{Format, ShowArgs, WholeArgs};
use crate::console::{print, say};
use crate::exit::Exit;
use crate::parse_time;
use place::Place;

pub(crate) const EXAMPLES: &str = "Examples:
  automap compare monday.parquet tuesday.parquet                    the first is the reference
  automap compare shop.parquet@baseline shop.parquet@incident       the windows of a diagnosis
  automap compare --capture day.parquet 14:00..14:10 14:20..14:30   two spans of one capture
  automap compare --prometheus http://localhost:9090 -n sock-shop '2h ago..1h ago' '1h ago..now'
  automap compare --kept sock-shop '8d ago..7d ago' '1d ago..now'   hours that a watcher stored
  automap compare before.parquet after.parquet -o markdown          for a pull request";

#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// Periods; the first is the reference: FILE, FILE@FROM..TO, FILE@baseline, FILE@incident; with --capture, --csv or
    /// --prometheus only FROM..TO. Clock times are local times on the day of the data
    #[arg(value_name = "PERIOD", required = true)]
    periods: Vec<String>,
    #[command(flatten)]
    whole: WholeArgs,
    #[command(flatten)]
    prometheus: PrometheusArgs,
    /// Accepted share of false findings among all findings, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = open_share, help_heading = "Judgement")]
    false_discovery: f64,
    /// Smallest change of a level that counts, in spreads of the reference
    #[arg(long, value_name = "SPREADS", default_value_t = 2.0, value_parser = spreads, help_heading = "Judgement")]
    min_shift: f64,
    #[command(flatten)]
    show: ShowArgs,
    /// Exit with 1 if something differs
    #[arg(long, help_heading = "Output")]
    exit_code: bool,
}

/// Runs `automap compare`.
pub(crate) fn run(args: &CompareArgs) -> Result<Exit> {
    // Before anything is fetched.
    if args.periods.len() < 2 {
        bail!("only one period to compare, '{}': give at least two, the first is the reference", args.periods[0]);
    }
    let periods = periods(args, &ZonedDateTime::now())?;
    let options = CompareOptions {
        false_discovery: args.false_discovery,
        min_shift: args.min_shift,
        ..CompareOptions::default()
    };
    let comparison = compare::compare(&periods, &options)?;
    let at = periods[0].window.start;
    print(&match args.show.format() {
        Format::Text => text(&comparison, &args.show.text_options(at)),
        Format::Markdown => markdown(&comparison, &args.show.text_options(at)),
        Format::Json => json(&comparison)?,
        Format::Csv => csv(&comparison),
    })?;
    let c = &comparison.counts;
    let found = comparison.services.iter().any(|s| s.verdict.is_finding()) || !comparison.edges.is_empty();
    if c.series == c.too_few_samples + c.not_comparable {
        say("error: no series has enough samples in both periods: widen them or use a smaller step");
        return Ok(Exit::NotEnoughData);
    }
    Ok(if args.exit_code && found { Exit::Found } else { Exit::Ok })
}

fn periods(args: &CompareArgs, now: &ZonedDateTime) -> Result<Vec<Period>> {
    if let Some(observation) = args.whole.observation()? {
        return args.periods.iter().map(|text| Place::parse(text).cut(text, &observation)).collect();
    }
    if let Some(url) = &args.prometheus.prometheus {
        return args.periods.iter().map(|text| fetched(args, url, text, now)).collect();
    }
    args.periods.iter().map(|text| of_file(text)).collect()
}

fn fetched(args: &CompareArgs, url: &str, text: &str, now: &ZonedDateTime) -> Result<Period> {
    let span = parse_time::parse_interval(text, now)?;
    let present = Timestamp::from_ms(now.timestamp().as_millisecond());
    if span.start >= present {
        bail!("the period '{text}' begins in the future");
    }
    let (observation, _) = args.prometheus.observe(url, &TimeArgs::between(span), now)?;
    Ok(Period::new(text, &observation, Some(span))?)
}

/// `FILE` or `FILE@PLACE`; a file whose name contains an @ is used as it is.
fn of_file(text: &str) -> Result<Period> {
    let whole = PathBuf::from(text);
    let (path, place) = match text.rsplit_once('@') {
        Some((path, place)) if !whole.exists() => (PathBuf::from(path), Place::parse(place)),
        _ => (whole, Place::All),
    };
    if matches!(Place::parse(text), Place::Span(_)) && !path.exists() && place == Place::All {
        bail!("'{text}' is a span of time: of what? Give --capture FILE, --csv FILE or --prometheus URL");
    }
    let observation = capture::read(readable(&path))?;
    let name = text.rsplit('/').next().unwrap_or(text);
    place.cut(name, &observation).with_context(|| path.display().to_string())
}

fn spreads(text: &str) -> Result<f64, String> {
    let spreads = text.parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
    spreads.ok_or_else(|| "write a number of spreads, such as 2".to_owned())
}
