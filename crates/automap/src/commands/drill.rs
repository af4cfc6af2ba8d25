//! `automap drill`: does it find what was really injected? Fault after fault, live, on the lab or a cluster, and a scorecard.
//!
//! The lab comes with the feature `lab`, a cluster with `kubernetes`; the built-in plans are written for the lab.

mod choice;
#[cfg(feature = "lab")]
mod crowding;
#[cfg(feature = "kubernetes")]
mod on_cluster;
#[cfg(feature = "lab")]
mod on_lab;
#[cfg(feature = "lab")]
pub(super) mod plan;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use automap_chaos::injection::Role;
use automap_chaos::score::{Answered, Felt, Minimum, Row, Scorecard};
use clap::Args;

use crate::args::parse::span;
use crate::args::scorecard::ScorecardArgs;
use crate::console::{bar, print, say};
use crate::episode::{Episode, NotCalm, Stage, Timing, episode};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use choice::{ChoiceArgs, Item, Plan};

pub(crate) const EXAMPLES: &str = "Examples:
  automap drill                                    every kind of fault on the lab, about 30 min
  automap drill --only delay-payment,quiet-1       only these
  automap drill --plan pairs                       two faults at once, ten times
  automap drill --plan changes                     harmful releases and harmless changes
  automap drill --plan nodes                       full nodes and noisy neighbours
  automap drill --plan causes                      every kind of cause, over an hour
  automap drill --lab my-chaos.yaml                a Chaos Mesh file, on the lab
  automap drill --lab --suite experiments/         all files of a directory, on the lab
  automap drill my-chaos.yaml --prometheus http://localhost:9090 -n sock-shop
      the same on the cluster of your kubeconfig: needs Chaos Mesh there, and the rights of
      deploy/chaos-mesh/operator.yaml
  automap drill --list                             what is available";

const NO_AIM: Minimum = Minimum { top1: None, top3: None, exact_set: None, named: None, mechanism: None };
/// Required of the plan of single faults: the true cause first in 11 of 12 faults, always among the first three.
const PLAN_AIM: Minimum = Minimum { top1: Some(11.0 / 12.0), top3: Some(1.0), ..NO_AIM };
/// Required of the plan of pairs: both faults and nothing else named in 8 of 10.
const PAIRS_AIM: Minimum = Minimum { exact_set: Some(0.8), ..NO_AIM };
/// Required of the plans of changes and nodes: the true cause first in nine of ten, no decoy named.
const CHANGES_AIM: Minimum = Minimum { top1: Some(0.9), ..NO_AIM };
/// Required of the plan of causes: the true cause first in nine of ten, cause and mechanism named in 85 %, no decoy named.
const CAUSES_AIM: Minimum = Minimum { top1: Some(0.9), named: Some(0.85), mechanism: Some(0.85), ..NO_AIM };

#[derive(Args, Debug)]
pub(crate) struct DrillArgs {
    #[command(flatten)]
    choice: ChoiceArgs,
    #[cfg(feature = "lab")]
    #[command(flatten)]
    on_lab: on_lab::OnLabArgs,
    #[command(flatten)]
    timing: TimingArgs,
    #[cfg(feature = "kubernetes")]
    #[command(flatten)]
    on_cluster: on_cluster::OnClusterArgs,
    #[command(flatten)]
    card: ScorecardArgs,
}

/// Durations of the parts of an episode, in place of the defaults.
#[derive(Args, Debug)]
struct TimingArgs {
    /// Pause after the last fault [default: 20s on the lab, 2m on a cluster]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Time")]
    settle: Option<Duration>,
    /// Baseline before each fault [default: 1m on the lab, 10m on a cluster]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Time")]
    normal: Option<Duration>,
    /// How long a fault is in place before it is removed [default: 40s on the lab, 3m on a cluster]
    #[arg(long, alias = "fault", value_name = "SPAN", value_parser = span, help_heading = "Time")]
    fault_duration: Option<Duration>,
}

impl TimingArgs {
    /// The durations; those not given come from `default`.
    fn timing(&self, default: Timing) -> Timing {
        Timing {
            settle: self.settle.unwrap_or(default.settle),
            normal: self.normal.unwrap_or(default.normal),
            fault: self.fault_duration.unwrap_or(default.fault),
        }
    }
}

