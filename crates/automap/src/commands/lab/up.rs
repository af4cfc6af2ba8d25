//! `automap lab up`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use automap_lab::control::protocol::Status;
use automap_lab::control::{Lab, LabOptions, directory};
use automap_lab::plan::{GATEWAY, component};
use automap_lab::prometheus_server::Choice;
use automap_lab::surroundings::Surroundings;
use clap::Args;

use super::mesh::MeshArgs;
use super::stores::StoresArgs;
use super::with::{With, surroundings};
use super::{DirArgs, say};

pub(super) const EXAMPLES: &str = "Examples:
  automap lab up --rate 4                    start, with 4 users per second
  automap lab up --foreground                the same until Ctrl-C
  automap lab up --prometheus-program none   bring your own Prometheus
  automap lab up --with all --rate 4         with gateway, DNS and exporters
  automap lab up --stores real --rate 4      with MariaDB, PostgreSQL, Redis and RabbitMQ
  automap lab up --mesh envoy --rate 4       with a real Envoy in every pod
  automap lab inject delay-payment.yaml      then break something";

#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// First of 302 ports on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = LabOptions::BASE_PORT, value_parser = clap::value_parser!(u16).range(1024..=65_000))]
    base_port: u16,
    /// How often Prometheus scrapes, in whole seconds
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = whole_seconds)]
    scrape_interval: u64,
    /// Seed of names, choices and jitter
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// The Prometheus to run: a path, or `none`
    #[arg(long, alias = "prometheus", value_name = "PATH", default_value = "prometheus")]
    prometheus_program: String,
    /// Also simulate this many users per second
    #[arg(long, alias = "load", value_name = "RATE", value_parser = super::load::rate)]
    rate: Option<f64>,
    /// What stands beside the shop: `gateway`, `dns`, `exporters`, `all`
    #[arg(long, value_name = "PART", value_enum, value_delimiter = ',')]
    with: Vec<With>,
    #[command(flatten)]
    stores: StoresArgs,
    #[command(flatten)]
    mesh: MeshArgs,
    /// Keep the metrics of the lab's last run; without it Prometheus starts empty, so that no old fault is diagnosed
    #[arg(long)]
    keep_data: bool,
    /// Stay until Ctrl-C, then stop everything
    #[arg(long)]
    foreground: bool,
}

/// Starts a lab.
pub(super) fn run(args: &UpArgs) -> Result<()> {
    let prometheus = match args.prometheus_program.as_str() {
        "none" => Choice::None,
        "prometheus" => Choice::InPath,
        path => Choice::Program(PathBuf::from(path)),
    };
    let options = LabOptions {
        dir: args.dir.path(),
        base_port: args.base_port,
        scrape_interval_s: args.scrape_interval,
        seed: args.seed,
        prometheus,
        load_rate_per_s: args.rate,
        detached: !args.foreground,
        keep_data: args.keep_data,
        with: surroundings(&args.with),
        stores: args.stores.stores(),
        mesh: args.mesh.mesh(),
        ..LabOptions::new()?
    };
    let began = Instant::now();
    say(&format!("starting 14 pods on 127.0.0.1, ports {} to {}", args.base_port, args.base_port + 301));
    let mut progress = Progress::default();
    let mut lab = Lab::up(&options, &mut |status| progress.see(status))?;
    say(&format!("ready after {:.1} s", began.elapsed().as_secs_f64()));
    say_where(&lab, &options)?;
    if args.foreground {
        say("Ctrl-C stops it");
        lab.wait_interrupted()?;
        say("stopping");
    }
    Ok(())
}

fn say_where(lab: &Lab, options: &LabOptions) -> Result<()> {
    let status = lab.status()?;
    let url = status.prometheus_url.as_deref().unwrap_or("none");
    say(&format!("  Prometheus  {url}"));
    say(&format!("  shop        http://127.0.0.1:{}", entrance(lab, options.with)));
    say(&format!("  ledger      {}", directory::ledger_path(&options.dir).display()));
    if status.load_rate_per_s.is_none() {
        say("no load yet: start it with `automap lab load`");
    }
    Ok(())
}

fn entrance(lab: &Lab, with: Surroundings) -> u16 {
    let entrance = if with.gateway { Some(&GATEWAY) } else { component("front-end") };
    entrance.map_or(0, |c| lab.ports().pod(c))
}

/// Says each step once.
#[derive(Debug, Default)]
struct Progress {
    said: String,
}

impl Progress {
    fn see(&mut self, status: &Status) {
        let pods = status.pods.len();
        let line = match status.pods_ready() {
            ready if ready < pods => format!("  pods ready {ready}/{pods}"),
            _ if status.targets > 0 => {
                format!("  pods ready {pods}/{pods}, Prometheus has scraped {}/{}", status.targets_up, status.targets)
            }
            _ => format!("  pods ready {pods}/{pods}"),
        };
        if line != self.said {
            say(&line);
            self.said = line;
        }
    }
}

fn whole_seconds(text: &str) -> Result<u64, String> {
    let seconds = text.strip_suffix('s').and_then(|n| n.parse().ok()).filter(|n| (1..=60).contains(n));
    seconds.ok_or_else(|| format!("{text:?} is not 1s to 60s"))
}
