//! `automap demo --live`: the Sock Shop, a real Prometheus, a real fault, and its diagnosis. Meanwhile the page shows what a watcher sees.

#[cfg(feature = "server")]
mod drills;
#[cfg(feature = "server")]
mod page;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use automap_chaos::Entry;
use automap_core::time::Timestamp;
use automap_lab::control::{Lab, LabOptions};
use clap::Args;

use super::{DemoArgs, print_truth};
use crate::args::file::readable;
use crate::console::{bar, say};
use crate::episode::{Fault, LabStage, Timing, episode};
use crate::exit::Exit;
use crate::interrupt::Interrupt;

const DEFAULT_FAULT: &str = include_str!("../../../../automap-lab/faults/delay-payment.yaml");

/// Longest time that the shop is kept.
const KEPT_AT_MOST: Duration = Duration::from_secs(7 * 24 * 3600);

const TIMING: Timing =
    Timing { settle: Duration::from_secs(12), normal: Duration::from_secs(70), fault: Duration::from_secs(40) };

/// The live demo, and its fault.
#[derive(Args, Debug)]
pub(super) struct LiveArgs {
    /// Run the shop and a real Prometheus on this machine
    #[arg(long)]
    live: bool,
    /// Chaos Mesh manifest to inject instead of a delay at payment
    #[arg(long, value_name = "FILE", requires = "live")]
    fault: Option<PathBuf>,
    /// First of 302 ports on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = LabOptions::BASE_PORT, requires = "live")]
    base_port: u16,
    /// Keep the shop running after the diagnosis, until Ctrl-C
    #[arg(long, requires = "live")]
    keep: bool,
    #[cfg(feature = "server")]
    /// Open the page in the browser
    #[arg(long, requires = "live")]
    open: bool,
}

impl LiveArgs {
    /// Whether `--live` was given.
    pub(super) fn is_asked_for(&self) -> bool {
        self.live
    }
}

/// Starts the shop, injects a fault, and diagnoses it.
pub(super) fn run(args: &DemoArgs) -> Result<Exit> {
    let fault = fault(args)?;
    let began = Instant::now();
    let options = LabOptions {
        base_port: args.live.base_port,
        load_rate_per_s: Some(automap_lab::load::DEFAULT_RATE_PER_S),
        // A lab of the user's own, in the usual directory, is left alone.
        ..LabOptions::temporary("demo")?
    };
    say("starting the Sock Shop (14 pods, each an application and a side-car), Prometheus and simulated users");
    let lab = Lab::up(&options, &mut |_| {})?;
    let prometheus = lab.prometheus_url()?.unwrap_or_default();
    say(&format!("ready after {:.0} s; {prometheus}", began.elapsed().as_secs_f64()));
    #[cfg(feature = "server")]
    let page = watched(args, &prometheus, &options)?;
    let total = (TIMING.settle + TIMING.normal + TIMING.fault).as_secs();
    let progress = bar(total);
    let started = Instant::now();
    let mut said = String::new();
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let episode = episode(&LabStage(&lab), Some(&fault), TIMING, &interrupt, &mut |phase, left| {
        progress.set_position(started.elapsed().as_secs().min(total));
        progress.set_message(format!("{phase}, {} s left", left.as_secs()));
        if said != phase {
            progress.suspend(|| say(&format!("{:>4} s  {phase}", began.elapsed().as_secs())));
            said = phase.to_owned();
        }
    });
    progress.finish_and_clear();
    let episode = episode?;
    say(&format!("queried Prometheus: {} requests, {} KiB\n", episode.stats.requests, episode.stats.bytes / 1024));
    args.output.print(&episode.report)?;
    let injected = &episode.injected;
    let exit = print_truth(args, &describe(injected), &culprits(injected), episode.report.verdict.service.as_deref())?;
    if args.live.keep {
        say(&format!(
            "the fault is removed, and the shop runs until Ctrl-C; to inject another fault: automap lab inject --dir {} FILE",
            options.dir.display()
        ));
        // Not before: a second fault would spoil the demo's own.
        #[cfg(feature = "server")]
        {
            page.allow_drills(&options.dir);
            say(&format!("or start one on the page: {}chaos", page.url()));
        }
        interrupt.wait(KEPT_AT_MOST, &mut |_| {});
    }
    #[cfg(feature = "server")]
    page.end()?;
    lab.down()?;
    say(&format!("everything is stopped, after {:.0} s", began.elapsed().as_secs_f64()));
    Ok(exit)
}

/// The fault to inject. An invalid file is reported before anything is started.
fn fault(args: &DemoArgs) -> Result<Fault> {
    let fault = match &args.live.fault {
        Some(path) => Fault {
            name: path.display().to_string(),
            yaml: std::fs::read_to_string(readable(path)).with_context(|| path.display().to_string())?,
        },
        None => Fault { name: "delay-payment.yaml".to_owned(), yaml: DEFAULT_FAULT.to_owned() },
    };
    automap_lab::chaos::parse(&fault.name, &fault.yaml)?;
    Ok(fault)
}

/// Starts to watch the shop, and says where the page is.
#[cfg(feature = "server")]
fn watched(args: &DemoArgs, prometheus: &str, options: &LabOptions) -> Result<page::Page> {
    let page = page::Page::start(prometheus, &options.dir)?;
    let until = if args.live.keep { "until Ctrl-C" } else { "until the demo ends (--keep: until Ctrl-C)" };
    say(&format!("the page is at {}, {until}", page.url()));
    if args.live.open {
        page.open();
    }
    Ok(page)
}

/// What was injected, in one line: `NetworkChaos delay on payment since 14:03:15Z (delay-payment)`.
pub(crate) fn describe(injected: &[Entry]) -> String {
    let one = |entry: &Entry| {
        let peers = if entry.peers.is_empty() { String::new() } else { format!(" towards {}", entry.peers.join(", ")) };
        let since = entry.started.map_or_else(|| "an unknown time".to_owned(), Timestamp::rfc3339);
        let (kind, action, name) = (&entry.kind, &entry.action, &entry.name);
        format!("{kind} {action} on {}{peers} since {since} ({name})", entry.services().join(", "))
    };
    if injected.is_empty() { "nothing".to_owned() } else { injected.iter().map(one).collect::<Vec<_>>().join("; ") }
}

/// Services that were really hit.
pub(crate) fn culprits(injected: &[Entry]) -> Vec<&str> {
    let mut names: Vec<&str> = injected.iter().flat_map(Entry::services).collect();
    names.sort_unstable();
    names.dedup();
    names
}
