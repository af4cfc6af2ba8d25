//! Drills on the Sock Shop of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use automap_chaos::Entry;
use automap_chaos::injection::Injection;
use automap_chaos::score::Row;
use automap_lab::chaos::{self, Experiment};
use automap_lab::control::{Lab, LabOptions};
use automap_lab::surroundings::Surroundings;
use automap_sources::capture;
use clap::Args;

use super::choice::Item;
use super::crowding::Crowding;
use super::play_all;
use crate::commands::lab::mesh::MeshArgs;
use crate::commands::lab::stores::StoresArgs;
use crate::console::say;
use crate::episode::{Episode, LabStage, Timing};
use crate::interrupt::Interrupt;

/// Everything happens in seconds here: the lab scrapes every two.
pub(super) const TIMING: Timing =
    Timing { settle: Duration::from_secs(20), normal: Duration::from_secs(60), fault: Duration::from_secs(40) };

/// The plan with more than forty lines is gone through faster: fifty seconds are still 25 samples.
pub(super) const SHORT_TIMING: Timing =
    Timing { settle: Duration::from_secs(14), normal: Duration::from_secs(50), fault: Duration::from_secs(36) };

/// The lab that is drilled.
#[derive(Args, Debug)]
pub(super) struct OnLabArgs {
    /// Keep a capture and the ledger's entries of every drill in this directory
    #[arg(long, value_name = "DIR")]
    pub(super) save: Option<PathBuf>,
    /// First of 302 ports on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = LabOptions::BASE_PORT, help_heading = "Lab")]
    base_port: u16,
    /// Users per second
    #[arg(long, value_name = "RATE", default_value_t = automap_lab::load::DEFAULT_RATE_PER_S, help_heading = "Lab")]
    rate: f64,
    /// Seed of names, choices, jitter and users
    #[arg(long, value_name = "SEED", default_value_t = 1, help_heading = "Lab")]
    seed: u64,
    #[command(flatten)]
    stores: StoresArgs,
    #[command(flatten)]
    mesh: MeshArgs,
}

/// Starts a lab, drills every item on it, and takes it down.
pub(super) fn rows(
    args: &OnLabArgs,
    timing: Timing,
    items: &[Item],
    is_whole: bool,
    interrupt: &Interrupt,
) -> Result<Vec<Row>> {
    if let Some(dir) = &args.save {
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let options = LabOptions {
        base_port: args.base_port,
        seed: args.seed,
        load_rate_per_s: Some(args.rate),
        with: with(items, is_whole),
        stores: args.stores.stores(),
        mesh: args.mesh.mesh(),
        ..LabOptions::temporary("drill")?
    };
    say("starting the Sock Shop, Prometheus and simulated users");
    let lab = Lab::up(&options, &mut |_| {})?;
    let stage = LabStage(&lab);
    let mut crowding = Crowding::begin();
    let rows = play_all(&stage, items, timing, interrupt, &mut |name, episode| {
        crowding.end_episode(name);
        match &args.save {
            Some(dir) => save(dir, name, episode, &lab.ledger()?),
            None => Ok(()),
        }
    })?;
    lab.down()?;
    if let Some(words) = crowding.words() {
        say(&words);
    }
    Ok(rows)
}

/// What stands beside the shop: everything, or what the faults need.
fn with(items: &[Item], is_whole: bool) -> Surroundings {
    if is_whole {
        return Surroundings::ALL;
    }
    let mut with = Surroundings::default();
    for fault in items.iter().filter_map(|item| item.fault.as_ref()) {
        // What cannot be read is refused when its turn comes, with the reason.
        let experiments = chaos::parse(&fault.name, &fault.yaml).unwrap_or_default();
        with = experiments.iter().map(Experiment::needs).fold(with, Surroundings::and);
    }
    with
}

fn save(dir: &Path, name: &str, episode: &Episode, ledger: &[Injection]) -> Result<()> {
    capture::write(&dir.join(format!("{name}.parquet")), &episode.observation)?;
    let is_ours = |i: &&Injection| episode.injected.iter().any(|e: &Entry| e.experiment == i.id);
    let injected: Vec<&Injection> = ledger.iter().filter(is_ours).collect();
    let truth = dir.join(format!("{name}.json"));
    fs::write(&truth, serde_json::to_string_pretty(&injected)? + "\n").with_context(|| truth.display().to_string())
}
