//! `automap drill`: does it find what was really injected? Fault after fault, live, on the lab or a cluster, and a scorecard.

mod choice;
pub(super) mod plan;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use automap_chaos::Entry;
use automap_chaos::injection::Injection;
use automap_chaos::score::{Answered, Row, Scorecard};
use automap_lab::control::{Lab, LabOptions};
use automap_server::signals::stop_on_signals;
use automap_server::watcher::Stop;
use automap_sources::capture;
use clap::Args;

use super::card_args::CardArgs;
use super::cluster_args::ClusterArgs;
use super::source_args::{PrometheusArgs, span};
use crate::console::{bar, print, say};
use crate::exit::Exit;
use crate::live::{ClusterStage, Episode, LabStage, NotCalm, Stage, Timing, episode};
use choice::{ChoiceArgs, Item};

pub(crate) const EXAMPLES: &str = "Examples:
  automap drill                                    every kind of fault on the lab, some 30 minutes
  automap drill --only delay-payment,quiet-1       some
  automap drill --lab my-chaos.yaml                a Chaos Mesh file, on the lab
  automap drill --lab --suite experiments/         all files of a directory, on the lab
  automap drill my-chaos.yaml --prometheus http://localhost:9090 -n sock-shop
      the same on the cluster of your kubeconfig: needs Chaos Mesh there, and the rights of
      deploy/chaos-mesh/operator.yaml
  automap drill --list                             what there is";

/// The built-in plan has to reach this: the truth first in 11 of 12 faults, always among the first three.
const PLAN_AIM: (Option<f64>, Option<f64>) = (Some(11.0 / 12.0), Some(1.0));

#[derive(Args, Debug)]
pub(crate) struct DrillArgs {
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Keep a capture and the ledger's entries of every drill in this directory
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// First of 302 ports on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = LabOptions::BASE_PORT, help_heading = "Lab")]
    base_port: u16,
    /// Visitors per second
    #[arg(long, value_name = "RATE", default_value_t = automap_lab::load::DEFAULT_RATE_PER_S, help_heading = "Lab")]
    rate: f64,
    /// Seed of names, choices, jitter and visitors
    #[arg(long, default_value_t = 1, help_heading = "Lab")]
    seed: u64,
    /// Nothing happens for so long after the last fault [default: 20s on the lab, 2m on a cluster]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Time")]
    settle: Option<Duration>,
    /// Normal time before each fault [default: 1m on the lab, 10m on a cluster]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Time")]
    normal: Option<Duration>,
    /// From a fault to the last question; then it is taken back [default: 40s on the lab, 3m on a cluster]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Time")]
    fault: Option<Duration>,
    #[command(flatten)]
    prometheus: PrometheusArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    card: CardArgs,
}

