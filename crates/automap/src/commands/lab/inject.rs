//! `automap lab inject`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use automap_chaos::injection::Injection;
use automap_chaos::score::aligned;
use automap_lab::control::Lab;
use clap::Args;

use super::{DirArgs, print, say};

pub(super) const EXAMPLES: &str = "Examples:
  automap lab inject delay-payment.yaml          inject it and return
  automap lab inject --wait delay-payment.yaml   also wait until it is over
Files are Chaos Mesh manifests, as for a cluster. The lab refuses what it does not support.";

/// Recovering takes at most this much longer than the fault.
const RECOVERY: Duration = Duration::from_secs(180);
/// An experiment lasts at most a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[derive(Args, Debug)]
pub(crate) struct InjectArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Chaos Mesh files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Wait until the faults are over and all pods are ready
    #[arg(long)]
    wait: bool,
}

/// Injects files in order.
pub(super) fn run(args: &InjectArgs) -> Result<()> {
    let lab = Lab::attach(&args.dir.path())?;
    let mut rows = vec![row("ID", "FAULT", "SERVICES", "SINCE")];
    for file in &args.files {
        rows.extend(lab.inject(file)?.iter().map(injection_row));
    }
    print(&aligned(&rows))?;
    if args.wait {
        say("waiting until it is over");
        lab.wait_recovered(LONGEST + RECOVERY)?;
        say("recovered");
    }
    Ok(())
}

fn injection_row(injection: &Injection) -> Vec<String> {
    let services: Vec<&str> = injection.targets.iter().map(|t| t.service.as_str()).collect();
    let what = format!("{} {}", injection.kind, injection.action);
    row(&injection.id, &what, &services.join(","), &injection.from)
}

fn row(id: &str, fault: &str, services: &str, since: &str) -> Vec<String> {
    [id, fault, services, since].map(str::to_owned).to_vec()
}
