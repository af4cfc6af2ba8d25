//! `automap chaos record`: writes the ledger while faults come and go. After an experiment is deleted, the cluster forgets which pods it hit.

mod flags;

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use automap_chaos::{Entry, LedgerOptions, Recorder, file};
use automap_core::time::Timestamp;
use automap_kubernetes::{LITMUS_RESULTS, PODS, Scope, VIRTUAL_SERVICES, WatchMessage, WatchState, experiments, watch};
use clap::Args;
use jiff::ZonedDateTime;

use crate::args::cluster::ClusterArgs;
use crate::console::say;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use flags::Flags;

/// How often the ledger is updated without a cluster.
const TICK: Duration = Duration::from_secs(1);

pub(super) const EXAMPLES: &str = "Examples:
  automap chaos record --ledger chaos.jsonl
  automap chaos record --ledger chaos.jsonl --chaos-namespace sock-shop --context minikube
  automap chaos record --ledger chaos.jsonl --flags demo.flagd.json --no-cluster
                                         only the OpenTelemetry demo's feature flags
Needs get, list and watch on chaos-mesh.org/* and pods: deploy/chaos-mesh/viewer.yaml.
Ctrl-C stops it; the next run continues the file.";

#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// File to append to, one JSON object per line
    #[arg(long, value_name = "FILE", default_value = "chaos.jsonl")]
    ledger: PathBuf,
    /// Also record faults that a flagd file (path or URL) turns on; read every 5 s
    #[arg(long, value_name = "FILE|URL")]
    flags: Option<String>,
    /// Record only the flags
    #[arg(long, requires = "flags")]
    no_cluster: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Records until it is stopped.
pub(super) fn run(args: &RecordArgs) -> Result<Exit> {
    let place = || args.ledger.display().to_string();
    let known = known(&args.ledger)?;
    let mut to = OpenOptions::new().create(true).append(true).open(&args.ledger).with_context(place)?;
    let mut recorder = Recorder::resume(LedgerOptions::default(), known);
    let mut flags = args.flags.as_deref().map(Flags::new);
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let mut take = |heard: Option<WatchMessage>| -> Result<bool> {
        let now = Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond());
        let news = match heard {
            Some(WatchMessage::Event(event)) => recorder.apply(&event, now),
            Some(WatchMessage::State { resource, namespace, state }) => {
                report_state(&resource.name(), &namespace, &state);
                Vec::new()
            }
            Some(WatchMessage::Tick) | None => {
                let mut news = recorder.tick(now);
                news.extend(flags.iter_mut().flat_map(|flags| flags.poll(&mut recorder, now)));
                news
            }
        };
        write(&mut to, &news).with_context(place)?;
        Ok(!interrupt.is_set())
    };
    if args.no_cluster {
        say(&format!("writing to {}; Ctrl-C stops it", place()));
        while take(None)? {
            sleep(TICK);
        }
    } else {
        let cluster = args.cluster.connect()?;
        let version = cluster.version()?;
        say(&format!("watching {} ({version}), writing to {}; Ctrl-C stops it", cluster.server(), place()));
        let resources = experiments().chain([PODS, VIRTUAL_SERVICES, LITMUS_RESULTS]).collect();
        let scope = Scope { namespaces: args.cluster.chaos_namespace.clone(), resources };
        let mut failed = Ok(());
        watch(&cluster, &scope, &mut |heard| match take(Some(heard)) {
            Ok(goes_on) => goes_on,
            Err(error) => {
                failed = Err(error);
                false
            }
        });
        failed?;
    }
    say("stopped");
    Ok(Exit::Ok)
}

/// What an earlier run wrote; empty if there was none.
fn known(path: &Path) -> Result<Vec<Entry>> {
    match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        opened => {
            let opened = opened.with_context(|| path.display().to_string())?;
            file::read(BufReader::new(opened)).with_context(|| path.display().to_string())
        }
    }
}

/// Written to the file before it is printed.
fn write(to: &mut File, news: &[Entry]) -> Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let lines = news.iter().map(file::line).collect::<Result<String, _>>()?;
    to.write_all(lines.as_bytes())?;
    to.sync_data()?;
    for entry in news {
        let at = entry.places().join(", ");
        let at = if at.is_empty() { String::new() } else { format!(" at {at}") };
        let place = if entry.namespace.is_empty() { String::new() } else { format!("{}/", entry.namespace) };
        let state = entry.state.as_str();
        say(&format!("{} {} {place}{}{at}: {state}", entry.kind, entry.action, entry.name));
    }
    Ok(())
}

fn report_state(resource: &str, namespace: &str, state: &WatchState) {
    let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
    match state {
        WatchState::Watching => {}
        WatchState::Missing => say(&format!("{resource}: not in this cluster; checked again every minute")),
        WatchState::Forbidden(why) => {
            say(&format!("{resource}{place}: no permission to read, so nothing of it is recorded: {why}"))
        }
        WatchState::Broken(why) => say(&format!("{resource}{place}: the watch broke and is retried: {why}")),
    }
}
