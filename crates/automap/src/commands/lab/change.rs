//! `automap lab release`, `rollback`, `scale`, `config` and `autoscale`: what an operator changes on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use automap_lab::behaviour::{Behaviour, DEFAULT_LEAK_BYTES_PER_S};
use automap_lab::change::{Autoscale, Change};
use automap_lab::control::Lab;
use automap_lab::plan::MAX_REPLICAS;
use clap::Args;

use super::{DirArgs, print, say};
use crate::args::parse::span;

pub(super) const EXAMPLES: &str = "Examples:
  automap lab release catalogue --version v2               roll out a good version
  automap lab release catalogue --version v3 --slow 200ms  one with slower requests
  automap lab release user --version v2 --fail 0.2         one that fails every fifth request
  automap lab release carts --version v2 --leak            one that leaks memory
  automap lab rollback catalogue                           back to the previous version";

pub(super) const CONFIG_EXAMPLES: &str = "Examples:
  automap lab config orders log-level=debug    changes the config map, nothing else
  automap lab config orders call-timeout=10ms  orders gives up on other services too early
  automap lab config catalogue page-size=500   every request costs fifty times the CPU
  automap lab config front-end max-requests=1  one request at a time
Any other key is stored but has no effect.";

/// A roll-out of a good version takes some five seconds.
const ROLLED_OUT_WITHIN: Duration = Duration::from_secs(120);
const MIB: u64 = 1024 * 1024;

/// Which service.
#[derive(Args, Debug)]
pub(crate) struct ServiceArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,
    /// Return at once instead of waiting for the pods
    #[arg(long)]
    no_wait: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Version: its image tag
    #[arg(long = "version", value_name = "TAG")]
    tag: String,
    /// Slow its requests down by this much on average
    #[arg(long, value_name = "SPAN", value_parser = span)]
    slow: Option<Duration>,
    /// Fail this share of its requests, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    fail: Option<f64>,
    /// Leak this many MiB of memory per second [default: 8]
    #[arg(long, value_name = "MIB", num_args = 0..=1, value_parser = clap::value_parser!(u64).range(1..=1024))]
    leak: Option<Option<u64>>,
}

#[derive(Args, Debug)]
pub(crate) struct ScaleArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Number of pods
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_REPLICAS)))]
    replicas: u32,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Settings
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

#[derive(Args, Debug)]
pub(crate) struct AutoscaleArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Minimum number of pods
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_REPLICAS)))]
    min: u32,
    /// Maximum number of pods
    #[arg(long, value_name = "N", default_value_t = MAX_REPLICAS, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_REPLICAS)))]
    max: u32,
    /// Target CPU use, in percent of the request, which is half of the limit
    #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u32).range(1..=1000))]
    target_cpu: u32,
    /// Remove the autoscaler; the number of pods stays as it is
    #[arg(long, conflicts_with_all = ["min", "max", "target_cpu"])]
    off: bool,
}

/// Rolls out another version.
pub(super) fn release(args: &ReleaseArgs) -> Result<()> {
    let leak = args.leak.map(|mib| mib.map_or(DEFAULT_LEAK_BYTES_PER_S, |n| n * MIB));
    let behaviour = Behaviour {
        slow_ms: args.slow.unwrap_or_default().as_secs_f64() * 1e3,
        fail_percent: args.fail.unwrap_or_default() * 100.0,
        leak_bytes_per_s: leak.unwrap_or_default(),
    };
    make(&args.service, &Change::Release { version: args.tag.clone(), behaviour })
}

/// Rolls back to the previous version.
pub(super) fn roll_back(args: &ServiceArgs) -> Result<()> {
    make(args, &Change::RollBack)
}

/// Changes the number of pods.
pub(super) fn scale(args: &ScaleArgs) -> Result<()> {
    make(&args.service, &Change::Scale { replicas: args.replicas })
}

/// Changes settings.
pub(super) fn config(args: &ConfigArgs) -> Result<()> {
    let settings: BTreeMap<String, String> = args.settings.iter().cloned().collect();
    if settings.len() < args.settings.len() {
        bail!("a setting is given twice; give each once");
    }
    make(&args.service, &Change::Config { settings })
}

/// Starts or removes an autoscaler.
pub(super) fn autoscale(args: &AutoscaleArgs) -> Result<()> {
    if args.min > args.max {
        bail!("--min {} is more than --max {}", args.min, args.max);
    }
    let spec =
        Autoscale { min_replicas: args.min, max_replicas: args.max, target_cpu_percent: f64::from(args.target_cpu) };
    let change = if args.off { Change::NoAutoscaler } else { Change::Autoscale(spec) };
    make(&args.service, &change)
}

fn make(args: &ServiceArgs, change: &Change) -> Result<()> {
    let lab = Lab::attach(&args.dir.path())?;
    let injection = lab.change(&args.service, change)?;
    if let Some(made) = injection.truth.and_then(|t| t.change) {
        print(&format!("{}: {} {} → {}\n", made.service, made.kind, made.before, made.after))?;
    }
    if !args.no_wait {
        say("waiting until the pods are up to date and ready");
        lab.wait_rolled_out(ROLLED_OUT_WITHIN)?;
    }
    Ok(())
}

/// A share from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok();
    share.filter(|s| (0.0..=1.0).contains(s)).ok_or_else(|| format!("{text:?} is not a share from 0 to 1, like 0.2"))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("{text:?} is not a setting like call-timeout=50ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_settings_are_checked() {
        assert_eq!(share("0.2"), Ok(0.2));
        assert!(share("20").is_err() && share("NaN").is_err());
        assert_eq!(setting("page-size=50"), Ok(("page-size".to_owned(), "50".to_owned())));
        assert_eq!(setting("url=a=b"), Ok(("url".to_owned(), "a=b".to_owned())));
        assert!(setting("page-size").is_err() && setting("=1").is_err());
    }
}
