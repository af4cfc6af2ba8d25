//! Drills on a cluster with Chaos Mesh.

use std::time::Duration;

use anyhow::{Result, bail};
use automap_chaos::score::Row;
use clap::Args;

use super::choice::Item;
use super::play_all;
use crate::args::cluster::ClusterArgs;
use crate::args::prometheus::PrometheusArgs;
use crate::console::say;
use crate::episode::{ClusterStage, Timing};
use crate::interrupt::Interrupt;

/// A cluster's Prometheus scrapes every 15 to 60 s, and traffic needs minutes to settle.
pub(super) const TIMING: Timing =
    Timing { settle: Duration::from_secs(120), normal: Duration::from_secs(600), fault: Duration::from_secs(180) };

/// The cluster to drill, and its metrics.
#[derive(Args, Debug)]
pub(super) struct OnClusterArgs {
    #[command(flatten)]
    prometheus: PrometheusArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Drills every item on the cluster.
pub(super) fn rows(args: &OnClusterArgs, timing: Timing, items: &[Item], interrupt: &Interrupt) -> Result<Vec<Row>> {
    let (Some(url), Some(namespace)) = (args.prometheus.prometheus.clone(), args.prometheus.only_namespace()?) else {
        bail!(
            "no target: give --lab for the local lab, or --prometheus URL and --namespace NAME for the cluster of your kubeconfig"
        );
    };
    let cluster = args.cluster.connect()?;
    say(&format!("{} ({}), namespace {namespace}", cluster.server(), cluster.version()?));
    let prometheus = args.prometheus.clone();
    let stage = ClusterStage::new(cluster, &namespace, move || prometheus.client(&url));
    play_all(&stage, items, timing, interrupt, &mut |_, _| Ok(()))
}
