//! `automap chaos record`: the ledger, written while Chaos Mesh runs. After an experiment is deleted nobody else knows whom it hit.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use automap_chaos::{Entry, LedgerOptions, Recorder, file};
use automap_core::time::Timestamp;
use automap_kubernetes::{Heard, LITMUS_RESULTS, PODS, Scope, VIRTUAL_SERVICES, WatchState, experiments, watch};
use automap_server::signals::stop_on_signals;
use automap_server::watcher::Stop;
use clap::Args;
use jiff::ZonedDateTime;

use crate::commands::cluster_args::ClusterArgs;
use crate::console::say;
use crate::exit::Exit;

pub(super) const EXAMPLES: &str = "Examples:
  automap chaos record --ledger chaos.jsonl
  automap chaos record --ledger chaos.jsonl --chaos-namespace sock-shop --context minikube
Needs get, list and watch on chaos-mesh.org/* and pods: deploy/chaos-mesh/viewer.yaml. Ctrl-C ends
it; started again it goes on from the file.";

#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// Where to write, one JSON object a line; only ever appended
    #[arg(long, value_name = "FILE", default_value = "chaos.jsonl")]
    ledger: PathBuf,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Watches until told to stop.
pub(super) fn run(args: &RecordArgs) -> Result<Exit> {
    let place = || args.ledger.display().to_string();
    let known = known(&args.ledger)?;
    let mut to = OpenOptions::new().create(true).append(true).open(&args.ledger).with_context(place)?;
    let cluster = args.cluster.connect()?;
    let version = cluster.version()?;
    say(&format!("watching {} ({version}), writing to {}; Ctrl-C ends it", cluster.server(), place()));
    let mut recorder = Recorder::resume(LedgerOptions::default(), known);
    let stop = Stop::default();
    stop_on_signals(&stop).context("signals cannot be watched")?;
    let resources = experiments().chain([PODS, VIRTUAL_SERVICES, LITMUS_RESULTS]).collect();
    let scope = Scope { namespaces: args.cluster.chaos_namespace.clone(), resources };
    let mut failed = Ok(());
    watch(&cluster, &scope, &mut |heard| {
        let now = Timestamp::from_ms(ZonedDateTime::now().timestamp().as_millisecond());
        let news = match heard {
            Heard::News(event) => recorder.apply(&event, now),
            Heard::Tick => recorder.tick(now),
            Heard::State { resource, namespace, state } => {
                told(&resource.name(), &namespace, &state);
                Vec::new()
            }
        };
        failed = write(&mut to, &news).with_context(place);
        failed.is_ok() && !stop.is_set()
    });
    failed?;
    say("stopped");
    Ok(Exit::Ok)
}

/// What an earlier run wrote; nothing where there was none.
fn known(path: &Path) -> Result<Vec<Entry>> {
    match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        opened => {
            let opened = opened.with_context(|| path.display().to_string())?;
            file::read(BufReader::new(opened)).with_context(|| path.display().to_string())
        }
    }
}

/// Written down before it is told.
fn write(to: &mut File, news: &[Entry]) -> Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let lines = news.iter().map(file::line).collect::<Result<String, _>>()?;
    to.write_all(lines.as_bytes())?;
    to.sync_data()?;
    for entry in news {
        let at = entry.services().join(", ");
        let at = if at.is_empty() { String::new() } else { format!(" at {at}") };
        say(&format!(
            "{} {} {}/{}{at}: {}",
            entry.kind,
            entry.action,
            entry.namespace,
            entry.name,
            entry.state.as_str()
        ));
    }
    Ok(())
}

fn told(resource: &str, namespace: &str, state: &WatchState) {
    let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
    match state {
        WatchState::Watching => {}
        WatchState::Missing => say(&format!("{resource}: not in this cluster; looked for again every minute")),
        WatchState::Forbidden(why) => {
            say(&format!("{resource}{place}: may not be read, so nothing of it is written: {why}"))
        }
        WatchState::Broken(why) => say(&format!("{resource}{place}: the watch broke and is tried again: {why}")),
    }
}
