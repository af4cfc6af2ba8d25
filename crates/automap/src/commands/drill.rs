//! `automap drill`: does it find what was really injected? Live faults on the lab, one after another, and a score table.

pub(super) mod plan;
mod score;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use automap_lab::control::{Lab, LabOptions};
use automap_sources::capture;
use clap::Args;

use crate::console::{bar, print, say};
use crate::exit::Exit;
use crate::live::{Episode, Timing, episode};
use plan::{Drill, PLAN};
use score::Outcome;

pub(crate) const EXAMPLES: &str = "Examples:
  automap drill                                    all of it, some 35 minutes
  automap drill --only delay-payment,quiet-1       some
  automap drill --save captures/                   also keep a capture and the truth of each
  automap drill --list                             what there is";

#[derive(Args, Debug)]
pub(crate) struct DrillArgs {
    /// Only these drills, in the plan's order
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Keep a capture and the ledger's entries of every drill in this directory
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Names of the drills, and nothing else
    #[arg(long)]
    list: bool,
    /// First of 302 ports on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = LabOptions::BASE_PORT)]
    base_port: u16,
    /// Visitors per second
    #[arg(long, value_name = "RATE", default_value_t = automap_lab::load::DEFAULT_RATE_PER_S)]
    rate: f64,
    /// Seed of names, choices, jitter and visitors
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds of normal time before each fault
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    normal: u64,
    /// Seconds from a fault to the last question
    #[arg(long, value_name = "SECONDS", default_value_t = 40)]
    fault: u64,
}

/// Runs `automap drill`. Exits with 1 when the aim is missed: see [`score::Outcome::aim`].
pub(crate) fn run(args: &DrillArgs) -> Result<Exit> {
    let drills = chosen(&args.only)?;
    if args.list {
        drills.iter().try_for_each(|d| print(&format!("{}\n", d.name)))?;
        return Ok(Exit::Ok);
    }
    if let Some(dir) = &args.save {
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let timing = Timing {
        settle: Duration::from_secs(20),
        normal: Duration::from_secs(args.normal),
        fault: Duration::from_secs(args.fault),
    };
    let options = LabOptions {
        base_port: args.base_port,
        seed: args.seed,
        load_rate_per_s: Some(args.rate),
        dir: std::env::temp_dir().join(format!("automap-drill-{}", args.base_port)),
        ..LabOptions::new()?
    };
    say("starting the Sock Shop, Prometheus and visitors");
    let lab = Lab::up(&options, &mut |_| {})?;
    let mut outcomes = Vec::new();
    for (i, drill) in drills.iter().enumerate() {
        let episode = with_progress(&lab, drill, timing, i, drills.len())?;
        let outcome = Outcome::of(drill.name, &episode);
        say(&outcome.line());
        if let Some(dir) = &args.save {
            save(dir, drill.name, &episode)?;
        }
        outcomes.push(outcome);
    }
    lab.down()?;
    fs::remove_dir_all(&options.dir).with_context(|| options.dir.display().to_string())?;
    print(&score::table(&outcomes))?;
    Ok(if Outcome::aim(&outcomes) { Exit::Ok } else { Exit::Found })
}

fn chosen(only: &[String]) -> Result<Vec<Drill>> {
    if let Some(unknown) = only.iter().find(|name| PLAN.iter().all(|d| d.name != **name)) {
        bail!("there is no drill '{unknown}'; `automap drill --list` shows them");
    }
    Ok(PLAN.into_iter().filter(|d| only.is_empty() || only.iter().any(|n| n == d.name)).collect())
}

fn with_progress(lab: &Lab, drill: &Drill, timing: Timing, i: usize, n: usize) -> Result<Episode> {
    let total = timing.settle + timing.normal + timing.fault;
    let (bar, began) = (bar(total.as_secs()), Instant::now());
    let result = episode(lab, drill.fault().as_ref(), timing, &mut |phase, left| {
        bar.set_position(began.elapsed().as_secs().min(total.as_secs()));
        bar.set_message(format!("{}/{n} {}: {phase}, {} s", i + 1, drill.name, left.as_secs()));
    });
    bar.finish_and_clear();
    result.with_context(|| format!("drill {}", drill.name))
}

fn save(dir: &Path, name: &str, episode: &Episode) -> Result<()> {
    capture::write(&dir.join(format!("{name}.parquet")), &episode.observation)?;
    let truth = dir.join(format!("{name}.json"));
    fs::write(&truth, serde_json::to_string_pretty(&episode.injected)? + "\n")
        .with_context(|| truth.display().to_string())
}