/// Runs `automap drill`. Exits with 1 if a required accuracy is missed; for the built-in plans, [`PLAN_AIM`],
/// [`PAIRS_AIM`], [`CHANGES_AIM`] and [`CAUSES_AIM`].
pub(crate) fn run(args: &DrillArgs) -> Result<Exit> {
    let items = args.choice.items()?;
    if args.choice.list {
        items.iter().try_for_each(|item| print(&format!("{}\n", item.name)))?;
        return Ok(Exit::Ok);
    }
    args.card.check()?;
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let is_on_lab = args.choice.lab || args.choice.is_built_in();
    let rows = if is_on_lab { on_lab(args, &items, &interrupt)? } else { on_cluster(args, &items, &interrupt)? };
    let card = Scorecard::new(title(&items, is_on_lab), rows);
    let plan = args.choice.built_in_plan();
    let aim = match plan {
        Some(Plan::Single) => PLAN_AIM,
        Some(Plan::Pairs) => PAIRS_AIM,
        Some(Plan::Changes | Plan::Nodes) => CHANGES_AIM,
        Some(Plan::Causes) => CAUSES_AIM,
        None => Minimum::default(),
    };
    let exit = args.card.finish_with(&card, aim)?;
    let is_wrong = card.totals.false_alarms.hits > 0 || (plan == Some(Plan::Causes) && blames_bystanders(&card));
    Ok(if plan.is_some() && is_wrong { Exit::Found } else { exit })
}

/// Whether a decoy is named anywhere, or a change that caused nothing is blamed.
fn blames_bystanders(card: &Scorecard) -> bool {
    let names_decoy = |row: &Row| row.causes.iter().flatten().any(|service| row.decoys.contains(service));
    let blames_change = |row: &Row| row.changes.as_ref().is_some_and(|c| !c.wrong.is_empty());
    card.rows.iter().any(|row| names_decoy(row) || blames_change(row))
}

fn title(items: &[Item], is_on_lab: bool) -> String {
    let faults = items.iter().filter(|i| i.fault.is_some()).count();
    let place = if is_on_lab { "the lab" } else { "a cluster" };
    let quiet = items.len() - faults;
    let (s, es) = (if faults == 1 { "" } else { "s" }, if quiet == 1 { "" } else { "es" });
    format!("Drill on {place}: {faults} experiment{s} and {quiet} quiet stretch{es}")
}

#[cfg(feature = "lab")]
fn on_lab(args: &DrillArgs, items: &[Item], interrupt: &Interrupt) -> Result<Vec<Row>> {
    let is_long = args.choice.built_in_plan() == Some(Plan::Causes);
    let timing = args.timing.timing(if is_long { on_lab::SHORT_TIMING } else { on_lab::TIMING });
    on_lab::rows(&args.on_lab, timing, items, is_long, interrupt)
}

#[cfg(not(feature = "lab"))]
fn on_lab(_: &DrillArgs, _: &[Item], _: &Interrupt) -> Result<Vec<Row>> {
    bail!("drills on the lab need the cargo feature `lab`, which is not part of this build")
}

#[cfg(feature = "kubernetes")]
fn on_cluster(args: &DrillArgs, items: &[Item], interrupt: &Interrupt) -> Result<Vec<Row>> {
    #[cfg(feature = "lab")]
    if args.on_lab.save.is_some() {
        bail!(
            "--save is for the lab; on a cluster, `automap capture` saves the metrics and `automap chaos record` the truth"
        );
    }
    on_cluster::rows(&args.on_cluster, args.timing.timing(on_cluster::TIMING), items, interrupt)
}

#[cfg(not(feature = "kubernetes"))]
fn on_cluster(_: &DrillArgs, _: &[Item], _: &Interrupt) -> Result<Vec<Row>> {
    bail!(
        "drills on a cluster need the cargo feature `kubernetes`, which is not part of this build; --lab runs on the lab"
    )
}

