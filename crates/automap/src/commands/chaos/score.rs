//! `automap chaos score`: every fault of the ledger, diagnosed as an operator would, and its answers scored against the truth.
//!
//! The diagnosis is given the period to examine (a window that ends with the fault, or 15 minutes after its beginning) and nothing else: neither when it
//! began nor where. Whether and when it would have been noticed is decided by a watcher that polls the same window step by step.

use std::time::Duration;

use anyhow::{Result, bail};
use automap_chaos::Entry;
use automap_chaos::cases::{Case, cases};
use automap_chaos::score::{Answered, Felt, Row, Scorecard};
use automap_core::observation::Observation;
use automap_core::time::{Interval, Timestamp, WindowHint};
use automap_core::watch::{ReplayOptions, WatchOptions, replay};
use automap_core::{DiagnoseOptions, diagnose};
use automap_sources::prometheus::{Client, ObserveOptions, observe};
use clap::Args;
use jiff::ZonedDateTime;

use super::truth::TruthArgs;
use crate::args::parse::{millis, span};
use crate::args::prometheus::PrometheusArgs;
use crate::args::scorecard::ScorecardArgs;
use crate::console::bar;
use crate::exit::Exit;

pub(super) const EXAMPLES: &str = "Examples:
  automap chaos score --ledger chaos.jsonl --prometheus http://localhost:9090 -n sock-shop
  automap chaos score --lab --prometheus http://127.0.0.1:21301 -n sock-shop -o html -f s.html
  automap chaos score --ledger chaos.jsonl --prometheus http://prom:9090 -n shop \\
      -o junit -f score.xml --min-top3 0.8                      a gate for CI: exit code 1";

/// An ongoing fault is diagnosed this long after its start.
const LONGEST_MS: i64 = 15 * 60_000;
/// And at least this long: a kill is over in seconds, its effects are not.
const SHORTEST_MS: i64 = 60_000;
/// A watcher may notice it this long after its end: rates cover the past minute.
const NOTICE_MS: i64 = 90_000;
/// Shortest baseline.
const LEAST_NORMAL_MS: i64 = 30_000;
/// Most faults of one scorecard.
const MAX_CASES: usize = 500;

#[derive(Args, Debug)]
pub(crate) struct ScoreArgs {
    #[command(flatten)]
    truth: TruthArgs,
    #[command(flatten)]
    prometheus: PrometheusArgs,
    /// Baseline before each fault; shorter if another fault precedes it
    #[arg(long, value_name = "SPAN", default_value = "30m", value_parser = span, help_heading = "Time")]
    normal: Duration,
    /// Time after a fault that does not count as baseline; faults closer together are one case
    #[arg(long, value_name = "SPAN", default_value = "2m", value_parser = span, help_heading = "Time")]
    settle: Duration,
    /// How often the replayed watcher polls; decides when a fault would have been noticed
    #[arg(long, value_name = "SPAN", default_value = "15s", value_parser = span, help_heading = "Time")]
    every: Duration,
    #[command(flatten)]
    card: ScorecardArgs,
}

/// Scores. Exits with 1 if a required share is missed.
pub(super) fn run(args: &ScoreArgs) -> Result<Exit> {
    let (Some(url), Some(namespace)) = (&args.prometheus.prometheus, args.prometheus.only_namespace()?) else {
        bail!("no metrics: give --prometheus URL and --namespace NAME");
    };
    args.card.check()?;
    let entries = args.truth.entries()?;
    if entries.is_empty() {
        bail!(
            "no experiments found, so there is nothing to score; `automap chaos list` with the same options shows what is known"
        );
    }
    let client = args.prometheus.client(url)?;
    let now = Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond());
    let never_began = entries.iter().filter(|e| e.started.is_none());
    let mut rows: Vec<Row> =
        never_began.map(|e| Row::unscored(&e.name, std::slice::from_ref(e), e.notes.join("; "))).collect();
    let all = cases(&entries, millis(args.settle));
    if all.len() > MAX_CASES {
        bail!("{} faults are more than the limit of {MAX_CASES}: score a shorter ledger", all.len());
    }
    let progress = bar(all.len() as u64);
    for case in &all {
        progress.set_message(case.name());
        rows.push(row(args, &client, &namespace, case, now));
        progress.inc(1);
    }
    progress.finish_and_clear();
    let s = if entries.len() == 1 { "" } else { "s" };
    let title = format!("{} experiment{s} in {namespace}, by the metrics of {url}", entries.len());
    args.card.finish(&Scorecard::new(title, rows))
}

fn row(args: &ScoreArgs, client: &Client, namespace: &str, case: &Case, now: Timestamp) -> Row {
    let name = case.name();
    let unscored = |why: String| Row::unscored(&name, &case.entries, why);
    // The scorecard is about one namespace: what was hit elsewhere cannot be found here.
    let here = |e: &Entry| {
        e.targets.is_empty() || e.targets.iter().any(|t| t.namespace.is_empty() || t.namespace == namespace)
    };
    if !case.entries.iter().any(here) {
        return unscored(format!("it hit nothing in namespace {namespace}"));
    }
    let places: Vec<&str> = case.entries.iter().flat_map(Entry::places).collect();
    if case.entries.iter().all(|e| e.services().is_empty()) && !places.is_empty() {
        return unscored(format!("it hit {}; which services ran there is not known", places.join(", ")));
    }
    let from = case.after.map_or(case.from.plus_ms(-millis(args.normal)), |after| {
        after.plus_ms(millis(args.settle)).max(case.from.plus_ms(-millis(args.normal)))
    });
    if case.from.ms() - from.ms() < LEAST_NORMAL_MS {
        return unscored("the previous fault ended too shortly before it".to_owned());
    }
    let over = case.to.unwrap_or(now).max(case.from.plus_ms(SHORTEST_MS)).min(case.from.plus_ms(LONGEST_MS));
    let options = ObserveOptions {
        hint: WindowHint::default(),
        ..ObserveOptions::new(namespace, from, over.plus_ms(NOTICE_MS).min(now), now)
    };
    match observe(client, &options, &|_| {}) {
        Err(error) => unscored(error.to_string()),
        Ok(fetched) => {
            answer(args, &name, case, &fetched.observation, (from, over)).unwrap_or_else(|e| unscored(e.to_string()))
        }
    }
}

fn answer(
    args: &ScoreArgs,
    name: &str,
    case: &Case,
    all: &Observation,
    (from, over): (Timestamp, Timestamp),
) -> Result<Row> {
    let Some(span) = Interval::new(from, over) else { bail!("it lies in the future") };
    let asked = Observation { frame: all.frame.within(span)?, ..all.clone() };
    let report = diagnose(&asked, &DiagnoseOptions::default())?;
    let normal_ms = case.from.ms() - all.frame.span().start.ms();
    let defaults = WatchOptions::default();
    let watch = WatchOptions { learn_ms: defaults.learn_ms.min(normal_ms * 4 / 5), ..defaults };
    let options = ReplayOptions { watch, every_ms: millis(args.every), remember_ms: millis(args.normal) + LONGEST_MS };
    let incidents = replay(all, &options, &mut |_, _| {});
    let detected = incidents.iter().map(|i| i.opened).find(|opened| *opened >= case.from);
    let felt = Felt::of(&asked, case.from);
    Ok(Row::scored(name, &case.entries, Answered { report: &report, felt: Some(&felt), detected }))
}
