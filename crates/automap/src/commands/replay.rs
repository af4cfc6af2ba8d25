//! `automap replay`: the incidents that a watcher would have opened in the past.

use anyhow::{Result, bail};
use automap_core::quantity::duration;
use automap_core::unseen::Unanswered;
use automap_core::watch::{ReplayOptions, WatchHealth, WatchOptions, replay};
use automap_render::incident_text::{change_text, incidents_text};
use clap::Args;
use jiff::ZonedDateTime;
use std::time::Duration;

use crate::args::input::AnyInputArgs;
use crate::args::output::{Format, StyleArgs};
use crate::args::parse::{millis, span};
use crate::console::{bar, print, say};
use crate::exit::Exit;

pub(crate) const EXAMPLES: &str = "Examples:
  automap replay day.parquet
  automap replay --prometheus http://localhost:9090 -n sock-shop --since 6h
  automap replay incident.parquet --every 5s --learn 40s --confirm 5s -o json";

/// Most polls of one replay.
const MAX_POLLS: i64 = 50_000;

#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    input: AnyInputArgs,
    /// Time between two polls
    #[arg(long, value_name = "SPAN", default_value = "15s", value_parser = span, help_heading = "Watching")]
    every: Duration,
    /// How far back each poll looks
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span, help_heading = "Watching")]
    remember: Duration,
    /// Baseline to collect before anything is judged [default: 10m, at most a third of the data]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Watching")]
    learn: Option<Duration>,
    /// How long requests must be affected before an incident opens [default: 1m]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Watching")]
    confirm: Option<Duration>,
    /// Output format
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
    let polls = span.len_ms() / every;
    if polls > MAX_POLLS {
        bail!("{polls} polls are more than the limit of {MAX_POLLS}: choose a longer --every");
    }
    let mut options = WatchOptions::default();
    options.learn_ms = args.learn.map_or(options.learn_ms.min(span.len_ms() / 3), millis);
    options.confirm_ms = args.confirm.map_or(options.confirm_ms, millis);
    options.confirm_critical_ms = options.confirm_critical_ms.min(options.confirm_ms);
    let text = args.style.text_options(span.start);
    let progress = bar(polls.unsigned_abs());
    let mut failed = Ok(());
    let mut judged = 0;
    let mut last = None;
    let options = ReplayOptions { watch: options, every_ms: every, remember_ms: millis(args.remember) };
    let incidents = replay(&observation, &options, &mut |changes, health| {
        judged += i64::from(health == Some(&WatchHealth::Ready));
        last = health.cloned().or(last.take());
        let shown: String = changes.iter().map(|change| change_text(change, &text)).collect();
        if args.output == Format::Text && !shown.is_empty() && failed.is_ok() {
            failed = progress.suspend(|| print(&shown));
        }
        progress.inc(1);
    });
    progress.finish_and_clear();
    failed?;
    match args.output {
        Format::Json => print(&(serde_json::to_string_pretty(&incidents)? + "\n"))?,
        Format::Text if judged == 0 && incidents.is_empty() => {}
        Format::Text if incidents.is_empty() => say(&format!(
            "no incident in {judged} polls{}",
            if judged < polls {
                format!("; {} more were used to learn what is normal", polls - judged)
            } else {
                String::new()
            }
        )),
        Format::Text => print(&format!("\n{}", incidents_text(&incidents, span.end, &text)))?,
    }
    if judged == 0 && incidents.is_empty() {
        say(&nothing_judged(polls, last.as_ref(), observation.frame.step_ms()));
        return Ok(Exit::NotEnoughData);
    }
    Ok(Exit::Ok)
}

/// Why no poll could be judged, and what to do.
fn nothing_judged(polls: i64, last: Option<&WatchHealth>, step_ms: i64) -> String {
    let why = match last {
        Some(WatchHealth::Learning { samples, needed }) => format!(
            "learning what is normal needs {needed} samples ({}), but the data has {samples} before its last poll",
            duration(step_ms * *needed as i64)
        ),
        Some(WatchHealth::Stale { since }) => format!("there is no data after {}", since.rfc3339()),
        Some(WatchHealth::SourceSilent { services, of }) => format!("{services} of {of} services report nothing"),
        Some(WatchHealth::Partial(unanswered)) => {
            let all: Vec<String> = unanswered.iter().map(Unanswered::sentence).collect();
            return format!("error: nothing seen is wrong, but not everything could be checked: {}", all.join("; "));
        }
        Some(WatchHealth::Ready) | None => "the data has too few samples".to_owned(),
    };
    format!("error: none of {polls} polls could be judged: {why}; give a longer recording or a shorter --learn")
}
