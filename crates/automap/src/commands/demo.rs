//! `automap demo`: the product in a minute.
//!
//! Without options a capture that the lab recorded is diagnosed: nothing to install, no network. `--live` starts the
//! shop, a real Prometheus and load, injects a fault, and asks.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use automap_chaos::Entry;
use automap_chaos::injection::Injection;
use automap_core::{DiagnoseOptions, diagnose};
use automap_lab::control::{Lab, LabOptions};
use automap_server::signals::stop_on_signals;
use automap_server::watcher::Stop;
use automap_sources::capture;
use clap::Args;

use super::output_args::OutputArgs;
use crate::console::{bar, print, say};
use crate::exit::Exit;
use crate::live::{Fault, LabStage, Timing, culprits, episode, told};

/// Recorded by `automap drill --only delay-payment --save DIR`.
const CAPTURE: &[u8] = include_bytes!("../../assets/demo.parquet");
/// The ledger's entries for it, which the diagnosis never sees.
const LEDGER: &str = include_str!("../../assets/demo.json");
const DEFAULT_FAULT: &str = include_str!("../../../automap-lab/faults/delay-payment.yaml");

const TIMING: Timing =
    Timing { settle: Duration::from_secs(12), normal: Duration::from_secs(70), fault: Duration::from_secs(40) };

pub(crate) const EXAMPLES: &str = "Examples:
  automap demo                                  a recorded incident, nothing needed
  automap demo -o json                          the report alone
  automap demo --live                           shop, Prometheus, load and fault here, 2 to 3 min
  automap demo --live --fault my-chaos.yaml     another fault, as a Chaos Mesh manifest";

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Run the shop and a real Prometheus on this machine
    #[arg(long)]
    live: bool,
    /// Chaos Mesh manifest to inject instead of a delay at payment
    #[arg(long, value_name = "FILE", requires = "live")]
    fault: Option<PathBuf>,
    /// First of 302 ports on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = LabOptions::BASE_PORT, requires = "live")]
    base_port: u16,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs `automap demo`.
pub(crate) fn run(args: &DemoArgs) -> Result<Exit> {
    if args.live { live(args) } else { recorded(args) }
}

fn recorded(args: &DemoArgs) -> Result<Exit> {
    let observation = capture::from_bytes(CAPTURE)?;
    let report = diagnose(&observation, &DiagnoseOptions::default())?;
    args.output.print(&report)?;
    let injected: Vec<Injection> = serde_json::from_str(LEDGER)?;
    let injected: Vec<Entry> = injected.iter().map(|i| i.to_entry("sock-shop")).collect();
    beside(args, &injected, report.verdict.service.as_deref())
}

fn live(args: &DemoArgs) -> Result<Exit> {
    let fault = match &args.fault {
        Some(path) => Fault {
            name: path.display().to_string(),
            yaml: std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
        },
        None => Fault { name: "delay-payment.yaml".to_owned(), yaml: DEFAULT_FAULT.to_owned() },
    };
    // A file that cannot be carried out is told now, not after a minute of normal time.
    automap_lab::chaos::parse(&fault.name, &fault.yaml)?;
    let began = Instant::now();
    let options = LabOptions {
        base_port: args.base_port,
        load_rate_per_s: Some(automap_lab::load::DEFAULT_RATE_PER_S),
        // A lab of the user's own, in the usual directory, is left alone.
        ..LabOptions::temporary("demo")?
    };
    say("starting the Sock Shop (14 pods, each an application and a side-car), Prometheus and visitors");
    let lab = Lab::up(&options, &mut |_| {})?;
    say(&format!("ready after {:.0} s; {}", began.elapsed().as_secs_f64(), lab.prometheus_url()?.unwrap_or_default()));
    let total = (TIMING.settle + TIMING.normal + TIMING.fault).as_secs();
    let progress = bar(total);
    let started = Instant::now();
    let mut said = String::new();
    let stop = Stop::default();
    stop_on_signals(&stop).context("signals cannot be watched")?;
    let episode = episode(&LabStage(&lab), Some(&fault), TIMING, &stop, &mut |phase, left| {
        progress.set_position(started.elapsed().as_secs().min(total));
        progress.set_message(format!("{phase}, {} s left", left.as_secs()));
        if said != phase {
            progress.suspend(|| say(&format!("{:>4} s  {phase}", began.elapsed().as_secs())));
            said = phase.to_owned();
        }
    });
    progress.finish_and_clear();
    let episode = episode?;
    say(&format!("asked Prometheus: {} requests, {} KiB\n", episode.stats.requests, episode.stats.bytes / 1024));
    args.output.print(&episode.report)?;
    let exit = beside(args, &episode.injected, episode.report.verdict.service.as_deref())?;
    lab.down()?;
    say(&format!("everything is down again, after {:.0} s", began.elapsed().as_secs_f64()));
    Ok(exit)
}

/// What was really done, beside the answer.
fn beside(args: &DemoArgs, injected: &[Entry], named: Option<&str>) -> Result<Exit> {
    if !args.output.is_json() {
        let right = match named {
            Some(name) if culprits(injected).contains(&name) => "the answer is right",
            Some(_) => "the answer is wrong",
            None => "no cause was named",
        };
        print(&format!("\nINJECTED    {}: {right}\n", told(injected)))?;
    }
    Ok(Exit::Ok)
}