fn play_all(
    stage: &dyn Stage,
    items: &[Item],
    timing: Timing,
    interrupt: &Interrupt,
    keep: &mut dyn FnMut(&str, &Episode) -> Result<()>,
) -> Result<Vec<Row>> {
    let (mut rows, mut costs) = (Vec::new(), Vec::new());
    for (i, item) in items.iter().enumerate() {
        let row = match play(stage, item, timing, interrupt, (i, items.len()))? {
            Played::Done(episode) => {
                keep(&item.name, &episode)?;
                costs.push(Cost::of(&episode));
                row(item, &episode)
            }
            Played::NotDone(why) => Row::unscored(&item.name, &[], why),
        };
        say(&progress_line(&row));
        rows.push(row);
    }
    if let Some(words) = cost_words(&costs) {
        say(&words);
    }
    Ok(rows)
}

/// What one diagnosis cost.
struct Cost {
    requests: f64,
    kib: f64,
    seconds: f64,
}

impl Cost {
    fn of(episode: &Episode) -> Self {
        let stats = &episode.stats;
        Self { requests: stats.requests as f64, kib: stats.bytes as f64 / 1024.0, seconds: episode.took.as_secs_f64() }
    }
}

/// `a diagnosis: 27 requests, 310 KiB, 0.8 s (medians of 41)`; `None` without any.
fn cost_words(costs: &[Cost]) -> Option<String> {
    let median = |of: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    let (requests, kib, seconds) = (median(|c| c.requests)?, median(|c| c.kib)?, median(|c| c.seconds)?);
    Some(format!("a diagnosis: {requests:.0} requests, {kib:.0} KiB, {seconds:.1} s (medians of {})", costs.len()))
}

enum Played {
    Done(Box<Episode>),
    /// Not injected, and why.
    NotDone(String),
}

fn play(
    stage: &dyn Stage,
    item: &Item,
    timing: Timing,
    interrupt: &Interrupt,
    (i, n): (usize, usize),
) -> Result<Played> {
    if let Some(Err(why)) = item.fault.as_ref().map(|fault| stage.check(fault)) {
        return Ok(Played::NotDone(why));
    }
    let total = timing.settle + timing.normal + timing.fault;
    let (bar, began) = (bar(total.as_secs()), Instant::now());
    let result = episode(stage, item.fault.as_ref(), timing, interrupt, &mut |phase, left| {
        bar.set_position(began.elapsed().as_secs().min(total.as_secs()));
        bar.set_message(format!("{}/{n} {}: {phase}, {} s", i + 1, item.name, left.as_secs()));
    });
    bar.finish_and_clear();
    match result {
        Ok(episode) => Ok(Played::Done(Box::new(episode))),
        Err(error) if error.is::<NotCalm>() => Ok(Played::NotDone(error.to_string())),
        // A failed drill becomes a row, and the others still run. An interruption ends all of them.
        Err(error) if interrupt.is_set() => Err(error.context(item.name.clone())),
        Err(error) => Ok(Played::NotDone(format!("{error:#}"))),
    }
}

fn row(item: &Item, episode: &Episode) -> Row {
    let causes = episode.injected.iter().filter(|e| e.role == Role::Cause);
    let started = causes.filter_map(|e| e.started).min();
    let felt = started.map(|at| Felt::of(&episode.observation, at));
    let answered = Answered { report: &episode.report, felt: felt.as_ref(), detected: episode.first_named };
    match item.fault {
        Some(_) => Row::scored(&item.name, &episode.injected, answered),
        None => Row::quiet(&item.name, answered),
    }
}

/// One line for each finished drill.
fn progress_line(row: &Row) -> String {
    let truth = if row.truth.is_empty() { "nothing".to_owned() } else { row.truth.join(", ") };
    let answer = row.answer_words();
    format!("{:<34} injected {truth:<14} named {answer:<14} {}", row.experiment, row.outcome.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_told_as_medians() {
        let cost = |n: f64| Cost { requests: n, kib: 10.0 * n, seconds: n / 10.0 };
        let words = cost_words(&[cost(30.0), cost(27.0), cost(99.0)]).unwrap();
        assert_eq!(words, "a diagnosis: 30 requests, 300 KiB, 3.0 s (medians of 3)");
        assert_eq!(cost_words(&[]), None);
    }
}
