//! `automap doctor`: checks whether a Prometheus is a good source, every service is measured and the period is a good baseline.
//! Each finding names its fix.

#[cfg(feature = "kubernetes")]
mod cluster;
mod clusters;
mod findings;
mod show;

use anyhow::{Result, bail};
use automap_core::coverage::coverage;
use automap_core::time::Timestamp;
use automap_core::{DiagnoseOptions, diagnose};
use automap_sources::prometheus::survey;
use clap::Args;
use jiff::ZonedDateTime;

#[cfg(feature = "kubernetes")]
use crate::args::cluster::ClusterArgs;
use crate::args::output::{Format, StyleArgs};
use crate::args::prometheus::PrometheusArgs;
use crate::args::time::TimeArgs;
use crate::console::{color, print};
use crate::exit::Exit;
use findings::{Doctor, State};

pub(crate) const EXAMPLES: &str = "Examples:
  automap doctor --prometheus http://localhost:9090 -n sock-shop
  automap doctor --prometheus http://localhost:9090 -n sock-shop -o json | jq .findings
  automap doctor --prometheus http://localhost:9090 -n sock-shop --kubernetes
                                          also Chaos Mesh, and what your account may do";

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    prometheus: PrometheusArgs,
    #[command(flatten)]
    time: TimeArgs,
    /// Also check the cluster of your kubeconfig: Chaos Mesh, permissions
    #[cfg(feature = "kubernetes")]
    #[arg(long, help_heading = "Cluster")]
    kubernetes: bool,
    #[cfg(feature = "kubernetes")]
    #[command(flatten)]
    cluster_args: ClusterArgs,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    output: Format,
    #[command(flatten)]
    style: StyleArgs,
}

/// Runs `automap doctor`.
pub(crate) fn run(args: &DoctorArgs) -> Result<Exit> {
    let (Some(url), Some(namespace)) = (&args.prometheus.prometheus, args.prometheus.namespace()) else {
        bail!("no source: give --prometheus URL and --namespace NAME");
    };
    let now = ZonedDateTime::now();
    let present = Timestamp::from_ms(now.timestamp().as_millisecond());
    let fetched = args.prometheus.fetch(url, &args.time, &now)?;
    let clusters = clusters::finding_of(&fetched.clusters);
    let (observation, source) = (fetched.observation, (&fetched.presets[..], fetched.scrape_ms));
    let survey = survey(&args.prometheus.client(url)?, &namespace, present)?;
    let report = diagnose(&observation, &DiagnoseOptions::default());
    let services = coverage(&observation, present);
    let doctor = Doctor::new(&namespace, &observation, services, &survey, source, report.as_ref().ok(), present);
    let mut doctor = doctor;
    doctor.findings.extend(clusters);
    #[cfg(feature = "kubernetes")]
    if args.kubernetes || args.cluster_args.is_given() {
        let connected = args.cluster_args.connect();
        doctor.findings.extend(cluster::findings(connected.as_ref(), &namespace));
    }
    match args.output {
        Format::Json => print(&(serde_json::to_string_pretty(&doctor)? + "\n"))?,
        Format::Text => print(&show::text(&doctor, color(args.style.color())))?,
    }
    let worst = doctor.findings.iter().map(|f| f.state).max().unwrap_or(State::Ok);
    Ok(if worst == State::Bad { Exit::Found } else { Exit::Ok })
}
