//! `automap lab load`: here and now, or by the lab's supervisor.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Result;
use automap_lab::control::{Lab, directory};
use automap_lab::load::{DEFAULT_RATE_PER_S, LoadOptions, LoadStats};
use automap_lab::plan::GATEWAY;
use clap::Args;

use super::{DirArgs, print, say};
use crate::args::parse::span;

pub(super) const EXAMPLES: &str = "Examples:
  automap lab load --duration 60s        simulate users for a minute, then print their results
  automap lab load --background          let the lab simulate them, and return
  automap lab load --background --rate 0 stop them";

const PROGRESS_EVERY: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Users per second; each makes about seven requests
    #[arg(long, value_name = "RATE", default_value_t = DEFAULT_RATE_PER_S, value_parser = rate)]
    rate: f64,
    /// Seed of arrivals and choices
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// How long, like 90s or 5m [default: until Ctrl-C]
    #[arg(long, value_name = "SPAN", value_parser = span, conflicts_with = "background")]
    duration: Option<Duration>,
    /// Let the lab's supervisor simulate them, and return
    #[arg(long)]
    background: bool,
}

/// Simulates users.
pub(super) fn run(args: &LoadArgs) -> Result<()> {
    let lab = Lab::attach(&args.dir.path())?;
    if args.background {
        let rate = lab.load(args.rate)?.load_rate_per_s;
        say(&rate.map_or("no load".to_owned(), |r| format!("{r} users per second")));
        return Ok(());
    }
    let mut said = Instant::now();
    let on_tick = move |stats: &LoadStats| {
        if said.elapsed() >= PROGRESS_EVERY {
            said = Instant::now();
            say(&summary(stats));
        }
        ControlFlow::Continue(())
    };
    let options = LoadOptions {
        ports: lab.ports(),
        gateway: lab.status()?.pods.iter().any(|p| p.service == GATEWAY.name),
        endpoints: Some(directory::endpoints_path(&args.dir.path())),
        rate_per_s: args.rate,
        seed: args.seed,
        duration: args.duration,
        on_tick: Some(Box::new(on_tick)),
    };
    let stats = automap_lab::load::run(options)?;
    print(&format!("{}\n", summary(&stats)))
}

fn summary(stats: &LoadStats) -> String {
    let latency = stats.latency_mean_ms().map_or("-".to_owned(), |ms| format!("{ms:.1}"));
    format!(
        "users {} (rejected {}), requests {}: ok {}, 4xx {}, 5xx {}, failed {}, mean latency {latency} ms",
        stats.journeys, stats.dropped, stats.sent, stats.ok, stats.client_errors, stats.server_errors, stats.failed
    )
}

/// A rate in a range that a machine can try.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    rate.filter(|r| (0.0..=1000.0).contains(r))
        .ok_or_else(|| format!("{text:?} is not a rate from 0 to 1000 per second"))
}
