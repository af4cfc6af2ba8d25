//! `automap replay`: the incidents that a watcher would have opened over a stretch of the past.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use automap_core::incident::{Incident, change_text, incidents_text};
use automap_core::observation::Observation;
use automap_core::time::{Interval, Timestamp};
use automap_core::watch::{Look, Watch, WatchOptions};
use clap::Args;
use jiff::ZonedDateTime;
use std::time::Duration;

use super::input_args::InputArgs;
use super::output_args::{Format, StyleArgs};
use super::source_args::{millis, span};
use crate::console::{bar, print, say};
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap replay --capture day.parquet
  automap replay --prometheus http://localhost:9090 -n sock-shop --since 6h
  automap replay --capture incident.parquet --every 5s --learn 40s --confirm 5s -o json";

/// Most looks of one replay.
const MAX_LOOKS: i64 = 50_000;

#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    input: InputArgs,
    /// How often it is looked
    #[arg(long, value_name = "SPAN", default_value = "15s", value_parser = span, help_heading = "Watching")]
    every: Duration,
    /// How far back a look sees
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span, help_heading = "Watching")]
    remember: Duration,
    /// Normal time that has to be known before anything is judged [default: 10m, a third of the data at most]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Watching")]
    learn: Option<Duration>,
    /// Requests feel it for so long before an incident opens [default: 1m]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Watching")]
    confirm: Option<Duration>,
    /// Form of the answer
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

/// Runs `automap replay`.
pub(crate) fn run(args: &ReplayArgs) -> Result<Exit> {
    let observation = args.input.observation(&ZonedDateTime::now())?;
    let span = observation.frame.span();
    let every = millis(args.every);
    let looks = span.len_ms() / every;
    if looks > MAX_LOOKS {
        bail!("{looks} looks are more than {MAX_LOOKS}: choose a longer --every");
    }
    let mut options = WatchOptions::default();
    options.learn_ms = args.learn.map_or(options.learn_ms.min(span.len_ms() / 3), millis);
    options.confirm_ms = args.confirm.map_or(options.confirm_ms, millis);
    options.confirm_critical_ms = options.confirm_critical_ms.min(options.confirm_ms);
    let mut watch = Watch::new("replay", options);
    let text = args.style.text_options(span.start);
    let mut incidents: BTreeMap<String, Incident> = BTreeMap::new();
    let progress = bar(looks.unsigned_abs());
    let mut now = span.start.plus_ms(every);
    while now <= span.end {
        if let Some(seen) = seen_at(&observation, now, millis(args.remember)) {
            let look = Look { now, observation: &seen, slos: &[], alerts: &[] };
            if let Some(change) = watch.step(&look).change {
                if args.output == Format::Text {
                    progress.suspend(|| print(&change_text(&change, &text)))?;
                }
                incidents.insert(change.id.clone(), change);
            }
        }
        progress.inc(1);
        now = now.plus_ms(every);
    }
    progress.finish_and_clear();
    let mut incidents: Vec<Incident> = incidents.into_values().collect();
    incidents.sort_by_key(|i| i.opened);
    match args.output {
        Format::Json => print(&(serde_json::to_string_pretty(&incidents)? + "\n"))?,
        Format::Text if incidents.is_empty() => say(&format!("no incident in {looks} looks")),
        Format::Text => print(&format!("\n{}", incidents_text(&incidents, span.end, &text)))?,
    }
    Ok(Exit::Ok)
}

/// What was known at an instant; `None` while it was too little to look at.
fn seen_at(all: &Observation, now: Timestamp, remember_ms: i64) -> Option<Observation> {
    let frame = all.frame.within(Interval::new(now.plus_ms(-remember_ms), now)?).ok()?;
    Some(Observation { frame, ..all.clone() })
}