/// Runs `automap drill`. Exits with 1 when what was asked for is missed, and for the built-in plan [`PLAN_AIM`].
pub(crate) fn run(args: &DrillArgs) -> Result<Exit> {
    let items = args.choice.items()?;
    if args.choice.list {
        items.iter().try_for_each(|item| print(&format!("{}\n", item.name)))?;
        return Ok(Exit::Ok);
    }
    args.card.check()?;
    if let Some(dir) = &args.save {
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let stop = Stop::default();
    stop_on_signals(&stop).context("signals cannot be watched")?;
    let is_on_lab = args.choice.lab || args.choice.is_plan();
    let rows = if is_on_lab { on_lab(args, &items, &stop)? } else { on_cluster(args, &items, &stop)? };
    let card = Scorecard::new(title(&items, is_on_lab), rows);
    let is_plan = args.choice.is_plan();
    let exit = args.card.finish_with(&card, if is_plan { PLAN_AIM } else { (None, None) })?;
    let has_false_alarm = is_plan && card.totals.false_alarms.hits > 0;
    Ok(if has_false_alarm { Exit::Found } else { exit })
}

fn title(items: &[Item], is_on_lab: bool) -> String {
    let faults = items.iter().filter(|i| i.fault.is_some()).count();
    let place = if is_on_lab { "the lab" } else { "a cluster" };
    let quiet = items.len() - faults;
    let (s, es) = (if faults == 1 { "" } else { "s" }, if quiet == 1 { "" } else { "es" });
    format!("Drill on {place}: {faults} experiment{s} and {quiet} quiet stretch{es}")
}

fn on_lab(args: &DrillArgs, items: &[Item], stop: &Stop) -> Result<Vec<Row>> {
    let timing = Timing {
        settle: args.settle.unwrap_or(Duration::from_secs(20)),
        normal: args.normal.unwrap_or(Duration::from_secs(60)),
        fault: args.fault.unwrap_or(Duration::from_secs(40)),
    };
    let options = LabOptions {
        base_port: args.base_port,
        seed: args.seed,
        load_rate_per_s: Some(args.rate),
        ..LabOptions::temporary("drill")?
    };
    say("starting the Sock Shop, Prometheus and visitors");
    let lab = Lab::up(&options, &mut |_| {})?;
    let stage = LabStage(&lab);
    let rows = play_all(&stage, items, timing, stop, &mut |name, episode| match &args.save {
        Some(dir) => save(dir, name, episode, &lab.ledger()?),
        None => Ok(()),
    })?;
    lab.down()?;
    Ok(rows)
}

fn on_cluster(args: &DrillArgs, items: &[Item], stop: &Stop) -> Result<Vec<Row>> {
    let (Some(url), Some(namespace)) = (args.prometheus.prometheus.clone(), &args.prometheus.namespace) else {
        bail!(
            "where? --lab for the local lab, or --prometheus URL and --namespace NAME for the cluster of your kubeconfig"
        );
    };
    if args.save.is_some() {
        bail!(
            "--save is for the lab; on a cluster `automap capture` keeps the metrics and `automap chaos record` the truth"
        );
    }
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let timing = Timing {
        settle: args.settle.unwrap_or(minutes(2)),
        normal: args.normal.unwrap_or(minutes(10)),
        fault: args.fault.unwrap_or(minutes(3)),
    };
    let cluster = args.cluster.connect()?;
    say(&format!("{} ({}), namespace {namespace}", cluster.server(), cluster.version()?));
    let prometheus = args.prometheus.clone();
    let stage = ClusterStage::new(cluster, namespace, move || prometheus.client(&url));
    play_all(&stage, items, timing, stop, &mut |_, _| Ok(()))
}

fn play_all(
    stage: &dyn Stage,
    items: &[Item],
    timing: Timing,
    stop: &Stop,
    keep: &mut dyn FnMut(&str, &Episode) -> Result<()>,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let row = match play(stage, item, timing, stop, (i, items.len()))? {
            Played::Done(episode) => {
                keep(&item.name, &episode)?;
                row(item, &episode)
            }
            Played::NotDone(why) => Row::unscored(&item.name, &[], why),
        };
        say(&told(&row));
        rows.push(row);
    }
    Ok(rows)
}

enum Played {
    Done(Box<Episode>),
    /// Not injected, and why.
    NotDone(String),
}

fn play(stage: &dyn Stage, item: &Item, timing: Timing, stop: &Stop, (i, n): (usize, usize)) -> Result<Played> {
    if let Some(Err(why)) = item.fault.as_ref().map(|fault| stage.check(fault)) {
        return Ok(Played::NotDone(why));
    }
    let total = timing.settle + timing.normal + timing.fault;
    let (bar, began) = (bar(total.as_secs()), Instant::now());
    let result = episode(stage, item.fault.as_ref(), timing, stop, &mut |phase, left| {
        bar.set_position(began.elapsed().as_secs().min(total.as_secs()));
        bar.set_message(format!("{}/{n} {}: {phase}, {} s", i + 1, item.name, left.as_secs()));
    });
    bar.finish_and_clear();
    match result {
        Ok(episode) => Ok(Played::Done(Box::new(episode))),
        Err(error) if error.is::<NotCalm>() => Ok(Played::NotDone(error.to_string())),
        // One that fails is a row; the others are still worth their time. An interruption ends all of them.
        Err(error) if stop.is_set() => Err(error.context(item.name.clone())),
        Err(error) => Ok(Played::NotDone(format!("{error:#}"))),
    }
}

fn row(item: &Item, episode: &Episode) -> Row {
    let answered = Answered { report: &episode.report, detected: episode.first_named };
    match item.fault {
        Some(_) => Row::scored(&item.name, &episode.injected, answered),
        None => Row::quiet(&item.name, answered),
    }
}

/// One line while the drill goes on.
fn told(row: &Row) -> String {
    let truth = if row.truth.is_empty() { "nothing".to_owned() } else { row.truth.join(", ") };
    let answer = row.named.clone().unwrap_or_else(|| "nobody".to_owned());
    format!("{:<34} injected {truth:<14} named {answer:<14} {}", row.experiment, row.outcome.as_str())
}

fn save(dir: &Path, name: &str, episode: &Episode, ledger: &[Injection]) -> Result<()> {
    capture::write(&dir.join(format!("{name}.parquet")), &episode.observation)?;
    let is_ours = |i: &&Injection| episode.injected.iter().any(|e: &Entry| e.experiment == i.id);
    let injected: Vec<&Injection> = ledger.iter().filter(is_ours).collect();
    let truth = dir.join(format!("{name}.json"));
    fs::write(&truth, serde_json::to_string_pretty(&injected)? + "\n").with_context(|| truth.display().to_string())
}
