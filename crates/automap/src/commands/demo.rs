//! `automap demo`: the product in a minute.
//!
//! Without options, diagnoses a capture that the lab recorded: nothing to install, no network. `--live` starts the shop,
//! a real Prometheus and load, injects a fault and diagnoses it; it is part of builds with the feature `lab`.

#[cfg(feature = "lab")]
mod live;

use anyhow::Result;
use automap_core::observation::Observation;
#[cfg(feature = "server")]
use automap_core::time::Timestamp;
use automap_core::{DiagnoseOptions, diagnose};
#[cfg(feature = "server")]
use automap_server::system::Experiment;
use automap_sources::capture;
use clap::Args;
use serde::Deserialize;

use crate::args::output::OutputArgs;
use crate::console::print;
use crate::exit::Exit;

/// Recorded by `automap drill --only delay-payment --save DIR`.
const CAPTURE: &[u8] = include_bytes!("../../assets/demo.parquet");
/// What was injected, from the lab's ledger; the diagnosis never sees it.
const LEDGER: &str = include_str!("../../assets/demo.json");

pub(crate) const EXAMPLES: &str = "Examples:
  automap demo                                  a recorded incident; needs nothing else
  automap demo -o json                          only the report
  automap demo --live                           a local shop with load and a fault, 2 to 3 min
  automap demo --live --fault my-chaos.yaml     another fault, as a Chaos Mesh manifest
  automap demo --live --keep --open             with its page in the browser, until Ctrl-C";

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    #[cfg(feature = "lab")]
    #[command(flatten)]
    live: live::LiveArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs `automap demo`.
pub(crate) fn run(args: &DemoArgs) -> Result<Exit> {
    #[cfg(feature = "lab")]
    if args.live.is_asked_for() {
        return live::run(args);
    }
    recorded(args)
}

/// A fault of the recording, as the lab's ledger has it.
#[derive(Debug, Deserialize)]
struct RecordedFault {
    kind: String,
    action: String,
    experiment: String,
    targets: Vec<RecordedTarget>,
    from: String,
}

#[derive(Debug, Deserialize)]
struct RecordedTarget {
    service: String,
}

/// The recorded incident.
pub(crate) fn observation() -> Result<Observation> {
    Ok(capture::from_bytes(CAPTURE)?)
}

/// What was injected into it, as a page shows it with the answer.
#[cfg(feature = "server")]
pub(crate) fn experiments() -> Result<Vec<Experiment>> {
    let faults: Vec<RecordedFault> = serde_json::from_str(LEDGER)?;
    let experiment = |fault: RecordedFault| Experiment {
        name: fault.experiment,
        fault: format!("{} {}", fault.kind, fault.action),
        places: fault.targets.into_iter().map(|target| target.service).collect(),
        started: Timestamp::parse_rfc3339(&fault.from),
        ended: None,
    };
    Ok(faults.into_iter().map(experiment).collect())
}

fn recorded(args: &DemoArgs) -> Result<Exit> {
    let observation = observation()?;
    let report = diagnose(&observation, &DiagnoseOptions::default())?;
    args.output.print(&report)?;
    let faults: Vec<RecordedFault> = serde_json::from_str(LEDGER)?;
    let services: Vec<&str> = faults.iter().flat_map(|f| &f.targets).map(|t| t.service.as_str()).collect();
    let injected: Vec<String> = faults.iter().map(|f| describe(f, &services)).collect();
    print_truth(args, &injected.join("; "), &services, report.verdict.service.as_deref())
}

fn describe(fault: &RecordedFault, services: &[&str]) -> String {
    let RecordedFault { kind, action, experiment, from, .. } = fault;
    format!("{kind} {action} on {} since {from} ({experiment})", services.join(", "))
}

/// Prints what was really injected below the answer.
fn print_truth(args: &DemoArgs, injected: &str, culprits: &[&str], named: Option<&str>) -> Result<Exit> {
    if !args.output.is_json() {
        let verdict = match named {
            Some(name) if culprits.contains(&name) => "the answer is right",
            Some(_) => "the answer is wrong",
            None => "no cause was named",
        };
        print(&format!("\nINJECTED    {injected}: {verdict}\n"))?;
    }
    Ok(Exit::Ok)
}
